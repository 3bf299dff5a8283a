"""What a network makes of an image: what it is given, what it says, how its layers respond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.results import Result
from pdpsych.models.address import parse_network
from pdpsych.models.float64 import in_float64
from pdpsych.models.layer_list import built_as_shown
from pdpsych.models.network import ModuleNetwork
from pdpsych.models.preprocessing import Preprocessing
from pdpsych.models.text_table import aligned

# RMS changes of pixels, of an image in [0, 1].
CONTRASTS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
_VISIBLE = CONTRASTS.index(0.01)
_LOCAL = 1e-6
_WITHIN = 1.1  # as `pdpsych inspect` has it: within 10 %
_DIRECTIONS = 2
_TOP = 5
_IMAGENET = 1000


class LayerResponse(NamedTuple):
    """How a layer responds to an image, and how linear it is there.

    Attributes
    ----------
    name
        Its name, with what of it is read.
    kind
        Its type.
    shape
        Of the response.
    size
        Mean of the absolute responses.
    peak
        The largest response.
    zeros
        Share of responses that are exactly 0.
    linear_to
        Largest of some RMS changes of pixels, by white noise, up to which the response to the
        change is within 10 % of proportional; 0 if to none.
    change
        Response to a change of RMS 0.01, relative to that of a linear layer.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych import models
    >>> found = models.look("python:torch.nn:Tanh", np.full((1, 16, 16), 0.1), taps=[""])
    >>> found.layers[0].kind, found.layers[0].shape, found.layers[0].linear_to
    ('Tanh', (1, 16, 16), 0.05)
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    size: float
    peak: float
    zeros: float
    linear_to: float
    change: float


@dataclass(frozen=True, eq=False, repr=False)
class Look(Result):
    """What :func:`look` saw.

    Attributes
    ----------
    network
        Its address.
    weights
        What it was trained on.
    preprocessing
        What was done to the image, in words.
    given
        What the network is given, for each channel: least, mean and largest value.
    classes
        The likeliest classes with their probabilities, where the network gives some for an image:
        numbers, and ImageNet's names where there are 1,000.
    layers
        A :class:`LayerResponse` for each, in order of execution.
    checkpoint
        What the network has of a file of weights that its address names.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych import models
    >>> models.look("python:torch.nn:Tanh", np.full((1, 16, 16), 0.5), taps=[""])
    <Look: of python:torch.nn:Tanh at an image, 1 of its layers>
    """

    network: str
    weights: str
    preprocessing: str
    given: tuple[tuple[float, float, float], ...]
    classes: tuple[tuple[str, float], ...]
    layers: tuple[LayerResponse, ...]
    checkpoint: str = ""

    def _line(self) -> str:
        return f"of {self.network} at an image, {len(self.layers)} of its layers"

    def describe(self) -> str:
        """Say what the network is given and takes it for, and list its layers."""
        given = "; ".join(
            f"{low:.3g} to {high:.3g}, mean {mean:.3g}" for low, mean, high in self.given
        )
        lines = [
            f"{self.network}: {self.weights}",
            self.checkpoint,
            f"preprocessing: {self.preprocessing}",
            f"given, by channel: {given}",
            "classes: " + ", ".join(f"{name} {100 * p:.1f} %" for name, p in self.classes)
            if self.classes
            else "",
        ]
        rows = aligned([_HEADING, *map(_row, self.layers)])
        return "\n".join([*filter(None, lines), *rows, _NOTE])


_HEADING = ("layer", "type", "output", "mean |r|", "largest", "zeros", "linear to", "at 0.01")
_NOTE = (
    "linear to: largest RMS change of pixels, by white noise, at which responses are within 10 % "
    "of proportional; at 0.01: response to a change of that RMS, relative to a linear layer's"
)


