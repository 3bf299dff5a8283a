"""Answers less what the fit expects, and how the fit would follow other answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdpsych.analysis.hierarchy import EXPONENT_SD, GUESS_BETA, Posterior
from pdpsych.analysis.likelihood import Floats, Observations
from pdpsych.experiments.psychometric import proportion_correct


def expected_correct(observations: Observations, log_threshold: Floats, shared: Floats) -> Floats:
    """Return P(correct) of each trial, (N,), given log τ, (C,), and φ as in Posterior."""
    return proportion_correct(
        np.exp(observations.log_amplitude),
        np.exp(log_threshold)[observations.condition],
        np.exp(shared[0]),
        0.5 / (1 + np.exp(-shared[1])),
    )


@dataclass(frozen=True)
class Residuals:
    """Trials of one participant beside the fit; trials in the order of their observations.

    Attributes
    ----------
    observations
        The trials.
    expected
        P(correct) at the estimate, (N,).
    signal
        d′ at the estimate, (N,).
    by_threshold, by_shared
        Derivatives of ``expected`` with respect to the trial's log τ, (N,), and to log b and
        logit 2λ, (N, 2).
    ceiling
        P(correct) at any large amplitude, 1 − λ.
    prior
        Precision of the priors of log τ, log b and logit 2λ, (3,).
    """

    observations: Observations
    expected: Floats
    signal: Floats
    by_threshold: Floats
    by_shared: Floats
    ceiling: float
    prior: Floats

    @classmethod
    def of(cls, observations: Observations, posterior: Posterior) -> Residuals:
        """Return the residuals at the estimate of a posterior."""
        x, y, log_spread = posterior.shared[:3]
        guess = 1 / (1 + np.exp(-y))
        z = observations.log_amplitude - posterior.mean[observations.condition]
        signal = np.exp(np.minimum(np.exp(x) * z, 4.0))
        certain = 2 * proportion_correct(signal, 1.0) - 1
        growth = signal * np.exp(-(signal**2) / 4) * (1 - guess) / np.sqrt(4 * np.pi)
        by_shared = np.stack([growth * np.exp(x) * z, -guess * (1 - guess) * certain / 2], axis=1)
        by_lapse = sum(GUESS_BETA) * guess * (1 - guess)
        return cls(
            observations,
            expected_correct(observations, posterior.mean, posterior.shared),
            signal,
            -np.exp(x) * growth,
            by_shared,
            float(1 - guess / 2),
            np.array([np.exp(-2 * log_spread), EXPONENT_SD**-2, by_lapse]),
        )

    @property
    def correct(self) -> Floats:
        """1 where the answer was correct, else 0, (N,)."""
        return np.asarray((self.observations.sign + 1) / 2)

    @property
    def residual(self) -> Floats:
        """``correct`` less ``expected``, (N,)."""
        return self.correct - self.expected

    @property
    def variance(self) -> Floats:
        """Variance of ``correct`` as expected, (N,)."""
        return np.asarray(self.expected * (1 - self.expected))

    def simulated(self, number: int, rng: np.random.Generator) -> Floats:
        """Return residuals of answers drawn from the fit, (N, number)."""
        answers = rng.random((self.expected.size, number)) < self.expected[:, None]
        return answers - self.expected[:, None]

    def followed(self, residual: Floats) -> Floats:
        """Return by how much ``expected`` changes when fitted to other residuals, (N, K).

        One step of Fisher scoring from the estimate in all thresholds, log b and logit 2λ, for
        each column of ``residual``.
        """
        starts, weight = self.observations.starts, 1 / self.variance
        a, h = self.by_threshold[:, None], self.by_shared
        own, cross, schur = self._information(h)
        pull = np.add.reduceat(a * residual * weight[:, None], starts)
        rest = (h * weight[:, None]).T @ residual - cross.T @ (pull / own)
        shared = np.linalg.solve(schur, rest)
        threshold = (pull - cross @ shared) / own
        return np.asarray(a * threshold[self.observations.condition] + h @ shared)

    def trend(self, covariate: Floats) -> tuple[float, float]:
        """Return the slope of log τ on a covariate of each trial, and its standard error.

        One step of Fisher scoring from the estimate, allowing for all that was fitted.
        """
        added = (self.by_threshold * covariate)[:, None]
        _, _, schur = self._information(np.concatenate([self.by_shared, added], axis=1))
        variance = float(np.linalg.inv(schur)[2, 2])
        # At the estimate, the gradient in all else that was fitted is 0.
        gradient = float(added[:, 0] @ (self.residual / self.variance))
        return variance * gradient, float(np.sqrt(variance))

    def _information(self, shared: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the information: thresholds (C, 1), cross (C, F), shared less thresholds (F, F).

        ``shared`` is the derivative of ``expected`` in F numbers, (N, F): log b, logit 2λ, and
        others without a prior.
        """
        starts, weight = self.observations.starts, 1 / self.variance[:, None]
        a = self.by_threshold[:, None]
        own = np.add.reduceat(a * a * weight, starts) + self.prior[0]
        cross = np.add.reduceat(a * shared * weight, starts)
        prior = np.zeros(shared.shape[1])
        prior[:2] = self.prior[1:]
        whole = shared.T @ (shared * weight) + np.diag(prior)
        # Where no trial depends on a number, only rounding is left of its information.
        schur = whole - cross.T @ (cross / own) + 1e-9 * np.eye(len(prior))
        return own, cross, schur
