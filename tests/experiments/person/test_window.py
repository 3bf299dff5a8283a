"""Sessions of a person: a real window, real key events, frames read back from the screen.

The person is this process, the program another; see person.py and watched.py.
"""

import hashlib
import json
import os
import pty
import subprocess
import sys
import threading
import time
import tty

import numpy as np
import pytest
import yaml

from pdpsych.common.section import dump
from pdpsych.displays import Display, show
from pdpsych.displays.rendering import quantize
from pdpsych.experiments import read_log, run
from pdpsych.experiments.logs.timing import TrialTiming, summarize

if sys.platform != "linux":
    pytest.skip("keys are pressed through X", allow_module_level=True)

from model_world import finite_set
from observers import LGN
from person import ARRIVAL
from screens import virtual_screen
from sitting import QUESTION, SIZE, TIMING, answering, command, log_of, notes, records

SEPARATION = 20


def placed(screen, frame, left):
    _, height, width = frame.shape
    top = (screen.shape[0] - height) // 2
    screen[top : top + height, left : left + width] = frame.transpose(1, 2, 0)


def expected_screens(trial, experiment, opened):
    """Return the screens of a trial by phase, (height, width, 3), by the pipeline alone."""
    display = Display(**experiment["display"])
    rng = np.random.default_rng(trial["dither_seed"])
    shown = show(
        opened[trial["image"]].base,
        opened[trial["image"]][trial["pair"]].distortion(trial["distortion"]),
        trial["sign"] * trial["amplitude"],
        display,
        "srgb",
        rng,
    )
    reference = quantize(opened[trial["image"]].base, display, "srgb", rng)
    frames = [shown.distorted, shown.reference]
    if trial["position"] == 2:
        frames.reverse()
    bases = opened[trial["image"]].base
    luminance = np.mean(np.where(bases > 0.04045, ((bases + 0.055) / 1.055) ** 2.4, bases / 12.92))
    level = np.where(luminance > 0.0031308, 1.055 * luminance ** (1 / 2.4) - 0.055, 0) * 255
    blank = np.full((display.height_px, display.width_px, 3), np.round(level))
    width = frames[0].shape[-1]
    middle = (display.width_px - width + 1) // 2
    screens = {name: blank.copy() for name in ("first", "second", "reference")}
    placed(screens["first"], frames[0], middle)
    placed(screens["second"], frames[1], middle)
    placed(screens["reference"], reference, middle)
    screens["images"] = blank.copy()
    apart = (width + SEPARATION) // 2
    placed(screens["images"], frames[0], middle - apart)
    placed(screens["images"], frames[1], middle + apart)
    return screens


def without_mark(screen):
    """Return a screen without the middle, where the fixation mark is between two images."""
    kept = screen.astype(float)
    height, width = screen.shape[0] // 2, screen.shape[1] // 2
    kept[height - 7 : height + 8, width - 7 : width + 8] = np.nan
    return kept


@pytest.mark.parametrize("colours", ["small_set", "colour_set"])
@pytest.mark.parametrize("task", ["two-interval", "spatial"])
def test_every_pixel_is_the_pipelines_level(person, short, request, tmp_path, colours, task):
    opened = request.getfixturevalue(colours)
    path = short(
        stimulus_set=str(opened.path),
        task=task,
        reference=colours == "colour_set",
        separation_px=SEPARATION,
        pairs=["principal"],
        trials_per_condition=4,
    )
    pixels = tmp_path / "pixels.npz"
    sitting = person.sit(*command(path), react=answering(person), pixels=str(pixels))
    assert sitting.status == 0, sitting.said
    with np.load(pixels) as arrays:
        seen, shown = arrays["seen"], arrays["shown"]
    trials = records(path)
    header = json.loads(log_of(path).read_text().splitlines()[0])
    assert len(trials) == 8
    assert {(t["position"], t["sign"]) for t in trials} == {(1, 1), (1, -1), (2, 1), (2, -1)}
    names = ["first", "second"] if task == "two-interval" else ["images"]
    names += ["reference"] if colours == "colour_set" else []
    # three frames of 1/60 s each
    assert len(seen) == len(trials) * len(names) * 3
    for trial in trials:
        screens = expected_screens(trial, header["config"], opened)
        for name in names:
            mine = (shown == (str(trial["trial"]), name)).all(axis=1)
            assert mine.sum() == 3
            for screen in seen[mine]:
                if name == "images":
                    screens[name], screen = without_mark(screens[name]), without_mark(screen)
                np.testing.assert_array_equal(screen, screens[name])


