from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pdpsych.displays.measurements import Reading
from pdpsych.displays.measuring.readings import (
    MeasurementStopped,
    Paused,
    PlannedReading,
    drift,
    out_of_order,
    plan_readings,
    take_readings,
)

LEVELS = (0, 64, 128, 192, 255)


class Display:
    """Shows steps; its light is proportional to the level."""

    def __init__(self, stop: bool = False) -> None:
        self.caption = ""
        self.shown: list[PlannedReading] = []
        self.pauses: list[tuple[int, int]] = []
        self.stop = stop

    def show(self, step: PlannedReading) -> None:
        self.shown.append(step)

    def pause(self, done: int, total: int) -> None:
        self.pauses.append((done, total))
        if self.stop:
            raise MeasurementStopped("stopped")


class Meter:
    """Reads a display; ``odd`` has what happens instead, by the number of the read."""

    name = "meter"

    def __init__(self, display: Display, odd: dict[int, float | None] | None = None) -> None:
        self.display, self.odd = display, odd or {}
        self.reads = 0
        self.captions: list[str] = []

    def read(self) -> float:
        self.reads += 1
        self.captions.append(self.display.caption)
        value = self.odd.get(self.reads, self.display.shown[-1].level / 2.55)
        if value is None:
            raise Paused
        return value


def readings_of(steps: tuple[PlannedReading, ...], luminances: list[float]) -> list[Reading]:
    return [
        Reading(i, "", step.channel, step.level, luminance)
        for i, (step, luminance) in enumerate(zip(steps, luminances, strict=True), start=1)
    ]


def test_every_level_of_every_channel_once_a_pass_in_new_orders():
    steps = plan_readings(LEVELS, ("grey", "red"), 3, 255, seed=1)
    measured = [step for step in steps if not step.reference]
    passes = [measured[i : i + 10] for i in (0, 10, 20)]
    assert all(Counter(p) == Counter(passes[0]) for p in passes)
    assert {(s.channel, s.level) for s in passes[0]} == {
        (c, x) for c in ("grey", "red") for x in LEVELS
    }
    assert passes[0] != passes[1] != passes[2]
    assert steps == plan_readings(LEVELS, ("grey", "red"), 3, 255, seed=1)
    assert steps != plan_readings(LEVELS, ("grey", "red"), 3, 255, seed=2)


def test_an_adaptive_series_leaves_levels_open_after_its_first_pass():
    steps = plan_readings(LEVELS, ("grey", "red"), 3, 255, seed=1, adaptive=True)
    fixed = plan_readings(LEVELS, ("grey", "red"), 3, 255, seed=1)
    assert steps[:11] == fixed[:11]
    assert len(steps) == len(fixed)
    later = [step for step in steps[11:] if not isinstance(step, PlannedReading)]
    assert Counter(later) == {"grey": 10, "red": 10}
    assert [s for s in steps if s in ("grey", "red")] == later


def test_an_open_level_is_chosen_from_all_readings_before():
    display, kept, asked = Display(), list[Reading](), list[tuple[int, str]]()

    def choose(readings, channel):
        asked.append((len(readings), channel))
        return 100 + len(readings)

    steps = plan_readings(LEVELS, ("grey",), 2, 255, seed=0, adaptive=True)
    take_readings(steps, display, Meter(display), (), kept.append, choose)
    assert asked == [(i, "grey") for i in range(6, 11)]
    assert [r.level for r in kept[6:11]] == [106, 107, 108, 109, 110]
    assert drift(steps, kept) == 0


@pytest.mark.parametrize("repeats", [1, 4, 9])
def test_white_comes_first_last_and_never_rarer_than_every_twenty(repeats):
    steps = plan_readings(LEVELS, ("grey",), repeats, 255, seed=0)
    where = np.flatnonzero([step.reference for step in steps])
    assert where[0] == 0
    assert where[-1] == len(steps) - 1
    assert np.diff(where).max() <= 21
    assert {steps[i][:2] for i in where} == {("grey", 255)}


def test_each_reading_is_kept_before_the_next_is_shown():
    steps = plan_readings(LEVELS, ("grey",), 1, 255, seed=0)
    display = Display()
    kept: list[Reading] = []

    def keep(reading: Reading) -> None:
        kept.append(reading)
        assert len(display.shown) == len(kept)

    take_readings(steps, display, Meter(display), (), keep)
    assert [(r.channel, r.level) for r in kept] == [step[:2] for step in steps]
    assert [r.order for r in kept] == list(range(1, 8))
    assert [r.luminance for r in kept] == pytest.approx([s.level / 2.55 for s in steps], rel=1e-5)
    assert all(len(r.time) == len("2026-01-01T00:00:00+00:00") for r in kept)


def test_a_series_goes_on_after_the_readings_that_are_there():
    steps = plan_readings(LEVELS, ("grey",), 2, 255, seed=0)
    display = Display()
    kept: list[Reading] = []
    there = readings_of(steps[:4], [s.level / 2.55 for s in steps[:4]])
    take_readings(steps, display, Meter(display), there, kept.append)
    assert [r.order for r in kept] == list(range(5, len(steps) + 1))
    assert display.shown == list(steps[4:])


def test_an_interrupted_reading_is_taken_anew_or_the_series_ends():
    steps = plan_readings(LEVELS, ("grey",), 1, 255, seed=0)
    kept: list[Reading] = []
    display = Display()
    take_readings(steps, display, Meter(display, {3: None}), (), kept.append)
    assert display.pauses == [(2, 7)]
    assert display.shown == [*steps[:3], *steps[2:]]
    assert len(kept) == 7
    display, kept = Display(stop=True), []
    with pytest.raises(MeasurementStopped):
        take_readings(steps, display, Meter(display, {3: None}), (), kept.append)
    assert len(kept) == 2


def test_what_does_not_fit_is_asked_for_once_more():
    steps = plan_readings(LEVELS, ("grey",), 1, 255, seed=0)
    display, kept = Display(), list[Reading]()
    meter = Meter(display, {2: 900.0})
    take_readings(steps, display, meter, (), kept.append)
    assert meter.captions[1:3] == [
        "reading 2 of 7",
        "reading 2 of 7, once more (900 does not fit those before)",
    ]
    assert [r.luminance for r in kept] == pytest.approx([s.level / 2.55 for s in steps], rel=1e-5)


@pytest.mark.parametrize(
    ("luminance", "odd"), [(10.0, False), (20.0, False), (8.8, True), (8.95, False), (22.2, True)]
)
def test_out_of_order_is_far_outside_the_levels_around(luminance, odd):
    readings = [Reading(1, "", "grey", 50, 10.0), Reading(2, "", "grey", 150, 20.0)]
    assert out_of_order(PlannedReading("grey", 100), luminance, readings) == odd
    assert not out_of_order(PlannedReading("red", 100), luminance, readings)


def test_drift_is_the_largest_departure_of_white_alone():
    steps = (
        PlannedReading("grey", 255, True),
        PlannedReading("grey", 0),
        PlannedReading("grey", 255),
        PlannedReading("grey", 255, True),
    )
    assert drift(steps, readings_of(steps, [100.0, 0.0, 50.0, 100.0])) == 0
    assert drift(steps, readings_of(steps, [98.0, 0.0, 50.0, 102.0])) == pytest.approx(0.02)
