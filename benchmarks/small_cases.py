"""Random small questions to a solver, each made again from a seed and its number."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from skimage import color, data
from torch import nn

from pdpsych import geometry, models
from pdpsych.common.errors import InputError
from pdpsych.models import Representation

Floats = np.typing.NDArray[np.float64]

# Those that scikit-image ships without a download.
PHOTOGRAPHS = (
    *("camera", "coins", "coffee", "chelsea", "astronaut"),
    *("moon", "page", "brick", "grass", "gravel"),
)
SPACES = ("none", "window", "band", "headroom", "window and band")
SETS = ("plain", "nearly equal", "duplicate", "scaled", "blind")
DARKEST, BRIGHTEST = 0.02, 0.98
# What a space must leave, so that a question remains.
FEWEST = 6
HUGE = 1e25


@dataclass(frozen=True)
class Case:
    """A question to the solver: ``representations`` and ``image`` are of ``dtype``."""

    number: int
    source: str
    floor: float
    dtype: str
    space: str
    options: dict[str, float]
    models: str
    representations: list[Representation]
    image: torch.Tensor

    def wide(self) -> Case:
        """Return the same case in float64, the same numbers."""
        widened = [
            replace(r, network=_widened(r.network, torch.float64)) for r in self.representations
        ]
        return replace(self, representations=widened, image=self.image.double())

    def facts(self) -> dict[str, Any]:
        """Return what the case is, for tables and files."""
        return {
            "number": self.number,
            "source": self.source,
            "size": list(self.image.shape[1:]),
            "floor": self.floor,
            "dtype": self.dtype,
            "N": len(self.representations),
            "space": self.space,
            "options": self.options,
            "models": self.models,
            "names": [r.name for r in self.representations],
        }


def case(seed: int, number: int) -> Case:
    """Make a case."""
    rng = np.random.default_rng([seed, number])
    source, pixels = _image(rng)
    dtype = rng.choice(["float32", "float64"])
    image = torch.from_numpy(pixels)[None].to(getattr(torch, dtype))
    space = str(rng.choice(SPACES, p=[0.3, 0.25, 0.15, 0.15, 0.15]))
    options = _options(rng, space, image)
    if options is None:
        space, options = "none", {}
    floor = float(rng.choice([0.0, 0.01, 0.03]))
    kind = str(rng.choice(SETS, p=[0.72, 0.07, 0.07, 0.07, 0.07]))
    representations = _set(rng, kind, int(rng.integers(2, 7)), image)
    wanted = [
        replace(r, name=f"{r.name}-{place}", network=_widened(r.network, image.dtype))
        for place, r in enumerate(representations)
    ]
    return Case(number, source, floor, str(dtype), space, options, kind, wanted, image)


@cache
def _photograph(name: str) -> Floats:
    pixels = np.asarray(getattr(data, name)())
    grey = color.rgb2gray(pixels) if pixels.ndim == 3 else pixels / 255
    return np.asarray(grey, dtype=np.float64)


def _image(rng: np.random.Generator) -> tuple[str, Floats]:
    """Return where an image comes from, and its pixels: a part, by a whole factor smaller."""
    # Small ones more often: the dense search takes the third power of the pixels.
    height, width = (int(side) for side in np.sort(rng.integers(8, 17, size=(2, 2)), axis=0)[0])
    if rng.random() < 1 / 6:
        return "white noise", rng.uniform(DARKEST, BRIGHTEST, (height, width))
    name = str(rng.choice(PHOTOGRAPHS))
    grey, factor = _photograph(name), int(rng.choice([1, 2, 4, 8]))
    high, wide = height * factor, width * factor
    top, left = (
        int(rng.integers(whole - part + 1))
        for whole, part in zip(grey.shape, (high, wide), strict=True)
    )
    part = grey[top : top + high, left : left + wide]
    small = part.reshape(height, factor, width, factor).mean(axis=(1, 3))
    return f"{name}/{factor}", np.clip(small, DARKEST, BRIGHTEST)


def _options(rng: np.random.Generator, space: str, image: torch.Tensor) -> dict[str, float] | None:
    """Return the options of a space; None where it would leave too little."""
    options: dict[str, float] = {}
    if "window" in space:
        options["window"] = round(float(rng.uniform(0.7, 1.3)), 2)
    if "band" in space:
        options["cycles_per_image"] = round(float(rng.uniform(0.2, 0.45)) * min(image.shape[1:]), 1)
    if space == "headroom":
        options["headroom"] = round(float(rng.uniform(0.03, 0.1)), 3)
    try:
        left = geometry.DistortionSpace(image, **options).dimension
    except InputError:
        return None
    return options if left >= FEWEST else None


def _set(
    rng: np.random.Generator, kind: str, count: int, image: torch.Tensor
) -> list[Representation]:
    """Return models of a kind of set, in float64 or without a precision."""
    found = [_model(rng, image) for _ in range(count)]
    chosen = found[int(rng.integers(count - 1))]
    if kind == "nearly equal":
        size = float(rng.choice([1e-2, 1e-3, 1e-5]))
        channels = models.CHANNELS[str(rng.choice(list(models.CHANNELS)))]
        return [
            Representation(
                "near", models.EarlyVisualModel(_perturbed(rng, channels, size)), "response"
            )
            for _ in range(count)
        ]
    if kind == "duplicate":
        found[-1] = replace(chosen, network=copy.deepcopy(chosen.network))
    if kind == "scaled":
        deviation = HUGE ** float(rng.choice([-1.0, 1.0]))
        found[-1] = replace(found[-1], noise=geometry.Gaussian(deviation))
    if kind == "blind":
        found[-1] = _convolutional(rng, image, blind=True)
    return found


def _model(rng: np.random.Generator, image: torch.Tensor) -> Representation:
    names = list(models.CHANNELS)
    kind = rng.choice(["early", "variant", "network", "pixels"], p=[0.4, 0.25, 0.25, 0.1])
    name = str(rng.choice(names))
    if kind == "early":
        return models.load([name])[0]
    if kind == "variant":
        network = models.EarlyVisualModel(_perturbed(rng, models.CHANNELS[name], 0.3))
        return Representation(f"{name}'", network, "response")
    if kind == "network":
        return _convolutional(rng, image, blind=False)
    (pixels,) = models.load(["identity"], dtype=torch.float64)
    deviation = torch.from_numpy(rng.lognormal(0.0, float(rng.choice([0.0, 0.5])), image.numel()))
    return replace(pixels, noise=geometry.Gaussian(deviation))


def _perturbed(
    rng: np.random.Generator, channels: tuple[models.Channel, ...], size: float
) -> list[models.Channel]:
    """Return channels with all numbers changed by about a relative size."""

    def moved(value: float) -> float:
        return float(value * np.exp(size * rng.standard_normal()))

    def control(gain: models.GainControl | None) -> models.GainControl | None:
        return gain and models.GainControl(moved(gain.scale), moved(gain.std))

    return [
        models.Channel(
            moved(c.center_std),
            moved(c.surround_std),
            control(c.luminance),
            control(c.contrast),
            c.on_center,
        )
        for c in channels
    ]


def _convolutional(rng: np.random.Generator, image: torch.Tensor, blind: bool) -> Representation:
    """Return a network of two layers of random weights; a blind one pools to few responses."""
    torch.manual_seed(int(rng.integers(2**31)))
    hidden, channels = int(rng.integers(4, 9)), int(rng.integers(2, 7))
    size, stride = int(rng.choice([3, 5])), 2 if blind else int(rng.choice([1, 1, 2]))
    activation = {"relu": nn.ReLU, "softplus": nn.Softplus, "tanh": nn.Tanh}
    chosen = str(rng.choice(list(activation)))
    layers = [
        nn.Conv2d(1, hidden, size, padding=size // 2),
        activation[chosen](),
        nn.Conv2d(hidden, 2 if blind else channels, 3, stride=stride, padding=1),
        activation[chosen](),
    ]
    module = nn.Sequential(*layers).double()
    return models.from_module(module, ["3"], "blind" if blind else "network")[0]


def _widened(network: Any, dtype: torch.dtype) -> Any:
    """Return a copy of a network in a precision; early models take that of the image."""
    if not isinstance(network, models.ModuleNetwork):
        return network
    module = copy.deepcopy(network.module).to(dtype)
    return models.ModuleNetwork(module, name=network.name, preprocessing=network.preprocessing)
