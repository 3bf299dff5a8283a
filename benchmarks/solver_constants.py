"""Why the constants of the solvers are what they are: ``python benchmarks/solver_constants.py``.

``sweep [NAME ...]`` halves and doubles each constant, alone (all, or those whose name contains
NAME), and solves the same problems. A line gives what was reached: Var(x) after two numbers of
products, of the four early visual models at a photograph of 64×64 pixels inside a window and of
seven layers of AlexNet (random weights); and how many products both ends of LGN against LGG
took. The first line is the solver as it is. A dash: the constant has no part in that problem.
``starts`` compares what starts find, and how far the sampled floor leaves the objective open;
``nearest`` how near a start is met inside a space; ``blocks`` times how many rows and columns are
taken at once. One thread; the sweep takes half an hour.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any
from unittest import mock

import networks
import numpy as np
import solver
import torch

from pdpsych import geometry, models
from pdpsych.geometry import linear_range, local, space
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
SEED = 1
EARLY_PRODUCTS, NETWORK_PRODUCTS = (300, 1500), (80, 240)
EIGEN_ITERATIONS = 400
CLIMB, DAVIDSON = {"early", "network"}, {"eigen"}

CONSTANTS: list[tuple[ModuleType, str, set[str]]] = [
    *((climb, f"SETTINGS.{name}", CLIMB) for name in vars(climb.SETTINGS)),
    *((davidson, f"SETTINGS.{name}", DAVIDSON) for name in vars(davidson.SETTINGS)),
    (weighted_information, "TOLERANCE", CLIMB | DAVIDSON),
    (weighted_information, "MAX_STEPS", DAVIDSON),
    (weighted_information, "NEGLIGIBLE", CLIMB),
    (preconditioner, "SAMPLES", CLIMB | DAVIDSON),
    (preconditioner, "SMALLEST_GAIN", CLIMB | DAVIDSON),
    (preconditioner, "GAIN_STD", CLIMB | DAVIDSON),
    (disagreement, "MAX_STEPS", CLIMB),
    (disagreement, "SUFFICIENT", CLIMB),
    (local, "PROBES", {"early"}),
]


@contextmanager
def changed(module: ModuleType, name: str, factor: float) -> Iterator[Any]:
    """Multiply a constant, or a field of the settings, while inside; give its value."""
    owner, _, attribute = name.rpartition(".")
    before = getattr(module, owner or attribute)
    value = getattr(before, attribute) if owner else before
    value = int(value * factor) if isinstance(value, int) else value * factor
    after = replace(before, **{attribute: value}) if owner else value
    with mock.patch.object(module, owner or attribute, after):
        yield value


def early() -> geometry.LocalGeometry:
    return geometry.LocalGeometry(models.load(list(solver.PEERS)), solver.parrot(SIDE), floor=FLOOR)


def network() -> geometry.LocalGeometry:
    loaded = networks._representations(["alexnet"])
    return geometry.LocalGeometry(loaded, networks.photograph(SIDE), floor=FLOOR)


def climbed(
    make: Callable[[], geometry.LocalGeometry], wanted: tuple[int, ...], window: float | None
) -> str:
    """Return Var(x) when so many products were spent."""
    place = make()
    before, marks = place.products, list[tuple[float, float]]()

    def watch(_: int, objective: float) -> bool:
        marks.append((place.products - before, objective))
        return place.products - before < max(wanted)

    geometry.principal_distortions_at(
        place,
        space=geometry.DistortionSpace(place.image, window=window),
        seed=SEED,
        budget=geometry.Budget(iterations=10_000, progress=watch),
    )
    reached = [max(value for spent, value in marks if spent <= most) for most in wanted]
    return " ".join(f"{value:9.4f}" for value in reached)


def settled() -> str:
    """Return the products until both ends of LGN against LGG have converged."""
    found = geometry.generalized_eigen_distortions(
        *models.load(["LGN", "LGG"]),
        solver.parrot(SIDE),
        floor=0.1,
        budget=geometry.Budget(iterations=EIGEN_ITERATIONS),
    ).certificate
    return f"{found.operator_applications if found.converged else math.inf:9.0f}"


PROBLEMS = {
    "early": lambda: climbed(early, EARLY_PRODUCTS, 1.0),
    "network": lambda: climbed(network, NETWORK_PRODUCTS, None),
    "eigen": settled,
}
WIDTHS = {"early": 19, "network": 19, "eigen": 9}


def line(name: str, value: str, of: set[str]) -> None:
    """Solve the problems in which a constant has a part, and print what was reached."""
    values = [
        solve() if problem in of else f"{'-':>{WIDTHS[problem]}s}"
        for problem, solve in PROBLEMS.items()
    ]
    print(f"{name:34s} {value:>9s} {' '.join(values)}", flush=True)


def sweep(*names: str) -> None:
    heads = [f"Var @{n}" for n in (*EARLY_PRODUCTS, *NETWORK_PRODUCTS)]
    print(f"{'constant':34s} {'value':>9s} {' '.join(f'{h:>9s}' for h in [*heads, 'products'])}")
    line("as it is", "", set(PROBLEMS))
    for module, name, of in CONSTANTS:
        label = f"{module.__name__.rpartition('.')[2]}.{name.removeprefix('SETTINGS.')}"
        if names and not any(wanted in label for wanted in names):
            continue
        for factor in (0.5, 2.0):
            with changed(module, name, factor) as value:
                line(label, f"{value:g}", of)


def starts() -> None:
    """Print what four starts find, and the objective of the best with floors of other probes."""
    place = early()
    found = geometry.principal_distortions_at(
        place,
        space=geometry.DistortionSpace(place.image, window=1.0),
        restarts=4,
        budget=geometry.Budget(iterations=80),
    )
    for start in found.certificate.restarts:
        cosines = " ".join(f"{cosine:.4f}" for cosine in start["cosines"])
        print(
            f"seed {start['seed']}  Var {start['objective']:.4f}  |cosine| with the best {cosines}"
        )
    signs, values = local.random_signs, []
    for probes in range(1, 17):
        with mock.patch.object(local, "random_signs", lambda shape, p=probes, **_: signs(shape, p)):
            u, v = early().sensitivities(found.distortions).T
        values.append(np.var(np.log(u / v)))
    print(
        f"sampled floor: standard deviation of Var {np.std(values) / np.mean(values):.4f} relative"
    )


def nearest() -> None:
    """Print how far from noise inside a space the nearest allowed distortion is found."""
    image = solver.parrot(SIDE)
    noise = torch.randn((2, *image.shape), generator=torch.Generator().manual_seed(0))
    for options in ({"window": 1.0}, {"window": 1.0, "cycles_per_image": 16.0}, {"headroom": 0.05}):
        allowed = geometry.DistortionSpace(image, **options)
        inside, errors = allowed.apply(noise), []
        for steps in (30, 60, 120):
            with mock.patch.object(space, "NEAREST_STEPS", steps):
                error = (allowed.nearest(inside) - inside).norm() / inside.norm()
            errors.append(f"{steps} steps {float(error):.1e}")
        print(f"{options}: relative error after {', '.join(errors)}")


def blocks() -> None:
    """Print processor seconds of the work that goes in blocks, by their size."""
    few, many = torch.randn(2, 800_000), torch.randn(64, 800_000)
    for size in (1 << power for power in (10, 12, 14, 16, 18, 20)):
        with mock.patch.object(subspace, "CHUNK", size):
            print(f"CHUNK {size:8d}  {_seconds(lambda: subspace._products(few, many)):.3f} s")
    places = {
        "early, 224×224": geometry.LocalGeometry(models.load(list(solver.PEERS)), solver.parrot()),
        "AlexNet, 224×224": geometry.LocalGeometry(
            networks._representations(["alexnet"]), networks.photograph()
        ),
    }
    for name, place in places.items():
        block = torch.randn((32, *place.image.shape))
        for size in (1, 4, 8, 16, 32):
            with mock.patch.object(local, "BLOCK", size):
                squares = _seconds(lambda place=place, block=block: place.squares(block))
            with mock.patch.object(linear_range, "BATCH", size):
                finite = _seconds(
                    lambda place=place, block=block: geometry.linearity_at(place, block, [1.0])
                )
            print(f"{name}  {size:2d} at once  BLOCK {squares:.2f} s  BATCH {finite:.2f} s")


def _seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return min(times)


if __name__ == "__main__":
    torch.set_num_threads(1)
    parts = {f.__name__: f for f in (sweep, starts, nearest, blocks)}
    wanted, *names = sys.argv[1:] or [""]
    if wanted:
        parts[wanted](*names)
    else:
        for part in parts.values():
            part()
