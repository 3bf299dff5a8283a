"""What the columns of trials mean, in which units: once for every table that has them."""

from __future__ import annotations

from pdpsych.common.tables import Column

MODEL_UNITS = "model units (L2 norm)"
DEGREES = "degrees of visual angle"
_TRUTH = {"true": "yes", "false": "no"}

TRIAL_COLUMNS = {
    "participant": Column("label of the participant"),
    "session": Column("label of the session"),
    "run": Column("number of the run in its session"),
    "trial": Column("number of the trial in its session, from 1, in order of presentation"),
    "image": Column("base image"),
    "pair": Column("pair of distortions of the image"),
    "distortion": Column(
        "which of the pair was shown", levels={"1": "u, the first", "2": "v, the second"}
    ),
    "sign": Column(
        "sign of the distortion", levels={"1": "added to the image", "-1": "subtracted from it"}
    ),
    "position": Column(
        "where the distorted image was",
        levels={"1": "in the first interval, or left", "2": "in the second interval, or right"},
    ),
    "easy": Column("whether the distortion was made clearly visible", levels=_TRUTH),
    "practice": Column("whether the trial only taught the task", levels=_TRUTH),
    "amplitude": Column("amplitude asked for", MODEL_UNITS),
    "realised": Column("amplitude that the display showed", MODEL_UNITS),
    "residual_rms": Column(
        "root mean square of what was shown beside the distortion", "model units"
    ),
    "clipped": Column("share of pixel values at the end of the display's range"),
    "response": Column(
        "position that was chosen",
        levels={"1": "first interval, or left", "2": "second interval, or right"},
    ),
    "correct": Column("whether the position chosen is that of the distorted image", levels=_TRUTH),
    "response_time": Column("time from the question to the key", "s"),
    "dither_seed": Column("seed of the random numbers of the images' dither"),
    "time": Column("date and time of the answer, ISO 8601"),
    "presented": Column("how often the trial was presented, the last time included", "count"),
    "again": Column(
        "why it was set aside each time before, after its first image was shown",
        levels={
            "pause": "the pause key was pressed",
            "closed": "the window was closed",
            "crash": "the program ended; the image may have been shown",
            "gaze": "gaze left the fixation window",
            "lost": "the eye tracker lost the eye",
        },
    ),
    "gaze_x": Column("gaze when the first image came, right of the fixation mark", DEGREES),
    "gaze_y": Column("gaze when the first image came, above the fixation mark", DEGREES),
    "gaze_largest": Column(
        "largest distance of gaze from the fixation mark while images were shown", DEGREES
    ),
    "gaze_lost": Column("longest time without the eye while images were shown", "s"),
    "key": Column("key or button that was pressed"),
    "aim": Column(
        "what the trial was chosen for",
        levels={
            "models": "to tell which model is the nearest",
            "threshold": "to know a threshold better",
            "easy": "to pin the lapse rate",
        },
    ),
    "information": Column("what its answer was expected to tell of the nearest model", "nats"),
    "nearest": Column("the model that was then believed to be the nearest"),
    "probability": Column("how surely it was"),
    "off": Column("whether a phase was off by more than one frame", levels=_TRUTH),
    "dropped": Column("frames that did not come in time", "count"),
}


def trial_column(name: str) -> Column:
    """Return what a column of trials means.

    Raises
    ------
    KeyError
        If no trial has such a column.
    """
    phase, _, moment = name.rpartition("_")
    if moment == "sent" and phase:
        return Column(
            f"when other apparatus was told of {phase}, from the trial's first frame", "s"
        )
    if moment in ("onset", "offset") and phase:
        return Column(f"{moment} of the phase {phase}, from the first frame of the trial", "s")
    return TRIAL_COLUMNS[name]
