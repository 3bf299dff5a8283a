"""Solvers against their peers: ``python benchmarks/solver.py [published|converged|eigen|scaling]``.

Needs the test extra (plenoptic). Each part prints a table; peers run in the same process.
``python benchmarks/solver.py --against PATH`` makes the searches of the four early visual models,
at five photographs of 64 and 224 pixels, with this package and with another checkout in turns.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import time
from collections.abc import Callable

import numpy as np
import plenoptic
import torch
import versions
from PIL import Image

from pdpsych import geometry, models
from pdpsych.models.early_vision import CHANNELS, EarlyVisualModel
from pdpsych.models.representation import Representation

PUBLISHED_STEPS = 5000
PUBLISHED_VARIANCE = 11.2
PRODUCTS = {64: (500, 1300, 2500, 4000), 224: (500, 1000, 2500)}
SEARCHES = [
    versions.Problem(f"early/{side}/{name}", products)
    for side, products in PRODUCTS.items()
    for name in ("astronaut", "camera", "cat", "coffee", "parrot")
]
PEERS = {
    "LN": plenoptic.models.LinearNonlinear,
    "LG": plenoptic.models.LuminanceGainControl,
    "LGG": plenoptic.models.LuminanceContrastGainControl,
    "LGN": plenoptic.models.OnOff,
}


def parrot(side: int = 224) -> torch.Tensor:
    """Return the parrot, shorter side resized to 8/7 of ``side``, its centre cut out, float32."""
    pixels = plenoptic.data.parrot()[0, 0].numpy()
    photograph = Image.fromarray(np.uint8(255 * pixels))
    scale = side * 8 / 7 / min(photograph.size)
    size = [round(scale * s) for s in photograph.size]
    array = np.asarray(photograph.resize(size, Image.Resampling.BILINEAR), dtype=np.float32) / 255
    top, left = ((s - side) // 2 for s in array.shape)
    return torch.from_numpy(array[top : top + side, left : left + side].copy())[None]


def published(image: torch.Tensor) -> None:
    """Time to the objective that the published update rule reaches in its 5,000 steps, η = 0."""
    fronts = [_front(name, image) for name in PEERS]
    step = min(_timed(lambda: _published_step(fronts, image)) for _ in range(3))
    marks: list[tuple[float, float]] = []
    begin = time.perf_counter()

    def watch(iteration: int, objective: float) -> bool:
        marks.append((time.perf_counter() - begin, objective))
        return objective < PUBLISHED_VARIANCE

    representations = models.load(list(PEERS))
    geometry.principal_distortions(
        representations, image, floor=0.0, budget=geometry.Budget(progress=watch)
    )
    ours, reached = marks[-1]
    peer = step * PUBLISHED_STEPS
    print("\npublished rule, 224×224, four models, floor 0")
    print(
        f"  peer   {step:8.2f} s a step × {PUBLISHED_STEPS}   {peer:10.0f} s   "
        f"Var {PUBLISHED_VARIANCE}"
    )
    print(f"  ours   {len(marks):8d} iterations       {ours:10.2f} s   Var {reached:.2f}")
    print(f"  ratio  {peer / ours:.0f}")
    print(f"  peak memory of this process {_peak():.0f} MB")


def converged(image: torch.Tensor) -> None:
    """Five seeds to a relative gradient norm of 1e-3 at η² = 1e-3."""
    print("\nconvergence, 224×224, four models, floor² 1e-3")
    results = []
    for seed in range(5):
        begin = time.perf_counter()
        found = geometry.principal_distortions(
            models.load(list(PEERS)), image, floor=1e-3**0.5, seed=seed
        )
        results.append(found)
        certificate = found.certificate
        print(
            f"  seed {seed}  {time.perf_counter() - begin:6.1f} s  Var {found.objective:.5f}  "
            f"gradient {certificate.gradient_norm:.1e}  {certificate.iterations} iterations  "
            f"{certificate.operator_applications:.0f} operator applications  gaps "
            + " ".join(f"{gap:.3f}" for gap in certificate.gaps)
        )
    objectives = np.array([found.objective for found in results])
    ratios = np.array([found.log_ratios for found in results])
    units = torch.stack([found.distortions for found in results]).double().flatten(2)
    cosines = (units * units[0]).sum(dim=2).abs()
    print(f"  spread of objectives {np.ptp(objectives) / objectives.max():.1e} relative")
    print(f"  largest spread of a log ratio {np.ptp(ratios, axis=0).max():.1e}")
    print(f"  smallest |cosine| with seed 0: {cosines.min(dim=0).values.tolist()}")


def eigen(image: torch.Tensor) -> None:
    """Largest eigen-distortion of LGN against plenoptic's power method; and the smallest."""
    print("\neigen-distortions of LGN, 224×224")
    (lgn,) = models.load(["LGN"])
    begin = time.perf_counter()
    found = geometry.eigen_distortions(lgn, image)
    ours = time.perf_counter() - begin
    certificate = found.certificate
    print(
        f"  ours   largest {found.largest_values[0]:.6f}  smallest {found.smallest_values[0]:.3e}"
        f"  {ours:7.1f} s  relative residual of both {certificate.gradient_norm:.1e}"
        f"  ({certificate.stopped})"
    )
    residual, seconds = _largest_only(lgn, image)
    print(f"  ours   largest alone: residual {residual:.1e} after {seconds:.2f} s")
    peer, value = _power_method(image, residual)
    print(f"  peer   largest {value:.6f}  {peer:7.1f} s to the same residual")
    print(f"  ratio  {peer / seconds:.1f}")


