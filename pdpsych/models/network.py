"""Any PyTorch module as a network whose layers can be linearised at an image."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from pdpsych.common.errors import InputError
from pdpsych.geometry.linearization import Linearization, first_line, linearize
from pdpsych.geometry.machine import is_out_of_memory
from pdpsych.geometry.noise.noise_model import NoiseModel
from pdpsych.geometry.repadding import PaddingMode, repadded
from pdpsych.models.checks import (
    check_finite,
    check_kind,
    check_module,
    check_repeatable,
    check_response,
    enough_memory,
    nearest,
    unchanged_buffers,
)
from pdpsych.models.float64 import in_float64
from pdpsych.models.taps.layer_use import LayerUse, described, kind_of
from pdpsych.models.taps.operations import is_operation
from pdpsych.models.taps.reading import TapFiles
from pdpsych.models.taps.tap import parse_tap
from pdpsych.models.taps.tapping import Keep, tapped


class ModuleNetwork:
    """A module with tapped layers, named by dotted path; the module itself is ``""``.

    What a module computes itself goes by the names of torch.fx, as in ``layer1.0.add``. Behind a
    path may stand what of its output is read, as in ``blocks.3+token=0``
    (:data:`pdpsych.models.taps.tap.STEPS`).

    The module is put into evaluation mode with frozen parameters, and its in-place activations
    are made out-of-place, since they may overwrite what the backward pass needs.

    Parameters
    ----------
    module
        Takes images (B, C, H, W).
    name
        What to call it in messages.
    preprocessing
        Applied to the image first, inside the derivative.
    folder
        What the paths of readouts are relative to; the working directory by default.

    Examples
    --------
    >>> from pdpsych import models
    >>> import torch
    >>> network = models.ModuleNetwork(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Tanh()))
    >>> linear = network.linearize(torch.zeros(1, 1, 2), ["1"])
    >>> linear.push(torch.ones(1, 1, 1, 2))
    [tensor([[1., 1.]])]
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        name: str = "",
        preprocessing: nn.Module | None = None,
        folder: Path | None = None,
    ):
        self.name = name or type(module).__name__
        check_kind(module, self._title)
        self.module = module.eval()
        for parameter in module.parameters():
            parameter.requires_grad_(False)
        self.preprocessing = preprocessing or nn.Identity()
        self.files = TapFiles(folder or Path())
        self._mode: PaddingMode | None = None
        self._orders: dict[frozenset[str], list[str]] = {}
        for part in self.module.modules():
            if getattr(part, "inplace", False):
                part.inplace = False  # type: ignore[assignment]

    def linearize(self, image: Tensor, layers: Sequence[str]) -> Linearization:
        """Linearise the named layers at an image (C, H, W).

        Two forward passes: one to check the responses, one to record as far as the last tap.

        Raises
        ------
        InputError
            Naming the model and the layer, if the network is in training mode, has another
            dtype or device than the image, cannot take the image, or if a response is not a
            finite tensor that is deterministic and can be differentiated.
        """
        labels = [self._label(layer) for layer in layers]
        first = self._checked_responses(image, layers)
        with enough_memory(self._title):
            linear = linearize(lambda batch: self._recorded(batch, layers), image, labels)
        for label, once, again in zip(labels, first, linear.responses, strict=True):
            check_repeatable(once, again, label)
        return linear

    def responses(self, batch: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Return the output of each of ``layers`` for a batch (B, C, H, W), in one pass.

        Raises
        ------
        InputError
            If the pass fails, or does not go through each layer exactly once.
        """
        outputs = self.outputs(batch, layers)
        return [self._only(outputs.get(layer, []), layer, batch) for layer in layers]

    def order(self, batch: Tensor, layers: Sequence[str]) -> list[str]:
        """Return ``layers``, each once, in the order in which a pass of ``batch`` finishes them.

        Raises
        ------
        InputError
            As :meth:`responses`.
        """
        with torch.no_grad():
            outputs = self.outputs(batch, layers)
        for layer in layers:
            self._only(outputs.get(layer, []), layer, batch)
        return list(outputs)

    def known_order(self, layers: Sequence[str]) -> list[str] | None:
        """Return :meth:`order` of ``layers`` from the latest pass for them, None before one."""
        return self._orders.get(frozenset(layers))

    def uses(self, batch: Tensor, *, operations: bool = False) -> list[LayerUse]:
        """Return what a forward pass of ``batch`` does with each layer, in order of execution.

        Layers that the pass does not reach come last.

        Parameters
        ----------
        batch
            Images, (B, C, H, W).
        operations
            Whether to return what modules compute themselves, between those inside them, as well.

        Raises
        ------
        InputError
            If the pass fails.
        """
        parts = {
            name: part
            for name, part in self.module.named_modules()
            if name and not isinstance(part, torch.jit.ScriptModule)
        }
        outputs: dict[str, list[str]] = {}

        def note(layer: str, output: object) -> None:
            outputs.setdefault(layer, []).append(described(output))

        def note_operation(name: str, output: object) -> None:
            if name not in parts:
                note(name, output)

        see = note_operation if operations else None
        with torch.no_grad(), self._tapped(list(parts), note, see):
            self._pass(batch)
        return [
            LayerUse(name, kind_of(parts.get(name)), tuple(outputs.get(name, ())))
            for name in dict.fromkeys([*outputs, *parts])
        ]

    def taps(self, batch: Tensor, layers: Sequence[str]) -> list[LayerUse]:
        """Return what is read of each of ``layers`` in a forward pass of ``batch``.

        Raises
        ------
        InputError
            As :meth:`responses`.
        """
        with torch.no_grad():
            found = self.responses(batch, layers)
        kinds = [kind_of(self.layer(layer)) for layer in layers]
        return [
            LayerUse(*use[:2], (described(use[2]),))
            for use in zip(layers, kinds, found, strict=True)
        ]

    def repadded(self, mode: PaddingMode) -> ModuleNetwork:
        """Return the same network, the module shared, with this padding in place of its own.

        Its responses and its linearisation raise an ``InputError`` if something in it pads in a
        way that cannot be replaced, see :func:`pdpsych.geometry.padding_influence`.

        Parameters
        ----------
        mode
            ``replicate`` or ``reflect``.
        """
        other = copy.copy(self)
        other._mode = mode
        return other

    def in_float64(self) -> ModuleNetwork:
        """Return a copy of the network with float64 parameters and buffers."""
        other = copy.copy(self)
        other.module, other.preprocessing = map(in_float64, (self.module, self.preprocessing))
        return other

    def layer(self, name: str) -> nn.Module | None:
        """Return a layer by its dotted name, whatever of it is read; None of an operation.

        Whether there is such an operation, a forward pass has to show.

        Raises
        ------
        InputError
            If there is none, or a step behind it is not known.
        """
        layers = dict(self.module.named_modules(remove_duplicate=False))
        try:
            path = parse_tap(name).module
        except ValueError as error:
            raise InputError(str(error), file=self._title, field=name) from None
        inside, _, operation = path.rpartition(".")
        if path not in layers and not (inside in layers and is_operation(operation)):
            raise InputError(
                "no such layer", file=self._title, value=path, allowed=nearest(path, layers)
            )
        return layers.get(path)

    def noise(self, layer: str) -> NoiseModel | None:
        """Return the noise model that the tap ``layer`` names, None if it names none."""
        name = parse_tap(layer).noise
        return None if name is None else self.files.noise(name)

    def outputs(self, batch: Tensor, layers: Sequence[str]) -> dict[str, list[object]]:
        """Return all that each of ``layers`` gives for a ``batch``, in order of execution.

        Raises
        ------
        InputError
            If the pass fails.
        """
        outputs: dict[str, list[object]] = {}
        with self._tapped(
            layers, lambda layer, output: outputs.setdefault(layer, []).append(output)
        ):
            self._pass(batch)
        self._orders[frozenset(layers)] = list(outputs)
        return outputs

    def _pass(self, batch: Tensor) -> None:
        """Run the network on a batch, which it may overwrite only a copy of."""
        with enough_memory(self._title):
            try:
                with self._padded(checked=True):
                    self.module(self.preprocessing(batch.clone()))
            except InputError as error:
                raise error.within(file=self._title) from error.__cause__
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                raise InputError(
                    f"its forward pass fails on images {tuple(batch.shape[1:])}: "
                    f"{type(error).__name__}: {first_line(error)}",
                    file=self._title,
                    remedy=self._channel_advice(batch),
                ) from error

    def _channel_advice(self, batch: Tensor) -> str:
        """Say what the first convolution takes, where it is not what the image has."""
        first = next((m for m in self.module.modules() if isinstance(m, _ConvNd)), None)
        wanted, given = getattr(first, "in_channels", None), batch.shape[1]
        if wanted in (None, given):
            return ""
        return (
            f"its first convolution takes {wanted} channels, the image has {given}: set the "
            "colour of the base images, or repeat channels inside the model"
        )

    def _checked_responses(self, image: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Return the responses to one image after everything that one pass can check."""
        check_module(self.module, image, self._title)
        with torch.no_grad(), unchanged_buffers(self.module, self._title):
            responses = self.responses(image[None], layers)
            check_module(self.module, image, self._title)
        for layer, response in zip(layers, responses, strict=True):
            check_finite(response, self._label(layer))
        return responses

    def _recorded(self, batch: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Return the layers' outputs, ending the forward pass when all have answered."""
        outputs: dict[str, Tensor] = {}

        def keep(layer: str, output: Any) -> None:
            outputs[layer] = output
            if len(outputs) == len(set(layers)):
                raise _AllAnswered

        with self._tapped(layers, keep), suppress(_AllAnswered), self._padded(checked=False):
            self.module(self.preprocessing(batch.clone()))
        return [outputs[layer] for layer in layers]

    def _padded(self, *, checked: bool) -> AbstractContextManager[None]:
        return repadded(self._mode, checked=checked) if self._mode else nullcontext()

    def _only(self, outputs: list[object], layer: str, batch: Tensor) -> Tensor:
        if len(outputs) == 1 and isinstance(outputs[0], Tensor):
            return check_response(outputs[0], batch, self._label(layer))
        remedy = "tap a layer that gives one tensor, once" + self._alternatives(layer, batch)
        call = parse_tap(layer).call
        if not outputs and self.layer(layer) is None and call in (None, 1):
            raise InputError(
                "no such layer, and no such operation in a forward pass",
                file=self._title,
                value=(path := parse_tap(layer).module),
                allowed=nearest(path, [u.name for u in self.uses(batch[:1], operations=True)]),
                remedy="pdpsych models show NETWORK --operations lists both",
            )
        if not outputs:
            what = "the forward pass never reaches it" + (f" {call} times" if call else "")
        elif len(outputs) > 1:
            what = f"used {len(outputs)} times in a forward pass"
            remedy = f'say which time, as in "{layer}+call=1"; or {remedy}'
        else:
            what = f"gives {type(outputs[0]).__name__}, not a tensor"
            remedy = f'say which of it, as in "{layer}+output=0"; or {remedy}'
        raise InputError(what, file=self._label(layer), remedy=remedy)

    def _alternatives(self, layer: str, batch: Tensor) -> str:
        """Name layers close to one that cannot be tapped: its block first, then its kin."""
        uses, path = self.uses(batch[:1]), parse_tap(layer).module
        at = next((i for i, use in enumerate(uses) if use.name == path), 0)

        def closeness(i: int) -> tuple[int, bool, int]:
            pairs = zip(uses[i].name.split("."), path.split("."), strict=False)
            shared = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
            return -shared, not path.startswith(uses[i].name), abs(i - at)

        usable = sorted((i for i, use in enumerate(uses) if use.usable), key=closeness)
        names = ", ".join(f'"{uses[i].name}"' for i in usable[:3])
        return f", such as {names}" if names else ""

    def _tapped(
        self, layers: Sequence[str], keep: Keep, see: Keep | None = None
    ) -> AbstractContextManager[None]:
        """Hand what is read of each layer to ``keep``, operations to ``see``, in passes inside."""
        read = {name: self.layer(name) for name in dict.fromkeys(layers)}
        for name, layer in read.items():
            if isinstance(layer, torch.jit.ScriptModule):
                raise InputError(
                    "is TorchScript, whose layers cannot be read",
                    file=self._label(name),
                    remedy="give the network that it was made of; or read as a whole, as layer "
                    '"", what nn.Sequential(network) gives',
                )
        return tapped(self.module, read, keep, self.files, see)

    @property
    def _title(self) -> str:
        return f'model "{self.name}"'

    def _label(self, layer: str) -> str:
        return f'{self._title}, layer "{layer}"'


class _AllAnswered(BaseException):
    """Ends a forward pass; not an ``Exception``, which a network might catch."""
