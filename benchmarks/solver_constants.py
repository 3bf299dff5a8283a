"""Why the constants of the solvers are what they are: ``python benchmarks/solver_constants.py``.

``sweep [NAME ...]`` halves and doubles each constant, alone (all, or those whose name contains
NAME), and solves the same problems. Of the four early visual models at a photograph of 64×64
pixels, in a window of 0.7, a line gives the products and the processor seconds until the search
ends by itself, at a gradient of 1e-3, and F. Of seven layers of ResNet18 (random weights) at 32×32
pixels it gives F after two numbers of products. Then both, of three layers, from white noise alone,
without a survey: the products to 1e-3 and F, and F after as many products as are named. Last, of
LGN against LGG the products until both ends have converged. The first lines are the solver as it
is, from three seeds: what a constant changes less than a seed does is nothing. A dash: the constant
has no part in that problem.
``starts`` compares what starts from noise find, and how far the sampled floor leaves the objective
open; ``nearest`` how near a start is met inside a space; ``blocks`` times how many rows and columns
are taken at once. One thread; the sweep takes a quarter of an hour.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any
from unittest import mock

import networks
import numpy as np
import search as searched
import solver
import torch
import torchvision

from pdpsych import geometry, models
from pdpsych.geometry import kept_responses, local, space
from pdpsych.geometry.finite import distances
from pdpsych.geometry.solvers import (
    climb,
    davidson,
    disagreement,
    edge,
    preconditioner,
    search,
    survey,
    weighted_information,
)

SIDE, NETWORK_SIDE = 64, 32
WINDOW = 0.7
FLOOR = 0.03
SEEDS = (1, 2, 3)
PHOTOGRAPH = "astronaut"
LAYERS = ["relu", *(f"layer{i}{part}" for i in (1, 2, 3) for part in (".0", ""))]
FEW_LAYERS = ["relu", "layer2", "layer3"]
NETWORK_PRODUCTS, ALONE_PRODUCTS = (200, 400), 400
EIGEN_ITERATIONS = 400
SEARCH, CLIMB, DAVIDSON = {"early", "network"}, {"early alone", "network alone"}, {"eigen"}
ALL = SEARCH | CLIMB | DAVIDSON

CONSTANTS: list[tuple[ModuleType, str, set[str]]] = [
    *((search, f"SETTINGS.{name}", SEARCH) for name in vars(search.SETTINGS)),
    *((survey, f"SETTINGS.{name}", SEARCH) for name in vars(survey.SETTINGS)),
    *((climb, f"SETTINGS.{name}", SEARCH | CLIMB) for name in vars(climb.SETTINGS)),
    *((davidson, f"SETTINGS.{name}", DAVIDSON) for name in vars(davidson.SETTINGS)),
    (weighted_information, "TOLERANCE", ALL),
    (weighted_information, "MAX_STEPS", DAVIDSON),
    *((preconditioner, f"SETTINGS.{name}", ALL) for name in vars(preconditioner.SETTINGS)),
    (preconditioner, "KEPT", {"early"}),
    (edge, "WIDTH", {"early", "early alone"}),
    (edge, "BLOCK", {"early", "early alone"}),
    (edge, "PADDED_TO", {"early"}),
    (edge, "MINOR", {"early", "early alone"}),
    (edge, "ROUNDING", {"early", "early alone"}),
    (disagreement, "SUFFICIENT", SEARCH),
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
    image = searched.photograph(PHOTOGRAPH, SIDE, colour=False)
    return geometry.LocalGeometry(searched.early(), image, floor=FLOOR)


def network(layers: Sequence[str]) -> geometry.LocalGeometry:
    torch.manual_seed(0)
    module = torchvision.models.resnet18(weights=None).eval().requires_grad_(False)
    loaded = models.from_module(module, layers, "resnet18")
    return geometry.LocalGeometry(loaded, networks.photograph(NETWORK_SIDE), floor=FLOOR)


def ended(seed: int, alone: bool = False) -> str:
    """Return the products and seconds until the early models' search has ended, and its F."""
    begin, place = time.process_time(), early()
    space = geometry.DistortionSpace(place.image, window=WINDOW)
    found = geometry.principal_distortions_at(
        place,
        space=space,
        seed=seed,
        start=white(place, space, seed) if alone else None,
        budget=geometry.Budget(iterations=10_000),
    )
    products = found.certificate.operator_applications
    if not found.certificate.converged:
        products = math.inf
    seconds = "" if alone else f"{time.process_time() - begin:9.1f} "
    return f"{products:9.0f} {seconds}{found.objective:9.5f}"


def climbed(seed: int, wanted: tuple[int, ...] = NETWORK_PRODUCTS, alone: bool = False) -> str:
    """Return the network's F when so many products were spent, between rounds by the line."""
    place = network(FEW_LAYERS if alone else LAYERS)
    start = white(place, None, seed) if alone else None
    before, marks = place.products, [(0.0, 0.0)]

    def watch(_: int, objective: float) -> bool:
        marks.append((place.products - before, objective))
        return marks[-1][0] < max(wanted)

    budget = geometry.Budget(iterations=10_000, progress=watch)
    geometry.principal_distortions_at(place, seed=seed, start=start, budget=budget)
    spent, values = zip(*marks, strict=True)
    return " ".join(f"{np.interp(most, spent, values):9.4f}" for most in wanted)


