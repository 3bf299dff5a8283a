"""Networks of timm, with weights of the Hugging Face hub, of a file, or random ones."""

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
    """Build a model of timm; its weights are named in the model, in a file, or random."""
    timm = optional("timm", "timm")
    name, _, tag = address.name.partition(".")
    if name not in timm.list_models():
        raise InputError(
            "unknown architecture", value=name, allowed=nearest(name, timm.list_models())
        )
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    if tag and tag not in tags:
        raise InputError(f"unknown weights of {name}", value=tag, allowed=nearest(tag, tags))
    if address.weights and address.seed is None:
        if address.weights in tags:
            raise InputError(
                f'timm names weights in the model, as in "{name}.{address.weights}"',
                field="weights",
                value=address.weights,
                allowed="random, random-SEED, or the path of a checkpoint",
            )
        return from_file(address, folder, lambda classes: _architecture(address.name, classes))
    try:
        module = timm.create_model(address.name, pretrained=address.seed is None)
    except Exception as error:
        raise InputError(
            f"its weights cannot be fetched from the Hugging Face hub: {error}",
            remedy="fetch them where there is a connection (pdpsych models fetch) and copy the "
            "folder of HF_HOME",
        ) from error
    takes = _takes(module)
    trained = tag or module.pretrained_cfg.get("tag") or "timm"
    return BuiltNetwork(module, name, random_words(address) or trained, takes)


def _architecture(name: str, classes: int | None) -> tuple[nn.Module, InputFormat]:
    """Build a model with random weights, and as many classes as are wanted."""
    options = {} if classes is None else {"num_classes": classes}
    module = optional("timm", "timm").create_model(name, pretrained=False, **options)
    return module, _takes(module)


def _takes(module: nn.Module) -> InputFormat:
    data = optional("timm", "timm").data.resolve_model_data_config(module)
    channels, height, width = data["input_size"]
    return InputFormat(channels, (height, width), tuple(data["mean"]), tuple(data["std"]), "srgb")
