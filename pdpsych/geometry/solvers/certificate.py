"""What a solver says about its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Stopped = Literal["converged", "whole space", "iterations", "seconds", "cancelled"]
Progress = Callable[[int, float], object]
"""Called after each iteration with its number and the objective; ``False`` cancels."""

TOLERANCE = 1e-3


@dataclass(frozen=True)
class Certificate:
    """How a result was reached and how far it can be trusted.

    Attributes
    ----------
    converged
        Whether the gradient norm is at most ``TOLERANCE``, or the subspace is all there is.
    stopped
        Why the solver stopped.
    gradient_norm
        Of the worst distortion: the norm of the gradient on the unit sphere, relative to the
        objective (for eigenproblems ‖Iu − λu‖/λ, the residual relative to the eigenvalue).
    gaps
        For each distortion, how far behind the best rival is, from 0 (there is an equally good
        one) to 1: of those orthogonal to it in the last subspace, and of those that other
        starts found. An equally good one that no search came across is not seen. Below
        ``WELL_DETERMINED`` the distortion itself is arbitrary, even where the objective is not.
    unbounded
        Representations without a floor that are blind to some distortions, as far as the
        arithmetic can tell or because they have fewer responses than pixels: with one the
        supremum of the objective is infinite, and the result says how far the budget got.
    iterations, operator_applications
        Iterations, and directions taken forwards or backwards through all representations.
    restarts
        For each start: seed, objective, log ratios, and |cosine| of its distortions with those
        returned.
    """

    converged: bool
    stopped: Stopped
    gradient_norm: float
    gaps: tuple[float, ...]
    iterations: int
    operator_applications: float
    unbounded: tuple[str, ...] = ()
    restarts: tuple[dict[str, Any], ...] = ()

    def __str__(self) -> str:
        """Say how the result was reached, in a line or two."""
        state = "converged" if self.converged else f"not converged, ended by: {self.stopped}"
        gaps = ", ".join(f"{gap:.2g}" for gap in self.gaps)
        lines = [
            f"{state}; {self.iterations} iterations, {self.operator_applications:g} directions "
            f"through all representations; relative gradient {self.gradient_norm:.2g}; gaps {gaps}"
        ]
        if len(self.restarts) > 1:
            found = ", ".join(f"{start['objective']:.4g}" for start in self.restarts)
            lines.append(f"objective of {len(self.restarts)} starts: {found}")
        if self.unbounded:
            lines.append(f"supremum infinite: {', '.join(self.unbounded)} without a floor")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Certificate:
        """Return the certificate of data from :meth:`to_dict`."""
        lists = {key: tuple(value) for key, value in data.items() if isinstance(value, list)}
        return cls(**data | lists)


WELL_DETERMINED = 0.005


@dataclass
class Budget:
    """When to stop before convergence: iterations, seconds, or the caller's word."""

    iterations: int
    max_seconds: float | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        self._start = time.monotonic()

    def spent(self, iteration: int, objective: float) -> Stopped | None:
        """Report an iteration and return what has run out, if anything."""
        if self.progress and self.progress(iteration, objective) is False:
            return "cancelled"
        if iteration >= self.iterations:
            return "iterations"
        seconds = time.monotonic() - self._start
        return "seconds" if self.max_seconds is not None and seconds >= self.max_seconds else None
