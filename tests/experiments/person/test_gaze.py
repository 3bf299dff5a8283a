"""Sessions in which gaze is watched: in a real window, by a tracker of the tests and by ioHub's.

The tests' own tracker says exactly where gaze was at each time (see watched.py); PsychoPy's ioHub
takes the mouse for gaze, which is moved on the virtual screen.
"""

import json
import signal
import sys
import threading
import time

import numpy as np
import psutil
import pytest
from sitting import QUESTION, SIZE, TIMING, answering, command, log_of, notes, records

from pdpsych.experiments import read_log

if sys.platform != "linux":
    pytest.skip("keys are pressed through X", allow_module_level=True)

# 20 pixels a degree.
DISPLAY = {**SIZE, "width_cm": 16.05, "distance_cm": 57.295}
FEW = {"display": DISPLAY, "pairs": ["principal"]}
RULE = {"tracker": "mouse", "radius_deg": 2, "fixate_ms": 100, "lost_ms": 20, "patience_s": 1}
AWAY = (100, 0)
EXPERIMENTER = "For the experimenter"


@pytest.fixture
def sit(person, short, tmp_path):
    """Return a function that sits with a tracker of the tests through a session.

    ``look`` says where gaze is from a moment on, None where it stays.
    """

    def session(look=lambda moment: None, press=lambda moment: None, rule=RULE, **fields):
        path = short(**{**FEW, "gaze": rule, **fields})
        person.gaze = (0, 0)

        def also(moment):
            place = look(moment)
            if place is None and moment.phase.startswith("look at"):
                place = tuple(map(int, moment.phase.split()[2:]))
            person.gaze = person.gaze if place is None else None if place == "lost" else place
            key = press(moment)
            if key:
                person.press_in_time(key)
            return key or (moment.phase and moment.phase != "feedback")

        file = tmp_path / "messages.json"
        sitting = person.sit(
            *command(path), react=answering(person, also=also), vsync=60, tracker=str(file)
        )
        told = json.loads(file.read_text()) if file.exists() else []
        return path, sitting, [message.split(maxsplit=2)[2] for message in told]

    return session


class Once:
    """Looks away in a phase of a presentation, counted from 1, and back after it."""

    def __init__(self, **away):
        self._away, self._seen = away, {}

    def __call__(self, moment):
        count = self._seen[moment.phase] = self._seen.get(moment.phase, 0) + 1
        if moment.phase.startswith("look at"):
            return None
        number, place = self._away.get(moment.phase, (0, None))
        return place if count == number else (0, 0)


def test_a_trial_in_which_fixation_breaks_is_set_aside_and_comes_again(sit):
    path, sitting, told = sit(Once(first=(1, AWAY), second=(2, "lost"), fixation=(4, AWAY)))
    assert sitting.status == 0, sitting.said
    log = read_log(log_of(path))
    asides = [note for note in notes(path) if note["record"] == "set-aside"]
    assert [(one["reason"], one["phase"]) for one in asides] == [
        ("gaze", "first"),
        ("lost", "second"),
    ]
    assert asides[0]["gaze"]["largest_deg"] == pytest.approx(5, abs=1e-3)
    assert asides[1]["gaze"]["lost_s"] >= 0.02
    assert log.complete
    assert sorted(log.trials["again"].fillna("").tolist()) == ["", "", "gaze", "lost"]
    assert log.trials["gaze_largest"].tolist() == [0] * 4
    assert (log.trials["gaze_lost"] <= 0.02).all()
    assert log.broken == 2
    assert "set aside and shown again later: 2, 2 of them because fixation was broken" in str(
        sitting.said
    )
    # Gaze that left before an image was shown costs nothing but a new fixation.
    whole = ["fixation", "first", "blank", "second", "question", "answer"]
    assert told.count("fixation") == 7
    assert told.count("answer") == 4
    assert told[-7:] == ["trial 4", *whole]
    assert told.count("set aside") == 2
    reminded = [one for one in sitting.moments if one.text == "Look at the mark in the middle."]
    assert [one.phase for one in reminded] == ["feedback"] * 2


