"""A series of luminance readings: which levels, in which order, taken one after the other."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from pdpsych.displays.measurements import Channel, Reading

# The planes of a colour image that make up a channel.
CHANNEL_PLANES: dict[Channel, list[int]] = {
    "grey": [0, 1, 2],
    "red": [0],
    "green": [1],
    "blue": [2],
}
# White is read again after so many readings.
_REFERENCE_EVERY = 20
_FAR = 0.1


class Paused(Exception):
    """Somebody interrupts a reading."""


class MeasurementStopped(Exception):
    """Somebody ends a series before its last reading; what was read is kept.

    Examples
    --------
    >>> from pdpsych.displays import MeasurementStopped
    >>> str(MeasurementStopped("stopped after 3 of 20 readings"))
    'stopped after 3 of 20 readings'
    """


class PlannedReading(NamedTuple):
    """A level of a channel to be read; ``reference`` where it is there to find drift."""

    channel: Channel
    level: int
    reference: bool = False


# A planned reading, or the channel of one whose level is chosen when its turn comes.
Step = PlannedReading | Channel


class Instrument(Protocol):
    """Reads the luminance of what is shown now."""

    name: str

    def read(self) -> float:
        """Return a luminance in cd/m², at least 0, when the display has settled."""
        ...


class Target(Protocol):
    """What shows a level to an instrument, and talks to whoever sits before it."""

    caption: str

    def show(self, step: PlannedReading) -> None:
        """Show a level of a channel."""
        ...

    def pause(self, done: int, total: int) -> None:
        """Return to go on; raise :class:`MeasurementStopped` to end."""
        ...


def plan_readings(
    levels: Sequence[int],
    channels: Sequence[Channel],
    repeats: int,
    top: int,
    seed: int,
    adaptive: bool = False,
) -> tuple[Step, ...]:
    """Return a series: every level of every channel once a pass, each pass in a new order.

    White is read first, last and after every 20 readings besides. Where the series is adaptive,
    passes after the first have as many readings of each channel, without a level.
    """
    rng = np.random.default_rng(seed)
    every = [PlannedReading(channel, level) for channel in channels for level in levels]
    white = PlannedReading("grey", top, reference=True)
    passes = [[every[i] for i in rng.permutation(len(every))] for _ in range(repeats)]
    steps: list[Step] = [*passes[0]]
    for later in passes[1:]:
        steps += [step.channel for step in later] if adaptive else later
    planned: list[Step] = [white]
    for start in range(0, len(steps), _REFERENCE_EVERY):
        planned += [*steps[start : start + _REFERENCE_EVERY], white]
    return tuple(planned)


def take_readings(
    steps: Sequence[Step],
    target: Target,
    instrument: Instrument,
    readings: Sequence[Reading],
    keep: Callable[[Reading], None],
    choose: Callable[[Sequence[Reading], Channel], int] | None = None,
) -> None:
    """Take the readings of a series that are missing, and keep each as soon as it is taken.

    Parameters
    ----------
    readings
        Of the first steps, taken already.
    keep
        Saves a reading. One that is :func:`out_of_order` is taken again, and the second counts.
    choose
        Returns the level of a step that has none, from all readings so far and its channel.

    Raises
    ------
    MeasurementStopped
        If somebody ends the series.
    """
    total, taken = len(steps), list(readings)
    for order, due in list(enumerate(steps, start=1))[len(taken) :]:
        if isinstance(due, PlannedReading):
            step = due
        else:
            assert choose is not None
            step = PlannedReading(due, choose(taken, due))
        while True:
            target.caption = f"reading {order} of {total}"
            try:
                target.show(step)
                luminance = instrument.read()
                if out_of_order(step, luminance, taken):
                    target.caption += f", once more ({luminance:g} does not fit those before)"
                    luminance = instrument.read()
                break
            except Paused:
                target.pause(order - 1, total)
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        taken.append(
            Reading(order, now, step.channel, step.level, float(f"{luminance:.6g}")),
        )
        keep(taken[-1])


def out_of_order(step: PlannedReading, luminance: float, readings: Sequence[Reading]) -> bool:
    """Return whether a lower level of the channel was far brighter, or a higher one far darker.

    Far is 10 % and 0.1 cd/m²: a slip in typing, or something in the light's way.
    """
    own = [r for r in readings if r.channel == step.channel]
    below = max((r.luminance for r in own if r.level <= step.level), default=0.0)
    above = min((r.luminance for r in own if r.level >= step.level), default=math.inf)
    return luminance < (1 - _FAR) * below - _FAR or luminance > (1 + _FAR) * above + _FAR


def drift(steps: Sequence[Step], readings: Sequence[Reading]) -> float:
    """Return the largest departure of the white readings from their mean, as a share of it."""
    white = np.array(
        [
            r.luminance
            for step, r in zip(steps, readings, strict=True)
            if isinstance(step, PlannedReading) and step.reference
        ]
    )
    return float(np.max(np.abs(white / white.mean() - 1))) if white.any() else 0.0
