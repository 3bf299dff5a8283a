"""A whole small study to break: one file of every kind that the program reads."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image
from torch import nn

SIDE = 16
NAME = "small"
# A recipe of which only the first image is made: its unit is kept, and read to go on.
UNFINISHED = "unfinished"


def build(root: Path) -> Path:
    """Write a study, run it to its scores with the program itself, and return its folder."""
    from pdpsych import analysis, experiments, stimuli

    _write_images(root / "stimuli" / "images")
    _write_files(root)
    stimuli.generate(root / "stimuli" / f"{NAME}.yaml")
    with contextlib.suppress(stimuli.SetUnfinished):
        stimuli.generate(root / "stimuli" / f"{UNFINISHED}.yaml", shard="1/3")
    for display in ("plain", "measured"):
        stimuli.calibrate(
            root / "stimuli" / "sets" / NAME, root / "experiments" / "displays" / f"{display}.yaml"
        )
    _write_verification(root / "experiments" / "displays" / "measured.yaml")
    for participant in ("01", "02"):
        experiments.run(root / "experiments" / f"{NAME}.yaml", participant, observer="LN")
    file = root / "analysis" / f"{NAME}.yaml"
    fitted = analysis.fit(file)
    scores = analysis.score(file, fit=fitted)
    analysis.add_to_leaderboard(file, scores, root / "board")
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return root


def _write_verification(display: Path) -> None:
    from pdpsych.common.section import load
    from pdpsych.displays import Display
    from pdpsych.displays.measuring.verification import Verification

    measurements = load(display, Display).measurements
    assert measurements is not None
    found = Verification(
        measurements=measurements.sha256,
        model="power-1",
        time="2026-01-02T03:04:05+00:00",
        instrument="typed",
        limit=0.05,
        largest=0.01,
        largest_slope=0.02,
        readings=measurements.readings[:3],
    )
    display.with_suffix(".verified.json").write_text(found.model_dump_json())


def network() -> nn.Module:
    """Return the network of the checkpoint."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


def _write_images(folder: Path) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    grey = rng.integers(60, 190, (SIDE, SIDE), dtype=np.uint8)
    colour = rng.integers(60, 190, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(colour).save(folder / "a.png")
    Image.fromarray(colour).save(folder / "b.jpg", exif=Image.Exif())
    np.save(folder / "c.npy", grey / 255)
    # Read by recipes that name them only.
    others = folder.parent / "others"
    others.mkdir()
    Image.fromarray(grey).save(others / "d.tif")
    Image.fromarray(grey).save(others / "e.bmp")


def _write_files(root: Path) -> None:
    recipe = {
        "images": [{"folder": "images"}],
        "preprocess": {"size": SIDE, "range": [0.2, 0.8]},
        "models": ["LN", "LG"],
        "distortions": [{"kind": "principal", "iterations": 2}, {"kind": "random"}],
        "linearity": {"amplitudes_rms": [0.01, 0.02]},
        "space": {"window": 1.0},
        "seed": 0,
    }
    experiment = {
        "stimulus_set": f"../stimuli/sets/{NAME}",
        "display": "displays/plain.yaml",
        "images": ["a", "b", "c"],
        "pairs": ["principal", "random-1"],
        "leave_out": ["a/random-1/2"],
        "trials_per_condition": 16,
        "practice_trials": 2,
        "method": {"kind": "constant", "count": 4, "range_rms": [0.004, 0.06]},
        "timing": {"gap": 100, "image": 250.5},
        "keys": {"first": "1", "second": "2"},
        "instructions": {"question": "{first}?"},
        "seed": 0,
    }
    curve = {"measurements": "measured.csv", "model": "power-1", "instrument": "spot"}
    screen = {"width_px": 640, "width_cm": 40.0, "distance_cm": 57.0, "refresh_hz": 60}
    age = {"name": "age", "text": "Age?", "kind": "number", "unit": "year", "export": True}
    eye = {"name": "eye", "text": "Eye?", "kind": "choice", "levels": {"l": "left", "r": "right"}}
    roster = {
        "participants": {"01": "a", "02": "b", "03": "a"},
        "groups": {"a": {"share": 1}, "b": {"sessions": [[NAME], [NAME]]}},
        "sessions": [NAME, NAME],
        "apart_days": 0,
        "ask": [age, {**eye, "optional": True}],
        "seed": 0,
    }
    files = {
        "sessions.yaml": roster,
        "experiments/data/participants.yaml": {"01": {"age": 31, "eye": "l"}},
        f"stimuli/{NAME}.yaml": recipe,
        f"stimuli/{UNFINISHED}.yaml": recipe,
        f"experiments/{NAME}.yaml": experiment,
        "experiments/displays/plain.yaml": {"curve": "srgb", "bit_depth": 8, **screen},
        "experiments/displays/measured.yaml": {"curve": curve, **screen},
        "experiments/observers/one.yaml": {"model": "LN", "lapse": 0.02, "spread": 0.1},
        f"analysis/{NAME}.yaml": {
            "experiment": f"../experiments/{NAME}.yaml",
            "participants": ["01", "02"],
            "samples": 200,
            "max_clipped": 0.5,
            "level": 0.9,
        },
    }
    for file, content in files.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    rows = [f"{n},grey,{level},{100 * (level / 255) ** 2.2 + 0.2:.4f}" for n, level in _levels()]
    table = "\n".join(["order,channel,level,luminance", *rows, ""])
    (root / "experiments" / "displays" / "measured.csv").write_text(table)
    torch.manual_seed(0)
    (root / "networks").mkdir()
    torch.save({"state_dict": network().state_dict(), "epoch": 3}, root / "networks" / "one.pt")


def _levels() -> list[tuple[int, int]]:
    return list(enumerate(range(0, 256, 15), start=1))