def test_the_answer_to_a_trial_does_not_hide_what_came_late(sit):
    """The last samples of a trial come when its question is there already."""
    calls = []

    def look(moment):
        if moment.phase == "second":
            calls.append(moment)
        if moment.phase.startswith("look at"):
            return None
        return AWAY if moment.phase == "second" and len(calls) == 1 else (0, 0)

    # One frame of an image: it is over at the next flip, which is that of the question.
    path, sitting, _ = sit(look, timing={**TIMING, "image": 16})
    assert sitting.status == 0, sitting.said
    (aside,) = (note for note in notes(path) if note["record"] == "set-aside")
    assert (aside["reason"], aside["phase"]) == ("gaze", "second")
    assert len(records(path)) == 4


def test_a_validation_that_fails_offers_to_calibrate(sit):
    off = {"by": 60}

    def look(moment):
        if moment.phase == "calibration":
            off["by"] = 10
        if moment.phase.startswith("look at"):
            x, y = map(int, moment.phase.split()[2:])
            return (x + off["by"], y)
        return (0, 0)

    path, sitting, _ = sit(look, lambda moment: "space" if EXPERIMENTER in moment.text else None)
    assert sitting.status == 0, sitting.said
    checks = [note for note in notes(path) if note["record"] == "gaze-check"]
    assert [(one["passed"], one["calibrated"]) for one in checks] == [(False, False), (True, True)]
    assert [one["mean_deg"] for one in checks] == pytest.approx([3.0, 0.5], abs=0.01)
    assert checks[0]["limit_deg"] == 1
    assert [(p["x_deg"], p["y_deg"]) for p in checks[0]["points"]][:2] == [(0, 0), (-4, 3)]
    pages = [moment.text for moment in sitting.moments if EXPERIMENTER in moment.text]
    assert len(pages) == 1
    assert "3.00 degrees off on average; 1 are allowed" in pages[0]
    assert checks[0]["answered"] == 0


def test_no_eye_at_a_point_fails_and_escape_stops_the_session(sit):
    def look(moment):
        return "lost" if moment.phase.startswith("look at -") else None

    def press(moment):
        return "escape" if EXPERIMENTER in moment.text or "Stop for now" in moment.text else None

    path, sitting, _ = sit(look, press)
    assert sitting.status == 0
    assert "stopped after 0 of 4 trials" in sitting.said
    kinds = {note["record"]: note for note in notes(path)}
    assert "stopped" in kinds
    check = kinds["gaze-check"]
    assert check["mean_deg"] is None
    assert [point["error_deg"] is None for point in check["points"]] == [
        False, True, False, False, True
    ]  # fmt: skip
    assert any("found at 2 of 5 points" in moment.text for moment in sitting.moments)


def test_breaks_and_pauses_end_with_a_validation_and_patience_with_a_page(sit):
    seen = []

    def look(moment):
        if moment.trial == 2 and not moment.phase and moment.text == "" and not seen:
            return AWAY
        return None if moment.phase.startswith("look at") else (0, 0)

    def press(moment):
        if EXPERIMENTER in moment.text:
            seen.append(moment.text)
            return "space"
        return None

    path, sitting, _ = sit(look, press, break_every=2)
    assert sitting.status == 0, sitting.said
    assert len(seen) == 1
    assert "not at the mark for 1 s" in seen[0]
    checks = [note for note in notes(path) if note["record"] == "gaze-check"]
    assert [one["answered"] for one in checks] == [0, 1, 2]
    assert all(one["passed"] for one in checks)
    assert not read_log(log_of(path)).broken


def test_escape_works_while_fixation_is_waited_for(sit):
    waits, pauses = [], []

    def look(moment):
        if moment.trial == 1 and not moment.text and not moment.phase:
            waits.append(moment)
            return AWAY
        return None

    def press(moment):
        if waits and not moment.phase and not moment.text:
            return "escape"
        if "Interrupted" in moment.text:
            pauses.append(moment)
            # A pause is no part of the wait.
            time.sleep(1.2 * (len(pauses) == 1))
            return "space" if len(pauses) == 1 else "escape"
        return "escape" if "Stop for now" in moment.text else None

    path, sitting, _ = sit(look, press)
    assert sitting.status == 0
    assert len(pauses) == 2
    assert not any(EXPERIMENTER in moment.text for moment in sitting.moments)
    assert "stopped after 0 of 4 trials" in sitting.said
    assert not records(path)


