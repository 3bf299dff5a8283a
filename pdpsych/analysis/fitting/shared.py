"""φ, what the conditions of one participant share.

φ is (logit 2λ, s, c₀, c₁, c₂, log σ, log b₁…, μ₁…): lapse λ, learning s, what moves answers towards
a position, the spread σ of log thresholds, and of each of G groups the exponent b and the mean μ of
log thresholds. All that depends on the order of these numbers is here: their names, where they
stand in φ, and how each is taken back from the scale of φ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdpsych.analysis.names import Floats

GUESS_LOGIT, LEARNING = 0, 1
CRITERIA = slice(2, 5)
LOG_SPREAD = 5
COMMON = 6
# A condition knows eight numbers of φ: the common ones, log b and the mean of its group. Those that
# P(correct) of a trial depends on are the first five and log b.
OWN_SPREAD, OWN_EXPONENT, OWN_MEAN = LOG_SPREAD, COMMON, COMMON + 1
OWN = COMMON + 2
OF_TRIALS = [*range(LOG_SPREAD), OWN_EXPONENT]


@dataclass(frozen=True, eq=False)
class Shared:
    """φ of a participant, or samples of it.

    Attributes
    ----------
    values
        (…, 6 + 2G): logit 2λ, s, c₀, c₁, c₂, log σ, log b and the means μ of G groups.
    """

    values: Floats

    @classmethod
    def of(
        cls,
        *,
        exponent: ArrayLike = 1.0,
        lapse: float = 0.025,
        learning: float = 0.0,
        criteria: ArrayLike = (0.0, 0.0, 0.0),
        spread: float = 1.0,
        means: ArrayLike = (0.0,),
    ) -> Shared:
        """Return φ of numbers as people read them.

        Parameters
        ----------
        exponent
            b, growth of d′ with amplitude, of each group or of all.
        lapse
            λ, half the share of trials answered by guessing, above 0 and below ½.
        learning
            s, change of log thresholds from the first to the last trial.
        criteria
            Preference for the first position, its change from the first to the last trial, and
            the pull of the answer before.
        spread
            σ, standard deviation of log thresholds around the mean of their group.
        means
            μ, (G,).
        """
        centres = np.asarray(means, dtype=np.float64)
        exponents = np.broadcast_to(np.log(exponent), centres.shape)
        guess_logit = np.log(2 * lapse / (1 - 2 * lapse))
        criterion = np.asarray(criteria, dtype=np.float64)
        common = [[guess_logit, learning], criterion, [np.log(spread)]]
        return cls(np.concatenate([*common, exponents, centres]))

    @property
    def groups(self) -> int:
        """Number of groups, G."""
        return (self.values.shape[-1] - COMMON) // 2

    @property
    def log_exponents(self) -> Floats:
        """Log b of each group, (…, G)."""
        return self.values[..., COMMON : COMMON + self.groups]

    @property
    def exponents(self) -> Floats:
        """Exponent b of each group, growth of d′ with amplitude, (…, G)."""
        return np.asarray(np.exp(self.log_exponents))

    @property
    def log_exponent(self) -> Floats:
        """Mean log b."""
        return np.asarray(self.log_exponents.mean(axis=-1))

    @property
    def exponent(self) -> Floats:
        """Geometric mean of b over groups."""
        return np.asarray(np.exp(self.log_exponent))

    @property
    def guess_logit(self) -> Floats:
        """Logit 2λ."""
        return self.values[..., GUESS_LOGIT]

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
        return self.values[..., LEARNING]

    @property
    def criteria(self) -> Floats:
        """c₀, c₁ and c₂: preference for the first position, its change, pull of the last answer."""
        return self.values[..., CRITERIA]

    @property
    def log_spread(self) -> Floats:
        """Log σ."""
        return self.values[..., LOG_SPREAD]

    @property
    def spread(self) -> Floats:
        """σ, standard deviation of log thresholds around the mean of their group."""
        return np.asarray(np.exp(self.log_spread))

    @property
    def means(self) -> Floats:
        """μ, means of the groups, (…, G)."""
        return self.values[..., COMMON + self.groups :]

    def log_prior_of(self, log_threshold: Floats, group: NDArray[np.intp]) -> Floats:
        """Return the log prior density of log τ, (…, C, K), given φ.

        Parameters
        ----------
        log_threshold
            Values of the log τ of each condition, (C, K).
        group
            Number of its group, (C,).
        """
        log_spread = self.log_spread[..., None, None]
        apart = (log_threshold - self.means[..., group, None]) * np.exp(-log_spread)
        return np.asarray(-(apart**2) / 2 - log_spread - np.log(2 * np.pi) / 2)

    def moved(self, step: Floats) -> Shared:
        """Return φ + step."""
        return Shared(self.values + step)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Shared]:
        """Go through the samples."""
        return (Shared(values) for values in self.values)

    def __getitem__(self, which: slice | NDArray[np.intp]) -> Shared:
        """Return some of the samples."""
        return Shared(self.values[which])


def spread_out(columns: Floats, member: Floats) -> Floats:
    """Sum over conditions what each has in its own numbers, to the places these have in φ.

    Parameters
    ----------
    columns
        By condition in the common numbers, log b and the mean of its group, (C, 8).
    member
        1 where a condition is of a group, else 0, (C, G).

    Returns
    -------
    array, (6 + 2G,)
    """
    common = columns[:, :COMMON].sum(axis=0)
    return np.concatenate([common, *(member.T @ columns[:, COMMON:]).T])


def gathered(matrices: Floats, member: Floats) -> Floats:
    """Sum matrices over conditions, (C, 8, 8), rows and columns as in :func:`spread_out`.

    Returns
    -------
    array, (6 + 2G, 6 + 2G)
    """
    groups = member.shape[1]
    total = np.zeros((COMMON + 2 * groups,) * 2)
    for group, own in enumerate(np.einsum("cg,cab->gab", member, matrices)):
        place = _own_places(group, groups)
        total[np.ix_(place, place)] += own
    return total


def of_trials(groups: int) -> list[int]:
    """Return where in φ the numbers stand that P(correct) of trials depends on: all but σ, μ."""
    return [*range(LOG_SPREAD), *range(COMMON, COMMON + groups)]


def _own_places(group: int, groups: int) -> list[int]:
    """Return where the own numbers of a condition of a group stand in φ."""
    return [*range(COMMON), COMMON + group, COMMON + groups + group]
