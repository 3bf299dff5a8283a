"""The design of a session: which trial shows what, fixed before the first answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple, cast

import numpy as np

from pdpsych.experiments.experiment import Experiment
from pdpsych.stimuli.stimulus_set import StimulusSet

Sign = Literal[1, -1]
Interval = Literal[1, 2]


class Condition(NamedTuple):
    """One distortion of one image: what has a threshold."""

    image: str
    pair: str
    distortion: int


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
    interval
        The one that holds the distorted image.
    easy
        Whether the amplitude is clearly visible.
    practice
        Whether the trial only teaches the task.
    """

    number: int
    condition: Condition
    sign: Sign
    interval: Interval
    easy: bool
    practice: bool = False


def conditions(experiment: Experiment, opened: StimulusSet) -> tuple[Condition, ...]:
    """Return the conditions of an experiment in the order of its stimulus set."""
    return tuple(
        Condition(image, pair, number)
        for image in experiment.images or opened.images
        for pair in opened.pairs(image)
        if experiment.pairs is None or pair in experiment.pairs
        for number in (1, 2)
    )


def plan(
    experiment: Experiment, opened: StimulusSet, participant: str, session: str
) -> tuple[PlannedTrial, ...]:
    """Return the trials of a session; the same arguments give the same trials anywhere.

    Practice comes first. Then each pass shows every condition once, in a new order. Within a
    condition signs and intervals are balanced to one trial, and so are they in its easy trials.
    """
    rng = np.random.default_rng(seed_of(experiment.seed, participant, session, "design"))
    return arrange(conditions(experiment, opened), experiment, rng)


def arrange(
    measured: Sequence[Condition], experiment: Experiment, rng: np.random.Generator
) -> tuple[PlannedTrial, ...]:
    """Return the trials of a session that measures given conditions, as :func:`plan` does."""
    count, practice = experiment.trials_per_condition, experiment.practice_trials
    rehearsal = _balanced(practice, practice, rng)
    columns = {c: _balanced(count, round(experiment.easy_share * count), rng) for c in measured}
    passes = [rng.permutation(len(measured)) for _ in range(count)]
    order = [(measured[i % len(measured)], True) for i in rng.permutation(practice)]
    order += [(measured[i], False) for i in np.concatenate(passes)]
    return tuple(
        PlannedTrial(number, c, *next(rehearsal if rehearsed else columns[c]), rehearsed)
        for number, (c, rehearsed) in enumerate(order, start=1)
    )


def digest(trials: tuple[PlannedTrial, ...]) -> str:
    """Return the identity of a design: the SHA-256 of its trials, in hexadecimal."""
    text = json.dumps([asdict(trial) for trial in trials], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def seed_of(*parts: str | int) -> int:
    """Return a seed that depends on all parts, the same on every machine; below 2⁵³.

    JSON readers that keep numbers as doubles read it exactly.
    """
    text = json.dumps(parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11


def _balanced(
    count: int, easy: int, rng: np.random.Generator
) -> Iterator[tuple[Sign, Interval, bool]]:
    """Return (sign, interval, easy) in random order, balanced as :func:`plan` says."""
    trial = np.arange(count)
    # The cycle (+,1) (−,2) (+,2) (−,1): its even starts are balanced in sign and in interval.
    sign = np.where(trial % 2, -1, 1) * rng.choice([-1, 1])
    interval = np.isin(trial % 4, (1, 2)) ^ rng.choice([False, True])
    return iter(
        [
            (cast(Sign, int(sign[i])), cast(Interval, int(interval[i]) + 1), bool(i < easy))
            for i in rng.permutation(count)
        ]
    )