def children(program):
    return [one for one in psutil.process_iter(["cmdline"]) if program in str(one.info["cmdline"])]


def hubs():
    return {one.pid for one in children("start_iohub_process.py")}


def test_iohub_takes_the_mouse_for_gaze(person, short):
    """The real ioHub, its process, and its mouse: from a calibration to an eye that is lost."""
    before = hubs()
    quick = {"type": "THREE_POINTS", "target_duration": 0.25, "target_delay": 0.25}
    settings = {"runtime_settings": {"sampling_rate": 100}, "calibration": quick}
    rule = {**RULE, "settings": settings, "lost_ms": 100}
    path = short(**FEW, gaze=rule)
    counts, running, calibrated = {}, [], threading.Event()

    def calibrate():
        """Go through the pages of PsychoPy's calibration, of which nobody tells."""
        while not calibrated.wait(0.5):
            person.press("space")

    def also(moment):
        running.append(hubs() - before)
        count = counts[moment.phase] = counts.get(moment.phase, 0) + 1
        if EXPERIMENTER in moment.text:
            person.press("space")
            threading.Thread(target=calibrate, daemon=True).start()
            return True
        if moment.phase.startswith("look at"):
            if sum(n for phase, n in counts.items() if phase.startswith("look at")) > 5:
                calibrated.set()
            person.look(*map(int, moment.phase.split()[2:]))
            person.close_eyes(not calibrated.is_set())
        elif moment.phase == "first" and count == 1:
            person.look(*AWAY)
        elif moment.phase == "second" and count == 2:
            person.close_eyes(True)
        elif not moment.text and not moment.phase:
            person.close_eyes(False)
            person.look(4, -3)
        return bool(moment.phase) and moment.phase != "feedback"

    sitting = person.sit(*command(path), react=answering(person, also=also), vsync=60)
    assert sitting.status == 0, sitting.said
    assert "ioHub" not in sitting.said
    assert max(map(len, running)) == 1
    assert hubs() == before
    log = read_log(log_of(path))
    assert log.header.system["tracker"] == "eyetracker.hw.mouse.EyeTracker"
    assert log.header.config["gaze"]["settings"] == rule["settings"]
    asides = [note["reason"] for note in notes(path) if note["record"] == "set-aside"]
    assert asides == ["gaze", "lost"]
    blind, check = (note for note in notes(path) if note["record"] == "gaze-check")
    assert (blind["mean_deg"], blind["passed"]) == (None, False)
    assert (check["calibrated"], check["passed"]) == (True, True)
    assert check["mean_deg"] < 0.1
    rows = log.trials[["gaze_x", "gaze_y", "gaze_largest"]]
    assert rows.to_numpy() == pytest.approx(np.tile([0.2, -0.15, 0.25], (4, 1)), abs=0.03)


@pytest.mark.parametrize(("end", "status"), [("escape", 0), ("interrupt", 130), ("kill", -9)])
def test_no_process_of_iohub_is_left(person, short, end, status):
    before = hubs()

    def also(moment):
        if moment.phase.startswith("look at"):
            assert len(hubs() - before) == 1
            if end != "escape":
                person.kill(signal.SIGKILL if end == "kill" else signal.SIGINT)
            else:
                person.press_in_time("escape")
            return True
        if "Interrupted" in moment.text or "Stop for now" in moment.text:
            person.press("escape")
            return True
        return False

    sitting = person.sit(*command(short(**FEW, gaze=RULE)), react=answering(person, also=also))
    assert sitting.status == status, sitting.said
    assert "Traceback" not in sitting.said
    _, left = psutil.wait_procs([psutil.Process(one) for one in hubs() - before], timeout=20)
    assert not left


def test_a_tracker_that_is_not_there_is_refused_before_the_session(person, short):
    for tracker, package in (("tobii", "tobii"), ("eyelink", "sr-research")):
        path = short(**FEW, gaze={**RULE, "tracker": tracker})
        sitting = person.sit(*command(path), react=lambda moment: None)
        assert sitting.status == 2
        assert f"pip install psychopy-eyetracker-{package}" in sitting.said
        assert not sitting.moments or QUESTION not in sitting.moments[-1].text
