"""Reading taps while a network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import count

from torch import nn

from pdpsych.models.taps.differentiable import differentiable
from pdpsych.models.taps.operations import Operations
from pdpsych.models.taps.reading import TapFiles, read
from pdpsych.models.taps.tap import parse_tap

Keep = Callable[[str, object], None]


@contextmanager
def tapped(
    network: nn.Module,
    layers: Mapping[str, nn.Module | None],
    keep: Keep,
    files: TapFiles,
    see: Keep | None = None,
) -> Iterator[None]:
    """Hand what each tap reads to ``keep`` during the forward passes inside.

    Parameters
    ----------
    network
        What runs.
    layers
        The module of each tap, None where it is an operation.
    keep
        Called with a tap and what it reads, as often as its module runs.
    files
        What taps name.
    see
        Called with the name of every operation, and what it gives.
    """
    wanted: dict[str, list[str]] = {}
    for tap, layer in layers.items():
        if layer is None:
            wanted.setdefault(parse_tap(tap).module, []).append(tap)

    def happened(operation: str, given: object) -> None:
        if see is not None:
            see(operation, given)
        for tap in wanted.get(operation, ()):
            if parse_tap(tap).call in (None, 1):
                keep(tap, read(parse_tap(tap), given, files))

    operations = Operations(network, happened) if wanted or see else None
    with ExitStack() as stack:
        stack.enter_context(differentiable())
        if operations is not None:
            stack.enter_context(operations)
        for tap, layer in layers.items():
            if layer is not None:
                hook = layer.register_forward_hook(_hook(tap, keep, files, operations))
                stack.callback(hook.remove)
        yield


def _hook(
    name: str, keep: Keep, files: TapFiles, operations: Operations | None
) -> Callable[..., None]:
    tap, calls = parse_tap(name), count(1)

    def hook(module: nn.Module, inputs: object, output: object) -> None:
        if tap.call in (None, next(calls)):
            with operations.unseen() if operations else nullcontext():
                keep(name, read(tap, output, files))

    return hook
