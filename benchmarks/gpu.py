"""Is a GPU right, and how fast: ``python benchmarks/gpu.py``, below five minutes.

Prints, for layers of three networks with random weights at 224×224, how far products differ from
those of the processor, and searches of small images too; directions and products a second, one by
one and in one call; kernels launched by a product and by an inner solve, and how often the
processor waits in it; peak memory of a search of 31 layers of VGG16; whether deterministic kernels
repeat. Ends with status 1 where something is off by more than it says.
Without a GPU it says so and ends; ``--device cpu`` tries the script itself, on smaller images.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import search
import torch
import torchvision
from torch import Tensor
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from pdpsych import geometry, models
from pdpsych.geometry.linearization import AutogradLinearization
from pdpsych.geometry.machine import environment, kernels
from pdpsych.geometry.solvers.climb import Problem
from pdpsych.geometry.solvers.disagreement import contrast
from pdpsych.geometry.solvers.weighted_information import WeightedInformation

LAYERS = search.LAYERS | {"vgg16": [f"features.{i}" for i in range(31)]}
# Relative to the length of what the processor gives. In float32 sums of thousands of products are
# taken in another order, and rectifiers near 0 may be on one side here and on the other there.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3}
TOGETHER = 1e-4
# Of F after some iterations: what rounding has made of them, too.
SEARCHED, ITERATIONS, SMALL = 0.02, 5, 64
STEPS, BLOCK, REPEATS = 20, 2, 10
# All taps of ResNet-50 are behind rectifiers.
NOISES = {
    "gaussian": None,
    "poisson": geometry.Poisson(),
    "response variance": geometry.ResponseVariance(lambda r: 0.1 + r),
}
LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernelEx")

failures: list[str] = []


def told(what: str, off: float, most: float) -> None:
    """Print how far something is off; it is a failure beyond the most."""
    print(f"  {what:56s} {off:9.1e}   at most {most:.0e}", flush=True)
    if not off <= most:
        failures.append(what)


def network(
    name: str, device: str, dtype: torch.dtype, noise: geometry.NoiseModel | None = None
) -> list[models.Representation]:
    """Return the layers of a network with the same random weights everywhere."""
    torch.manual_seed(0)
    module = torchvision.models.get_model(name, weights=None).to(device, dtype)
    return models.from_module(module, LAYERS[name], name, noise=noise)


def off(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Return the largest distance of two lists of tensors, relative to the length of each."""
    pairs = [(a.cpu().double(), b.cpu().double()) for a, b in zip(found, expected, strict=True)]
    return max(float((a - b).norm() / b.norm()) for a, b in pairs)


def equality(device: str, side: int) -> None:
    """Products of each network here and on the processor."""
    print("\nfrom the processor's products, relative; and from one direction at a time")
    for name in LAYERS:
        for dtype, most in TOLERANCE.items():
            image = search.photograph("cat", side, colour=True).to(dtype)
            generator = torch.Generator().manual_seed(0)
            block = torch.randn((BLOCK, *image.shape), generator=generator, dtype=dtype)
            there = geometry.LocalGeometry(network(name, "cpu", dtype), image)
            here = geometry.LocalGeometry(network(name, device, dtype), image.to(device))
            expected = there.push(block)
            title = f"{name}, {dtype}"
            told(f"{title}: pushes", off(here.push(block.to(device)), expected), most)
            cotangents = [t.to(device) for t in expected]
            pulled = there.pull(expected)
            told(f"{title}: pulls", off([here.pull(cotangents)], [pulled]), most)
            each = [here.push(u[None]) for u in block.to(device)]
            joined = [torch.cat(rows) for rows in zip(*each, strict=True)]
            told(f"{title}: in one call", off(here.push(block.to(device)), joined), TOGETHER)


def searches(device: str) -> None:
    """Search at small images here and on the processor, for early models and a network."""
    print(f"\nF of searches of {ITERATIONS} iterations at {SMALL} pixels, from the processor's")
    budget = geometry.Budget(iterations=ITERATIONS)
    for name in ("early", "alexnet"):
        found = []
        for place in ("cpu", device):
            image = search.photograph("cat", SMALL, colour=name != "early").to(place)
            chosen = (
                models.load(["LN", "LG", "LGG", "LGN"], device=place)
                if name == "early"
                else network(name, place, torch.float32)
            )
            found.append(geometry.principal_distortions(chosen, image, budget=budget).objective)
        told(f"{name}: {found[1]:.5f} and {found[0]:.5f}", abs(found[1] / found[0] - 1), SEARCHED)


def speed(device: str, side: int) -> None:
    """Products a second, one direction at a time and in one call, and what they launch."""
    print("\nproducts a second (pushes, pulls), and launches of two directions")
    for name in LAYERS:
        image = search.photograph("cat", side, colour=True).to(device)
        (linear,) = geometry.LocalGeometry(network(name, device, torch.float32), image)._linear
        assert isinstance(linear, AutogradLinearization)
        block = torch.randn((BLOCK, *image.shape), device=device)
        weights = [r.expand(BLOCK, -1).contiguous() for r in linear.responses]
        for together in (False, True):
            linear.together = together
            push = _seconds(lambda linear=linear, b=block: linear.push(b), device)
            pull = _seconds(lambda linear=linear, w=weights: linear.pull(w), device)
            count = launches(lambda linear=linear, b=block: linear.push(b), device)
            way = "in one call" if together else "one by one"
            told_speed = f"{BLOCK / push:9.1f} {BLOCK / pull:9.1f}   {count:6d} launches"
            print(f"  {name:10s} {way:12s} {told_speed}", flush=True)


