"""Poisson noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.noise.refused import refuse_negative
from pdpsych.geometry.noise.whitening import WhitenedAtOnce, Whitening

# Far below any count that carries information, far above what float32 takes for 0.
SMALLEST_RATE = 1e-6


@dataclass(frozen=True, eq=False)
class Poisson(WhitenedAtOnce):
    """Independent Poisson counts with mean r, φ = 2√r: W = 1/√r.

    Where the mean of a differentiable model is 0 its derivative is 0 too, because a mean cannot
    go below 0: such a response carries no information. So means below ``smallest`` are taken to
    be ``smallest`` in the denominator, which gives exactly 0 there, underestimates the
    information of responses between 0 and ``smallest``, and never gives infinity.

    Parameters
    ----------
    smallest
        In counts, above 0.

    Raises
    ------
    InputError
        If a mean is negative or not a number.

    Examples
    --------
    >>> from pdpsych import geometry
    >>> import torch
    >>> geometry.Poisson().whiten(torch.tensor([4.0, 0.0]), torch.tensor([[1.0, 0.0]]))
    tensor([[0.5000, 0.0000]])
    """

    smallest: float = SMALLEST_RATE

    def __post_init__(self) -> None:
        if not 0 < self.smallest < math.inf:
            raise InputError(
                "is out of range", field="smallest", value=self.smallest, allowed="above 0, finite"
            )

    def at(self, response: Tensor) -> Whitening:
        """Return the whitening at a response (R,): to divide by the square root of the mean."""
        root = self._root(response)
        return Whitening.diagonal(lambda rows: rows / root)

    def stabilised(self, base: Tensor, response: Tensor) -> Tensor:
        """Return 2√response − 2√base of each response, (B, R), as exact as their differences."""
        return 2 * (response - base) / (self._root(response) + self._root(base))

    def _root(self, response: Tensor) -> Tensor:
        refuse_negative(response, "a mean of Poisson noise", "tap a layer behind a rectifier")
        return response.clamp_min(self.smallest).sqrt()
