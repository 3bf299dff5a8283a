"""The whitening of a noise model at one response."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

from torch import Tensor

from pdpsych.geometry.noise.noise_model import NoiseModel


@dataclass(frozen=True)
class Whitening:
    """W at a response, and Wᵀ: what depends on the response is checked and computed already.

    Products run these in their inner loops, where nothing may wait for a GPU.

    Attributes
    ----------
    whiten
        Maps tangents (K, R) to whitened tangents (K, Q).
    whiten_adjoint
        Maps whitened cotangents (K, Q) back to (K, R).
    """

    whiten: Callable[[Tensor], Tensor]
    whiten_adjoint: Callable[[Tensor], Tensor]

    @classmethod
    def diagonal(cls, change: Callable[[Tensor], Tensor]) -> Whitening:
        """Return one that is its own adjoint."""
        return cls(change, change)


class WhitenedAtOnce(ABC):
    """A noise model that has ``at`` alone: what is asked of it of one response follows."""

    @abstractmethod
    def at(self, response: Tensor) -> Whitening:
        """Return the whitening at a response (R,)."""

    def whiten(self, response: Tensor, tangents: Tensor) -> Tensor:
        """Map response tangents (K, R) to whitened tangents (K, Q)."""
        return self.at(response).whiten(tangents)

    def whiten_adjoint(self, response: Tensor, cotangents: Tensor) -> Tensor:
        """Map whitened cotangents (K, Q) back to response cotangents (K, R)."""
        return self.at(response).whiten_adjoint(cotangents)


def whitening_at(noise: NoiseModel, response: Tensor) -> Whitening:
    """Return the whitening of a noise model at a response (R,), by its ``at`` if it has one.

    Raises
    ------
    InputError
        If the noise is not defined at the response.
    """
    own = getattr(noise, "at", None)
    if own is not None:
        return cast(Whitening, own(response))
    return Whitening(partial(noise.whiten, response), partial(noise.whiten_adjoint, response))
