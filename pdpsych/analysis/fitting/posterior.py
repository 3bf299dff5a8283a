"""What one participant's trials tell: thresholds, and what they share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.fitting.shared import OF_TRIALS, Shared
from pdpsych.analysis.names import Floats
from pdpsych.common.results import Result

# Of trials that say nothing: a standard deviation of a million nats.
_LEAST_PRECISION = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class Posterior(Result):
    """Gaussian approximation of the posterior of one participant.

    log τ = mean + loadings·(φ − shared) + sd·ε: conditions are independent given φ, F numbers, see
    :class:`pdpsych.analysis.fitting.shared.Shared`.

    Attributes
    ----------
    mean, sd
        Mean and standard deviation of log τ given φ, at the maximum in φ, (C,).
    loadings
        Derivative of ``mean`` with respect to φ, (C, F).
    group
        Number of the mean, among those of φ, that each condition's prior is around, (C,).
    shared, covariance
        φ at its maximum, and its covariance, (F, F).
    converged
        Whether the maximum was found to tolerance.
    """

    mean: Floats
    sd: Floats
    loadings: Floats
    group: NDArray[np.intp]
    shared: Shared
    covariance: Floats
    converged: bool

    def describe(self) -> str:
        """Say how well thresholds are known, and what they share."""
        found = "" if self.converged else ", whose maximum was not found"
        return (
            f"{self.mean.size} thresholds with sds of log τ of {self.total_sd().min():.2f} to "
            f"{self.total_sd().max():.2f}; exponent {self.shared.exponent:.2f}, lapse "
            f"{self.shared.lapse:.3f}, learning {self.shared.learning:+.2f}, spread "
            f"{self.shared.spread:.2f}{found}"
        )

    def _line(self) -> str:
        return f"{self.mean.size} thresholds, exponent {self.shared.exponent:.2f}"

    def total_sd(self) -> Floats:
        """Return the standard deviation of each log τ, (C,)."""
        shared = np.einsum("ca,ab,cb->c", self.loadings, self.covariance, self.loadings)
        return np.sqrt(self.sd**2 + shared)

    def trial_sd(self) -> Floats:
        """Return the standard deviation of each log τ by its trials alone, prior taken off, (C,).

        Huge where the trials say nothing.
        """
        return np.asarray(self._trial_precision() ** -0.5)

    def shared_sd(self) -> Shared:
        """Return the standard deviation of each number of φ, on its scale."""
        return Shared(np.sqrt(np.diag(self.covariance)))

    def interval(self, z: float) -> tuple[Shared, Shared, Shared]:
        """Return φ at its maximum, and ``z`` standard deviations below and above."""
        reach = z * self.shared_sd().values
        return self.shared, self.shared.moved(-reach), self.shared.moved(reach)

    def draws(self, number: int, rng: np.random.Generator) -> tuple[Floats, Shared]:
        """Return samples of log τ, (number, C), and of φ."""
        root = np.linalg.cholesky(self.covariance)
        moved = rng.standard_normal((number, root.shape[0])) @ root.T
        own = rng.standard_normal((number, self.mean.size)) * self.sd
        return self.mean + moved @ self.loadings.T + own, self.shared.moved(moved)

    def draws_by_trials(self, number: int, rng: np.random.Generator) -> Floats:
        """Return samples of log τ by the trials alone, the prior taken off, (number, C).

        The prior draws each condition towards the mean of its group, in the same direction in
        every participant: a mean over participants would keep that error and lose the noise that
        justifies it.
        """
        precision = self._trial_precision()
        # mean/sd² = precision · (what the trials say) + (prior mean)/σ²
        gain = 1 / (self.sd**2 * precision)
        mean = gain * self.mean + (1 - gain) * self.shared.means[self.group]
        root = np.linalg.cholesky(self.covariance)
        moved = (rng.standard_normal((number, root.shape[0])) @ root.T)[:, OF_TRIALS]
        own = rng.standard_normal((number, self.mean.size)) * precision**-0.5
        return np.asarray(mean + gain * (moved @ self.loadings[:, OF_TRIALS].T) + own)

    def _trial_precision(self) -> Floats:
        precision = 1 / self.sd**2 - np.exp(-2 * self.shared.log_spread)
        return np.asarray(np.maximum(precision, _LEAST_PRECISION))

    def to_plain(self) -> dict[str, Any]:
        """Return the posterior as plain lists, for JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["shared"] = self.shared.values
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Posterior:
        """Return the posterior of :meth:`to_plain`."""
        arrays: dict[str, Any] = {
            name: np.array(value) for name, value in plain.items() if name != "converged"
        }
        arrays["shared"] = Shared(arrays["shared"])
        return cls(**arrays, converged=plain["converged"])
