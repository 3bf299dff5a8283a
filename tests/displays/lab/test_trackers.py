"""What is made of ioHub's events, and an ioHub that ends or falls silent, by fakes of it."""

import math
import threading
import time
import types

import pytest
from refusals import refused

from pdpsych.displays import Display
from pdpsych.displays.lab import trackers
from pdpsych.displays.lab.trackers import HubTracker, Sample, middle_of, open_tracker, sample_of

ONE = {"time": 1.5, "gaze_x": 30.0, "gaze_y": -12.0, "status": 0}
TWO = {
    "time": 1.5,
    "left_gaze_x": 10.0,
    "left_gaze_y": 2.0,
    "right_gaze_x": 20.0,
    "right_gaze_y": 4.0,
    "status": 0,
}


@pytest.mark.parametrize(
    ("event", "place"),
    [
        (ONE, (30.0, -12.0)),
        (ONE | {"status": 2, "gaze_x": 0, "gaze_y": 0}, None),
        (ONE | {"gaze_x": math.nan}, None),
        (TWO, (15.0, 3.0)),
        (TWO | {"status": 2, "right_gaze_x": 0, "right_gaze_y": 0}, (10.0, 2.0)),
        (TWO | {"status": 20, "left_gaze_x": 0, "left_gaze_y": 0}, (20.0, 4.0)),
        (TWO | {"status": 22}, None),
        (TWO | {"left_gaze_x": math.nan}, (20.0, 4.0)),
    ],
)
def test_gaze_is_the_middle_of_the_eyes_that_were_found(event, place):
    assert sample_of(event) == Sample(1.5, place)


def test_gaze_is_told_from_the_middle_of_the_window():
    assert sample_of(ONE, 25, -10) == Sample(1.5, (5.0, -2.0))


def test_events_that_are_no_samples_are_passed_over():
    assert sample_of({"time": 1.0, "type": 55, "start_gaze_x": 3.0}) is None


def test_a_window_is_not_in_the_middle_of_its_screen():
    screen = types.SimpleNamespace(x=100, y=0, width=1000, height=800)
    handle = types.SimpleNamespace(
        screen=screen, width=320, height=240, get_location=lambda: (150, 20)
    )
    window = types.SimpleNamespace(winHandle=handle, _isFullScr=False)
    # Its left edge is 50 pixels into the screen, its upper one 20.
    assert middle_of(window) == (50 + 160 - 500, 400 - (20 + 120))
    window._isFullScr = True
    assert middle_of(window) == (0, 0)


class Device:
    """A tracker in ioHub: an event each time it is asked; or it answers no more."""

    def __init__(self):
        self.silent, self.messages, self.recording = threading.Event(), [], []

    def setRecordingState(self, state):
        self.recording.append(state)

    def clearEvents(self):
        pass

    def getEvents(self, asType):
        if self.silent.is_set():
            time.sleep(60)
        return [ONE, {"type": 55}]

    def sendMessage(self, text):
        self.messages.append(text)


class Hub:
    def __init__(self):
        self.device, self.ended, self.closed = Device(), False, []

    def close(self, answers):
        self.closed.append(answers)


@pytest.fixture
def hub():
    return Hub()


@pytest.fixture
def tracker(hub):
    return HubTracker(hub, types.SimpleNamespace(_isFullScr=True, winHandle=None))


def until(true):
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_samples_come_once_and_messages_go(hub, tracker):
    came = []
    until(lambda: came.extend(tracker.samples()) or len(came) > 3)
    assert set(came) == {Sample(1.5, (30.0, -12.0))}
    tracker.tell("pdpsych 1.5 first")
    until(lambda: hub.device.messages)
    assert hub.device.messages == ["pdpsych 1.5 first"]
    tracker.close()
    assert hub.closed == [True]
    assert hub.device.recording == [True]


def test_nothing_waits_for_an_iohub_that_hangs(monkeypatch, hub, tracker):
    monkeypatch.setattr(trackers, "_ANSWER", 0.05)
    hub.device.silent.set()
    time.sleep(0.05)
    tracker.samples()
    begun = time.monotonic()
    assert tracker.samples() == []
    tracker.tell("lost")
    with refused(field="gaze.tracker", problem="was lost: ioHub does not answer"):
        tracker.calibrate()
    tracker.close()
    assert time.monotonic() - begun < 5
    assert hub.closed == [False]


def test_an_iohub_that_ended_ends_the_session_with_a_message(hub, tracker):
    hub.ended = True
    with refused(
        field="gaze.tracker",
        problem="was lost: the process of ioHub ended",
        remedy="the same command",
    ):
        tracker.samples()
    tracker.close()


def test_an_error_of_iohub_does_so_too(monkeypatch, hub, tracker):
    def fail(asType):
        raise OSError("no route")

    monkeypatch.setattr(hub.device, "getEvents", fail)
    until(lambda: tracker._problem)
    with refused(field="gaze.tracker", problem="was lost: no route"):
        tracker.samples()


@pytest.mark.parametrize(
    ("device", "package"),
    [
        ("eyetracker.hw.tobii.EyeTracker", "psychopy-eyetracker-tobii"),
        ("eyetracker.hw.sr_research.eyelink.EyeTracker", "psychopy-eyetracker-sr-research"),
        ("eyetracker.hw.pupil_labs.neon.EyeTracker", "psychopy-eyetracker-pupil-labs"),
    ],
)
def test_a_tracker_whose_package_is_missing_is_refused(monkeypatch, device, package):
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)
    with refused(file="e.yaml", field="gaze.tracker", value=device, remedy=f"install {package}"):
        open_tracker(device, {}, Display(), None, "e.yaml")


KNOWN = {
    "name": "tracker",
    "runtime_settings": {
        "sampling_rate": {"IOHUB_LIST": {"valid_values": [50, 100]}},
        "track_eyes": "RIGHT_EYE",
    },
}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"runtim_settings": {}}, {"field": "gaze.settings", "value": "runtim_settings"}),
        (
            {"runtime_settings": {"rate": 50}},
            {"field": "gaze.settings.runtime_settings", "value": "rate"},
        ),
        (
            {"runtime_settings": {"sampling_rate": 77}},
            {"field": "gaze.settings.runtime_settings.sampling_rate", "value": 77},
        ),
    ],
)
def test_settings_that_iohub_does_not_take_are_refused(settings, told):
    with refused(**told):
        trackers._check_settings(settings, KNOWN, "gaze.settings")
    trackers._check_settings({"runtime_settings": {"sampling_rate": 50}}, KNOWN, "gaze.settings")
