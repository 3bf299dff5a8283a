"""What the keys of study files mean, and in which units.

Meanings are taken from the docstring of the schema, where it describes its keys one by one; what
docstrings say in prose is here, key by key. `tests/docs/test_keys.py` finds a key without a
meaning, and a meaning without a key.
"""

from __future__ import annotations

import inspect
import re

from pydantic import BaseModel

_PRIOR = {
    "threshold_rms": "median of the thresholds expected before the first trial",
    "sd": "standard deviation of their logarithm",
    "exponents": "exponents b of the psychometric function, each with its weight",
    "lapses": "lapse rates λ, each with its weight",
}
_ITERATIONS = "steps of the search at most; it ends sooner where it has converged"

PROSE: dict[str, dict[str, str]] = {
    "Source": {
        "file": "one image: a photograph, or an array `.npy` of values in [0, 1]",
        "folder": "all images of a folder",
        "sample": "a photograph that comes with scikit-image",
    },
    "Address": {
        "source": "where the network is from",
        "name": "its name there, or its file",
        "weights": "which weights; random without, `seed` of the recipe",
        "label": "stands for source, name and weights in names of representations",
        "architecture": "what figures and shares of variance call its architecture",
        "training": "what they call its training",
        "preprocess": "what it takes, where that is not what its source says",
        "layers": "names of the modules that are read; one representation each",
        "noise": "noise of the responses, by which changes are measured",
        "derivative": "`surrogate` accepts a backward pass that is not the derivative",
    },
    "NetworkInput": {
        "size": "side, or (height, width), to which images are scaled",
        "mean": "taken off, a number a channel",
        "std": "divided by, a number a channel",
        "encoding": "of the values that it takes",
    },
    "Space": {
        "window": "diameter of a soft disc in which the image may change, as a share of its side",
        "mask": "PNG of the size of the images: its alpha, or white, says what may change",
        "cycles_per_image": "highest spatial frequency, or the lowest and the highest",
        "cycles_per_degree": "the same by visual angle",
        "pixels_per_degree": "of the display that it is meant for",
        "luminance": "whether all channels change alike, so that colours stay",
        "headroom": "leaves out pixels so near to black or white",
        "basis": "`.npy` or `.npz` of distortions (K, C, H, W); only their sums are allowed",
        "limit": "largest change of a pixel, relative to the RMS over all",
    },
    "Linearity": {"amplitudes_rms": "amplitudes at which it is checked how linear models are"},
    "Principal": {
        "kind": "which distortions the entry asks for",
        "name": "of the first pair; the second is `NAME-2`",
        "models": "representations, or networks for all their layers, that are to disagree",
        "separate": "groups of models to tell apart: by a factor, or lists with names",
        "pairs": "how many, each orthogonal to those before",
        "amplitude_rms": "principal at half, one and two times this, not for small ones",
        "iterations": _ITERATIONS,
        "restarts": "random starts of the search",
    },
    "Eigen": {
        "kind": "which distortions the entry asks for",
        "model": "the model",
        "iterations": _ITERATIONS,
    },
    "Generalized": {
        "kind": "which distortions the entry asks for",
        "models": "the two whose ratio of sensitivities is extreme",
        "iterations": _ITERATIONS,
    },
    "Random": {"kind": "which distortions the entry asks for", "pairs": "how many"},
    "Adaptive": _PRIOR
    | {
        "kind": "how amplitudes are placed",
        "prior": "`models` expects thresholds where the models of the set predict them",
    },
    "Staircase": _PRIOR
    | {
        "kind": "how amplitudes are placed",
        "down": "correct answers in a row before the amplitude goes down",
        "start_rms": "the first amplitude",
        "steps": "of log amplitude: the first until the first reversal, and so on",
    },
    "Constant": _PRIOR
    | {
        "kind": "how amplitudes are placed",
        "levels_rms": "the amplitudes",
        "range_rms": "their lowest and highest, in place of the amplitudes",
        "count": "how many in equal log steps over the range",
    },
    "Models": _PRIOR
    | {
        "kind": "how amplitudes are placed",
        "choose": "whether condition and amplitude are chosen, or the amplitude alone",
        "explore": "share of the trials for the threshold that is known least well",
        "first_round": "trials of each condition in the order of the design, before it chooses",
        "after": "logs of earlier participants to begin with",
    },
    "Stop": {
        "probability": "of the nearest model, at which a session ends",
        "least": "trials that count, before which it does not end",
        "most": "trials after which it ends in any case",
    },
    "Timing": {
        "gap": "before the trial",
        "fixation": "of the fixation mark",
        "reference": "of the undistorted image, where it is shown before",
        "image": "of each image",
        "blank": "between images",
        "feedback": "of what is said of the answer",
    },
    "Keys": {
        "first": "the first, or left, image is distorted",
        "second": "the second, or right, one is",
        "pause": "stops between trials",
        "go_on": "goes on from a text",
        "balance": "half of the participants have `first` and `second` the other way round",
    },
    "Instructions": {
        "language": "of the texts that are left out",
        "font": "family of an installed font, or its file",
        "letter_deg": "size of the letters",
        "welcome": "before the first trial",
        "question": "in each trial",
        "right": "feedback to a correct answer",
        "wrong": "feedback to another one",
        "look": "where fixation was broken",
        "practice_end": "after the practice, with its result",
        "rest": "in breaks",
        "pause": "when the pause key is pressed",
        "stop": "asks whether to stop",
        "end": "after the last trial",
    },
}
_UNITS = {
    "_rms": "RMS contrast α/√D",
    "_cm": "cm",
    "_ms": "ms",
    "_s": "s",
    "_px": "pixels",
    "_hz": "Hz",
    "_deg": "degrees of visual angle",
    "cycles_per_image": "cycles per image",
    "cycles_per_degree": "cycles per degree",
    "pixels_per_degree": "pixels per degree",
    "response_time": "s",
    "bit_depth": "bits",
}
UNITS = {
    "Preprocess": {"size": "pixels", "resize": "pixels"},
    "NetworkInput": {"size": "pixels", "mean": "of the encoding", "std": "of the encoding"},
    "Space": {"window": "sides", "headroom": "of black to white"},
    "Prior": {"sd": "nats"},
    "Staircase": {"steps": "nats"},
    "Timing": dict.fromkeys(PROSE["Timing"], "ms"),
    "ObserverSpec": {"spread": "nats"},
}