def test_pairs_of_bytes_hold_the_pipelines_levels(person, short, colour_set, tmp_path):
    fields = {"width_px": 322, "output": "c48", "bit_depth": 16, "scale": 2}
    path = short(stimulus_set=str(colour_set.path), pairs=["principal"], display={**SIZE, **fields})
    pixels = tmp_path / "pixels.npz"
    sitting = person.sit(*command(path), react=answering(person), pixels=str(pixels))
    assert sitting.status == 0, sitting.said
    with np.load(pixels) as arrays:
        seen, shown = arrays["seen"].astype(int), arrays["shown"]
    words = 256 * seen[:, :, 0::2] + seen[:, :, 1::2]
    for trial in records(path):
        display = Display(**SIZE | fields)
        image = colour_set[trial["image"]]
        distortion = image[trial["pair"]].distortion(trial["distortion"])
        amplitude = trial["sign"] * trial["amplitude"]
        rng = np.random.default_rng(trial["dither_seed"])
        frame = show(image.base, distortion, amplitude, display, "srgb", rng).distorted
        # A level is two pixels high, and its pair of pixels two wide; the background is around.
        wanted = np.repeat(frame, 2, axis=1).transpose(1, 2, 0)
        phase = ("first", "second")[trial["position"] - 1]
        for screen in words[(shown == (str(trial["trial"]), phase)).all(axis=1)]:
            np.testing.assert_array_equal(screen[88:152, 64:96], wanted)
            around = np.concatenate([screen[:88].ravel(), screen[:, :64].ravel()])
            assert len(np.unique(around)) == 1


def test_a_long_consent_is_read_to_its_end_in_any_script(person, short):
    sentences = [f"משפט {number} של ההסכמה שיש לקרוא עד סופה." for number in range(25)]
    path = short(consent="\n\n".join(sentences), instructions={"language": "he"})
    seen = []

    def react(moment):
        if moment.text == "1 או 2?":
            person.press("1")
        elif moment.text:
            seen.append(moment.text)
            person.press("space")

    sitting = person.sit(*command(path), react=react)
    assert sitting.status == 0, sitting.said
    count = int(seen[0].split("/")[1].split()[0])
    pages = seen[:count]
    assert count > 3
    read = " ".join(" ".join(pages).replace("\u200f", "").split())
    places = [read.index(sentence) for sentence in sentences]
    assert places == sorted(places)
    assert all(f"{n}/{count}" in page for n, page in enumerate(pages, 1))
    # Only the last page has the keys by which one agrees.
    assert [": OK" in page for page in pages] == [False] * (count - 1) + [True]
    assert seen[count].startswith("בכל ניסיון")
    assert read_log(log_of(path)).header.config["instructions"]["language"] == "he"


def test_a_whole_session_with_practice_and_feedback(person, short):
    path = short(practice_trials=3, pairs=["principal"], break_every=2, trials_per_condition=3)
    sitting = person.sit(
        *command(path), react=answering(person, lambda moment: str(1 + moment.trial % 2))
    )
    assert sitting.status == 0, sitting.said
    assert "complete, 9 trials" in sitting.said
    log = read_log(log_of(path))
    assert log.complete
    assert log.header.observer == "person"
    # the person answers 2 in odd trials, 1 in even ones
    assert (log.trials["response"] == 1 + log.trials["trial"] % 2).all()
    assert log.trials["response_time"].between(0, 5, inclusive="neither").all()
    texts = [moment.text for moment in sitting.moments if moment.text]
    right = log.trials.loc[log.trials["practice"], "correct"]
    told = [m.text for m in sitting.moments if m.phase == "feedback"]
    assert told == ["Right" if correct else "Wrong" for correct in right]
    assert texts[0].startswith("Each trial shows")
    assert any(t.startswith(f"That was the practice: {right.sum()} of 3 right") for t in texts)
    assert sum("Have a break" in text for text in texts) == 2
    assert any(text.startswith("7 of 9 trials are done") for text in texts)
    assert texts[-1].startswith("That was the last trial")


