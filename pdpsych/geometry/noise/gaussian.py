"""Independent Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.noise.whitening import WhitenedAtOnce, Whitening


@dataclass(frozen=True, eq=False)
class Gaussian(WhitenedAtOnce):
    """Additive independent Gaussian noise: W = 1/σ.

    Parameters
    ----------
    standard_deviation
        σ, above 0: one number for all responses, or a tensor with one for each.

    Raises
    ------
    InputError
        If a standard deviation is not above 0, or their number is not that of the responses.

    Examples
    --------
    >>> from pdpsych import geometry
    >>> import torch
    >>> geometry.Gaussian(2.0).whiten(torch.zeros(2), torch.ones(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    standard_deviation: float | Tensor = 1.0

    def __post_init__(self) -> None:
        smallest = float(torch.as_tensor(self.standard_deviation).min())
        if not smallest > 0:
            raise InputError(
                "is out of range", field="standard_deviation", value=smallest, allowed="above 0"
            )

    def at(self, response: Tensor) -> Whitening:
        """Return the whitening at a response (R,): to divide by the standard deviation."""
        deviation = self._deviation(response)
        return Whitening.diagonal(lambda rows: rows if deviation is None else rows / deviation)

    def _deviation(self, response: Tensor) -> float | Tensor | None:
        if not isinstance(self.standard_deviation, Tensor):
            # Nothing for 1: a copy of the layers of large networks is much.
            return None if self.standard_deviation == 1 else self.standard_deviation
        if self.standard_deviation.numel() not in (1, response.numel()):
            raise InputError(
                f"their number does not fit {response.numel()} responses",
                field="standard_deviation",
                value=self.standard_deviation.numel(),
                allowed="one number, or one for each response",
            )
        return self.standard_deviation.flatten().to(response)
