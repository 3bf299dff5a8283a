"""What the conditions of a participant share: φ = (log b, logit 2λ, s, log σ, μ₁ … μ_G).

b is the exponent, λ the lapse, s learning, σ the spread of log thresholds around the means μ of G
groups. All that depends on the order of these numbers is here: their names, where they stand in φ,
how each is taken back from the scale of φ, and the prior of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pdpsych.analysis.names import Floats

# Fisher information predicts b = 1: log b ~ N(0, 0.3²).
EXPONENT_SD = 0.3
# 2λ, the share of trials answered by guessing, ~ Beta(2, 25): a lapse of 0.037 on average.
GUESS_BETA = (2.0, 25.0)
# People rarely become better or worse by more than a factor e: s ~ N(0, 0.5²).
LEARNING_SD = 0.5
# Thresholds spread over about a nat: log σ ~ N(0, 0.7²).
SPREAD_SD = 0.7
# μ_g ~ N(m, 1²) and m ~ N(mean log amplitude, 2²).
GROUP_SD = 1.0
MEAN_SD = 2.0
# Where the search for φ begins, with b = 1, s = 0 and σ = 1.
_FIRST_LAPSE = 0.025

_LOG_EXPONENT, _GUESS_LOGIT, _LEARNING, _LOG_SPREAD = range(4)
_COMMON = 4
# The numbers that P(correct) of a trial depends on: log b, logit 2λ, s.
OF_TRIALS = slice(0, 3)
# A condition knows five numbers of φ: those of its trials, log σ, and the mean of its group.
OWN_SPREAD, OWN_MEAN = _LOG_SPREAD, _COMMON
OWN = _COMMON + 1


@dataclass(frozen=True, eq=False)
class Shared:
    """φ of a participant, or samples of it.

    Attributes
    ----------
    values
        (…, 4 + G): log b, logit 2λ, s, log σ and the means μ of G groups.
    """

    values: Floats

    @classmethod
    def of(
        cls,
        *,
        exponent: float = 1.0,
        lapse: float = _FIRST_LAPSE,
        learning: float = 0.0,
        spread: float = 1.0,
        means: ArrayLike = (),
    ) -> Shared:
        """Return φ of numbers as people read them.

        Parameters
        ----------
        exponent
            b, growth of d′ with amplitude.
        lapse
            λ, half the share of trials answered by guessing, above 0 and below ½.
        learning
            s, change of log thresholds from the first to the last trial.
        spread
            σ, standard deviation of log thresholds around the mean of their group.
        means
            μ, (G,).
        """
        guess_logit = np.log(2 * lapse / (1 - 2 * lapse))
        common = [np.log(exponent), guess_logit, learning, np.log(spread)]
        return cls(np.concatenate([common, np.asarray(means, dtype=np.float64)]))

    @property
    def log_exponent(self) -> Floats:
        """Log b."""
        return self.values[..., _LOG_EXPONENT]

    @property
    def exponent(self) -> Floats:
        """b, growth of d′ with amplitude."""
        return np.asarray(np.exp(self.log_exponent))

    @property
    def guess_logit(self) -> Floats:
        """Logit 2λ."""
        return self.values[..., _GUESS_LOGIT]

    @property
    def guess(self) -> Floats:
        """2λ, share of trials answered by guessing at any amplitude."""
        return np.asarray(1 / (1 + np.exp(-self.guess_logit)))

    @property
    def lapse(self) -> Floats:
        """λ, half that share."""
        return np.asarray(0.5 / (1 + np.exp(-self.guess_logit)))

    @property
    def learning(self) -> Floats:
        """s, change of log thresholds from the first to the last trial."""
        return self.values[..., _LEARNING]

    @property
    def log_spread(self) -> Floats:
        """Log σ."""
        return self.values[..., _LOG_SPREAD]

    @property
    def spread(self) -> Floats:
        """σ, standard deviation of log thresholds around the mean of their group."""
        return np.asarray(np.exp(self.log_spread))

    @property
    def means(self) -> Floats:
        """μ, means of the groups, (…, G)."""
        return self.values[..., _COMMON:]

    def moved(self, step: Floats) -> Shared:
        """Return φ + step."""
        return Shared(self.values + step)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Shared]:
        """Go through the samples."""
        return (Shared(values) for values in self.values)

    def __getitem__(self, which: slice) -> Shared:
        """Return some of the samples."""
        return Shared(self.values[which])


class LogPrior(NamedTuple):
    """Log prior density of φ up to a constant, its gradient (F,) and Hessian (F, F)."""

    value: float
    gradient: Floats
    hessian: Floats


def log_prior(shared: Shared, centre: float) -> LogPrior:
    """Return the log prior density of φ; ``centre`` is the prior mean of m."""
    groups, size = shared.means.size, shared.values.size
    precision = np.zeros((size, size))
    for place, sd in (
        (_LOG_EXPONENT, EXPONENT_SD),
        (_LEARNING, LEARNING_SD),
        (_LOG_SPREAD, SPREAD_SD),
    ):
        precision[place, place] = sd**-2
    precision[_COMMON:, _COMMON:] = np.linalg.inv(GROUP_SD**2 * np.eye(groups) + MEAN_SD**2)
    off = shared.values - np.concatenate([np.zeros(_COMMON), np.full(groups, centre)])
    one, other = GUESS_BETA
    guess = shared.guess
    value = -off @ precision @ off / 2 + one * np.log(guess) + other * np.log1p(-guess)
    gradient, hessian = -precision @ off, -precision
    gradient[_GUESS_LOGIT] = one - (one + other) * guess
    hessian[_GUESS_LOGIT, _GUESS_LOGIT] = -(one + other) * guess * (1 - guess)
    return LogPrior(float(value), gradient, hessian)


def spread_out(columns: Floats, member: Floats) -> Floats:
    """Give what each condition has of its own numbers the places that these have in φ.

    Parameters
    ----------
    columns
        By condition in log b, logit 2λ, s, log σ and the mean of its group, (C, 5).
    member
        1 where a condition is of a group, else 0, (C, G).

    Returns
    -------
    array, (C, 4 + G)
    """
    return np.concatenate([columns[:, :_COMMON], columns[:, _COMMON:] * member], axis=1)


def gathered(matrices: Floats, member: Floats) -> Floats:
    """Sum matrices over conditions, (C, 5, 5), the rows and columns as in :func:`spread_out`.

    Returns
    -------
    array, (4 + G, 4 + G)
    """
    groups = member.shape[1]
    total = np.zeros((_COMMON + groups, _COMMON + groups))
    total[:_COMMON, :_COMMON] = matrices[:, :_COMMON, :_COMMON].sum(axis=0)
    total[:_COMMON, _COMMON:] = matrices[:, :_COMMON, _COMMON].T @ member
    total[_COMMON:, :_COMMON] = total[:_COMMON, _COMMON:].T
    total[_COMMON:, _COMMON:] = np.diag(matrices[:, _COMMON, _COMMON] @ member)
    return total
