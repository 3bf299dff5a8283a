"""What is known of a condition's threshold: a posterior that any trial updates."""

from __future__ import annotations

import copy
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section
from pdpsych.experiments.placement.psychometric import Floats, proportion_correct

_STEP = 0.1
_SPAN = 4.0

Weight = Annotated[float, Field(gt=0)]
# Shapes that human 2AFC data take, with what one expects of them before any trial; the
# threshold is what a session is for, so these only have to be coarse.
_EXPONENTS = {0.7: 0.2, 1.0: 0.45, 1.4: 0.25, 2.0: 0.1}
_LAPSES = {0.005: 0.35, 0.02: 0.45, 0.06: 0.2}


class Prior(Section):
    """What is known of every threshold before the first trial.

    Its log is normal: ``threshold_rms`` is the median in RMS contrast, α/√D; ``sd`` is in nats.
    ``exponents`` b and ``lapses`` λ of the psychometric function are grids, each value with its
    weight.
    """

    threshold_rms: float = Field(0.01, gt=0, le=1)
    sd: float = Field(1.5, gt=0, le=5)
    exponents: dict[Annotated[float, Field(gt=0, le=10)], Weight] = Field(
        _EXPONENTS, min_length=1, max_length=20
    )
    lapses: dict[Annotated[float, Field(ge=0, lt=0.5)], Weight] = Field(
        _LAPSES, min_length=1, max_length=20
    )

    @property
    def uses_models(self) -> bool:
        """Whether trials are chosen by what models respond at visible amplitudes."""
        return False

    @field_validator("exponents", "lapses", mode="before")
    @classmethod
    def _weighted(cls, grid: object) -> object:
        if not isinstance(grid, dict):
            raise InputError("is no grid", value=grid, allowed="values with weights: {0.02: 1}")
        return grid


class Estimate(NamedTuple):
    """Posterior mean and standard deviation of the natural log of the threshold."""

    log_threshold: float
    sd: float


class ThresholdPosterior:
    """Posterior on a condition's log threshold, exponent and lapse rate, on a grid.

    Of :func:`~pdpsych.experiments.placement.psychometric.proportion_correct`, after answers to
    whatever amplitudes: what was shown need not be what was asked for.

    Parameters
    ----------
    prior
        What is known before.
    unit
        Amplitude of RMS contrast 1, √D.

    Attributes
    ----------
    log_thresholds
        Grid of log τ in model units, (T,).
    exponents, lapses
        Grids of b and λ, (E,) and (L,).
    joint
        Probabilities, (T, E·L).
    median, sd
        Of the prior of log τ.
    prior, shapes
        Probabilities of log τ, (T,), and of b and λ, (E·L,), before any answer.
    """

    def __init__(self, prior: Prior, unit: float) -> None:
        offsets = np.arange(-_SPAN * prior.sd, _SPAN * prior.sd, _STEP)
        self.median, self.sd = float(np.log(prior.threshold_rms * unit)), prior.sd
        self.log_thresholds: Floats = np.asarray(self.median + offsets)
        self.exponents: Floats = np.array(list(prior.exponents))
        self.lapses: Floats = np.array(list(prior.lapses))
        weights = np.outer(list(prior.exponents.values()), list(prior.lapses.values()))
        before = np.exp(-0.5 * (offsets / prior.sd) ** 2)
        self.prior: Floats = before / before.sum()
        self.shapes: Floats = np.asarray(weights.ravel() / weights.sum())
        joint = before[:, None] * weights.ravel()
        self.joint: Floats = joint / joint.sum()

    @property
    def grid(self) -> tuple[Floats, Floats, Floats]:
        """Log thresholds (T,), exponents (E,) and lapse rates (L,)."""
        return self.log_thresholds, self.exponents, self.lapses

    def after(self, amplitude: float, correct: bool) -> ThresholdPosterior:
        """Return the posterior after one more answer, to a realised amplitude in model units."""
        likely = likelihood(np.array([amplitude]), *self.grid)[0]
        joint = self.joint * (likely if correct else 1 - likely)
        later = copy.copy(self)
        later.joint = joint / joint.sum()
        return later

    def expecting(self, chance: Floats) -> ThresholdPosterior:
        """Return the same before any answer, with other probabilities of log thresholds, (T,)."""
        later = copy.copy(self)
        later.prior = np.asarray(chance / chance.sum())
        later.joint = later.prior[:, None] * self.joint.sum(axis=0)
        return later

    @property
    def log_shapes(self) -> Floats:
        """Log of what the answers say of exponent and lapse rate, (E·L), up to a constant."""
        chance = self.joint.sum(axis=0) / self.shapes
        return np.asarray(np.log(np.maximum(chance, np.finfo(float).tiny)))

    def shaped(self, log_weights: Floats) -> ThresholdPosterior:
        """Return the posterior where exponent and lapse rate are as likely as others say, (E·L)."""
        later = copy.copy(self)
        joint = self.joint * np.exp(log_weights - log_weights.max())
        later.joint = joint / joint.sum()
        return later

    def falls(self) -> tuple[float, float]:
        """Return by how much log Λ(τ) falls from its top to the least and the largest τ, in nats.

        Λ is the likelihood of the answers, exponent and lapse rate integrated out.
        """
        likely = self.joint.sum(axis=1) / self.prior
        least, most = np.log(likely.max() / np.maximum(likely[[0, -1]], np.finfo(float).tiny))
        return float(least), float(most)

    def estimate(self) -> Estimate:
        """Return posterior mean and standard deviation of the log threshold, in nats."""
        weight = self.joint.sum(axis=1)
        mean = float(weight @ self.log_thresholds)
        return Estimate(mean, float(np.sqrt(weight @ (self.log_thresholds - mean) ** 2)))


def likelihood(
    amplitudes: Floats, log_thresholds: Floats, exponents: Floats, lapses: Floats
) -> Floats:
    """Return P(correct), (A, T, E·L), of (A,) amplitudes on a grid of (T,), (E,) and (L,)."""
    found = proportion_correct(
        amplitudes[:, None, None, None],
        np.exp(log_thresholds)[:, None, None],
        exponents[:, None],
        lapses,
    )
    return found.reshape(len(amplitudes), len(log_thresholds), -1)
