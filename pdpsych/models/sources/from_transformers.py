"""Vision networks of Hugging Face transformers, from a folder, the hub, or with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import STUDY_FILE, read_text
from pdpsych.models.address import NetworkAddress
from pdpsych.models.checks import nearest
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources.source import BuiltNetwork, optional, random_words

_CONFIG, _PROCESSOR = "config.json", "preprocessor_config.json"
_ELSEWHERE = (
    "give a folder that holds config.json and model.safetensors; or fetch it where there is a "
    "connection (pdpsych models fetch) and copy the folder of HF_HOME"
)


def build(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    """Build the network of a folder, of a name on the hub, or of a kind (``vit``), then random.

    Of a network of images and text it is the part that sees. Code of others is never run, and
    weights are read from safetensors alone.
    """
    transformers = optional("transformers", "transformers")
    if address.weights and address.seed is None:
        raise InputError(
            "the weights of transformers are those of the folder or the name",
            field="weights",
            value=address.weights,
            allowed="random, random-SEED",
        )
    place = folder / address.name
    local = (place / _CONFIG).is_file()
    source = str(place) if local else address.name
    kinds = transformers.CONFIG_MAPPING
    try:
        if address.name in kinds and not local:
            if address.seed is None:
                raise InputError(
                    f"{address.name} is a kind of network, and has no weights",
                    allowed=f"transformers:{address.name}@random, or a folder with weights",
                )
            config = transformers.AutoConfig.for_model(address.name)
        elif not local and "/" not in address.name:
            raise InputError(
                "no such folder, and no such kind of network",
                value=address.name,
                allowed=nearest(address.name, kinds),
                remedy=_ELSEWHERE,
            )
        else:
            config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
        module = _module(transformers, config, source if address.seed is None else None)
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        first = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise InputError(f"cannot be built: {first}", remedy="" if local else _ELSEWHERE) from error
    takes = _takes(config, _processor(transformers, source))
    trained = random_words(address) or Path(address.name).name
    return BuiltNetwork(module, str(config.model_type), trained, takes)


def _module(transformers: ModuleType, config: Any, source: str | None) -> nn.Module:
    named = (config.architectures or [""])[0]
    kind = getattr(transformers, named, None) if "Image" in named or "Vision" in named else None
    kind = kind or transformers.AutoModel
    options = {"attn_implementation": "eager", "trust_remote_code": False}
    if source is None:
        made = kind.from_config if kind is transformers.AutoModel else kind._from_config
        module = made(config, **(options if kind is transformers.AutoModel else {}))
    else:
        module = kind.from_pretrained(source, use_safetensors=True, dtype="float32", **options)
    module = getattr(module, "vision_model", module) if hasattr(config, "vision_config") else module
    if (
        not isinstance(module, nn.Module)
        or getattr(module, "main_input_name", "") != "pixel_values"
    ):
        raise InputError(
            "does not take images",
            value=type(module).__name__,
            allowed="networks of transformers that take pixel_values",
        )
    return module


def _processor(transformers: ModuleType, source: str) -> dict[str, Any]:
    """Return what is said of the images beside the weights; nothing of a kind of network."""
    if source in transformers.CONFIG_MAPPING:
        return {}
    try:
        path = transformers.utils.cached_file(source, _PROCESSOR)
        found: dict[str, Any] = json.loads(read_text(path, STUDY_FILE))
    except (OSError, ValueError, TypeError):
        return {}
    return found


def _takes(config: Any, said: dict[str, Any]) -> InputFormat:
    """Return what the network takes; the normalisation is that of its folder, if that says one."""
    seen = getattr(config, "vision_config", config)
    size = getattr(seen, "image_size", None)
    sides = (size, size) if isinstance(size, int) else tuple(size) if size else None
    if sides is None:
        given = said.get("crop_size") or said.get("size") or {}
        sides = (given["height"], given["width"]) if "height" in given else (224, 224)
    mean, std = said.get("image_mean"), said.get("image_std")
    return InputFormat(
        channels=int(getattr(seen, "num_channels", 3)),
        size=(int(sides[0]), int(sides[1])),
        mean=tuple(mean) if mean else None,
        std=tuple(std) if std else None,
        encoding="srgb",
    )
