"""A small true example: do principal distortions separate networks by how they were trained.

``python analysis/digits.py [--out digits] [--seeds 0 1 2]`` trains a convolutional and a fully
connected network on scikit-learn's 8×8 digits, each normally and adversarially, generates a
stimulus set of 30 digits over their 20 layers, and draws figure 2. Weights are kept in the folder;
the set can be made again with ``pdpsych generate digits/NAME.yaml``. A minute or two a seed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import figure2
import numpy as np
import pandas as pd
import yaml
from digits_networks import ARCHITECTURES, CLASSES, SIDE
from digits_training import (
    TRAININGS,
    Digits,
    Training,
    accuracy,
    digits,
    robust_accuracy,
    trained_networks,
)

from pdpsych.analysis.layers import layer_ratios
from pdpsych.analysis.variance import variance_shares
from pdpsych.errors import InputError
from pdpsych.stimuli import StimulusSet, generate

EACH = 3
ITERATIONS = 40
FLOOR = 0.03


def run(
    out: Path,
    settings: Training,
    each: int = EACH,
    iterations: int = ITERATIONS,
    progress: bool = False,
) -> StimulusSet:
    """Train, print the accuracies, generate the set of ``each`` images a digit, draw figure 2.

    Returns
    -------
    StimulusSet
        In ``out/sets``; the figure and its tables are in ``out/results``.

    Raises
    ------
    InputError
        If scikit-learn is missing, or ``out`` holds something else.
    """
    name = f"seed{settings.seed}_{settings.key}"
    training, test = digits()
    networks = trained_networks(out / name, training, settings, progress)
    print(f"\nseed {settings.seed}, L2 adversary of epsilon {settings.epsilon:g}, on test digits:")
    for (architecture, trained), network in networks.items():
        clean, robust = accuracy(network, test), robust_accuracy(network, test, settings)
        print(f"  {architecture:<13} {trained:<11} {clean:.3f} clean  {robust:.3f} attacked")
    recipe = write_recipe(out, name, write_images(out, test, each), iterations)
    made = generate(recipe, progress=progress)
    print(figure2.write(made, "principal", out / "results" / name))
    return made


def write_images(out: Path, test: Digits, each: int) -> list[str]:
    """Write the first test images of each digit as arrays; return their paths inside ``out``."""
    (out / "images").mkdir(exist_ok=True)
    files = []
    for digit in range(CLASSES):
        chosen = test.images[test.labels == digit][:each]
        for number, image in enumerate(chosen, start=1):
            files.append(f"images/{digit}-{number}.npy")
            np.save(out / files[-1], image[0].numpy())
    return files


def write_recipe(out: Path, name: str, images: Sequence[str], iterations: int) -> Path:
    """Write the recipe of all layers of the four networks on these images."""
    models = [
        {
            "source": "python",
            "name": f"{name}.{training}.digits_networks:{architecture}",
            "label": f"{architecture} {training}",
            "training": training,
            "layers": list(network.layers),
        }
        for architecture, network in ARCHITECTURES.items()
        for training in TRAININGS
    ]
    recipe = {
        "images": [{"file": file} for file in images],
        "preprocess": {"size": SIDE},
        "models": models,
        "floor": FLOOR,
        "distortions": [
            {"kind": "principal", "iterations": iterations},
            {"kind": "random"},
        ],
        "linearity": None,
        "precision": "float64",
    }
    file = out / f"{name}.yaml"
    file.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return file


def summary(made: StimulusSet) -> pd.Series:
    """Return Var(x) of both kinds of pairs, mean over images, and the factors' shares of it."""
    pairs = {"principal": layer_ratios(made), "random": layer_ratios(made, "random-1")}
    variances = {f"Var {kind}": x.values.var(axis=0).mean() for kind, x in pairs.items()}
    shares = variance_shares(pairs["principal"]).set_index("factor")["share"]
    return pd.Series({**variances, "agreement": pairs["principal"].agreement, **shares})


def answer(table: pd.DataFrame) -> str:
    """Say which of training and architecture explains more, in every training or not."""
    training, architecture = table["training"], table["architecture"]
    ahead = int((training > architecture).sum())
    which = {len(table): "by training more than by architecture", 0: "by architecture"}.get(
        ahead, f"by training in {ahead} of {len(table)} seeds, else by architecture"
    )
    shown = ", ".join(
        f"{100 * t:.0f} % against {100 * a:.0f} %"
        for t, a in zip(training, architecture, strict=True)
    )
    return f"Principal distortions separate these layers {which}: training {shown} of the variance."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("digits"), help="folder; default: digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the training")
    arguments = parser.parse_args()
    try:
        sets = {seed: run(arguments.out, Training(seed), progress=True) for seed in arguments.seeds}
    except InputError as error:
        print(f"digits: {error}", file=sys.stderr)
        sys.exit(2)
    table = pd.DataFrame({f"seed {seed}": summary(made) for seed, made in sets.items()}).T
    print(f"\n{table.round(3).to_string()}\n{answer(table)}\n{arguments.out}: written")


if __name__ == "__main__":
    main()