def meaning_of(schema: type[BaseModel], key: str) -> str:
    """Return what a key means in words, "" where nobody says it."""
    for base in schema.__mro__:
        if key in PROSE.get(base.__name__, {}):
            return PROSE[base.__name__][key]
        if found := _described(inspect.cleandoc(vars(base).get("__doc__") or "")).get(key):
            return found
    return ""


def unit_of(schema: type[BaseModel], key: str) -> str:
    """Return the unit of a key, "" where it has none."""
    for base in schema.__mro__:
        if key in UNITS.get(base.__name__, {}):
            return UNITS[base.__name__][key]
    return next((unit for ending, unit in _UNITS.items() if key.endswith(ending)), "")


def _described(docstring: str) -> dict[str, str]:
    """Return the descriptions of a docstring's parameters or attributes, by name."""
    found: dict[str, str] = {}
    sections = re.split(r"\n(\w+)\n-+\n", f"\n{docstring}")
    for title, body in zip(sections[1::2], sections[2::2], strict=True):
        if title not in ("Parameters", "Attributes"):
            continue
        for names, text in re.findall(r"^(\w[\w, ]*)[^\n]*\n((?:    [^\n]*\n?|\n)+)", body, re.M):
            told = " ".join(text.split()).rstrip(".")
            found |= dict.fromkeys([name.strip() for name in names.split(",")], _markdown(told))
    return found


def _markdown(text: str) -> str:
    """Return reStructuredText of a docstring as Markdown: code, and names without their roles."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    text = text.replace("``", "`")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
