"""Memory and time of a search of many large layers, beside another version and ``torch.func``.

``python benchmarks/blocks.py [--against CHECKOUT]``: 31 layers of VGG16, random weights, 224×224.
A process each, in turns, one thread: a search of so many iterations by this package, the same by
the other checkout, and the products that an iteration needs by ``torch.func`` (``linearize`` for
pushes, ``vjp`` for pulls). Memory is the peak above what importing PyTorch takes. Times are of the
processor, in forward passes of the network; ``beside products`` is what iterations took over what
their products did. ``--models early`` or another set of search.py does the same of that, in seconds
and without ``torch.func``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
VGG, LAYERS = "vgg16", [f"features.{i}" for i in range(31)]


def peak() -> float:
    """Return the peak memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Return the least processor time of some calls."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return min(times)


def setting(side: int) -> tuple[Any, torch.Tensor, float]:
    """Return the network, a photograph, and the seconds of a forward pass."""
    import search
    import torchvision

    torch.manual_seed(0)
    network = torchvision.models.vgg16(weights=None).eval().requires_grad_(False)
    image = search.photograph("cat", side, colour=True)

    def forward() -> object:
        with torch.no_grad():
            return network.features(image[None])

    return network, image, seconds(forward)


def ours(side: int, iterations: int, before: float, which: str) -> dict[str, Any]:
    """Search, and say what each iteration took and what of it was products of the network."""
    import search

    import pdpsych
    from pdpsych import geometry, models
    from pdpsych.geometry import linearization
    from pdpsych.models.early_vision import EarlyVisualLinearization

    if which == VGG:
        network, image, unit = setting(side)
        chosen = models.from_module(network, LAYERS, "vgg")
    else:
        image, unit = search.photograph("cat", side, colour=which != "early"), 1.0
        chosen = search.SETS[which]()
    spent = {"products": 0.0}
    for kind, name in (
        (linearization._RetainedGraph, "pull"),
        (linearization.AutogradLinearization, "push"),
        (EarlyVisualLinearization, "pull"),
        (EarlyVisualLinearization, "push"),
    ):
        _timed(kind, name, spent)
    begin = time.process_time()
    local = geometry.LocalGeometry(chosen, image, floor=0.03)
    set_up = time.process_time() - begin
    marks = [(time.process_time(), spent["products"], local.products, 0.0)]

    def watch(iteration: int, objective: float) -> None:
        marks.append((time.process_time(), spent["products"], local.products, objective))

    budget = geometry.Budget(iterations=iterations, progress=watch)
    found = geometry.principal_distortions_at(local, budget=budget)
    rows = [((b[0] - a[0]) / unit, (b[1] - a[1]) / unit, b[2], b[3]) for a, b in pairwise(marks)]
    return {
        "package": str(Path(pdpsych.__file__).parents[1]),
        "set-up": set_up / unit,
        "rows": rows,
        "objective": found.objective,
        "peak": peak() - before,
    }


def peer(side: int, iterations: int, before: float, which: str) -> dict[str, Any]:
    """Take two pushes and two pulls through all layers by ``torch.func``."""
    from pdpsych.models import ModuleNetwork

    network, image, unit = setting(side)
    tapped = ModuleNetwork(network, name="vgg")

    def function(batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(tap.flatten() for tap in tapped.responses(batch, LAYERS))

    block = torch.randn((2, 1, *image.shape))
    begin = time.process_time()
    responses, pushed = torch.func.linearize(function, image[None])
    once = time.process_time() - begin
    push = seconds(lambda: [pushed(u) for u in block])
    pull = torch.func.vjp(function, image[None])[1]
    pulled = seconds(lambda: [pull(responses) for _ in block])
    return {
        "set-up": once / unit,
        "rows": [(0.0, (push + pulled) / unit, 4.0, 0.0)],
        "peak": peak() - before,
    }


def own_products(side: int, iterations: int, before: float, which: str) -> dict[str, Any]:
    """Take two pushes and two pulls through all layers by this package."""
    from pdpsych.models import ModuleNetwork

    network, image, unit = setting(side)
    begin = time.process_time()
    linear = ModuleNetwork(network, name="vgg").linearize(image, LAYERS)
    once = time.process_time() - begin
    block = torch.randn((2, *image.shape))
    push = seconds(lambda: linear.push(block))
    pulled = seconds(lambda: linear.pull([r.expand(2, -1) for r in linear.responses]))
    return {
        "set-up": once / unit,
        "rows": [(0.0, (push + pulled) / unit, 4.0, 0.0)],
        "peak": peak() - before,
    }


def _timed(kind: Any, name: str, spent: dict[str, float]) -> None:
    plain = getattr(kind, name)

    def timed(self: object, given: object) -> object:
        begin = time.process_time()
        found = plain(self, given)
        spent["products"] += time.process_time() - begin
        return found

    setattr(kind, name, timed)


WAYS = {"search": ours, "torch.func": peer, "products": own_products}


def run(way: str, asked: argparse.Namespace, path: Path) -> dict[str, Any]:
    """Run one way in a process of its own, with the package at a path."""
    environment = os.environ | {"PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--way", way, "--side", str(asked.side)]
    command += ["--iterations", str(asked.iterations), "--models", asked.models]
    done = subprocess.run(command, env=environment, cwd=path, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if Path(found.get("package", path)).resolve() != path.resolve():
        sys.exit(f"{found['package']} answered in place of {path}")
    return found


def show(name: str, found: dict[str, Any], unit: str) -> None:
    """Print what one search took."""
    print(
        f"\n{name}: peak {found['peak']:.0f} MB above PyTorch, set-up {found['set-up']:.1f} {unit}"
    )
    print(f"  iteration   products (all)   {unit:>8s}   beside products        F")
    for number, (took, of_products, products, objective) in enumerate(found["rows"], start=1):
        cost = f"{took:8.2f}   {took / max(of_products, 1e-9):15.2f}"
        print(f"  {number:9d}   {products:14.1f}   {cost}   {objective:6.4f}")
    total, products = (sum(row[k] for row in found["rows"]) for k in (0, 1))
    print(f"  all         {'':14s}   {total:8.2f}   {total / products:15.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--models", default=VGG, help=f"{VGG}, or a set of search.py")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--iterations", type=int, default=9)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        torch.set_num_threads(1)
        print(json.dumps(WAYS[asked.way](asked.side, asked.iterations, peak(), asked.models)))
        return
    unit = "forwards" if asked.models == VGG else "seconds"
    show("this version", run("search", asked, ROOT), unit)
    if asked.against:
        show("the other", run("search", asked, asked.against.resolve()), unit)
    if asked.models != VGG:
        return
    print("\ntwo pushes and two pulls through all layers")
    for way in ("products", "torch.func"):
        found = run(way, asked, ROOT)
        cost = f"{found['rows'][0][1]:6.2f} forward passes, {found['set-up']:6.2f} once"
        print(f"  {way:10s}   {cost}, peak {found['peak']:.0f} MB")


if __name__ == "__main__":
    main()