def inner_solve(device: str, side: int) -> None:
    """Count what an inner solve launches a step, and how often the processor waits in it."""
    image = search.photograph("cat", side, colour=True).to(device)
    print("\ninner solves behind layer4 and avgpool of ResNet-50")
    for title, noise in NOISES.items():
        made = network("resnet50", device, torch.float32, noise)
        _solve(title, geometry.LocalGeometry(made, image, floor=0.03), device)


def _solve(title: str, local: geometry.LocalGeometry, device: str) -> None:
    image = local.image
    space = geometry.DistortionSpace(image)
    problem = Problem.at(local, space, contrast(range(len(local.names))))
    weights = np.zeros(len(local.names))
    weights[-1] = 1.0
    inverse = WeightedInformation(problem.geometry, space, problem.preconditioner, weights)
    gradient = torch.randn(image.shape, device=device)
    inverse.solve(gradient, 2)
    before = local.products
    count = launches(lambda: inverse.solve(gradient, STEPS), device)
    steps = (local.products - before) * len(local.names) / 2
    waits = _waits(lambda: inverse.solve(gradient, STEPS), device)
    told_waits = "" if device == "cpu" else f"; {waits} times the processor waited"
    told_steps = f"{steps:.0f} steps, {count / max(steps, 1):.0f} launches a step"
    print(f"  {title:20s} {told_steps}{told_waits}")
    if waits:
        failures.append(f"an inner solve with {title} noise waits for the device")


def memory(device: str, side: int) -> None:
    """Peak memory of a search of many large layers, and its iterations' seconds and launches."""
    image = search.photograph("cat", side, colour=True).to(device)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    marks = [time.perf_counter()]
    local = geometry.LocalGeometry(network("vgg16", device, torch.float32), image, floor=0.03)
    budget = geometry.Budget(
        iterations=ITERATIONS, progress=lambda *_: marks.append(time.perf_counter())
    )
    count = launches(lambda: geometry.principal_distortions_at(local, budget=budget), device)
    took = ", ".join(f"{b - a:.2f}" for a, b in pairwise(marks))
    print(f"\n31 layers of VGG16: seconds of set-up and first iteration, and of others: {took}")
    print(f"  {count / local.products:.0f} launches for each product of a search")
    if device != "cpu":
        print(f"  peak memory {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB of tensors")


def repeats(device: str) -> None:
    """Whether searches with deterministic kernels are the same to the last digit."""
    image = search.photograph("cat", SMALL, colour=True).to(device)
    budget = geometry.Budget(iterations=ITERATIONS)
    with kernels(True):
        made_with = environment(device, "float32")
        first, second = (
            geometry.principal_distortions(
                network("alexnet", device, torch.float32), image, budget=budget
            ).distortions
            for _ in range(2)
        )
    print(f"\n{made_with.describe()}")
    told("the same search twice", float((first - second).abs().max()), 0.0)


def launches(call: Callable[[], object], device: str) -> int:
    """Return how many kernels a call launches; on a processor, how many operations it runs."""
    activities = [ProfilerActivity.CPU]
    if device != "cpu":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiled:
        call()
        _synchronize(device)
    events = profiled.events() or []
    if device == "cpu":
        return sum(e.device_type == DeviceType.CPU and e.name[:6] == "aten::" for e in events)
    return sum(event.name in LAUNCHES for event in events)


def _waits(call: Callable[[], object], device: str) -> int:
    if device == "cpu":
        return 0
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)


def _seconds(call: Callable[[], object], device: str) -> float:
    call()
    _synchronize(device)
    begin = time.perf_counter()
    for _ in range(REPEATS):
        call()
    _synchronize(device)
    return (time.perf_counter() - begin) / REPEATS


def _synchronize(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--side", type=int, default=0, help="of images; 224, on a processor 64")
    asked = parser.parse_args()
    if asked.device != "cpu" and not torch.cuda.is_available():
        print("no GPU here: skipped")
        return
    # cuBLAS reads it once, before its first product.
    with kernels(True):
        pass
    # The same arithmetic as on the processor.
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    side = asked.side or (64 if asked.device == "cpu" else 224)
    begin = time.perf_counter()
    print(environment(asked.device, "float32").describe())
    equality(asked.device, side)
    searches(asked.device)
    speed(asked.device, side)
    inner_solve(asked.device, side)
    memory(asked.device, side)
    repeats(asked.device)
    print(f"\n{time.perf_counter() - begin:.0f} s")
    if failures:
        sys.exit("off: " + "; ".join(failures))


if __name__ == "__main__":
    main()
