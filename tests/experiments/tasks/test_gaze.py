import pytest
from refusals import refused

from pdpsych.common.section import validate
from pdpsych.displays import Display
from pdpsych.experiments import Experiment

BASE = {"stimulus_set": "set", "display": {}}


@pytest.mark.parametrize(
    ("gaze", "told"),
    [
        ({}, {"field": "gaze.tracker"}),
        ({"tracker": "eyelin"}, {"field": "gaze.tracker", "allowed": "eyelink"}),
        ({"tracker": "mouse", "radius_deg": 0}, {"field": "gaze.radius_deg"}),
        ({"tracker": "mouse", "fixate_ms": 0.3}, {"field": "gaze.fixate_ms", "remedy": "300"}),
        ({"tracker": "mouse", "lost_ms": 5}, {"field": "gaze.lost_ms"}),
        ({"tracker": "mouse", "radius": 2}, {"field": "gaze.radius", "allowed": "radius_deg"}),
    ],
)
def test_a_wrong_section_is_refused(gaze, told):
    with refused(file="e.yaml", **told):
        validate(BASE | {"gaze": gaze}, Experiment, "e.yaml")


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("eyelink", "eyetracker.hw.sr_research.eyelink.EyeTracker"),
        ("eyetracker.hw.eyelogic.EyeTracker", "eyetracker.hw.eyelogic.EyeTracker"),
    ],
)
def test_trackers_are_named_shortly_or_by_their_class(name, device):
    experiment = validate(BASE | {"gaze": {"tracker": name}}, Experiment, "e.yaml")
    assert experiment.gaze.device == device


def test_degrees_need_a_display_whose_size_is_known():
    experiment = validate(BASE | {"gaze": {"tracker": "mouse"}}, Experiment, "e.yaml")
    with refused(field="gaze.radius_deg", value=2.0, remedy="distance_cm"):
        experiment.check_display(Display())
    experiment.check_display(Display(width_px=1920, width_cm=53, distance_cm=57))


def test_sessions_without_it_are_recorded_as_before():
    plain = validate(BASE, Experiment, "e.yaml")
    assert "gaze" not in plain.resolved(Display())
    assert "look" not in plain.resolved(Display())["instructions"]
    watched = validate(BASE | {"gaze": {"tracker": "mouse"}}, Experiment, "e.yaml")
    assert watched.resolved(Display())["gaze"]["radius_deg"] == 2.0
    assert watched.resolved(Display())["instructions"]["look"]
