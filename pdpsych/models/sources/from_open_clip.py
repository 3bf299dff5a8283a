"""The networks of open_clip that see, with weights of a file, of the hub, or random ones."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from pdpsych.common.errors import InputError
from pdpsych.models.address import NetworkAddress
from pdpsych.models.checks import nearest
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources.from_file import from_file
from pdpsych.models.sources.source import BuiltNetwork, optional, random_words


def build(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    """Build the part of a model that sees; its weights are a tag, a file, or random."""
    open_clip = optional("open_clip", "open-clip")
    if address.name not in open_clip.list_models():
        raise InputError(
            "unknown architecture",
            value=address.name,
            allowed=nearest(address.name, open_clip.list_models()),
        )
    tags = open_clip.list_pretrained_tags_by_model(address.name)
    if address.weights is None:
        raise InputError(
            "needs weights", field="weights", allowed=[*tags, "random", "the path of a checkpoint"]
        )
    if address.weights not in tags and address.seed is None:
        return from_file(address, folder, lambda classes: _architecture(address.name, None))
    tag = address.weights if address.seed is None else None
    try:
        module, takes = _architecture(address.name, tag)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"its weights cannot be fetched: {error}",
            remedy="fetch them where there is a connection (pdpsych models fetch) and copy the "
            "folder of HF_HOME",
        ) from error
    return BuiltNetwork(module, address.name, random_words(address) or str(tag), takes)


def _architecture(name: str, tag: str | None) -> tuple[nn.Module, InputFormat]:
    open_clip = optional("open_clip", "open-clip")
    # Without a tag open_clip warns that weights are random, which is what was asked for.
    model = open_clip.create_model(name, pretrained=tag, load_weights=tag is not None)
    said = open_clip.get_model_preprocess_cfg(model)
    size = said["size"]
    height, width = (size, size) if isinstance(size, int) else size
    takes = InputFormat(
        3, (int(height), int(width)), tuple(said["mean"]), tuple(said["std"]), "srgb"
    )
    visual: nn.Module = model.visual
    return visual, takes
