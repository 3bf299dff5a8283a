"""When a solver stops before it has converged."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Literal

from pdpsych.common.errors import InputError

Stopped = Literal["converged", "whole space", "stalled", "iterations", "seconds", "cancelled"]
Progress = Callable[[int, float], object]
"""Called after each iteration with its number and the objective; ``False`` cancels."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How far a solver goes. One may serve many calls: each has it anew.

    Parameters
    ----------
    iterations
        The most iterations, at least 1; in each, all ascents of a search take a step.
    seconds
        The most seconds, looked at after each iteration; without, no limit.
    tolerance
        The relative gradient norm (of eigenproblems the relative residual) at which the solver
        has converged, above 0 and below 1. Log ratios are then right to about its square.
    progress
        Called after each iteration with its number and the objective; returning ``False``
        cancels, and the result so far is returned. It is not part of what a budget is: budgets
        that differ in it are equal.

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> from pdpsych import geometry
    >>> geometry.Budget(iterations=20, seconds=60)
    Budget(iterations=20, seconds=60, tolerance=0.001)
    """

    iterations: int = 100
    seconds: float | None = None
    tolerance: float = 1e-3
    progress: Progress | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        count = self.iterations
        if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
            raise InputError(
                "must be a whole number", field="iterations", value=count, allowed="at least 1"
            )
        if self.seconds is not None and not (_is_number(self.seconds) and self.seconds >= 0):
            raise InputError(
                "must be a time", field="seconds", value=self.seconds, allowed="0 or more, or None"
            )
        if not (_is_number(self.tolerance) and 0 < self.tolerance < 1):
            raise InputError(
                "must be a share",
                field="tolerance",
                value=self.tolerance,
                allowed="above 0 and below 1",
            )
        object.__setattr__(self, "iterations", int(count))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


class Clock:
    """A budget while it is spent, from when the clock is made."""

    def __init__(self, budget: Budget):
        self._budget, self._start, self._cancelled = budget, time.monotonic(), False

    @property
    def is_over(self) -> bool:
        """Whether the seconds are over, or the search was cancelled."""
        most = self._budget.seconds
        late = most is not None and time.monotonic() - self._start >= most
        return self._cancelled or late

    def spent(self, iteration: int, objective: float) -> Stopped | None:
        """Report an iteration and return what has run out, if anything."""
        budget = self._budget
        if budget.progress and budget.progress(iteration, objective) is False:
            self._cancelled = True
            return "cancelled"
        if iteration >= budget.iterations:
            return "iterations"
        return "seconds" if self.is_over else None
