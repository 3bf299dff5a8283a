"""Staircases: down after so many correct answers, up after one that is not."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pdpsych.experiments.placement.placement import Placement, Showable
from pdpsych.experiments.placement.posterior import Prior

LogStep = Annotated[float, Field(gt=0, le=3)]


class Staircase(Prior):
    """The amplitude goes down after ``down`` correct answers in a row, up after a wrong one.

    It begins at ``start_rms`` (RMS contrast) and stays at a proportion correct of ½^(1/down):
    0.71 for 2, 0.79 for 3 (Levitt 1971). Until the first reversal one correct answer is enough.
    ``steps`` are in nats, of which one is 0.43 log10 units or 8.7 dB: the first until the first
    reversal, and so on; the last for all that follow.
    """

    kind: Literal["staircase"]
    down: int = Field(3, ge=1, le=10)
    start_rms: float = Field(0.05, gt=0, le=1)
    steps: tuple[LogStep, ...] = Field((0.7, 0.46, 0.23), min_length=1)

    def begin(self, showable: Showable, seed: int) -> StaircasePlacement:
        """Return the placement of a condition before its first trial; nothing in it is random."""
        return StaircasePlacement(self, showable)


class StaircasePlacement(Placement):
    """One staircase; easy trials do not move it.

    Attributes
    ----------
    level
        Amplitude to ask for next, in model units.
    run
        Correct answers in a row at this level.
    reversals
        Levels at which it turned, in order.
    """

    def __init__(self, method: Staircase, showable: Showable) -> None:
        super().__init__(method, showable)
        self._method = method
        self._direction = 0
        self.level = showable.nearest(method.start_rms * showable.unit)
        self.run = 0
        self.reversals: tuple[float, ...] = ()

    def next_amplitude(self) -> float:
        """Return the level of the staircase."""
        return self.level

    def update(self, amplitude: float, correct: bool, easy: bool) -> None:
        """Take in an answer; from the level asked for, whatever amplitude was realised of it."""
        super().update(amplitude, correct, easy)
        if easy:
            return
        self.run = self.run + 1 if correct else 0
        if not correct:
            self._move(1)
        elif self.run == (self._method.down if self.reversals else 1):
            self._move(-1)

    def _move(self, direction: int) -> None:
        if direction == -self._direction:
            self.reversals = (*self.reversals, self.level)
        steps = self._method.steps
        step = steps[min(len(self.reversals), len(steps) - 1)]
        self.level = self.showable.nearest(self.level * float(np.exp(direction * step)))
        self._direction, self.run = direction, 0
