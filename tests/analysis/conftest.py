"""Simulated participants, and a small study with their logs in the real formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.hierarchy import Posterior
from pdpsych.analysis.fitting.likelihood import Observations
from pdpsych.analysis.fitting.trials import CONDITION
from pdpsych.common.files.digests import file_sha256
from pdpsych.experiments.logs import hash_chain
from pdpsych.experiments.logs.records import Header, Trial
from pdpsych.experiments.placement.psychometric import proportion_correct
from pdpsych.stimuli.manifest import MANIFEST, array_file

SIDE = 16
# Log sensitivity ratios of each model to each image's principal pair; all are near 0 for random.
RATIOS = {"LN": (-1.6, -1.2, -1.4), "LG": (0.1, -0.2, 0.3), "LGN": (1.5, 1.3, 1.7)}
IMAGES = ("camel", "einstein", "parrot")

LAYERS = {
    "alexnet": [*(f"features.{n}" for n in (1, 4, 7, 9, 11)), "classifier.2", "classifier.5"],
    "resnet50": ["relu", "layer1", "layer2", "layer3", "layer4", "avgpool"],
}
TRAININGS = ("ImageNet", "Stylized ImageNet")


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


@pytest.fixture(scope="session")
def simulate() -> Callable[..., tuple[np.ndarray, Observations]]:
    """Return a function that draws thresholds and simulates their trials."""

    def draw(
        rng: np.random.Generator,
        conditions: int,
        trials: int,
        spread: float = 0.6,
        mean: float | np.ndarray = 0.0,
        **kwargs: float,
    ) -> tuple[np.ndarray, Observations]:
        truth = rng.normal(mean, spread, conditions)
        return truth, Observations.build(*adaptive(rng, truth, trials, **kwargs))

    return draw


@pytest.fixture(scope="session")
def make_fit() -> Callable[..., Fit]:
    """Return a function that makes a fit with given independent posteriors.

    ``estimates`` maps (participant, image, pair, distortion) to (log τ, sd).
    """

    def make(
        estimates: dict[tuple[str, str, str, int], tuple[float, float]], samples: int = 4000
    ) -> Fit:
        table = pd.DataFrame(list(estimates), columns=CONDITION).assign(measured=True)
        posteriors = {}
        for name, rows in table.groupby("participant", sort=False):
            values = np.array(list(estimates.values()))[rows.index]
            flat, group = np.zeros((len(rows), 5)), np.zeros(len(rows), int)
            # A prior so wide that it says nothing.
            shared = np.array([0.0, 0.0, 0.0, 20.0, 0.0])
            posteriors[str(name)] = Posterior(
                values[:, 0], values[:, 1], flat, group, shared, np.eye(5), True
            )
        analysis = {"name": "made", "level": 0.95, "samples": samples, "seed": 0}
        unused = {name: pd.DataFrame() for name in ("participants", "goodness", "bins", "excluded")}
        return Fit(analysis, {}, table, **unused, posteriors=posteriors)

    return make


@pytest.fixture(scope="session")
def write_study(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes a study whose participants see like LGN.

    The model ``blind`` sees nothing of the first of the random distortions.
    """

    def write(
        participants: tuple[str, ...] = ("01", "02"),
        trials: int = 80,
        observer: str = "person",
        blind: str = "",
        **analysis: object,
    ) -> Path:
        study = tmp_path_factory.mktemp("study")
        sha256 = _write_set(study / "stimuli" / "small", blind)
        (study / "experiments").mkdir()
        experiment = {"stimulus_set": "../stimuli/small", "display": {"curve": "srgb"}}
        _dump(study / "experiments" / "early.yaml", experiment)
        for number, participant in enumerate(participants):
            path = study / "experiments/data/early" / f"sub-{participant}_ses-01.jsonl"
            _write_log(path, participant, sha256, trials, observer, number)
        (study / "analysis").mkdir()
        settings = {"experiment": "../experiments/early.yaml", "samples": 500} | analysis
        _dump(study / "analysis" / "main.yaml", settings)
        return study

    return write


@pytest.fixture(scope="session")
def layer_table() -> Callable[..., pd.DataFrame]:
    """Return a function that lists networks' layers, in the columns of LayerRatios."""

    def build(
        architectures: tuple[str, ...] = tuple(LAYERS), trainings: tuple[str, ...] = TRAININGS
    ) -> pd.DataFrame:
        rows = [
            (f"{a}-{t}/{layer}", f"{a}-{t}", layer, a, t, i / (len(LAYERS[a]) - 1))
            for a in architectures
            for t in trainings
            for i, layer in enumerate(LAYERS[a])
        ]
        columns = ["name", "network", "layer", "architecture", "training", "depth"]
        return pd.DataFrame(rows, columns=columns)

    return build


