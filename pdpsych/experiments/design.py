"""The design of a session: which trial shows what, fixed before the first answer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple, cast

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import seed_of
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.enrolled import Enrolled
from pdpsych.experiments.logs.notes import Reason
from pdpsych.experiments.tasks.keys import Keys
from pdpsych.experiments.tasks.task import Position
from pdpsych.stimuli.stimulus_set import StimulusSet

Sign = Literal[1, -1]


class Condition(NamedTuple):
    """One distortion of one image: what has a threshold."""

    image: str
    pair: str
    distortion: int

    @property
    def name(self) -> str:
        """Image, pair and number of the distortion."""
        return f"{self.image}/{self.pair}/{self.distortion}"


@dataclass(frozen=True)
class PlannedTrial:
    """A trial before it is shown; the amplitude is placed when its turn comes.

    Attributes
    ----------
    number
        From 1, in order of presentation.
    condition
        Image, pair and distortion.
    sign
        Of the distortion that is added.
    position
        Where the distorted image is: first or second interval, left or right.
    easy
        Whether the amplitude is clearly visible, to pin the lapse rate.
    practice
        Whether the trial only teaches the task, with amplitudes from easy to harder.
    again
        Why it was set aside each time that it was presented before; of no design.
    """

    number: int
    condition: Condition
    sign: Sign
    position: Position
    easy: bool
    practice: bool = False
    again: tuple[Reason, ...] = ()


def conditions(
    experiment: Experiment, opened: StimulusSet, group: int = 1
) -> tuple[Condition, ...]:
    """Return the conditions that a group of participants sees, in the order of the set."""
    images = (experiment.images or opened.images)[group - 1 :: experiment.groups]
    found = tuple(
        condition
        for image in images
        for pair in experiment.measured(opened[image])
        for condition in (Condition(image, pair.name, 1), Condition(image, pair.name, 2))
        if condition.name not in experiment.leave_out
    )
    if not found:
        raise InputError(
            f"images and pairs without leave_out have no condition for group {group}",
            file=experiment.label,
            field="leave_out",
            value=list(experiment.leave_out),
            remedy="leave out less",
        )
    return found


def group_of(experiment: Experiment, participant: str, enrolled: Enrolled | None = None) -> int:
    """Return a participant's counterbalancing group, from 1.

    It is said by the study's roster, where that gives a place, else by the number at the end of the
    label.

    Raises
    ------
    InputError
        If there are several groups, no place, and the label does not end with a number.
    """
    if experiment.groups == 1:
        return 1
    if enrolled is not None and (share := enrolled.share(experiment.groups)) is not None:
        return share
    why = f"with {experiment.groups} groups of participants ({experiment.label})"
    return 1 + (_number(participant, why) - 1) % experiment.groups


def keys_of(experiment: Experiment, participant: str, enrolled: Enrolled | None = None) -> Keys:
    """Return a participant's keys, swapped for one of every two in a group where that is asked for.

    Which of the two is said by the study's roster, where that gives a place, else drawn by the
    experiment's seed.

    Raises
    ------
    InputError
        If they are balanced, there is no place, and the label does not end with a number.
    """
    if not experiment.keys.balance:
        return experiment.keys
    if enrolled is not None and enrolled.swapped is not None:
        return experiment.keys.swapped if enrolled.swapped else experiment.keys
    why = f"with keys balanced over participants ({experiment.label})"
    place = (_number(participant, why) - 1) // experiment.groups
    group = group_of(experiment, participant)
    drawn = seed_of(experiment.seed, "keys", group, place // 2)
    return experiment.keys.swapped if (place + drawn) % 2 else experiment.keys


def _number(participant: str, why: str) -> int:
    """Return the number that a participant's label ends with, which is needed for a reason."""
    number = re.search("[0-9]+$", participant)
    if number is None:
        raise InputError(
            f"{why} the label has to end with a number",
            field="participant",
            value=participant,
            remedy=f'try "{participant}01"',
        )
    return int(number[0])


def trials_of(
    experiment: Experiment,
    opened: StimulusSet,
    participant: str,
    occasion: str,
    enrolled: Enrolled | None = None,
) -> tuple[PlannedTrial, ...]:
    """Return the trials of a session; the same arguments give the same trials anywhere.

    Practice comes first. Then each pass shows every condition once, in a new order. Within a
    condition signs and positions are balanced to one trial, and so are they in its easy trials.

    Parameters
    ----------
    occasion
        The session, and its run where it has several.
    enrolled
        What the study's roster says of it.
    """
    rng = np.random.default_rng(seed_of(experiment.seed, participant, occasion, "design"))
    measured = conditions(experiment, opened, group_of(experiment, participant, enrolled))
    return arrange(measured, experiment, rng)


def arrange(
    measured: Sequence[Condition], experiment: Experiment, rng: np.random.Generator
) -> tuple[PlannedTrial, ...]:
    """Return the trials of a session that measures given conditions, as :func:`trials_of` does."""
    count, practice = experiment.trials_per_condition, experiment.practice_trials
    rehearsal = _balanced(practice, 0, rng)
    columns = {c: _balanced(count, round(experiment.easy_share * count), rng) for c in measured}
    passes = [rng.permutation(len(measured)) for _ in range(count)]
    order = [(measured[i % len(measured)], True) for i in rng.permutation(practice)]
    order += [(measured[i], False) for i in np.concatenate(passes)]
    return tuple(
        PlannedTrial(number, c, *next(rehearsal if rehearsed else columns[c]), rehearsed)
        for number, (c, rehearsed) in enumerate(order, start=1)
    )


def trials_in(experiment: Experiment, measured: int) -> int:
    """Return how many trials :func:`arrange` makes of a number of conditions."""
    return experiment.practice_trials + experiment.trials_per_condition * measured


def design_sha256(trials: tuple[PlannedTrial, ...]) -> str:
    """Return the identity of a design: the SHA-256 of its trials, in hexadecimal.

    Of the text that the first version took: logs hold it, and go on where it is the same.
    """
    rows = [{k: v for k, v in asdict(trial).items() if k != "again"} for trial in trials]
    text = json.dumps(rows, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _balanced(
    count: int, easy: int, rng: np.random.Generator
) -> Iterator[tuple[Sign, Position, bool]]:
    """Return (sign, position, easy) in random order, balanced as :func:`plan` says."""
    trial = np.arange(count)
    # The cycle (+,1) (−,2) (+,2) (−,1): its even starts are balanced in sign and in position.
    sign = np.where(trial % 2, -1, 1) * rng.choice([-1, 1])
    position = np.isin(trial % 4, (1, 2)) ^ rng.choice([False, True])
    return iter(
        [
            (cast(Sign, int(sign[i])), cast(Position, int(position[i]) + 1), bool(i < easy))
            for i in rng.permutation(count)
        ]
    )
