"""Noise models: how a deterministic response becomes a distribution p(r|s).

A noise model turns response tangents J u into whitened tangents whose squared length is the
Fisher information uᵀ I(s) u. Everything downstream needs only this linear map and its adjoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class NoiseModel(Protocol):
    """What the geometry asks of a noise model, at a base response r of shape (R,)."""

    def whiten(self, response: Tensor, tangents: Tensor) -> Tensor:
        """Map response tangents (K, R) to whitened tangents (K, Q), I = (W J)ᵀ (W J)."""
        ...

    def whiten_adjoint(self, response: Tensor, cotangents: Tensor) -> Tensor:
        """Map whitened cotangents (K, Q) back to response cotangents (K, R)."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """Additive Gaussian noise of one standard deviation on every response."""

    standard_deviation: float = 1.0

    def __post_init__(self) -> None:
        if not self.standard_deviation > 0:
            raise ValueError(f"standard_deviation must be above 0, got {self.standard_deviation}")

    def whiten(self, response: Tensor, tangents: Tensor) -> Tensor:
        """Divide by the standard deviation."""
        return tangents / self.standard_deviation

    def whiten_adjoint(self, response: Tensor, cotangents: Tensor) -> Tensor:
        """Divide by the standard deviation."""
        return cotangents / self.standard_deviation
