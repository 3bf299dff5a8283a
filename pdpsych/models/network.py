"""Any PyTorch module as a network whose layers can be linearised at an image."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from pdpsych.errors import InputError, did_you_mean
from pdpsych.geometry.linearization import Linearization, first_line, linearize
from pdpsych.models.checks import (
    check_finite,
    check_module,
    check_repeatable,
    check_response,
    unchanged_buffers,
)


class ModuleNetwork:
    """A module with tapped layers, named by dotted path; the module itself is ``""``.

    The module is put into evaluation mode with frozen parameters, and its in-place activations
    are made out-of-place, since they may overwrite what the backward pass needs.

    Parameters
    ----------
    module
        Takes images (B, C, H, W).
    name
        What to call it in messages.
    """

    def __init__(self, module: nn.Module, name: str = ""):
        self.module = module.eval().requires_grad_(False)
        self.name = name or type(module).__name__
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
        linear = linearize(lambda batch: self._recorded(batch, layers), image, labels)
        for label, once, again in zip(labels, first, linear.responses, strict=True):
            check_repeatable(once, again, label)
        return linear

    def responses(self, batch: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Return the output of each named layer for a batch (B, C, H, W), in one pass.

        Raises
        ------
        InputError
            If the pass fails, or does not go through each layer exactly once.
        """
        outputs: dict[str, list[object]] = {layer: [] for layer in layers}
        with self._tapped(layers, lambda layer, output: outputs[layer].append(output)):
            try:
                self.module(batch.clone())
            except Exception as error:
                raise InputError(
                    f"{self._title}: its forward pass fails on images {tuple(batch.shape[1:])}: "
                    f"{type(error).__name__}: {first_line(error)}"
                ) from error
        return [self._only(outputs[layer], layer, batch) for layer in layers]

    def layer(self, name: str) -> nn.Module:
        """Return a layer by its dotted name."""
        layers = dict(self.module.named_modules())
        if name not in layers:
            near = difflib.get_close_matches(name, layers, n=8, cutoff=0.3) or list(layers)[1:9]
            raise InputError(f"{self._label(name)}: no such layer; {did_you_mean(name, near)}")
        return layers[name]

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

        with self._tapped(layers, keep), suppress(_AllAnswered):
            self.module(batch.clone())
        return [outputs[layer] for layer in layers]

    def _only(self, outputs: list[object], layer: str, batch: Tensor) -> Tensor:
        if not outputs:
            raise InputError(f"{self._label(layer)}: the forward pass never reaches it")
        if len(outputs) > 1:
            raise InputError(
                f"{self._label(layer)}: used {len(outputs)} times in a forward pass; tap a layer "
                "that is used once"
            )
        return check_response(outputs[0], batch, self._label(layer))

    @contextmanager
    def _tapped(self, layers: Sequence[str], keep: Callable[[str, object], None]) -> Iterator[None]:
        """Hand each named layer's output to ``keep`` during the forward passes inside."""
        hooks = [self.layer(name).register_forward_hook(_hook(keep, name)) for name in set(layers)]
        try:
            with _differentiable_attention():
                yield
        finally:
            for hook in hooks:
                hook.remove()

    @property
    def _title(self) -> str:
        return f'model "{self.name}"'

    def _label(self, layer: str) -> str:
        return f'{self._title}, layer "{layer}"'


class _AllAnswered(BaseException):
    """Ends a forward pass; not an ``Exception``, which a network might catch."""


def _hook(keep: Callable[[str, object], None], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: object, output: object) -> None:
        # A copy: what follows in the network may overwrite the output in place.
        keep(name, output.clone() if isinstance(output, Tensor) else output)

    return hook


@contextmanager
def _differentiable_attention() -> Iterator[None]:
    """Keep attention off the fused kernels, which have no second derivative."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
