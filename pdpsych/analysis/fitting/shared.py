"""φ, what the conditions of one participant share.

φ is (logit 2λ, s, c₀, c₁, c₂, log σ, log b₁…, μ₁…): lapse λ, learning s, what moves answers towards
a position, the spread σ of log thresholds, and of each of G groups the exponent b and the mean μ of
log thresholds. All that depends on the order of these numbers is here: their names, where they
stand in φ, how each is taken back from the scale of φ, and the prior of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln

from pdpsych.analysis.names import Floats

# Fisher information predicts b = 1. log b of the groups: Student t of few degrees of freedom, so
# that b = 4 is found, with a scale of what groups have in common and a wide one of what each has by
# itself: adaptive trials say little of b, and a narrow one would bias ratios where slopes differ.
EXPONENT_SD = 0.3
EXPONENT_OWN = 1.0
EXPONENT_FREEDOM = 7.0
# 2λ, the share of trials answered by guessing: nearly always Beta(2, 25), a lapse of 0.037 on
# average; one person in ten may guess in any share.
GUESS_BETAS = ((0.9, 2.0, 25.0), (0.1, 1.0, 1.0))
# People rarely become better or worse by more than a factor e: s ~ N(0, 0.5²).
LEARNING_SD = 0.5
# c₀, c₁ and c₂, in standard deviations of the difference of two responses.
CRITERION_SDS = (0.5, 1.0, 0.5)
# Thresholds spread over about a nat: log σ ~ N(0, 0.7²).
SPREAD_SD = 0.7
# μ_g ~ N(m, 1²) and m ~ N(mean log amplitude, 2²).
GROUP_SD = 1.0
MEAN_SD = 2.0

_LOG_GUESS_NORMS = np.array([np.log(share) - betaln(a, b) for share, a, b in GUESS_BETAS])
_GUESS_LOGIT, _LEARNING = 0, 1
_CRITERIA = slice(2, 5)
_LOG_SPREAD = 5
_COMMON = 6
# A condition knows eight numbers of φ: the common ones, log b and the mean of its group. Those that
# P(correct) of a trial depends on are the first five and log b.
OWN_SPREAD, OWN_EXPONENT, OWN_MEAN = _LOG_SPREAD, _COMMON, _COMMON + 1
OWN = _COMMON + 2
OF_TRIALS = [*range(_LOG_SPREAD), OWN_EXPONENT]


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
        return (self.values.shape[-1] - _COMMON) // 2

    @property
    def log_exponents(self) -> Floats:
        """Log b of each group, (…, G)."""
        return self.values[..., _COMMON : _COMMON + self.groups]

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
    def criteria(self) -> Floats:
        """c₀, c₁ and c₂: preference for the first position, its change, pull of the last answer."""
        return self.values[..., _CRITERIA]

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
        return self.values[..., _COMMON + self.groups :]

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


class LogPrior(NamedTuple):
    """Log prior density of φ up to a constant, (…), its gradient (…, F) and Hessian (…, F, F)."""

    value: Floats
    gradient: Floats
    hessian: Floats


def log_prior(shared: Shared, centre: float) -> LogPrior:
    """Return the log prior density of one φ or several; ``centre`` is the prior mean of m."""
    groups, size = shared.groups, shared.values.shape[-1]
    precision = np.zeros((size, size))
    for place, sd in enumerate((LEARNING_SD, *CRITERION_SDS, SPREAD_SD), start=_LEARNING):
        precision[place, place] = sd**-2
    means = slice(_COMMON + groups, None)
    precision[means, means] = _precision(groups, GROUP_SD, MEAN_SD)
    off = shared.values - np.concatenate([np.zeros(_COMMON + groups), np.full(groups, centre)])
    gradient = -off @ precision
    value = np.sum(off * gradient, axis=-1) / 2
    hessian = np.broadcast_to(-precision, (*gradient.shape, size)).copy()
    parts = {_GUESS_LOGIT: _prior_of_guess(shared), _COMMON: _prior_of_exponents(shared)}
    for first, part in parts.items():
        own = slice(first, first + part.gradient.shape[-1])
        value += part.value
        gradient[..., own], hessian[..., own, own] = part.gradient, part.hessian
    return LogPrior(value, gradient, hessian)


def _prior_of_exponents(shared: Shared) -> LogPrior:
    """Multivariate t: what groups have in common, and what each has."""
    groups, freedom = shared.groups, EXPONENT_FREEDOM
    precision = _precision(groups, EXPONENT_OWN, EXPONENT_SD)
    pull = shared.log_exponents @ precision
    total = freedom + np.sum(pull * shared.log_exponents, axis=-1)
    strength = (freedom + groups) / total[..., None]
    bend = precision - 2 * pull[..., None] * pull[..., None, :] / total[..., None, None]
    value = -(freedom + groups) / 2 * np.log(total / freedom)
    return LogPrior(value, -strength * pull, -strength[..., None] * bend)


def _prior_of_guess(shared: Shared) -> LogPrior:
    """Mixture of Beta distributions of 2λ, as a density of its logit."""
    _, one, other = np.array(GUESS_BETAS).T
    guess, logit = shared.guess[..., None], shared.guess_logit[..., None]
    # log g = −log(1 + e⁻ʸ) also where g is 0 or 1 to the last bit.
    log_guess, log_rest = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    each = _LOG_GUESS_NORMS + one * log_guess + other * log_rest
    value = np.logaddexp.reduce(each, axis=-1)
    weight = np.exp(each - value[..., None])
    slopes = one - (one + other) * guess
    slope = np.sum(weight * slopes, axis=-1)
    bend = np.sum(weight * (slopes**2 - (one + other) * guess * (1 - guess)), axis=-1) - slope**2
    return LogPrior(value, slope[..., None], bend[..., None, None])


def _precision(groups: int, own: float, common: float) -> Floats:
    """Return the inverse of own²·I + common², (G, G)."""
    shift = common**2 / (own**2 + groups * common**2)
    return np.asarray((np.eye(groups) - shift) / own**2)


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
    common = columns[:, :_COMMON].sum(axis=0)
    return np.concatenate([common, *(member.T @ columns[:, _COMMON:]).T])


def gathered(matrices: Floats, member: Floats) -> Floats:
    """Sum matrices over conditions, (C, 8, 8), rows and columns as in :func:`spread_out`.

    Returns
    -------
    array, (6 + 2G, 6 + 2G)
    """
    groups = member.shape[1]
    total = np.zeros((_COMMON + 2 * groups,) * 2)
    for group, own in enumerate(np.einsum("cg,cab->gab", member, matrices)):
        place = _own_places(group, groups)
        total[np.ix_(place, place)] += own
    return total


def of_trials(groups: int) -> list[int]:
    """Return where in φ the numbers stand that P(correct) of trials depends on: all but σ, μ."""
    return [*range(_LOG_SPREAD), *range(_COMMON, _COMMON + groups)]


def _own_places(group: int, groups: int) -> list[int]:
    """Return where the own numbers of a condition of a group stand in φ."""
    return [*range(_COMMON), _COMMON + group, _COMMON + groups + group]
