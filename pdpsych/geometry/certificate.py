"""What a solver says about its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Stopped = Literal["converged", "whole space", "iterations", "seconds"]
Progress = Callable[[int, float], object]
"""Called after each iteration with its number and the objective."""


@dataclass(frozen=True)
class Certificate:
    """How a result was reached and how far it can be trusted.

    Attributes
    ----------
    converged
        Whether the stopping rule was met: the gain that a further step promises, relative to
        the objective, is below the tolerance; or the subspace is the whole space.
    stopped
        Why the solver stopped.
    gradient_norm
        Norm of the gradient on the unit spheres, relative to the objective (for eigenproblems
        ‖Iu/d²(u) − Bu/b²(u)‖, the residual relative to the eigenvalue).
    expected_gain
        What a preconditioned gradient step promises to add, relative to the objective.
    iterations, operator_applications
        Iterations, and directions taken forwards or backwards through all representations.
    restarts
        For each start: seed, objective, log ratios, and |cosine| of its distortions with those
        returned.
    """

    converged: bool
    stopped: Stopped
    gradient_norm: float
    expected_gain: float
    iterations: int
    operator_applications: int
    restarts: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


@dataclass
class Budget:
    """When to stop: a number of iterations, a number of seconds, or a tolerance."""

    iterations: int
    max_seconds: float | None
    tolerance: float

    def __post_init__(self) -> None:
        self._start = time.monotonic()

    def spent(self, iteration: int) -> Stopped | None:
        """Return what has run out, if anything."""
        if iteration >= self.iterations:
            return "iterations"
        seconds = time.monotonic() - self._start
        return "seconds" if self.max_seconds is not None and seconds >= self.max_seconds else None