def look(
    network: str,
    image: NDArray[Any] | Tensor,
    *,
    taps: Sequence[str] = (),
    operations: bool = False,
    folder: Path | None = None,
) -> Look:
    """Return what a network makes of an image.

    Parameters
    ----------
    network
        ``source:model[@weights]``; without weights they are random, and nothing is downloaded.
    image
        (C, H, W), values in [0, 1], sRGB, as :func:`pdpsych.stimuli.load_image` gives it.
    taps
        Layers with what of their output is read; all that can be read without.
    operations
        Whether to look at what modules compute themselves as well, as in ``layer1.0.add``.
    folder
        What relative paths and Python modules are relative to; the working directory by default.

    Raises
    ------
    InputError
        If the network is not known or cannot take the image, or a tap cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych import models
    >>> found = models.look("python:torch.nn:Tanh", np.full((1, 16, 16), 0.5), taps=["+pool=mean"])
    >>> found.layers[0].shape, round(found.layers[0].size, 3)
    ((1,), 0.462)
    """
    built = built_as_shown(network, folder)
    takes = built.takes.changed_by(parse_network(network).preprocess)
    preprocessing = Preprocessing(takes, "srgb")
    # In float64, where small changes of responses are not lost.
    made = ModuleNetwork(
        in_float64(built.module), name=network, preprocessing=preprocessing, folder=folder
    )
    batch = torch.as_tensor(np.array(image)).double()
    images = batch[None]
    listed = made.taps(images, taps) if taps else made.uses(images, operations=operations)
    uses = {use.name: use for use in listed}
    names = list(taps) or [name for name, use in uses.items() if use.usable]
    with torch.no_grad():
        given = preprocessing(batch[None])[0].flatten(1)
        found, said = _responses(made, batch, names)
    return Look(
        network,
        built.training,
        str(preprocessing),
        tuple((float(c.min()), float(c.mean()), float(c.max())) for c in given),
        _classes(said),
        tuple(LayerResponse(name, uses[name].kind, *found[name]) for name in names),
        built.loaded.describe() if built.loaded else "",
    )


def _responses(
    network: ModuleNetwork, image: Tensor, names: Sequence[str]
) -> tuple[dict[str, tuple[Any, ...]], object]:
    """Return what is said of the response of each layer, and what the network gives as a whole."""
    base = network.responses(image[None], names)
    (said, *_) = network.outputs(image[None], [""])[""]
    noise = torch.randn((_DIRECTIONS, *image.shape), generator=_generator(), dtype=image.dtype)
    noise /= noise.flatten(1).pow(2).mean(dim=1).sqrt().view(-1, 1, 1, 1)
    gains = []
    for contrast in (_LOCAL, *CONTRASTS):
        changed = network.responses(image + contrast * torch.cat([noise, -noise]), names)
        lengths = [
            (there - here).flatten(1).norm(dim=1) / contrast
            for there, here in zip(changed, base, strict=True)
        ]
        gains.append(torch.stack(lengths))
    ratios = (torch.stack(gains[1:]) / gains[0]).nan_to_num(1.0)  # (contrasts, layers, directions)
    found = {}
    for i, (name, response) in enumerate(zip(names, base, strict=True)):
        far = ratios[:, i].log().abs().amax(dim=1) > math.log(_WITHIN)
        count = int(far.int().argmax()) if bool(far.any()) else len(CONTRASTS)
        found[name] = (
            tuple(response.shape[1:]),
            float(response.abs().mean()),
            float(response.max()),
            float((response == 0).double().mean()),
            CONTRASTS[count - 1] if count else 0.0,
            float(ratios[_VISIBLE, i].mean()),
        )
    return found, said


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _classes(said: object) -> tuple[tuple[str, float], ...]:
    if not isinstance(said, Tensor) or said.ndim != 2 or said.shape[1] < 2:
        return ()
    probabilities = said[0].softmax(dim=0)
    names: Sequence[str] = [str(i) for i in range(len(probabilities))]
    if len(probabilities) == _IMAGENET:
        from torchvision.models import AlexNet_Weights

        names = AlexNet_Weights.IMAGENET1K_V1.meta["categories"]
    top = probabilities.topk(min(_TOP, len(names)))
    pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
    return tuple((names[i], p) for i, p in pairs)


def _row(layer: LayerResponse) -> tuple[str, ...]:
    return (
        layer.name,
        layer.kind,
        f"({', '.join(map(str, layer.shape))})",
        f"{layer.size:.3g}",
        f"{layer.peak:.3g}",
        f"{100 * layer.zeros:.0f} %",
        f"{layer.linear_to:g}" if layer.linear_to else f"<{CONTRASTS[0]:g}",
        f"{100 * layer.change:.0f} %",
    )
