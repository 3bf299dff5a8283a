"""The course of a session: which trial is next, and at which amplitude, by the answers so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, cast

import numpy as np

from pdpsych.experiments.design import Condition, PlannedTrial, trials_in
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.notes import Reason
from pdpsych.experiments.placement.models.method import Models
from pdpsych.experiments.placement.placement import EASY
from pdpsych.experiments.placement.placements import Placed, Placements
from pdpsych.experiments.tasks.task import Position

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
    experiment
        Says what is chosen, and when the session ends.
    """

    def __init__(
        self,
        trials: Sequence[PlannedTrial],
        placements: Placements[Condition],
        experiment: Experiment,
    ) -> None:
        self._placements, self._stop, self._done = placements, experiment.stop, 0
        self._practice = sum(trial.practice for trial in trials)
        fixed = in_order(experiment, len(placements))
        self._fixed = deque(trials[:fixed])
        self._open: dict[Condition, deque[PlannedTrial]] = {}
        for trial in trials[fixed:]:
            self._open.setdefault(trial.condition, deque()).append(trial)

    def next(self) -> PlannedTrial | None:
        """Return the next trial; None where the session is over."""
        may = {} if self.ended else self._candidates()
        return may[self._placements.choose(list(may))] if may else None

    @property
    def ended(self) -> Literal["side", "most"] | None:
        """Why the session is over before its design is; None where it is not."""
        stop, counted = self._stop, self._done - self._practice
        if stop is None or counted < 1:
            return None
        if stop.most is not None and counted >= stop.most:
            return "most"
        surest = max(self._placements.nearest.values())
        safe = surest >= stop.probability and counted >= stop.least
        return "side" if safe and self._placements.measured else None

    def may_be(self, condition: Condition) -> PlannedTrial | None:
        """Return the trial of a condition that may be next, None if none may."""
        return self._candidates().get(condition)

    def place(self, planned: PlannedTrial) -> Placed:
        """Return the amplitude of a trial."""
        if not planned.practice:
            return self._placements.place(planned.condition, planned.easy)
        multiples = np.geomspace(EASY, _HARDER, self._practice)
        placement = self._placements[planned.condition]
        return Placed(placement.multiple(float(multiples[planned.number - 1])))

    def learn(self, condition: Condition, realised: float, correct: bool) -> None:
        """Take in the answer to the trial of a condition that may be next, as it was realised."""
        planned = self._candidates()[condition]
        (self._fixed or self._open[condition]).popleft()
        self._done += 1
        if not planned.practice:
            self._placements.update(condition, realised, correct, planned.easy)

    def set_aside(self, condition: Condition, reason: Reason, rng: np.random.Generator) -> None:
        """Have the trial of a condition that may be next come again, later and of a new draw.

        It comes after one or more others of its part of the session, practice or not, and of its
        condition where conditions are chosen; at once where it is the last. Its position is drawn
        again, and its amplitude is placed when its turn comes.
        """
        planned = self._candidates()[condition]
        trials = self._fixed or self._open[condition]
        trials.popleft()
        others = sum(trial.practice == planned.practice for trial in trials)
        place = int(rng.integers(1, others + 1)) if others else 0
        position = cast(Position, int(rng.integers(1, 3)))
        again = (*planned.again, reason)
        trials.insert(place, replace(planned, position=position, again=again))

    def _candidates(self) -> dict[Condition, PlannedTrial]:
        """Return the trials that may be next: one of the design, or the next of each condition."""
        number = self._done + 1
        if self._fixed:
            return {self._fixed[0].condition: replace(self._fixed[0], number=number)}
        return {c: replace(own[0], number=number) for c, own in self._open.items() if own}


def in_order(experiment: Experiment, measured: int) -> int:
    """Return how many trials of a design come in its order; conditions are chosen after them.

    ``measured`` is the number of conditions.
    """
    method, count = experiment.method, trials_in(experiment, measured)
    if not isinstance(method, Models) or method.choose == "amplitude":
        return count
    return min(experiment.practice_trials + method.first_round * measured, count)
