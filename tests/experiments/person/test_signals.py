"""What tells other apparatus of events, by fakes that take what the real ones do, to the byte."""

import os
import sys
import types

import pytest
from refusals import refused

from pdpsych.common.section import validate
from pdpsych.experiments import Experiment
from pdpsych.experiments.person import signals
from pdpsych.experiments.person.signals import ParallelLine, Signals, open_signals, place_of
from pdpsych.experiments.tasks.events import Events

CODES = {"first": 1, "question": 16, "answer": 255}


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Import no PsychoPy into this process, which would change it."""
    moments = iter(range(100))
    monkeypatch.setattr(signals, "_now", lambda: float(next(moments)))


def trial(told):
    told.begin()
    for name in ("fixation", "first", "second", "question", "answer"):
        told.announce(name)
        told.clear()
    return told.sent


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("baud", ["", ":9600"])
def test_a_serial_trigger_is_a_byte_an_event(baud):
    import pty
    import tty

    recorder, computer = pty.openpty()
    tty.setraw(computer)
    told = open_signals(Events(codes=CODES, trigger=f"serial:{os.ttyname(computer)}{baud}"), "e")
    assert trial(told) == {"first": 0.0, "question": 1.0, "answer": 2.0}
    assert trial(told) == {"first": 3.0, "question": 4.0, "answer": 5.0}
    told.close()
    sent = b""
    while len(sent) < 6:
        sent += os.read(recorder, 100)
    assert sent == bytes([1, 16, 255] * 2)
    os.close(recorder)
    os.close(computer)


class Pins:
    def __init__(self):
        self.data = []

    def setData(self, data):
        self.data.append(data)


def test_a_parallel_trigger_is_a_pulse_of_one_frame():
    pins = Pins()
    told = Signals(CODES, [ParallelLine(pins)])
    trial(told)
    told.announce("first")
    told.close()
    assert pins.data == [0, 1, 0, 16, 0, 255, 0, 1, 0]


def test_markers_are_the_names_of_events(monkeypatch):
    pushed, streams = [], []
    module = types.ModuleType("pylsl")
    module.StreamInfo = lambda *stream: streams.append(stream)
    module.StreamOutlet = lambda info: types.SimpleNamespace(push_sample=pushed.append)
    monkeypatch.setitem(sys.modules, "pylsl", module)
    told = open_signals(Events(codes=CODES, lsl="lab"), "e")
    trial(told)
    assert streams == [("lab", "Markers", 1, 0, "string", "pdpsych lab")]
    assert pushed == [["first"], ["question"], ["answer"]]


def test_nothing_is_told_where_nothing_is_asked_for():
    assert trial(open_signals(None, "e")) == {}


def test_a_cable_pulled_out_ends_the_session_with_a_message():
    class Gone:
        def write(self, data):
            raise OSError("no device")

    told = Signals(CODES, [signals.SerialLine(Gone())])
    told.announce("second")
    with refused(field="events", value="first", problem="was lost: no device"):
        told.announce("first")


@pytest.mark.parametrize(
    ("fields", "field", "remedy"),
    [
        ({"trigger": "serial:/dev/nowhere"}, "events.trigger", "plugged in"),
        ({"lsl": "lab"}, "events.lsl", "pip install pylsl"),
    ],
)
def test_what_is_not_there_is_refused(monkeypatch, fields, field, remedy):
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with refused(file="e", field=field, remedy=remedy):
        open_signals(Events(codes=CODES, **fields), "e")


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ({"codes": {"first": 1}}, {"field": "events.codes", "remedy": "photodiode: {}"}),
        ({"codes": {"frist": 1}, "lsl": "x"}, {"field": "events.codes", "allowed": "first"}),
        ({"codes": {"reference": 1}, "lsl": "x"}, {"value": "reference"}),
        ({"codes": {"first": 256}, "lsl": "x"}, {"field": "events.codes.first", "value": 256}),
        ({"codes": {"first": 1}, "trigger": "usb"}, {"field": "events.trigger"}),
    ],
)
def test_events_are_those_of_the_trial_and_somebody_is_told(events, told):
    data = {"stimulus_set": "set", "display": {}, "events": events}
    with refused(file="early.yaml", **told):
        validate(data, Experiment, "early.yaml")
    data |= {"reference": True, "events": {"codes": {"reference": 1, "answer": 2}, "lsl": "x"}}
    assert validate(data, Experiment, "early.yaml").events.codes == {"reference": 1, "answer": 2}


@pytest.mark.parametrize(
    ("corner", "place"),
    [("lower left", (-150.5, -110)), ("upper right", (150.5, 110)), ("upper left", (-150.5, 110))],
)
def test_the_square_is_in_its_corner_on_whole_pixels(corner, place):
    assert place_of(corner, 20, (321, 240)) == place