@pytest.fixture
def write_layer_set(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a set of networks' layers with given log ratios (N, K)."""

    def write(layers: pd.DataFrame, values: np.ndarray, kind: str = "principal") -> Path:
        records = [
            {"name": row.name_, "layer": row.layer, "noise": "Gaussian"}
            | {"architecture": row.architecture, "training": row.training, "depth": row.depth}
            | {"preprocessing": "none", "weights_sha256": "0" * 64}
            for row in layers.rename(columns={"name": "name_"}).itertuples()
        ]
        ratios = dict(zip(layers["name"], values.tolist(), strict=True))
        return _write_layers(tmp_path / "layers", ratios, kind, records)

    return write


def _dump(path: Path, data: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump(data))


def _write_layers(
    folder: Path, ratios: dict[str, list[float]], kind: str, records: list[dict[str, object]]
) -> Path:
    """Write a set of colour images with one pair of a kind and one random pair each."""
    number = len(next(iter(ratios.values())))
    entries, hashes = [], {}
    for k in range(number):
        entry, hashes[array_file(f"image-{k}")] = _write_image(folder, f"image-{k}", 3, k)
        found = {name: (float(np.exp(x[k])), 1.0) for name, x in ratios.items()}
        random = {name: (float(np.exp(0.01 * x[k])), 1.0) for name, x in ratios.items()}
        pairs = [_pair(kind, found, {}), _pair("random", random, {}) | {"name": "random-1"}]
        entries.append(entry | {"pairs": pairs})
    manifest = {"schema_version": 2, "name": "layers", "created": "2026-01-01", "floor": 0.03}
    manifest |= {"versions": {}, "recipe": {}, "models": list(ratios), "representations": records}
    (folder / MANIFEST).write_text(json.dumps(manifest | {"images": entries, "files": hashes}))
    return folder


def _write_image(folder: Path, name: str, channels: int, seed: int) -> tuple[dict, str]:
    """Write the arrays of an image with two pairs; return its entry and their SHA-256."""
    rng = np.random.default_rng(seed)
    shape = (channels, SIDE, SIDE)
    distortions = rng.standard_normal((2, 2, *shape))
    distortions /= np.sqrt((distortions**2).sum(axis=(2, 3, 4), keepdims=True))
    image = rng.uniform(0.3, 0.7, shape)
    file = folder / array_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, image=image.astype(np.float32), distortions=distortions.astype(np.float32))
    entry = {"name": name, "source": "none", "source_sha256": "0" * 64, "shape": shape}
    return entry | {"encoding": "srgb"}, file_sha256(file)


def _write_set(folder: Path, blind: str) -> str:
    entries, hashes = [], {}
    for number, name in enumerate(IMAGES):
        entry, hashes[array_file(name)] = _write_image(folder, name, 1, 20 + number)
        principal = {m: (float(np.exp(x[number])), 1.0) for m, x in RATIOS.items()}
        random = {
            m: (0.0 if m == blind else float(np.exp(0.05 * x[number])), 1.0)
            for m, x in RATIOS.items()
        }
        solved = {"converged": True, "gradient_norm": 1.5e-4}
        pairs = [
            _pair("principal", principal, solved) | {"linearity": _linearity()},
            _pair("random", random, {}),
        ]
        entries.append(entry | {"pairs": pairs})
    manifest = {"schema_version": 1, "name": "small", "created": "2026-01-01", "floor": 0.03}
    manifest |= {"versions": {"pdpsych": "<i>&"}, "recipe": {}, "models": list(RATIOS)}
    (folder / MANIFEST).write_text(json.dumps(manifest | {"images": entries, "files": hashes}))
    return file_sha256(folder / MANIFEST)


def _pair(kind: str, sensitivities: dict[str, tuple[float, float]], certificate: dict) -> dict:
    return {"name": kind, "kind": kind, "sensitivities": sensitivities, "certificate": certificate}


def _linearity() -> dict[str, object]:
    """Return a check of two amplitudes: linear at the smaller, in another order at the larger."""
    return {
        "amplitudes_rms": (0.01, 0.04),
        "tolerance": 0.1,
        "largest_rms": {model: (0.01, 0.0) for model in RATIOS},
        "log_ratios": {model: (1.0, 1.0) for model in RATIOS},
        "reversals": (0, 1),
    }


def _write_log(
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
