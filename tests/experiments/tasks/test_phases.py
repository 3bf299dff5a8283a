import numpy as np
import pytest
from pydantic import ValidationError

from pdpsych.displays.rendering import Shown
from pdpsych.experiments.tasks.phases import Timing
from pdpsych.experiments.tasks.registry import TASKS

DISTORTED, PLAIN, REFERENCE = (np.full((1, 2, 2), level, np.uint16) for level in (1, 2, 3))
SHOWN = Shown(DISTORTED, PLAIN, 0.0, 0.0, 0.0)
TIMING = Timing(gap=1, fixation=2, reference=3, image=4, blank=5)


def shown(task: str, position: int, reference: bool):
    """Return name, duration, mark and the levels by place of each phase."""
    planned = TASKS[task].phases(TIMING, position, SHOWN, REFERENCE if reference else None)
    return [
        (p.name, p.milliseconds, p.mark, {k: int(v[0, 0, 0]) for k, v in p.images.items()})
        for p in planned
    ]


@pytest.mark.parametrize("name", Timing.model_fields)
def test_seconds_are_noticed(name):
    with pytest.raises(ValidationError, match=r"in ms, got 0.25; did you mean 250\?"):
        Timing(**{name: 0.25})
    assert getattr(Timing(**{name: 1}), name) == 1


BEFORE = [("gap", 1, False, {}), ("fixation", 2, True, {})]
FIRST_REFERENCE = [("reference", 3, False, {"centre": 3}), ("reference_blank", 5, True, {})]


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize(("position", "first", "second"), [(1, 1, 2), (2, 2, 1)])
def test_two_intervals_follow_each_other(position, first, second, reference):
    assert shown("two-interval", position, reference) == [
        *BEFORE,
        *(FIRST_REFERENCE if reference else []),
        ("first", 4, False, {"centre": first}),
        ("blank", 5, True, {}),
        ("second", 4, False, {"centre": second}),
    ]


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize(("position", "left", "right"), [(1, 1, 2), (2, 2, 1)])
def test_two_sides_are_shown_at_once_with_the_mark_between(position, left, right, reference):
    assert shown("spatial", position, reference) == [
        *BEFORE,
        *(FIRST_REFERENCE if reference else []),
        ("images", 4, True, {"left": left, "right": right}),
    ]
