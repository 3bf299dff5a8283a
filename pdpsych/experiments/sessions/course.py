"""The course of a session: which trial is next, and at which amplitude, by the answers so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.placement.placement import EASY
from pdpsych.experiments.placement.placements import Placed, Placements

# The last trial of the practice shows so many thresholds: d′ = 1.5 is seen in 86 % of trials.
_HARDER = 1.5


class Course:
    """The trials of a design, in its order or in one that answers choose.

    Where conditions are chosen, each shows its own trials of the design in their order, so that
    signs and positions are balanced wherever the session ends.

    Parameters
    ----------
    trials
        The design.
    placements
        Of all conditions.
    fixed
        Number of trials that come in the order of the design.
    most
        Number of trials after which the session is over.
    """

    def __init__(
        self,
        trials: Sequence[PlannedTrial],
        placements: Placements[Condition],
        fixed: int,
        most: int,
    ) -> None:
        self.placements = placements
        self._done, self._most = 0, most
        self._practice = sum(trial.practice for trial in trials)
        self._fixed = deque(trials[:fixed])
        self._open: dict[Condition, deque[PlannedTrial]] = {}
        for trial in trials[fixed:]:
            self._open.setdefault(trial.condition, deque()).append(trial)

    def next(self) -> PlannedTrial | None:
        """Return the next trial; None where the session is over."""
        may = self._candidates()
        if not may or self._done == self._most:
            return None
        return may[self.placements.choose(list(may))]

    def may_be(self, condition: Condition) -> PlannedTrial | None:
        """Return the trial of a condition that may be next, None if none may."""
        return self._candidates().get(condition)

    def place(self, planned: PlannedTrial) -> Placed:
        """Return the amplitude of a trial."""
        if not planned.practice:
            return self.placements.place(planned.condition, planned.easy)
        multiples = np.geomspace(EASY, _HARDER, self._practice)
        placement = self.placements[planned.condition]
        return Placed(placement.multiple(float(multiples[planned.number - 1])))

    def learn(self, condition: Condition, realised: float, correct: bool) -> None:
        """Take in the answer to the trial of a condition that may be next, as it was realised."""
        planned = self._candidates()[condition]
        (self._fixed or self._open[planned.condition]).popleft()
        self._done += 1
        if not planned.practice:
            self.placements.update(planned.condition, realised, correct, planned.easy)

    def _candidates(self) -> dict[Condition, PlannedTrial]:
        """Return the trials that may be next: one of the design, or the next of each condition."""
        if self._fixed:
            return {self._fixed[0].condition: self._fixed[0]}
        number = self._done + 1
        return {c: replace(own[0], number=number) for c, own in self._open.items() if own}