def scaling(image: torch.Tensor) -> None:
    """Cost of an iteration against models, and against pixels."""
    print("\nscaling: seconds an iteration (of 5, after set-up), peak memory in MB")
    for count in (2, 4, 8, 16):
        seconds = _per_iteration(_variants(count), image)
        print(f"  models {count:4d}   224×224   {seconds:7.3f} s   {_peak():6.0f} MB")
    sides, costs = (64, 128, 224, 320, 512), []
    for side in sides:
        costs.append(_per_iteration(_variants(4), parrot(side)))
        print(f"  models    4   {side}×{side}   {costs[-1]:7.3f} s   {_peak():6.0f} MB")
    slope = np.polyfit(np.log(np.square(sides)), np.log(costs), 1)[0]
    print(f"  cost grows as pixels^{slope:.2f}")


def _published_step(fronts: list[torch.nn.Module], image: torch.Tensor) -> None:
    """One update of the published rule and its objective: fresh passes for every product."""
    pair = 0.1 * torch.nn.functional.normalize(torch.randn(2, *image.shape).flatten(1), dim=1)
    pair = pair.reshape(2, 1, *image.shape)
    products = [[_fisher_product(f, image, e) for e in pair] for f in fronts]
    lengths = torch.stack(
        [torch.stack([(p * e).sum() for p, e in zip(row, pair, strict=True)]) for row in products]
    )
    ratio = lengths.log() @ torch.tensor([1.0, -1.0])
    scaled = torch.stack(
        [
            torch.stack([p / t for p, t in zip(r, ts, strict=True)])
            for r, ts in zip(products, lengths, strict=True)
        ]
    )
    centred = scaled - scaled.mean(dim=0)
    update = torch.einsum("n,nk...->k...", ratio - ratio.mean(), centred)
    update = (update * torch.tensor([1.0, -1.0]).view(2, 1, 1, 1, 1)).clamp(-1, 1)
    moved = pair + 1e-2 * update
    for front in fronts:
        for e in moved:
            _fisher_product(front, image, e)


def _fisher_product(front: torch.nn.Module, image: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
    _, tangent = torch.autograd.functional.jvp(front, image[None], e)
    return torch.autograd.functional.vjp(front, image[None], tangent)[1]


def _front(name: str, image: torch.Tensor) -> torch.nn.Module:
    front = PEERS[name](31, pretrained=True, cache_filt=True, pad_mode="replicate")
    front.eval().requires_grad_(False)
    front(image[None])  # fills its filter cache, which must not happen inside a derivative
    return front


def _largest_only(lgn: Representation, image: torch.Tensor) -> tuple[float, float]:
    """Return residual and seconds of the largest value when only that end is asked to settle."""
    begin = time.perf_counter()
    marks: list[tuple[float, float]] = []

    def watch(iteration: int, value: float) -> bool:
        marks.append((time.perf_counter() - begin, value))
        return iteration < 4 or abs(value / marks[-3][1] - 1) > 1e-6

    found = geometry.eigen_distortions(lgn, image, budget=geometry.Budget(progress=watch))
    local = geometry.LocalGeometry([lgn], image)
    product = local.pull(local.push(found.largest))[0]
    value = float(found.largest_values[0])
    return float((product - value * found.largest[0]).norm()) / value, marks[-1][0]


def _power_method(image: torch.Tensor, residual: float) -> tuple[float, float]:
    """Run plenoptic's power method until its residual is as small; return seconds and value.

    It looks for the smallest value in the same call, with the same number of steps: half the time.
    """
    front = _front("LGN", image)
    for steps in (20, 40, 80, 160):
        peer = plenoptic.Eigendistortion(image[None], front)
        torch.manual_seed(0)
        with contextlib.redirect_stderr(io.StringIO()):
            seconds = _timed(
                lambda peer=peer, steps=steps: peer.synthesize(
                    method="power", k=1, max_iter=steps, stop_criterion=0.0
                )
            )
        e = peer.eigendistortions[0][None]
        value = float(peer.eigenvalues[0])
        reached = float((_fisher_product(front, image, e) - value * e).norm()) / value
        print(f"  peer   {steps:4d} steps: residual {reached:.1e}, {seconds / 2:.1f} s")
        if reached <= residual:
            break
    return seconds / 2, value


def _variants(count: int) -> list[Representation]:
    """Return early visual models, from the fifth on with widths a little changed."""
    found = []
    for i in range(count):
        name = list(CHANNELS)[i % 4]
        channel = CHANNELS[name][0]
        wider = type(channel)(
            channel.center_std * (1 + 0.1 * (i // 4)),
            channel.surround_std,
            channel.luminance,
            channel.contrast,
        )
        network = EarlyVisualModel([wider, *CHANNELS[name][1:]])
        found.append(Representation(f"{name}{i // 4}", network, "response"))
    return found


def _per_iteration(representations: list[Representation], image: torch.Tensor) -> float:
    marks: list[float] = []
    geometry.principal_distortions(
        representations,
        image,
        budget=geometry.Budget(iterations=6, progress=lambda *_: marks.append(time.perf_counter())),
    )
    return (marks[-1] - marks[0]) / (len(marks) - 1)


def _timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parts = {f.__name__: f for f in (published, converged, eigen, scaling)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    versions.options(parser)
    asked = parser.parse_args()
    if asked.against:
        versions.compare(SEARCHES, asked)
        return
    for part in asked.parts or parts:
        parts[part](parrot())


if __name__ == "__main__":
    main()
