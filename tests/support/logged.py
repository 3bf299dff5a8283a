"""What is written to trial logs: a first line and trials, with the fields a test names changed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pdpsych.experiments.logs.records import Header, Trial
from pdpsych.experiments.logs.trial_log import TrialLog

TIMING = {
    "start": 12.5,
    "phases": {
        "first": {"onset": 0.5, "offset": 0.75, "frames": 15},
        "question": {"onset": 0.75, "offset": 2.0},
    },
    "dropped": 0,
    "refresh_hz": 60.0,
    "late": 0.025,
    "keyboard": "ptb",
    "clock": "psychtoolbox",
}


def header(**fields: object) -> Header:
    values = {
        "experiment": "early",
        "config": {"seed": 0, "stimulus_set": "here", "timing": {"image": 250.0}},
        "stimulus_set": "small",
        "stimulus_set_sha256": "ab",
        "design": "cd",
        "planned": 10,
        "participant": "01",
        "session": "01",
        "observer": "person",
        "versions": {"pdpsych": "0.1.0"},
        "started": "2026-01-01T00:00:00+00:00",
    }
    return Header.model_validate({**values, **fields})


def trial(number: int, **fields: object) -> Trial:
    values = {
        "trial": number,
        "image": "camel",
        "pair": "principal",
        "distortion": 1,
        "sign": -1,
        "position": 2,
        "easy": False,
        "practice": False,
        "amplitude": 0.1 * number,
        "realised": 0.3,
        "residual_rms": 0.01,
        "clipped": 0.0,
        "response": 2,
        "correct": True,
        "response_time": 0.1 + 0.2,
        "dither_seed": 2**53 - 1,
        "timing": TIMING,
        "time": "2026-01-01T00:00:01+00:00",
        "presented": 1,
    }
    return Trial.model_validate({**values, **fields})


def write(path: Path, count: int) -> bytes:
    """Begin a log or go on with it until it has so many trials."""
    with closing(TrialLog.open(path, header())) as log:
        for number in range(len(log.trials) + 1, count + 1):
            log.append(trial(number))
    return path.read_bytes()
