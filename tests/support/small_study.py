"""A small study on disk, in the real formats, whose participants see like LGN; made without torch.

Fits, scores and plans are tried on it, and so are the examples in docstrings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pdpsych.common.files.digests import file_sha256
from pdpsych.experiments.logs import hash_chain
from pdpsych.experiments.logs.records import Header, Trial
from pdpsych.experiments.placement.psychometric import proportion_correct
from pdpsych.stimuli.manifest import MANIFEST, SCHEMA, array_file
from pdpsych.stimuli.stimulus_set import StimulusSet

SIDE = 16
# Log sensitivity ratios of each model to each image's principal pair; all are near 0 for random.
RATIOS = {"LN": (-1.6, -1.2, -1.4), "LG": (0.1, -0.2, 0.3), "LGN": (1.5, 1.3, 1.7)}
IMAGES = ("camel", "einstein", "parrot")
# What a certificate says of a search at an amplitude.
VISIBLE = {
    "amplitude_rms": 0.01,
    "stopped": "settled",
    "objective": 8.25,
    "before": 3.5,
    "local_objective": 20.0,
    "amplitudes_rms": [0.005, 0.01, 0.02],
    "objectives": [9.5, 8.25, 7.0],
    "objectives_before": [5.0, 3.5, 2.0],
}


def adaptive(
    rng: np.random.Generator,
    log_threshold: np.ndarray,
    trials: int,
    exponent: float = 1.0,
    lapse: float = 0.02,
    easy: float = 0.1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run 2AFC trials placed near each condition's running estimate, from answers only.

    Returns condition, amplitude and correct of each trial. Amplitudes placed by the true
    threshold instead would tell the fit something its likelihood rightly ignores.
    """
    grid = np.linspace(-5, 5, 101)
    posterior = np.tile(-0.5 * (grid / 1.5) ** 2, (log_threshold.size, 1))
    log_amplitude = np.empty((trials, log_threshold.size))
    correct = np.empty(log_amplitude.shape, dtype=bool)
    for t in range(trials):
        weight = np.exp(posterior - posterior.max(axis=1, keepdims=True))
        estimate = weight @ grid / weight.sum(axis=1)
        near = estimate + rng.normal(0.35, 0.35, log_threshold.size)
        is_easy = rng.random(log_threshold.size) < easy
        log_amplitude[t] = np.where(is_easy, estimate + np.log(6), near)
        alpha = np.exp(log_amplitude[t])
        chance = proportion_correct(alpha, np.exp(log_threshold), exponent, lapse)
        correct[t] = rng.random(log_threshold.size) < chance
        likely = proportion_correct(alpha[:, None], np.exp(grid), 1.0, 0.02)
        posterior += np.log(np.where(correct[t][:, None], likely, 1 - likely))
    condition = np.tile(np.arange(log_threshold.size), trials)
    return condition, np.exp(log_amplitude.ravel()), correct.ravel()


def write_study(
    study: Path,
    participants: tuple[str, ...] = ("01",),
    trials: int = 80,
    observer: str = "person",
    blind: str = "",
    **analysis: Any,
) -> Path:
    """Write a study into a folder; the model ``blind`` sees nothing of a random distortion."""
    stimulus_set = write_set(study / "stimuli" / "small", blind)
    (study / "experiments").mkdir()
    experiment = {"stimulus_set": "../stimuli/small", "display": {"curve": "srgb"}}
    _dump(study / "experiments" / "early.yaml", experiment)
    for number, participant in enumerate(participants):
        path = study / "experiments/data/early" / f"sub-{participant}_ses-01.jsonl"
        write_log(path, participant, stimulus_set.sha256, trials, observer, number)
    (study / "analysis").mkdir()
    settings = {"experiment": "../experiments/early.yaml", "samples": 500} | analysis
    _dump(study / "analysis" / "main.yaml", settings)
    return study


def _dump(path: Path, data: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(data))


def write_set(folder: Path, blind: str = "") -> StimulusSet:
    """Write the stimulus set of the study: three images with two pairs each."""
    entries = []
    for number, name in enumerate(IMAGES):
        principal = {m: (float(np.exp(x[number])), 1.0) for m, x in RATIOS.items()}
        random = {
            m: (0.0 if m == blind else float(np.exp(0.05 * x[number])), 1.0)
            for m, x in RATIOS.items()
        }
        solved: dict[str, Any] = {"converged": True, "gradient_norm": 1.5e-4}
        if number == 0:
            solved["visible"] = VISIBLE
        pairs = [
            pair("principal", principal) | {"certificate": solved, "linearity": _linearity()},
            pair("random", random),
        ]
        entries.append(write_image(folder, name, 1, 20 + number) | {"pairs": pairs})
    records = [
        {"name": model, "layer": "response", "noise": "Gaussian", "architecture": model}
        | {"training": "none", "depth": 0.0, "preprocessing": "none", "weights_sha256": ""}
        for model in RATIOS
    ]
    return write_manifest(folder, entries, records, versions={"pdpsych": "<i>&"})


