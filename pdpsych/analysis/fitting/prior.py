"""What is known of φ before the trials of a participant: its log prior density and derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scipy

from pdpsych.analysis.fitting.shared import COMMON, GUESS_LOGIT, LEARNING, Shared
from pdpsych.analysis.names import Floats
from pdpsych.common.packing import packed, unpacked

# Fisher information predicts b = 1. log b of the groups in people in general: what the groups have
# in common, and, wide, what each has by itself. Adaptive trials say little of b, and a narrow prior
# would bias ratios where slopes differ.
EXPONENT_SD, EXPONENT_OWN = 0.3, 0.7
# How people differ: in what their groups have in common, and in each.
PERSON_SD, PERSON_OWN = 0.15, 0.2
# Student t of few degrees of freedom, so that b = 4 is found, and people unlike others are.
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


@cache
def _log_guess_norms() -> Floats:
    return np.array([np.log(share) - scipy.special.betaln(a, b) for share, a, b in GUESS_BETAS])


class LogPrior(NamedTuple):
    """Log prior density of φ up to a constant, (…), its gradient (…, F) and Hessian (…, F, F)."""

    value: Floats
    gradient: Floats
    hessian: Floats


@dataclass(frozen=True, eq=False)
class Exponents:
    """Multivariate t distribution of log b of the groups.

    Attributes
    ----------
    middle, scale
        Its middle, (G,), and the square of its scale, (G, G).
    """

    middle: Floats
    scale: Floats

    @classmethod
    def of_anybody(cls, groups: int) -> Exponents:
        """Return that of somebody of whom nothing is known, nor of anybody else."""
        return cls(np.zeros(groups), of_people(groups) + of_person(groups))

    def at(self, log_exponents: Floats) -> LogPrior:
        """Return the log density at values of log b, (…, G), and its derivatives in them."""
        groups, freedom = self.middle.size, EXPONENT_FREEDOM
        precision = np.linalg.inv(self.scale)
        off = log_exponents - self.middle
        pull = off @ precision
        total = freedom + np.sum(pull * off, axis=-1)
        strength = (freedom + groups) / total[..., None]
        bend = precision - 2 * pull[..., None] * pull[..., None, :] / total[..., None, None]
        value = -(freedom + groups) / 2 * np.log(total / freedom)
        return LogPrior(value, -strength * pull, -strength[..., None] * bend)


def of_people(groups: int) -> Floats:
    """Return the square of the scale of the mean log b of all people, (G, G)."""
    return _square(groups, EXPONENT_OWN, EXPONENT_SD)


def of_person(groups: int) -> Floats:
    """Return the square of the scale of somebody's log b around those means, (G, G)."""
    return _square(groups, PERSON_OWN, PERSON_SD)


@dataclass(frozen=True)
class Prior:
    """The prior of φ of a participant.

    Attributes
    ----------
    centre
        The prior mean of m.
    exponents
        The prior of log b.
    """

    centre: float
    exponents: Exponents

    def to_plain(self) -> dict[str, Any]:
        """Return the prior for JSON, its arrays as text."""
        middle, scale = packed(self.exponents.middle), packed(self.exponents.scale)
        return {"centre": self.centre, "middle": middle, "scale": scale}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Prior:
        """Return the prior of :meth:`to_plain`."""
        exponents = Exponents(unpacked(plain["middle"]), unpacked(plain["scale"]))
        return cls(plain["centre"], exponents)

    def at(self, shared: Shared) -> LogPrior:
        """Return the log prior density of one φ or several."""
        groups, size = shared.groups, shared.values.shape[-1]
        precision = np.zeros((size, size))
        for place, sd in enumerate((LEARNING_SD, *CRITERION_SDS, SPREAD_SD), start=LEARNING):
            precision[place, place] = sd**-2
        means = slice(COMMON + groups, None)
        precision[means, means] = np.linalg.inv(_square(groups, GROUP_SD, MEAN_SD))
        middle = np.concatenate([np.zeros(COMMON + groups), np.full(groups, self.centre)])
        off = shared.values - middle
        gradient = -off @ precision
        value = np.sum(off * gradient, axis=-1) / 2
        hessian = np.broadcast_to(-precision, (*gradient.shape, size)).copy()
        parts = {GUESS_LOGIT: _of_guess(shared), COMMON: self.exponents.at(shared.log_exponents)}
        for first, part in parts.items():
            own = slice(first, first + part.gradient.shape[-1])
            value += part.value
            gradient[..., own], hessian[..., own, own] = part.gradient, part.hessian
        return LogPrior(value, gradient, hessian)


def _of_guess(shared: Shared) -> LogPrior:
    """Mixture of Beta distributions of 2λ, as a density of its logit."""
    _, one, other = np.array(GUESS_BETAS).T
    guess, logit = shared.guess[..., None], shared.guess_logit[..., None]
    # log g = −log(1 + e⁻ʸ) also where g is 0 or 1 to the last bit.
    log_guess, log_rest = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    each = _log_guess_norms() + one * log_guess + other * log_rest
    value = np.logaddexp.reduce(each, axis=-1)
    weight = np.exp(each - value[..., None])
    slopes = one - (one + other) * guess
    slope = np.sum(weight * slopes, axis=-1)
    bend = np.sum(weight * (slopes**2 - (one + other) * guess * (1 - guess)), axis=-1) - slope**2
    return LogPrior(value, slope[..., None], bend[..., None, None])


def _square(groups: int, own: float, common: float) -> Floats:
    """Return own²·I + common², (G, G)."""
    return np.asarray(own**2 * np.eye(groups) + common**2)
