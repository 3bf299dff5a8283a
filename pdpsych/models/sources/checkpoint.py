"""Trained weights from a file into a network: the whole of them, or an error.

A file holds a state dict in one of these layouts, which its keys tell apart:

``plain``
    keys as in the network; the dict itself, or under ``state_dict`` or ``model``.
``data-parallel``
    as written by a network inside ``DataParallel``: every key begins with ``module.``, or those
    of the convolutions of AlexNet and VGG with ``features.module.``.
``robustness``
    as written by the robustness library: the network under ``module.model.``, beside its
    normaliser and a copy inside the attacker, which are left out.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.serialization import safe_globals

from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import CHECKPOINT, open_regular
from pdpsych.models.sources.cache import locate
from pdpsych.models.sources.catalogue import Checkpoint, Format

_NORMALISER = {"new_mean": (0.485, 0.456, 0.406), "new_std": (0.229, 0.224, 0.225)}
_CONTAINERS = ("state_dict", "model")
_BESIDE_THE_NETWORK = ("module.normalizer.", "module.preproc.", "module.attacker.")
# Names of torchvision's first DenseNets, from when a layer could have a dot in its name.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(?=[12]\.)")
_CONVERT = (
    "if you trust it, keep only its tensors, where the library that wrote it is installed: "
    "torch.save(torch.load(FILE, weights_only=False)['state_dict'], NEW_FILE)"
)


class _StandIn:
    """Takes the place of an object in a file that is not a tensor; does nothing."""

    def __new__(cls, *args: object, **kwargs: object) -> _StandIn:
        return object.__new__(cls)

    def __init__(self, *args: object, **kwargs: object):
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _stand_in(name: str) -> type[_StandIn]:
    """Return a stand-in that a file finds under a qualified name."""
    module, _, short = name.rpartition(".")
    return type(short, (_StandIn,), {"__module__": module, "__qualname__": short})


# Accuracies and settings that training scripts save beside the weights. None of this code is
# ours to run: each name leads to a class that does nothing.
_STAND_INS: list[Any] = [
    _stand_in(name)
    for name in (
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.ndarray",
        "numpy.dtype",
        "cox.utils.Parameters",
        "argparse.Namespace",
    )
]


def state_dict(checkpoint: Checkpoint, progress: bool = True) -> tuple[dict[str, Tensor], Path]:
    """Return the state dict of a checkpoint and its file, downloaded if need be.

    Raises
    ------
    InputError
        If it cannot be had, or its file is not what was published.
    """
    path = locate(checkpoint, progress)
    state, layout = _read(path)
    if layout != checkpoint.format:
        raise InputError(
            f"its layout is not that of {checkpoint.url}",
            file=path,
            value=layout,
            allowed=(checkpoint.format,),
            remedy="remove it to download it again",
        )
    return state, path


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the state dict in a file, its keys as in the network.

    Raises
    ------
    InputError
        If the file cannot be read, holds objects other than tensors, or has none of the
        layouts above; names what was found.
    """
    return _read(path)[0]


def load_into(module: nn.Module, state: Mapping[str, Tensor], label: str) -> None:
    """Load a state dict into a network: every parameter and buffer, or none.

    Raises
    ------
    InputError
        Naming what is missing, too much, or of another shape, and the architecture it fits.
    """
    wanted = module.state_dict()
    faults = [
        _listed("missing", [key for key in wanted if key not in state and not _counts(key)]),
        _listed("not in the network", [key for key in state if key not in wanted]),
        _listed(
            "of another shape",
            [
                f"{key} {tuple(state[key].shape)} for {tuple(wanted[key].shape)}"
                for key in wanted.keys() & state.keys()
                if state[key].shape != wanted[key].shape
            ],
        ),
    ]
    if any(faults):
        fitting = _architectures_of(state)
        hint = f"it has as many parameters as {' or '.join(fitting)}" if fitting else ""
        found = "; ".join(fault for fault in faults if fault)
        raise InputError(f"a checkpoint of another architecture: {found}", file=label, remedy=hint)
    module.load_state_dict(state)


def _read(path: Path) -> tuple[dict[str, Tensor], Format]:
    content = _open(path)
    for key in _CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not (isinstance(content, Mapping) and content and _all_tensors(content)):
        raise InputError(
            "holds no state dict",
            file=path,
            value=_described(content),
            allowed=f"tensors by name, or these under {' or '.join(_CONTAINERS)}",
        )
    for key, tensor in content.items():
        _check_plain(tensor, path, key)
    state, layout = _unwrapped(dict(content), path)
    return {_OLD_DENSENET.sub(r"\1", key): value for key, value in state.items()}, layout


