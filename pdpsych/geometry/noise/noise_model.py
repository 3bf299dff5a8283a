"""What the geometry asks of a noise model."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class NoiseModel(Protocol):
    """What the geometry asks of a noise model, at a base response r of shape (R,).

    One whose noise depends on the response may have ``stabilised(base, response)`` as
    :class:`Poisson` has; without, the noise of the base response counts at all responses. One
    that has to compute something of the response, or check it, may have ``at(response)``, see
    :func:`pdpsych.geometry.noise.whitening.whitening_at`.

    Examples
    --------
    Noise whose standard deviation is 2 everywhere:

    >>> from pdpsych import geometry
    >>> import torch
    >>> class Loud:
    ...     def whiten(self, response, tangents):
    ...         return tangents / 2
    ...
    ...     def whiten_adjoint(self, response, cotangents):
    ...         return cotangents / 2
    >>> noise: geometry.NoiseModel = Loud()
    >>> noise.whiten(torch.zeros(2), torch.ones(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    def whiten(self, response: Tensor, tangents: Tensor) -> Tensor:
        """Map response tangents (K, R) to whitened tangents (K, Q), I = (W J)ᵀ (W J)."""
        ...

    def whiten_adjoint(self, response: Tensor, cotangents: Tensor) -> Tensor:
        """Map whitened cotangents (K, Q) back to response cotangents (K, R)."""
        ...
