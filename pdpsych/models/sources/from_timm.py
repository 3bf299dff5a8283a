"""Networks of timm, with weights of the Hugging Face hub or random ones."""

from __future__ import annotations

from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.models.address import NetworkAddress
from pdpsych.models.checks import nearest
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources.source import BuiltNetwork, optional, random_words


def build(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    """Build a model of timm; its weights are named in the model, or random."""
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
        raise InputError(
            f'timm names weights in the model, as in "{name}.{next(iter(tags), "TAG")}"',
            field="weights",
            value=address.weights,
            allowed="random, random-SEED",
        )
    try:
        module = timm.create_model(address.name, pretrained=address.seed is None)
    except Exception as error:
        raise InputError(
            f"its weights cannot be fetched from the Hugging Face hub: {error}",
            remedy="fetch them where there is a connection (pdpsych models fetch) and copy the "
            "folder of HF_HOME",
        ) from error
    data = timm.data.resolve_model_data_config(module)
    channels, height, width = data["input_size"]
    takes = InputFormat(channels, (height, width), tuple(data["mean"]), tuple(data["std"]), "srgb")
    trained = tag or module.pretrained_cfg.get("tag") or "timm"
    return BuiltNetwork(module, name, random_words(address) or trained, takes)
