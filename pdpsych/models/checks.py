"""What a network must satisfy before its responses have a local geometry."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from pdpsych.common.errors import InputError
from pdpsych.geometry.linearization import tolerance
from pdpsych.geometry.machine import is_out_of_memory

_QUANTISED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torchao", "bitsandbytes")
_FLOATING = ("FloatFunctional",)


def check_kind(module: object, name: str) -> None:
    """Refuse what is no module of PyTorch, or one whose layers cannot be read or differentiated.

    Raises
    ------
    InputError
        Naming the model, and what to give in its place.
    """
    # What a program gives as a module has a way of its own to refuse evaluation mode.
    if isinstance(module, ExportedProgram) or (
        isinstance(module, GraphModule) and "eval" in vars(module)
    ):
        raise InputError(
            "is a program of torch.export, which has no layers",
            file=name,
            remedy="give the network that it was made of, with its weights: "
            "network.load_state_dict(program.state_dict)",
        )
    if not isinstance(module, nn.Module):
        raise InputError(f"is a {type(module).__name__}, not a torch.nn.Module", file=name)
    for path, part in module.named_modules():
        kind = type(part)
        if kind.__module__.startswith(_QUANTISED) and kind.__name__ not in _FLOATING:
            raise InputError(
                f"{kind.__name__} computes with whole numbers, which have no derivative",
                file=f'{name}, layer "{path}"',
                remedy="give the network of before it was quantised",
            )
    for path, parameter in module.named_parameters():
        if isinstance(parameter, (UninitializedParameter, UninitializedBuffer)):
            raise InputError(
                "has no shape yet, as in a lazy module that has seen no image",
                file=f'{name}, parameter "{path}"',
                remedy="run the network once before: network(torch.zeros(1, 3, 224, 224))",
            )


def check_module(module: nn.Module, image: Tensor, name: str) -> None:
    """Refuse modules in training mode, batch statistics, and another dtype or device.

    Raises
    ------
    InputError
        Naming the model, the layer or parameter, and what to do.
    """
    for path, part in module.named_modules():
        label = f'{name}, layer "{path}"'
        if part.training:
            raise InputError(
                f"{type(part).__name__} is in training mode; it must stay in evaluation mode, "
                "also after a forward pass",
                file=label,
            )
        if isinstance(part, _BatchNorm) and part.running_mean is None:
            raise InputError(
                f"{type(part).__name__} uses the statistics of the batch, so one image has no "
                "response of its own",
                file=label,
                remedy="set track_running_stats=True and load a checkpoint",
            )
    for path, parameter in module.named_parameters():
        label = f'{name}, parameter "{path}"'
        if parameter.is_floating_point() and parameter.dtype != image.dtype:
            raise InputError(
                "has another dtype than the image",
                file=label,
                value=str(parameter.dtype),
                allowed=str(image.dtype),
                remedy="convert one of them with .float() or .double()",
            )
        if parameter.device != image.device:
            raise InputError(
                "is on another device than the image",
                file=label,
                value=str(parameter.device),
                allowed=str(image.device),
                remedy="move one of them with .to(device)",
            )


def check_response(response: Tensor, image: Tensor, label: str) -> Tensor:
    """Return a response, refusing another dtype than that of the image.

    Raises
    ------
    InputError
        Naming the layer and what it gave.
    """
    if response.dtype != image.dtype:
        raise InputError(
            "gives another dtype than that of the image",
            file=label,
            value=str(response.dtype),
            allowed=str(image.dtype),
            remedy="leave out what changes it inside (torch.autocast, .half()), or read a layer "
            "before that",
        )
    return response


def check_finite(response: Tensor, label: str) -> None:
    """Refuse responses that are NaN or infinite.

    Raises
    ------
    InputError
        Naming the layer.
    """
    if not bool(torch.isfinite(response).all()):
        raise InputError("its response has values that are NaN or infinite", file=label)


def check_repeatable(first: Tensor, second: Tensor, label: str) -> None:
    """Refuse responses that differ between two forward passes.

    Raises
    ------
    InputError
        Naming the layer and the difference.
    """
    largest = float(first.abs().max())
    difference = float((first.reshape(-1) - second.reshape(-1)).abs().max())
    if not difference <= tolerance(first) * largest:
        raise InputError(
            f"two forward passes differ (largest response {largest:.3g}); the response must be "
            "deterministic: no dropout, no noise",
            file=label,
            value=difference,
        )


def nearest(name: str, allowed: Iterable[str]) -> list[str]:
    """Return which of very many names are meant perhaps, as what an error says is allowed."""
    names = [other for other in allowed if other]
    return difflib.get_close_matches(name, names, n=8, cutoff=0.3) or names[:8]


@contextmanager
def enough_memory(label: str) -> Iterator[None]:
    """Say what to reduce where the work inside runs out of memory.

    Raises
    ------
    InputError
        At ``label``.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(
            "out of memory",
            file=label,
            remedy="use smaller images, fewer models in one recipe, fewer jobs at once, "
            "precision: float32, or a device with more memory",
        ) from error


@contextmanager
def unchanged_buffers(module: nn.Module, name: str) -> Iterator[None]:
    """Refuse, and undo, a forward pass inside that writes to buffers.

    Batch statistics in training mode do, also where no module is in training mode.

    Raises
    ------
    InputError
        Naming the model and the buffer.
    """
    before = {path: buffer.clone() for path, buffer in module.named_buffers()}
    try:
        yield
    finally:
        written = _restored(module, before)
    if written:
        raise InputError(
            "the forward pass writes to it, as batch statistics in training mode do; responses "
            "must not depend on what was seen before",
            file=f'{name}, buffer "{written[0]}"',
        )


def _restored(module: nn.Module, before: Mapping[str, Tensor]) -> list[str]:
    """Give buffers their values back; return the paths of those that had others."""
    written = []
    for path, buffer in module.named_buffers():
        kept = before.get(path)
        # A buffer of another shape is a cache that grew.
        if kept is not None and kept.shape == buffer.shape and not torch.equal(kept, buffer):
            buffer.copy_(kept)
            written.append(path)
    return written
