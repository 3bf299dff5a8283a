"""A whole person's session: a real window, real key events, frames read back from the screen."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pdpsych.experiments import read_log
from pdpsych.stimuli import Display, show

PERSON = Path(__file__).with_name("person.py")
TIMING = {"fixation": 50, "image": 50, "blank": 50, "gap": 50}
SIZE = {"width_px": 321, "height_px": 240, "refresh_hz": 60}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="keys are pressed through X")


@pytest.fixture
def sit(x_environment, tmp_path):
    """Return a function that has a person run a session and tells what the person saw."""

    def sit(experiment: Path, script: str):
        out = tmp_path / f"{experiment.stem}.npz"
        command = [sys.executable, str(PERSON), str(experiment), script, str(out)]
        done = subprocess.run(
            command, env=x_environment, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        told = json.loads(out.with_suffix(".json").read_text())
        with np.load(out) as arrays:
            return told["end"], told["texts"], arrays["seen"], arrays["presented"]

    return sit


def expected_screens(row, opened, display: Display) -> list[np.ndarray]:
    """Return both screens of a trial, (height, width, 3), by the display pipeline alone."""
    shown = show(
        opened.base(row.image),
        opened.distortion(row.image, row.pair, row.distortion),
        row.sign * row.amplitude,
        display,
        "srgb",
        np.random.default_rng(row.dither_seed),
    )
    frames = [shown.distorted, shown.reference]
    if row.interval == 2:
        frames.reverse()
    bases = np.concatenate([opened.base(image).ravel() for image in opened.images])
    luminance = np.mean(np.where(bases > 0.04045, ((bases + 0.055) / 1.055) ** 2.4, bases / 12.92))
    screens = []
    for frame in frames:
        _, height, width = frame.shape
        screen = np.full((display.height_px, display.width_px, 3), 0)
        screen[:] = np.round(display.levels(luminance, "linear"))
        left, top = (display.width_px - width + 1) // 2, (display.height_px - height) // 2
        screen[top : top + height, left : left + width] = frame.transpose(1, 2, 0)
        screens.append(screen)
    return screens


@pytest.mark.parametrize("name", ["small_set", "colour_set"])
def test_every_pixel_is_the_pipelines_level(sit, write_experiment, request, name):
    opened = request.getfixturevalue(name)
    path = write_experiment(
        "pixels",
        stimulus_set=str(opened.path),
        display=SIZE,
        timing=TIMING,
        trials_per_condition=2,
        break_every=10,
    )
    end, texts, seen, presented = sit(path, "answer")
    assert end == "complete"
    log = read_log(path.parent / "data" / "pixels" / "sub-01_ses-01.jsonl")
    assert log.complete
    assert log.header.observer == "person"
    # the person answers 2 in odd trials, 1 in even ones
    assert (log.trials["response"] == 1 + log.trials["trial"] % 2).all()
    assert (log.trials["response_time"] > 0).all()
    assert (log.trials["response_time"] < 5).all()
    onsets = [f"timing_{n}" for n in ("fixation", "first", "blank", "second", "question", "end")]
    assert (np.diff(log.trials[onsets], axis=1) > 0).all()
    # three frames of 1/60 s for each image
    assert len(seen) == len(log.trials) * 2 * 3
    display = Display(**SIZE)
    for row in log.trials.itertuples():
        for interval, expected in enumerate(expected_screens(row, opened, display), start=1):
            for screen in seen[(presented == (row.trial, interval)).all(axis=1)]:
                assert (screen == expected).all()
    assert texts[0].startswith("Each trial shows")
    assert any(text.startswith("10 of 16 trials are done") for text in texts)
    assert texts[-1].startswith("That was the last trial")


def test_stop_in_the_middle_of_a_trial_and_go_on(sit, write_experiment):
    path = write_experiment("stop", display=SIZE, timing=TIMING, trials_per_condition=1)
    file = path.parent / "data" / "stop" / "sub-01_ses-01.jsonl"
    end, texts, _, presented = sit(path, "stop 4:first")
    assert end == "stopped: stopped after 3 of 8 trials"
    assert texts[-1].startswith("Interrupted after 3 of 8 trials")
    assert list(read_log(file).trials["trial"]) == [1, 2, 3]
    assert list(presented[presented[:, 0] == 4][:, 1]) == [1]
    before = file.read_bytes()
    end, _, _, presented = sit(path, "answer")
    assert end == "complete"
    assert file.read_bytes().startswith(before)
    assert read_log(file).complete
    assert set(presented[:, 0]) == {4, 5, 6, 7, 8}


def test_a_trial_begins_again_after_a_pause_in_any_phase(sit, write_experiment):
    path = write_experiment("pause", display=SIZE, timing=TIMING, trials_per_condition=1)
    end, texts, _, presented = sit(path, "pause 2:mark 3:first 4:second 5:text")
    assert end == "complete"
    assert sum(text.startswith("Interrupted") for text in texts) >= 4
    shown = {n: list(presented[presented[:, 0] == n][:, 1]) for n in range(1, 9)}
    whole = [1, 1, 1, 2, 2, 2]
    assert shown[1] == shown[2] == shown[6] == shown[7] == shown[8] == whole
    assert shown[3] == [1, *whole]
    assert shown[4] == [1, 1, 1, 2, *whole]
    assert shown[5] == whole + whole
    log = read_log(path.parent / "data" / "pause" / "sub-01_ses-01.jsonl")
    assert list(log.trials["trial"]) == list(range(1, 9))


def test_more_bits_than_the_screen_has_are_refused(sit, write_experiment):
    display = {**SIZE, "bit_depth": 16}
    path = write_experiment("deep", display=display, timing=TIMING, trials_per_condition=1)
    with pytest.raises(AssertionError, match=r"InputError.*a window shows 8 or 10 bits, got 16"):
        sit(path, "answer")
    display = {**SIZE, "bit_depth": 10}
    path = write_experiment("deep", display=display, timing=TIMING, trials_per_condition=1)
    with pytest.raises(AssertionError, match=r"InputError.*cannot open a window of 10 bits"):
        sit(path, "answer")


def test_a_window_too_small_for_the_images_is_refused(sit, write_experiment):
    display = {**SIZE, "width_px": 30}
    path = write_experiment("tiny", display=display, timing=TIMING, trials_per_condition=1)
    with pytest.raises(AssertionError, match=r"InputError.*32×32 pixels does not fit"):
        sit(path, "answer")


def test_without_psychopy_the_message_says_how_to_get_it(write_experiment):
    path = write_experiment("nobody", trials_per_condition=1)
    code = f"""
import sys
sys.modules["psychopy"] = None
from pdpsych import experiments
from pdpsych.errors import InputError
try:
    experiments.run({str(path)!r})
except InputError as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'pdpsych[lab]'" in out.stdout
    assert "simulated observer" in out.stdout