def write_image(folder: Path, name: str, channels: int, seed: int) -> dict[str, Any]:
    """Write the arrays of an image with two pairs; return its entry, without the pairs."""
    rng = np.random.default_rng(seed)
    shape = (channels, SIDE, SIDE)
    distortions = rng.standard_normal((2, 2, *shape))
    distortions /= np.sqrt((distortions**2).sum(axis=(2, 3, 4), keepdims=True))
    image = rng.uniform(0.3, 0.7, shape)
    file = folder / array_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, image=image.astype(np.float32), distortions=distortions.astype(np.float32))
    entry = {"name": name, "source": "none", "source_sha256": "0" * 64, "shape": shape}
    return entry | {"encoding": "srgb"}


def pair(kind: str, sensitivities: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Return the entry of a pair of distortions, named as its kind."""
    return {"name": kind, "kind": kind, "sensitivities": sensitivities, "certificate": {}}


def write_manifest(
    folder: Path,
    images: list[dict[str, Any]],
    representations: list[dict[str, Any]],
    **fields: Any,
) -> StimulusSet:
    """Write the manifest of images whose arrays are there."""
    files = [array_file(image["name"]) for image in images]
    manifest = {
        "schema_version": SCHEMA.version,
        "name": folder.name,
        "created": "2026-01-01",
        "versions": {},
        "recipe": {},
        "floor": 0.03,
        "models": [record["name"] for record in representations],
        "representations": representations,
        "images": images,
        "files": {file: file_sha256(folder / file) for file in files},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest | fields))
    return StimulusSet.open(folder)


def _linearity() -> dict[str, Any]:
    """Return a check of two amplitudes: linear at the smaller, in another order at the larger."""
    return {
        "amplitudes_rms": (0.01, 0.04),
        "tolerance": 0.1,
        "largest_rms": {model: (0.01, 0.0) for model in RATIOS},
        "log_ratios": {model: (1.0, 1.0) for model in RATIOS},
        "reversals": (0, 1),
    }


def write_log(
    path: Path, participant: str, sha256: str, trials: int, observer: str, seed: int
) -> None:
    """Write the log of somebody with thresholds of exp(∓half LGN's log ratio)."""
    conditions = [(i, p, n) for i in IMAGES for p in ("principal", "random") for n in (1, 2)]
    half = {(i, "principal"): x / 2 for i, x in zip(IMAGES, RATIOS["LGN"], strict=True)}
    truth = np.array([half.get((i, p), 0.0) * (-1, 1)[n - 1] for i, p, n in conditions])
    columns = adaptive(np.random.default_rng([seed, 7]), truth, trials)
    header = Header(
        experiment="early",
        config={"trials_per_condition": trials, "display": {"curve": "srgb"}},
        stimulus_set="small",
        stimulus_set_sha256=sha256,
        design="d" * 64,
        planned=len(columns[0]) + 3,
        participant=participant,
        session="01",
        observer=observer,
        versions={"pdpsych": "0.1.0"},
        started="2026-01-01T00:00:00+00:00",
    )
    lines: list[Header | Trial] = [header]
    for number in range(1, 4):
        lines.append(_trial(number, conditions[0], 5.0, False, practice=True))
    for number, (c, alpha, right) in enumerate(zip(*columns, strict=True), start=4):
        lines.append(_trial(number, conditions[c], alpha, right, practice=False))
    path.parent.mkdir(parents=True, exist_ok=True)
    text, digest = "", ""
    for line in lines:
        sealed, digest = hash_chain.seal(line.model_dump(mode="json"), digest)
        text += sealed + "\n"
    path.write_text(text)


def _trial(
    number: int, condition: tuple[str, str, int], alpha: float, right: bool, practice: bool
) -> Trial:
    image, pair, distortion = condition
    target = 1 + number // 2 % 2
    return Trial(
        trial=number,
        image=image,
        pair=pair,
        distortion=distortion,
        sign=1,
        position=target,
        easy=False,
        practice=practice,
        # What was asked for is not what was shown: the fit has to use ``realised``.
        amplitude=3 * float(alpha),
        realised=float(alpha),
        residual_rms=0.0,
        clipped=0.0,
        response=target if right else 3 - target,
        correct=bool(right),
        response_time=0.5,
        dither_seed=number,
        time="2026-01-01T00:00:00+00:00",
    )
