"""A small true example: do principal distortions separate networks by how they were trained.

``python analysis/digits.py [--out digits] [--seeds 0 1 2]`` trains a convolutional and a fully
connected network on scikit-learn's 8×8 digits, each normally and adversarially, generates a
stimulus set of 30 digits over their 20 layers, and draws figure 2. Weights are kept in the folder;
the set can be made again with ``pdpsych generate digits/NAME.yaml``. Two to three minutes a seed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import figure2
import numpy as np
import pandas as pd
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

from pdpsych.analysis import LayerRatios, layer_ratios
from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import replacing, write_text
from pdpsych.common.files.parsing import to_yaml
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
            with replacing(out / files[-1]) as part, part.open("wb") as file:
                np.save(file, image[0].numpy())
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
    return write_text(file, to_yaml(recipe))


def summary(made: StimulusSet) -> pd.Series:
    """Return Var(x) of both kinds of pairs, and shares of the first; means over images.

    All networks have as many layers, so what lies between networks divides exactly into
    training, architecture and their interaction: a network apart from what both add up to.
    ``unlit`` is the share of ε's energy on pixels that at most 1 % of training digits light, for
    u and v.
    """
    principal, random = layer_ratios(made), layer_ratios(made, pair="random-1")
    found = {
        "Var principal": principal.values.var(axis=0).mean(),
        "Var random": random.values.var(axis=0).mean(),
    }
    network, *factors = (between(principal, f) for f in ("network", "training", "architecture"))
    found["training"], found["architecture"] = factors
    found["interaction"] = network - sum(factors)
    found["within"] = 1 - network
    unlit = (digits()[0].images[:, 0] > 0).float().mean(dim=0).numpy() <= 0.01
    for which, order in zip("uv", ((1, 2), (2, 1)), strict=True):
        shares = [
            np.square(made[image]["principal"].distortion(order[int(sign < 0)])[0])[unlit].sum()
            for image, sign in zip(principal.images, principal.signs, strict=True)
        ]
        found[f"{which} unlit"] = float(np.mean(shares))
    return pd.Series(found)


def between(ratios: LayerRatios, factor: str) -> float:
    """Return the share of the variance that lies between groups of layers, mean over images."""
    deviation = ratios.values - ratios.values.mean(axis=0)
    groups = ratios.layers.groupby(factor).indices.values()
    explained = sum(len(rows) * deviation[rows].mean(axis=0) ** 2 for rows in groups)
    return float(np.mean(explained / np.square(deviation).sum(axis=0)))


def answer(table: pd.DataFrame) -> str:
    """Say what the distortions separate the layers by, with the range over seeds."""
    shares = table[["training", "architecture", "interaction", "within"]]
    words = {
        "training": "training explains",
        "architecture": "architecture",
        "interaction": "single networks apart from both",
        "within": "differences between layers of a network",
    }
    parts = ", ".join(f"{words[f]} {_range(shares[f])}" for f in shares.columns)
    ahead = int((shares["training"] > shares["architecture"]).sum())
    return (
        f"Of the variance of the log ratios {parts}. Training explains more than architecture in "
        f"{ahead} of {len(table)} seeds."
    )


def _range(shares: pd.Series) -> str:
    low, high = (f"{100 * end:.0f}" for end in (shares.min(), shares.max()))
    return f"{low} %" if low == high else f"{low} to {high} %"


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
