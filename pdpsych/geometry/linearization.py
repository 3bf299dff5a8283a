"""A network linearised at one image: the forward pass is done once, products many times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor


class Linearization(Protocol):
    """The tapped layers of one network at one image s."""

    responses: list[Tensor]
    """The response of each tapped layer at s, flat, (R,)."""

    def push(self, distortions: Tensor) -> list[Tensor]:
        """Map distortions (K, C, H, W) to the tangents J u of each layer, (K, R)."""
        ...

    def pull(self, cotangents: Sequence[Tensor]) -> Tensor:
        """Map cotangents of each layer, (K, R), to Σ Jᵀw over layers, (K, C, H, W)."""
        ...


class AutogradLinearization:
    """Products of any differentiable function by double backward on a retained graph.

    Parameters
    ----------
    function
        Maps an image (1, C, H, W) to the responses of the tapped layers.
    image
        The base image s, (C, H, W).
    """

    def __init__(self, function: Callable[[Tensor], Sequence[Tensor]], image: Tensor):
        self._image = image.detach()[None].requires_grad_()
        with torch.enable_grad():
            self._taps = [tap.reshape(-1) for tap in function(self._image)]
            self._weights = [torch.zeros_like(tap, requires_grad=True) for tap in self._taps]
            # The pullback is linear in its cotangents: differentiating it again gives J u.
            (self._pullback,) = torch.autograd.grad(
                self._taps, self._image, self._weights, create_graph=True, materialize_grads=True
            )
        self.responses = [tap.detach() for tap in self._taps]

    def push(self, distortions: Tensor) -> list[Tensor]:
        """See :meth:`Linearization.push`."""
        columns = [
            torch.autograd.grad(
                self._pullback, self._weights, u[None], retain_graph=True, materialize_grads=True
            )
            for u in distortions
        ]
        return [torch.stack(tangents) for tangents in zip(*columns, strict=True)]

    def pull(self, cotangents: Sequence[Tensor]) -> Tensor:
        """See :meth:`Linearization.pull`."""
        rows = [
            torch.autograd.grad(
                self._taps, self._image, list(row), retain_graph=True, materialize_grads=True
            )[0][0]
            for row in zip(*cotangents, strict=True)
        ]
        return torch.stack(rows)
