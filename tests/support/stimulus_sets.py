"""A small stimulus set in the real format, made without torch, and experiments on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from pdpsych.common.files.digests import file_sha256
from pdpsych.stimuli.manifest import MANIFEST, array_file
from pdpsych.stimuli.stimulus_set import StimulusSet

SIDE = 32
PAIRS = ("principal", "random-1")
# Image → pair → model → sensitivities to the two distortions.
Sensitivities = dict[str, dict[str, dict[str, tuple[float, float]]]]
SENSITIVITIES: Sensitivities = {
    "camel": {
        "principal": {"LN": (2.0, 8.0), "LGN": (9.0, 3.0)},
        "random-1": {"LN": (4.0, 4.2), "LGN": (5.0, 5.1)},
    },
    "einstein": {
        "principal": {"LN": (3.0, 6.0), "LGN": (8.0, 2.0)},
        "random-1": {"LN": (3.8, 4.0), "LGN": (5.2, 4.9)},
    },
}


def _record(model: str) -> dict[str, object]:
    """Return what the manifest of a set says of a built-in model."""
    made = {"name": model, "layer": "response", "noise": "Gaussian", "architecture": model}
    return made | {"training": "", "depth": 0, "preprocessing": "", "weights_sha256": ""}


def write_set(
    folder: Path, channels: int = 1, side: int = SIDE, contents: Sensitivities = SENSITIVITIES
) -> Path:
    """Write a whole set of square images with two pairs of distortions each."""
    (folder / "arrays").mkdir(parents=True)
    rng = np.random.default_rng(20)
    images = []
    for name, pairs in contents.items():
        shape = (channels, side, side)
        image = rng.uniform(0.25, 0.75, shape).astype(np.float32)
        distortions = rng.standard_normal((len(pairs), 2, *shape))
        distortions /= np.sqrt((distortions**2).sum(axis=(2, 3, 4), keepdims=True))
        arrays = {"image": image, "distortions": distortions.astype(np.float32)}
        np.savez(folder / array_file(name), **arrays)
        images.append(
            {
                "name": name,
                "source": f"{name}.png",
                "source_sha256": "0" * 64,
                "shape": shape,
                "encoding": "srgb",
                "pairs": [
                    {"name": pair, "kind": pair.split("-")[0], "sensitivities": sensitivities}
                    for pair, sensitivities in pairs.items()
                ],
            }
        )
    models = list(next(iter(next(iter(contents.values())).values())))
    manifest = {
        "schema_version": 2,
        "name": folder.name,
        "created": "2026-01-01T00:00:00+00:00",
        "versions": {},
        "recipe": {},
        "floor": 0.0,
        "models": models,
        "representations": [_record(model) for model in models],
        "images": images,
        "files": {array_file(name): file_sha256(folder / array_file(name)) for name in contents},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> StimulusSet:
    return StimulusSet.open(write_set(tmp_path_factory.mktemp("sets") / "small"))


@pytest.fixture
def write_experiment(small_set: StimulusSet, tmp_path: Path):
    """Return a function that writes an experiment on the small set and returns its path."""

    def write(name: str = "early", **fields: object) -> Path:
        data = {"stimulus_set": str(small_set.path), "display": {"curve": "srgb"}, **fields}
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    return write


@pytest.fixture(scope="session")
def colour_set(tmp_path_factory: pytest.TempPathFactory) -> StimulusSet:
    return StimulusSet.open(write_set(tmp_path_factory.mktemp("sets") / "colour", channels=3))