def white(
    place: geometry.LocalGeometry, space: geometry.DistortionSpace | None, seed: int
) -> geometry.PrincipalDistortions:
    """Return what is found in a single iteration, in which there is no survey: white noise."""
    budget = geometry.Budget(iterations=1)
    return geometry.principal_distortions_at(place, space=space, seed=seed, budget=budget)


def settled(seed: int) -> str:
    """Return the products until both ends of LGN against LGG have converged."""
    found = geometry.generalized_eigen_distortions(
        *models.load(["LGN", "LGG"]),
        solver.parrot(SIDE),
        floor=0.1,
        seed=seed,
        budget=geometry.Budget(iterations=EIGEN_ITERATIONS),
    ).certificate
    return f"{found.operator_applications if found.converged else math.inf:9.0f}"


PROBLEMS: dict[str, Callable[[int], str]] = {
    "early": ended,
    "network": climbed,
    "early alone": partial(ended, alone=True),
    "network alone": partial(climbed, wanted=(ALONE_PRODUCTS,), alone=True),
    "eigen": settled,
}
WIDTHS = {"early": 29, "network": 19, "early alone": 19, "network alone": 9, "eigen": 9}


def line(name: str, value: str, of: set[str], seed: int = SEEDS[0]) -> None:
    """Solve the problems in which a constant has a part, and print what was reached."""
    values = [
        solve(seed) if problem in of else f"{'-':>{WIDTHS[problem]}s}"
        for problem, solve in PROBLEMS.items()
    ]
    print(f"{name:34s} {value:>9s} {' '.join(values)}", flush=True)


def sweep(*names: str) -> None:
    heads = ["products", "CPU s", "F", *(f"F @{n}" for n in NETWORK_PRODUCTS)]
    heads += ["products", "F", f"F @{ALONE_PRODUCTS}", "products"]
    print(f"{'constant':34s} {'value':>9s} {' '.join(f'{h:>9s}' for h in heads)}")
    for seed in SEEDS:
        line("as it is", f"seed {seed}", set(PROBLEMS), seed)
    for module, name, of in CONSTANTS:
        label = f"{module.__name__.rpartition('.')[2]}.{name.removeprefix('SETTINGS.')}"
        if names and not any(wanted in label for wanted in names):
            continue
        for factor in (0.5, 2.0):
            with changed(module, name, factor) as value:
                line(label, f"{value:g}", of)


def starts() -> None:
    """Print what starts from noise find, and the objective of the best with other probes."""
    place = early()
    allowed = geometry.DistortionSpace(place.image, window=WINDOW)
    results = [
        geometry.principal_distortions_at(place, space=allowed, seed=seed) for seed in range(4)
    ]
    best = max(results, key=lambda found: found.objective)
    for found in results:
        cosines = (found.distortions * best.distortions).sum(dim=(1, 2, 3)).abs()
        told = " ".join(f"{float(cosine):.4f}" for cosine in cosines)
        print(f"seed {found.seed}  F {found.objective:.5f}  |cosine| with the best {told}")
        for rival in found.rivals:
            print(f"        rival {rival.objective:.5f}")
    signs, values = local.random_signs, []
    for probes in range(1, 17):
        with mock.patch.object(local, "random_signs", lambda shape, p=probes, **_: signs(shape, p)):
            u, v = early().sensitivities(best.distortions).T
        values.append(np.var(np.log(u / v)))
    print(
        f"sampled floor: standard deviation of Var {np.std(values) / np.mean(values):.4f} relative"
    )


def nearest() -> None:
    """Print how far from noise inside a space the nearest allowed distortion is found.

    As where too many waves of a band overlap for a projection that is written out.
    """
    image = solver.parrot(SIDE)
    noise = torch.randn((2, *image.shape), generator=torch.Generator().manual_seed(0))
    for cycles in (8.0, 16.0, 32.0):
        with mock.patch.object(space, "WRITTEN_OUT", 0):
            allowed = geometry.DistortionSpace(image, window=1.0, cycles_per_image=cycles)
        inside, errors = allowed.apply(noise), []
        for steps in (30, 60, 120):
            with mock.patch.object(space, "NEAREST_STEPS", steps):
                error = (allowed.nearest(inside) - inside).norm() / inside.norm()
            errors.append(f"{steps} steps {float(error):.1e}")
        print(f"{cycles:g} cycles: relative error after {', '.join(errors)}")


def blocks() -> None:
    """Print processor seconds of the work that goes in blocks, by their size."""
    few, many = torch.randn(2, 800_000), torch.randn(64, 800_000)
    for size in (1 << power for power in (10, 12, 14, 16, 18, 20)):
        with mock.patch.object(kept_responses, "CHUNK", size):
            print(
                f"CHUNK {size:8d}  {_seconds(lambda: kept_responses.products(few, [many])):.3f} s"
            )
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
            with mock.patch.object(distances, "BATCH", size):
                finite = _seconds(
                    lambda place=place, block=block: geometry.finite_responses_at(place, block)
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