def test_a_person_is_asked_about_the_models(person, short, tmp_path):
    opened = finite_set(tmp_path / "known")
    path = short(
        stimulus_set=str(opened.path),
        images=None,
        trials_per_condition=4,
        method={"kind": "models", "first_round": 1},
        stop={"probability": 0.99, "most": 14},
    )
    react = answering(person, lambda moment: str(1 + moment.trial // 2 % 2))
    sitting = person.sit(*command(path), react=react)
    assert sitting.status == 0, sitting.said
    assert "nearest model with probability" in sitting.said
    log = read_log(log_of(path))
    assert (log.ended, len(log.trials)) == ("most", 14)
    assert (log.trials["response"] == 1 + log.trials["trial"] // 2 % 2).all()
    # Six of the first round, then those that were chosen: no image twice.
    images = log.trials["image"].tolist()
    assert all(images[n] != images[n + 1] for n in range(6, 13))
    assert log.timing.describe()
    # What is believed is for the log, not for the person.
    texts = " ".join(moment.text for moment in sitting.moments)
    assert "That was the last trial" in texts
    assert not any(word in texts for word in ("LN", "nearest", "probability"))


def test_an_observer_answers_in_the_window_as_without_one(person, short):
    fields = {"practice_trials": 2, "feedback": "all", "break_every": 3, "consent": "Agreed?"}
    path, unseen = short(**fields), short("unseen", **fields)

    def pause(moment):
        if (moment.trial, moment.phase) == (4, "fixation") and not paused:
            paused.append(moment)
            person.press_in_time("escape")
        elif moment.text.startswith("Interrupted"):
            person.press("space")

    paused = []
    file = path.with_name("lgn.yaml")
    dump(LGN, file)
    watched = ("run", str(path), "--simulate", str(file), "--show", "--windowed")
    sitting = person.sit(*watched, react=pause)
    assert sitting.status == 0, sitting.said
    texts = {moment.text for moment in sitting.moments if moment.text}
    assert {text.partition(" ")[0] for text in texts} == {"1", "Interrupted"}
    log, expected = read_log(log_of(path)), run(unseen, observer=LGN)
    assert log.header.observer == expected.header.observer
    assert log.header.system["window"] == "windowed"
    assert log.timing.timed == len(log.trials) == 10
    columns = ["position", "amplitude", "realised", "response", "correct"]
    assert log.trials[columns].equals(expected.trials[columns])
    assert log.trials["response_time"].isna().all()


def test_stop_in_the_middle_of_a_trial_and_go_on(person, short):
    path = short()

    def stop(moment):
        stops = moment.text.startswith(("Interrupted", "Stop for now?"))
        if stops or (moment.trial, moment.phase) == (3, "first"):
            person.press_in_time("escape")
            return True
        return False

    sitting = person.sit(*command(path), react=answering(person, also=stop))
    assert sitting.status == 0
    assert "stopped after 2 of 8 trials; the same command goes on from there" in sitting.said
    texts = [moment.text for moment in sitting.moments if moment.text]
    assert texts[-2].startswith("Interrupted after 2 of 8 trials")
    assert texts[-1].startswith("Stop for now?")
    before = log_of(path).read_bytes()
    assert [trial["trial"] for trial in records(path)] == [1, 2]
    sitting = person.sit(*command(path), react=answering(person))
    assert sitting.status == 0
    assert log_of(path).read_bytes().startswith(before)
    assert [trial["trial"] for trial in records(path)] == list(range(1, 9))
    assert {moment.trial for moment in sitting.moments} - {0} == set(range(3, 9))
    aside, stopped, resumed = (one for one in notes(path) if one["record"] != "ramp")
    assert (aside["trial"], aside["reason"], aside["phase"]) == (3, "pause", "first")
    assert stopped["why"] == "stopped after 2 of 8 trials"
    assert (resumed["answered"], resumed["where"]) == (2, {})
    again = [trial for trial in records(path) if trial["presented"] > 1]
    assert [trial["again"] for trial in again] == [["pause"]]


def test_a_trial_whose_image_was_shown_comes_again_later(person, short):
    path = short(break_every=1)
    todo = {(2, "fixation"), (3, "first"), (4, "second"), (5, QUESTION)}

    def pause(moment):
        at = moment.trial, moment.phase or moment.text
        if at in todo:
            todo.remove(at)
            person.press_in_time("escape")
            return True
        if moment.text.startswith("Interrupted") and moment.trial == 3 and not asked:
            # begins to stop, and does not after all
            asked.append(moment)
            person.press_in_time("escape")
            return True
        return False

    asked = []
    sitting = person.sit(*command(path), react=answering(person, also=pause))
    assert sitting.status == 0, sitting.said
    trials = records(path)
    assert [trial["trial"] for trial in trials] == list(range(1, 9))
    phases = {n: [m.phase for m in sitting.moments if m.trial == n and m.phase] for n in range(9)}
    whole = ["fixation", "first", "blank", "second"]
    assert phases[1] == phases[6] == phases[7] == phases[8] == whole
    assert phases[2] == ["fixation", *whole]
    assert phases[3] == ["fixation", "first", *whole]
    assert phases[4] == [*whole, *whole]
    assert phases[5] == [*whole, *whole]
    texts = [m.text for m in sitting.moments]
    assert sum(text.startswith("Stop for now?") for text in texts) == 1
    # No break is shown twice, and every pause is one.
    assert sum("Have a break" in text for text in texts) == 7
    asides = [one for one in notes(path) if one["record"] == "set-aside"]
    assert [(one["trial"], one["phase"]) for one in asides] == [
        (3, "first"),
        (4, "second"),
        (5, "question"),
    ]
    # Each comes again once, later where others are left, with dither of its own.
    shown = [(t["image"], t["pair"], t["distortion"], t["sign"]) for t in trials]
    assert sum(trial["presented"] - 1 for trial in trials) == 3
    assert all(len(t.get("again", [])) == t["presented"] - 1 for t in trials)
    for one in asides:
        was = one["image"], one["pair"], one["distortion"], one["sign"]
        assert was in shown[one["trial"] :]
    assert len(seeds(trials) | seeds(asides)) == 11


def seeds(lines):
    return {line["dither_seed"] for line in lines}


def test_only_a_fresh_press_of_an_answer_key_answers(person, short):
    path = short(trials_per_condition=1)

    def fumble(moment):
        if moment.trial == 1 and moment.phase in ("fixation", "first", "blank", "second"):
            person.press_in_time("1")
        elif moment.trial == 2 and moment.phase == "second":
            person.hold("1")
            time.sleep(ARRIVAL)
        elif moment.trial == 3 and not moment.phase and not moment.text:
            person.press_in_time("1", "1")
        elif moment.text == QUESTION:
            if moment.trial == 2:
                time.sleep(0.8)
            if moment.trial == 3:
                person.press("x", "3", "space", "Return")
            time.sleep(0.3)
            person.press("2")
            person.release("1")
        else:
            return False
        return True

    sitting = person.sit(*command(path), react=answering(person, also=fumble))
    assert sitting.status == 0, sitting.said
    trials = records(path)
    assert [trial["response"] for trial in trials] == [2, 2, 2, 2]
    # time of the press, not of its detection, which came after it was let go
    waited = [trial["response_time"] for trial in trials]
    assert waited[0] == pytest.approx(0.3, abs=0.1)
    assert waited[1] == pytest.approx(1.1, abs=0.1)
    assert waited[3] == pytest.approx(0.3, abs=0.1)


def test_lists_of_keys_the_numeric_pad_and_a_button_box_answer(person, short):
    """The box is a serial line, whose other end is here."""
    box, computer = pty.openpty()
    tty.setraw(computer)
    path = short(
        trials_per_condition=1,
        buttons=f"serial:{os.ttyname(computer)}",
        keys={"first": ["1", "button:a"], "second": ["2", "k", "button:b"]},
        # Time enough for a byte that comes too early.
        timing=TIMING | {"image": 400},
    )
    ways = {1: "KP_1", 2: b"b", 3: "k", 4: b"xa"}

    def answer(moment):
        if moment.phase == "first":
            # Not asked for yet.
            os.write(box, b"b")
        if moment.text != QUESTION:
            return False
        way = ways[moment.trial]
        person.press(way) if isinstance(way, str) else os.write(box, way)
        return True

    sitting = person.sit(*command(path), react=answering(person, also=answer))
    os.close(box)
    os.close(computer)
    assert sitting.status == 0, sitting.said
    trials = records(path)
    assert [trial["key"] for trial in trials] == ["num_1", "button:b", "k", "button:a"]
    assert [trial["response"] for trial in trials] == [1, 2, 2, 1]
    assert all(0 < trial["response_time"] < 1 for trial in trials)
    assert read_log(log_of(path)).header.system["buttons"].startswith("serial:")


def test_balanced_keys_are_told_to_the_person_and_logged(person, short):
    path = short(trials_per_condition=1, keys={"balance": True}, pairs=["principal"])
    welcomes, responses = [], []
    for who in ("01", "02"):
        arguments = [who if one == "01" else one for one in command(path)]
        also = lambda moment: moment.text.endswith(" or 1?") and not person.press("1")  # noqa: E731
        sitting = person.sit(*arguments, react=answering(person, also=also))
        assert sitting.status == 0, sitting.said
        welcomes.append(next(m.text for m in sitting.moments if m.text))
        log = read_log(log_of(path).with_name(f"sub-{who}_ses-01.jsonl"))
        responses.append(set(log.trials["response"]))
        keys = log.header.config["keys"]
        assert (keys["first"], keys["balance"]) == ("1" if responses[-1] == {1} else "2", True)
    assert sorted(map(list, responses)) == [[1], [2]]
    assert ["1: the first" in text for text in welcomes] == [r == {1} for r in responses]


@pytest.mark.parametrize("corner", ["lower left", "upper right"])
def test_events_are_told_by_a_square_and_a_serial_line(person, short, tmp_path, corner):
    recorder, computer = pty.openpty()
    tty.setraw(computer)
    os.set_blocking(recorder, False)
    codes = {"first": 1, "blank": 3, "question": 9, "answer": 255}
    trigger = f"serial:{os.ttyname(computer)}"
    photodiode = {"corner": corner, "size_px": 21}
    events = {"codes": codes, "photodiode": photodiode, "trigger": trigger}
    path = short(trials_per_condition=1, events=events)
    pixels, phases = tmp_path / "pixels.npz", ["fixation", "first", "blank", "second"]
    sitting = person.sit(*command(path), react=answering(person), pixels=str(pixels), phases=phases)
    sent = os.read(recorder, 1000)
    os.close(recorder)
    os.close(computer)
    assert sitting.status == 0, sitting.said
    trials = records(path)
    assert sent == bytes(codes.values()) * len(trials)
    with np.load(pixels) as arrays:
        seen, shown = arrays["seen"], arrays["shown"][:, 1]
    rows, columns = slice(-21, None), slice(None, 21)
    if corner == "upper right":
        rows, columns = slice(None, 21), slice(-21, None)
    for phase in phases:
        frames = seen[shown == phase]
        assert len(frames) == 3 * len(trials)
        assert (frames[:, rows, columns] == (255 if phase in codes else 0)).all()
        # Not a pixel more.
        around = frames.copy().astype(int)
        around[:, rows, columns] = frames[:, 120:121, 2:3]
        assert (around[:, :, :23] == around[:, 120:121, :1]).all()
        assert (around[:, :, -23:] == around[:, 120:121, :1]).all()
    for trial in trials:
        told, timed = trial["events"], trial["timing"]["phases"]
        assert list(told) == list(codes)
        for name in ("first", "blank", "question"):
            assert 0 <= told[name] - timed[name]["onset"] < 0.02
        answered = timed["question"]["onset"] + trial["response_time"]
        assert answered - 0.001 < told["answer"] < answered + 0.1
    assert {"first_sent", "answer_sent"} <= set(read_log(log_of(path)).trials)


def linear(path, gamma=1.0):
    """Write a display that was measured as the buffer of the window says, or with another gamma."""
    level = np.linspace(0, 255, 9).round().astype(int)
    table = path.with_suffix(".csv")
    rows = (f"grey,{n},{100 * (n / 255) ** gamma + 0.0001:.6f}" for n in level)
    table.write_text("\n".join(["channel,level,luminance", *rows, ""]))
    curve = {"measurements": table.name, "model": "pchip"}
    path.write_text(yaml.safe_dump({**SIZE, "curve": curve}))
    return str(path)


@pytest.mark.parametrize(("gamma", "status"), [(1.0, 0), (2.2, 2)])
def test_a_photometer_checks_the_display_before_a_session(person, short, tmp_path, gamma, status):
    display = linear(tmp_path / "lab.yaml", gamma)
    check = {"instrument": "buffer"}
    path = short(trials_per_condition=1, display=display, spot_check=check)
    sitting = person.sit(*command(path), react=answering(person))
    assert sitting.status == status, sitting.said
    if status:
        assert "lab.yaml: curve: grey not as measured, by up to 2" in sitting.said
        assert records(path) == []
        (failed,) = notes(path)
        assert failed["wrong"] == ["grey"]
        return
    (checked,) = (one for one in notes(path) if one["record"] == "spot-check")
    assert checked["instrument"] == "buffer"
    assert list(checked["luminances"]) == ["255", "127", "0"]
    assert checked["largest"] < 0.01
    assert "wrong" not in checked
    assert notes(path)[0] == checked


@pytest.mark.parametrize(("key", "status"), [("space", 0), ("Return", 2), ("escape", 0)])
def test_the_eye_checks_the_display_before_a_session(person, short, key, status):
    path = short(trials_per_condition=1, spot_check={})

    def look(moment):
        grey = moment.text.startswith("From where the lines run together")
        if grey:
            person.press(key)
        return grey

    sitting = person.sit(*command(path), react=answering(person, also=look))
    assert sitting.status == status, sitting.said
    asked = [moment.text for moment in sitting.moments if "is there" in moment.text.lower()]
    assert len(asked) == 2
    if key == "Return":
        assert "grey not as measured (eye)" in sitting.said
    elif key == "escape":
        assert "stopped while the display was looked at, in the spot check" in sitting.said
        assert records(path) == []
    else:
        assert [one["instrument"] for one in notes(path) if one["record"] == "spot-check"] == [
            "eye"
        ]
        assert len(records(path)) == 4


def test_a_closed_window_is_a_stop(person, short):
    path = short()

    def close(moment):
        if (moment.trial, moment.phase) == (3, "blank"):
            person.close_window()
            return True
        return False

    sitting = person.sit(*command(path), react=answering(person, also=close))
    assert sitting.status == 0
    assert "the window was closed after 2 of 8 trials; the same command" in sitting.said
    assert [trial["trial"] for trial in records(path)] == [1, 2]
    aside, stopped = (one for one in notes(path) if one["record"] != "ramp")
    assert (aside["trial"], aside["reason"], aside["phase"]) == (3, "closed", "blank")
    assert stopped["why"].startswith("the window was closed")


def test_a_full_disk_ends_the_session_with_all_trials_before(person, short):
    path = short()
    sitting = person.sit(*command(path), react=answering(person), file_size=6_000)
    assert sitting.status == 2
    assert "could not be saved (File too large)" in sitting.said
    assert "Traceback" not in sitting.said
    kept = [trial["trial"] for trial in records(path)]
    assert kept == list(range(1, len(kept) + 1))
    assert max(moment.trial for moment in sitting.moments) == len(kept) + 1
    assert person.sit(*command(path), react=answering(person)).status == 0
    assert [trial["trial"] for trial in records(path)] == list(range(1, 9))


def test_a_killed_program_loses_no_answered_trial(person, short):
    path = short(trials_per_condition=6)
    rng = np.random.default_rng(6)
    for _ in range(5):
        before = log_of(path).read_bytes() if log_of(path).exists() else b""
        kill_at(person, path, int(rng.integers(2, 30)), rng.uniform(0, 0.03))
        assert log_of(path).read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert person.sit(*command(path), react=answering(person)).status == 0
    assert [trial["trial"] for trial in records(path)] == list(range(1, 25))
    # Every time the trial that was next may have been seen, so it came again later.
    asides = [one for one in notes(path) if one["record"] == "set-aside"]
    assert {one["reason"] for one in asides} == {"crash"}
    assert 1 <= len(asides) <= 5
    assert sum(trial["presented"] - 1 for trial in records(path)) == len(asides)


def kill_at(person, path, count, delay):
    """Kill a session some time after its moment of that number; check what is on the disk."""
    timer = threading.Timer(delay, person.kill)
    moments = []

    def die(moment):
        moments.append(moment)
        if len(moments) == count:
            timer.start()
        return False

    sitting = person.sit(*command(path), react=answering(person, also=die))
    assert sitting.status == -9
    log = read_log(log_of(path))
    kept = log.trials["trial"].tolist()
    assert kept == list(range(1, len(kept) + 1))
    # a trial begins when the one before is saved
    assert len(kept) in (moments[-1].trial - 1, moments[-1].trial)


def test_late_frames_are_recorded(person, short):
    """Flips come as a screen's at 25 Hz, full screen; one frame comes three late."""
    timing = {**TIMING, "image": 120}
    display = {"width_px": 640, "height_px": 480, "refresh_hz": 25}
    path = short(trials_per_condition=1, timing=timing, display=display)
    sitting = person.sit(
        *command(path)[:-1], react=answering(person), vsync=25.2, late={"first": 3}
    )
    assert sitting.status == 0, sitting.said
    timings = {t["trial"]: TrialTiming(**t["timing"]) for t in records(path)}
    first_page = next(moment.text for moment in sitting.moments if moment.text)
    assert "Participant 01, session 01\nbegins\n\nScreen 0: 640 × 480" in first_page
    first = timings[1]
    assert first.refresh_hz == pytest.approx(25.2, rel=0.01)
    assert {name: phase.frames for name, phase in first.phases.items()} == {
        "fixation": 1,
        "first": 3,
        "blank": 1,
        "second": 3,
        "question": None,
    }
    # a late first frame lengthens the phase before it
    assert first.deviations["fixation"] == pytest.approx(3, abs=0.3)
    assert first.off
    assert first.dropped >= 3
    assert summarize(timings).off[0] == 1
    starts = [timing.start for timing in timings.values()]
    assert starts == sorted(starts)


SCREEN = {"width_px": 640, "height_px": 480}


def ramps(path):
    return [(one["moment"], one["state"]) for one in notes(path) if one["record"] == "ramp"]


def test_the_gamma_ramp_is_read_back_at_the_start_and_the_end(person, short):
    path = short(trials_per_condition=1, display=SCREEN)
    sitting = person.sit(*command(path)[:-1], react=answering(person), vsync=60, ramp={})
    assert sitting.status == 0, sitting.said
    first_page = next(moment.text for moment in sitting.moments if moment.text)
    assert "\nGamma ramp: linear\n" in first_page
    assert ramps(path) == [("start", "linear"), ("end", "linear")]
    start, end = (one for one in notes(path) if one["record"] == "ramp")
    line = np.round(65535 * np.tile(np.linspace(0, 1, 256), (3, 1))).astype("<u2")
    assert (
        start["entries_sha256"]
        == end["entries_sha256"]
        == hashlib.sha256(line.tobytes()).hexdigest()
    )
    assert read_log(log_of(path)).notes == ()


def test_a_ramp_that_is_not_linear_is_refused_but_in_a_window_for_trying_out(person, short):
    path = short(trials_per_condition=1, display=SCREEN)
    stuck = {"stuck": True, "gamma": 0.9}
    sitting = person.sit(*command(path)[:-1], react=answering(person), vsync=60, ramp=stuck)
    assert sitting.status == 2
    assert "the gamma ramp of the graphics card is not linear" in sitting.said
    assert person.sit(*command(path), react=answering(person), ramp=stuck).status == 0
    assert ramps(path) == [("start", "other"), ("end", "other")]


def test_a_night_light_during_a_session_is_told(person, short):
    path = short(trials_per_condition=1)
    sitting = person.sit(*command(path), react=answering(person), ramp={"night": 3})
    assert sitting.status == 0, sitting.said
    assert ramps(path) == [("start", "linear"), ("end", "other")]
    assert "gamma ramp of the graphics card was another at the end of a sitting" in sitting.said
    # Without the extension nothing is known.
    path = short("unknown", trials_per_condition=1)
    assert person.sit(*command(path), react=answering(person)).status == 0
    assert ramps(path) == [("start", "unknown"), ("end", "unknown")]


def test_consent_is_logged_with_its_text_and_asked_again_for_another(person, short):
    def stop_at(trial):
        def stop(moment):
            stops = moment.text.startswith(("Interrupted", "Stop for now?"))
            if stops or (moment.trial, moment.phase) == (trial, "fixation"):
                person.press_in_time("escape")
                return True
            return False

        return stop

    def consents(path):
        return [one["text_sha256"] for one in notes(path) if one["record"] == "consent"]

    def sit(text, at):
        path = short(consent=text)
        sitting = person.sit(*command(path), react=answering(person, also=stop_at(at)))
        assert sitting.status == 0, sitting.said
        return path, any(text in moment.text for moment in sitting.moments)

    digest = [hashlib.sha256(text.encode()).hexdigest() for text in ("I agree.", "Ja, gërn.")]
    path, asked = sit("I agree.", 2)
    assert (asked, consents(path)) == (True, digest[:1])
    path, asked = sit("I agree.", 3)
    assert (asked, consents(path)) == (False, digest[:1])
    path, asked = sit("Ja, gërn.", 9)
    assert (asked, consents(path)) == (True, digest)
    assert read_log(log_of(path)).complete


@pytest.mark.parametrize(
    ("fields", "windowed", "message"),
    [
        (
            {"display": {**SIZE, "bit_depth": 16}},
            True,
            "bit_depth: not a depth that a window shows, got 16; allowed: 8, 10; with a device",
        ),
        (
            {"display": {**SIZE, "bit_depth": 16, "output": "m16"}},
            False,
            "display.output: its device needs pypixxlib",
        ),
        ({"display": {**SIZE, "bit_depth": 10}}, True, "cannot open a window of 10 bits"),
        (
            {"display": {**SIZE, "width_px": 30}},
            True,
            "images of 32×32 pixels do not fit the window of 30",
        ),
        (
            {"display": SIZE, "task": "spatial", "separation_px": 300},
            True,
            "images of 364×32 pixels do not fit the window of 321×240",
        ),
        (
            {"display": {"screen": 2}},
            True,
            "display.screen: no such screen on this computer, got 2",
        ),
        ({"display": SIZE}, False, "display.width_px: screen 0 has 640×480 pixels, got 321"),
        ({"display": {"refresh_hz": 144}}, False, "display.refresh_hz: the screen has "),
        (
            {"events": {"codes": {"first": 1}, "trigger": "serial:/dev/nowhere"}},
            True,
            "events.trigger: cannot be opened ([Errno 2] could not open port /dev/nowhere",
        ),
        (
            {"events": {"codes": {"first": 1}, "photodiode": {"size_px": 145}}},
            True,
            "events.photodiode.size_px: covers images of 32×32 pixels in a window of 321×240",
        ),
        (
            {"buttons": "serial:/dev/nowhere", "keys": {"first": ["1", "button:1"]}},
            True,
            "buttons: cannot be opened ([Errno 2] could not open port /dev/nowhere",
        ),
        (
            {"keys": {"first": "lefft"}},
            True,
            'keys.first: no such key on this keyboard layout, got "lefft"',
        ),
        ({"keys": {"pause": "Escape"}}, True, 'did you mean "escape"?'),
        (
            {"instructions": {"font": "STIXGeneral", "language": "he"}},
            True,
            "instructions.font: has no א ב ג ד ה",
        ),
        ({"instructions": {"font": "Dejavu Sans"}}, True, 'did you mean "DejaVu Sans"?'),
    ],
)
def test_what_cannot_be_shown_is_refused(person, short, fields, windowed, message):
    path = short(**fields)
    arguments = command(path) if windowed else command(path)[:-1]
    sitting = person.sit(*arguments, react=answering(person), vsync=60)
    assert sitting.status == 2
    assert message in sitting.said
    assert str(path) in sitting.said
    assert "Traceback" not in sitting.said


def test_flips_that_do_not_follow_the_screen_are_refused(person, short):
    sitting = person.sit(*command(short(display={}))[:-1], react=answering(person))
    assert sitting.status == 2
    assert "flips a second do not follow the screen" in sitting.said


def run_alone(arguments, environment):
    return subprocess.run(
        [sys.executable, "-c", "from pdpsych.cli.main import main; main()", *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("dialog", [False, True])
def test_without_a_screen_the_message_says_so(short, x_environment, dialog):
    path = short()
    arguments = ("run", str(path)) if dialog else command(path)
    done = run_alone(arguments, {**x_environment, "DISPLAY": ":nowhere"})
    assert done.returncode == 2
    assert "PsychoPy finds no screen with OpenGL to open a window on" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_opengl_the_message_says_so(short, x_environment):
    with virtual_screen("-extension", "GLX") as display:
        done = run_alone(command(short()), {**x_environment, "DISPLAY": display})
    assert done.returncode == 2
    assert "PsychoPy finds no screen with OpenGL" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_psychopy_the_message_says_how_to_get_it(short):
    code = f"""
import sys
sys.modules["psychopy"] = None
from pdpsych import experiments
from pdpsych.common.errors import InputError
try:
    experiments.run({str(short())!r}, uncalibrated=True)
except InputError as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'pdpsych[lab]'" in out.stdout
    assert "simulated observer" in out.stdout
