"""What a forward pass does with a layer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdpsych.models.taps.reading import elements


@dataclass(frozen=True)
class LayerUse:
    """What a forward pass does with a layer: the shape of what it gives, each time it runs.

    Attributes
    ----------
    name
        Its dotted name.
    kind
        Its type, ``operation`` of what no module of its own computes.
    outputs
        For each time it runs, the shape without the batch, as in ``(64, 56, 56)``; what is no
        tensor goes by its type, and what depends on weights that a file lacks is not finite.

    Examples
    --------
    >>> from pdpsych import models
    >>> import torch
    >>> network = models.ModuleNetwork(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3)))
    >>> network.uses(torch.zeros(1, 1, 8, 8))
    [LayerUse(name='0', kind='Conv2d', outputs=('(2, 6, 6)',))]
    """

    name: str
    kind: str
    outputs: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether it gives one tensor, once, and so can be tapped."""
        return len(self.outputs) == 1 and self.outputs[0].startswith("(")


def described(output: object) -> str:
    """Write the shape of an output without the batch, or its type."""
    if not isinstance(output, Tensor):
        return elements(output)
    shape = f"({', '.join(map(str, output.shape[1:]))})"
    return shape if bool(torch.isfinite(output).all()) else f"not finite {shape}"


def kind_of(layer: nn.Module | None) -> str:
    """Return the type of a layer; None is an operation."""
    return "operation" if layer is None else type(layer).__name__
