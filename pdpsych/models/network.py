"""Any PyTorch module as a network whose layers can be linearised at an image."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pdpsych.errors import InputError, did_you_mean
from pdpsych.geometry.linearization import AutogradLinearization


class ModuleNetwork:
    """A module with tapped layers, named by dotted path; the module itself is ``""``.

    The module is put into evaluation mode with frozen parameters, and its in-place activations
    are made out-of-place: an in-place ReLU overwrites the layer before it, whose tap would then
    silently be the ReLU's.
    """

    def __init__(self, module: nn.Module):
        self.module = module.eval().requires_grad_(False)
        for part in self.module.modules():
            if getattr(part, "inplace", False):
                part.inplace = False  # type: ignore[assignment]

    def linearize(self, image: Tensor, layers: Sequence[str]) -> AutogradLinearization:
        """Linearise the named layers at an image (C, H, W)."""
        return AutogradLinearization(lambda batch: self.responses(batch, layers), image)

    def responses(self, batch: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Return the output of each named layer for a batch (B, C, H, W), in one pass."""
        outputs: dict[str, Tensor] = {}
        hooks = [
            self.layer(name).register_forward_hook(_keeper(outputs, name)) for name in set(layers)
        ]
        try:
            self.module(batch)
        finally:
            for hook in hooks:
                hook.remove()
        for name in layers:
            if name not in outputs:
                raise InputError(f'layer "{name}": the forward pass never reaches it')
        return [outputs[name] for name in layers]

    def layer(self, name: str) -> nn.Module:
        """Return a layer by its dotted name."""
        layers = dict(self.module.named_modules())
        if name not in layers:
            near = difflib.get_close_matches(name, layers, n=8, cutoff=0.3) or list(layers)[1:9]
            raise InputError(f'layer "{name}": no such layer; {did_you_mean(name, near)}')
        return layers[name]


def _keeper(outputs: dict[str, Tensor], name: str):  # type: ignore[no-untyped-def]
    def keep(module: nn.Module, inputs: object, output: object) -> None:
        if not isinstance(output, torch.Tensor):
            raise InputError(f'layer "{name}": gives {type(output).__name__}, not a tensor')
        if name in outputs:
            raise InputError(f'layer "{name}": used more than once in a forward pass')
        outputs[name] = output

    return keep