def _check_plain(tensor: Tensor, path: Path, key: str) -> None:
    """Refuse a tensor that no network can be given: its storage, or its values."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "quantised" if tensor.is_quantized else "empty" if tensor.is_meta else "sparse"
        raise InputError(
            f"is {kind}", file=path, field=key, allowed="dense tensors of plain numbers"
        )
    held = tensor.untyped_storage().nbytes()
    if held < tensor.numel() * tensor.element_size():
        raise InputError(
            f"says that it has {tensor.numel()} numbers, in {held} bytes", file=path, field=key
        )
    if tensor.is_complex():
        raise InputError("is complex", file=path, field=key, allowed="real numbers")
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        raise InputError("has values that are not finite", file=path, field=key)


def _open(path: Path) -> Any:
    """Return the content of a file: tensors, numbers, text, lists and dicts only."""
    with open_regular(path, CHECKPOINT, "a file that torch.save wrote") as file:
        # Files in the format before torch 1.6 cannot be mapped into memory.
        mapped = zipfile.is_zipfile(file)
    try:
        with safe_globals(_STAND_INS):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except OSError as error:
        raise InputError(str(error.strerror or error), file=path) from error
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL (\S+)", str(error))
        if not refused:
            raise InputError("damaged, or not written by torch.save", file=path) from error
        raise InputError(
            "holds more than tensors, and reading that could run any program",
            file=path,
            value=refused[1],
            remedy=_CONVERT,
        ) from error
    except Exception as error:  # a damaged file fails in any way
        raise InputError(
            f"damaged, or not written by torch.save: {type(error).__name__}: {error}", file=path
        ) from error


def _unwrapped(state: dict[str, Tensor], path: Path) -> tuple[dict[str, Tensor], Format]:
    """Return a state dict under the names of the network, and its layout."""
    if any(key.startswith("module.model.") for key in state):
        return _from_robustness(state, path), "robustness"
    if all(key.startswith("module.") for key in state):
        return _without("module.", state), "data-parallel"
    inner = {key for key in state if key.startswith("features.")}
    if inner and all(key.startswith("features.module.") for key in inner):
        return {
            key.replace("features.module.", "features.", 1): state[key] for key in state
        }, "data-parallel"
    if any("module" in key.split(".") for key in state):
        raise InputError(
            "some keys are those of a wrapped network, but no layout has them all",
            file=path,
            value=_described(state),
        )
    return state, "plain"


def _from_robustness(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    network = {key: state[key] for key in state if key.startswith("module.model.")}
    strange = {
        key: state[key]
        for key in state
        if key not in network and not key.startswith(_BESIDE_THE_NETWORK)
    }
    if strange:
        raise InputError(
            "has strange keys beside module.model",
            file=path,
            value=_described(strange),
            allowed=", ".join(_BESIDE_THE_NETWORK),
        )
    for key in state:
        expected = _NORMALISER.get(key.rpartition(".")[2])
        if expected and key not in network:
            _check_normaliser(state[key], expected, path, key)
    return _without("module.model.", network)


def _check_normaliser(found: Tensor, expected: tuple[float, ...], path: Path, key: str) -> None:
    values = found.double().flatten()
    if values.shape != (3,) or not torch.allclose(values, torch.tensor(expected).double()):
        raise InputError(
            "only networks normalised as for ImageNet can be read from this layout",
            file=path,
            field=key,
            value=[round(v, 4) for v in values.tolist()],
            allowed=str(list(expected)),
        )


def _architectures_of(state: Mapping[str, Tensor]) -> list[str]:
    """Return torchvision's architectures that have as many parameters."""
    from torchvision import models

    buffers = ("running_mean", "running_var", "num_batches_tracked")
    count = sum(state[key].numel() for key in state if not key.endswith(buffers))
    return [
        name
        for name in models.list_models(module=models)
        if any(w.meta["num_params"] == count for w in models.get_model_weights(name))
    ]


def _all_tensors(content: Mapping[Any, Any]) -> bool:
    return all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())


def _counts(key: str) -> bool:
    """Tell whether a buffer only counts batches; files older than torch 0.4.1 lack it."""
    return key.endswith("num_batches_tracked")


def _without(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items()}


def _listed(what: str, names: Sequence[str]) -> str:
    more = ", ..." if len(names) > 5 else ""
    return f"{len(names)} {what} ({', '.join(sorted(names)[:5])}{more})" if names else ""


def _described(content: object) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    return _listed("keys", [str(key) for key in content]) or "an empty dict"
