"""Networks of torchvision, with its weights, those of the catalogue, or random ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from pdpsych.common.errors import InputError
from pdpsych.models.address import NetworkAddress
from pdpsych.models.checks import nearest
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources import catalogue, checkpoint
from pdpsych.models.sources.source import BuiltNetwork, optional, random_words

DEFAULT_WEIGHTS = "IMAGENET1K_V1"


def build(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    """Build a classifier; without weights in the address it has those of the papers."""
    weights = address.weights or DEFAULT_WEIGHTS
    module, takes = architecture(address.name, weights)
    if address.seed is not None:
        return BuiltNetwork(module, address.name, random_words(address), takes)
    found = catalogue.find(address.name, weights)
    checkpoint.load_published(module, found, takes.changed_by(address.preprocess))
    return BuiltNetwork(module, address.name, found.training, takes)


def architecture(
    name: str, weights: str, classes: int | None = None
) -> tuple[nn.Module, InputFormat]:
    """Build a classifier of torchvision with random weights, for the input some weights take.

    Weights that torchvision does not have take what its first ones do. Without ``classes`` it has
    those of ImageNet.
    """
    torchvision = optional("torchvision", "models")
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise InputError("unknown architecture", value=name, allowed=nearest(name, known))
    versions = torchvision.models.get_model_weights(name)
    version = versions[weights] if weights in versions.__members__ else next(iter(versions))
    preset = version.transforms()
    size = preset.crop_size[0]
    options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    if name in ("googlenet", "inception_v3"):
        # Ported weights of another normalisation, which the network converts to inside.
        options |= {"transform_input": True, "init_weights": True}
    elif name.startswith("vit_"):
        options |= {"image_size": size}
    takes = InputFormat(3, (size, size), tuple(preset.mean), tuple(preset.std), "srgb")
    return torchvision.models.get_model(name, weights=None, **options), takes
