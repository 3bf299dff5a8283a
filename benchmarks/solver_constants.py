"""What the constants of the solvers are worth: ``python benchmarks/solver_constants.py [NAME ...]``.

Each constant is halved and doubled, alone, and the same problems are solved within the same
number of products: principal distortions of the four early visual models, inside a window, and
of seven layers of AlexNet (random weights) at photographs of 64×64 pixels; both ends of LGN
against LGG. A line gives what was reached: Var(x) at two numbers of products of each principal
problem, and for the eigenproblem the products until it has converged. The first line is the
solver as it is. Names select constants that contain one of them. One thread; about ten minutes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import networks
import solver
import torch

from pdpsych import geometry, models
from pdpsych.geometry import local, space
from pdpsych.geometry.solvers import (
    climb,
    davidson,
    disagreement,
    preconditioner,
    subspace,
    weighted_information,
)

SIDE = 64
FLOOR = 0.03
EARLY_PRODUCTS, NETWORK_PRODUCTS = (300, 900), (80, 240)
EIGEN_ITERATIONS = 400

CONSTANTS: list[tuple[ModuleType, str]] = [
    *((climb, f"SETTINGS.{name}") for name in vars(climb.SETTINGS)),
    *((davidson, f"SETTINGS.{name}") for name in vars(davidson.SETTINGS)),
    (weighted_information, "TOLERANCE"),
    (weighted_information, "MAX_STEPS"),
    (weighted_information, "NEGLIGIBLE"),
    (preconditioner, "SAMPLES"),
    (preconditioner, "SMALLEST_GAIN"),
    (preconditioner, "GAIN_STD"),
    (subspace, "CHUNK"),
    (disagreement, "MAX_STEPS"),
    (disagreement, "SUFFICIENT"),
    (local, "PROBES"),
    (local, "BLOCK"),
    (space, "LEAST_WEIGHT"),
]


@contextmanager
def changed(module: ModuleType, name: str, factor: float) -> Iterator[Any]:
    """Multiply a constant, or a field of the settings, while inside; give its value."""
    owner, _, attribute = name.rpartition(".")
    before = getattr(module, owner or attribute)
    value = getattr(before, attribute) if owner else before
    value = math.ceil(value * factor) if isinstance(value, int) else value * factor
    setattr(module, owner or attribute, replace(before, **{attribute: value}) if owner else value)
    try:
        yield value
    finally:
        setattr(module, owner or attribute, before)


def climbed(
    make: Callable[[], geometry.LocalGeometry], wanted: tuple[int, ...], window: float | None
) -> list[float]:
    """Return Var(x) when so many products were spent."""
    place = make()
    before, marks = place.products, list[tuple[float, float]]()

    def watch(_: int, objective: float) -> bool:
        marks.append((place.products - before, objective))
        return place.products - before < max(wanted)

    geometry.principal_distortions_at(
        place,
        space=geometry.DistortionSpace(place.image, window=window),
        budget=geometry.Budget(iterations=10_000, progress=watch),
    )
    return [max(value for spent, value in marks if spent <= most) for most in wanted]


def early() -> geometry.LocalGeometry:
    return geometry.LocalGeometry(models.load(list(solver.PEERS)), solver.parrot(SIDE), floor=FLOOR)


def network() -> geometry.LocalGeometry:
    loaded = networks._representations(["alexnet"])
    return geometry.LocalGeometry(loaded, networks.photograph(SIDE), floor=FLOOR)


def settled() -> float:
    """Return the products until both ends of LGN against LGG have converged."""
    found = geometry.generalized_eigen_distortions(
        *models.load(["LGN", "LGG"]),
        solver.parrot(SIDE),
        floor=0.1,
        budget=geometry.Budget(iterations=EIGEN_ITERATIONS),
    ).certificate
    return found.operator_applications if found.converged else math.inf


def line(name: str, value: str) -> None:
    """Solve all problems and print what was reached."""
    values = [
        *(f"{v:9.4f}" for v in climbed(early, EARLY_PRODUCTS, 1.0)),
        *(f"{v:9.4f}" for v in climbed(network, NETWORK_PRODUCTS, None)),
        f"{settled():9.0f}",
    ]
    print(f"{name:40s} {value:>9s} {' '.join(values)}", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    heads = [f"Var @{n}" for n in (*EARLY_PRODUCTS, *NETWORK_PRODUCTS)]
    print(f"{'constant':40s} {'value':>9s} {' '.join(f'{h:>9s}' for h in [*heads, 'products'])}")
    line("as it is", "")
    for module, name in CONSTANTS:
        label = f"{module.__name__.rpartition('.')[2]}.{name.removeprefix('SETTINGS.')}"
        if sys.argv[1:] and not any(wanted in label for wanted in sys.argv[1:]):
            continue
        for factor in (0.5, 2.0):
            with changed(module, name, factor) as value:
                line(label, f"{value:g}")


if __name__ == "__main__":
    main()
