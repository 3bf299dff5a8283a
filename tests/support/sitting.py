"""What a person does who sits through a session in a small window, and what its log then says."""

from __future__ import annotations

import json

TIMING = {"fixation": 50, "image": 50, "blank": 50, "gap": 50, "reference": 50, "feedback": 50}
SIZE = {"width_px": 321, "height_px": 240, "refresh_hz": 60}
QUESTION = "1 or 2?"


def answering(person, choose=lambda moment: "1", also=lambda moment: None):
    """Return what a person does who answers every question and goes on from every page."""

    def react(moment):
        if also(moment):
            return
        if moment.text == QUESTION:
            person.press(choose(moment))
        elif moment.text and moment.phase != "feedback":
            person.press("space")

    return react


def log_of(path):
    return path.parent / "data" / path.stem / "sub-01_ses-01.jsonl"


def lines(path):
    return [json.loads(line) for line in log_of(path).read_text().splitlines()[1:]]


def records(path):
    return [line for line in lines(path) if line["record"] == "trial"]


def notes(path):
    return [line for line in lines(path) if line["record"] != "trial"]


def command(path):
    return "run", str(path), "--participant", "01", "--uncalibrated", "--windowed"
