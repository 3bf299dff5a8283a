"""Gaussian noise whose variance depends on the response."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.noise.whitening import WhitenedAtOnce, Whitening


@dataclass(frozen=True, eq=False)
class ResponseVariance(WhitenedAtOnce):
    """Independent Gaussian noise whose variance V(r) depends on the response.

    The mean and the variance both carry information: W stacks 1/√V and V′(r)/(√2·V), both at
    the base response.

    Parameters
    ----------
    variance
        V, elementwise, written with differentiable torch operations, as in
        ``lambda r: 0.1 + 0.5 * r``.

    Raises
    ------
    InputError
        If the variance of a response is not above 0.

    Examples
    --------
    A variance that does not change leaves the means alone, here with a standard deviation of 2:

    >>> from pdpsych import geometry
    >>> import torch
    >>> noise = geometry.ResponseVariance(lambda r: 4 + 0 * r)
    >>> noise.whiten(torch.tensor([1.0]), torch.ones(1, 1))
    tensor([[0.5000, 0.0000]])
    """

    variance: Callable[[Tensor], Tensor]

    def at(self, response: Tensor) -> Whitening:
        """Return the whitening at a response (R,), a map to (K, 2R).

        What the means tell comes first, then what the variances tell.
        """
        of_mean, of_variance = self._weights(response)

        def back(cotangents: Tensor) -> Tensor:
            means, variances = cotangents.chunk(2, dim=1)
            return means * of_mean + variances * of_variance

        return Whitening(
            lambda tangents: torch.cat([tangents * of_mean, tangents * of_variance], dim=1), back
        )

    def stabilised(self, base: Tensor, response: Tensor) -> Tensor:
        """Return (r − base)/√mean of both variances, then log(V(r)/V(base))/√2, (B, 2R).

        The second is the distance, in Fisher information, of two variances about one mean.
        """
        variance = self._checked(response, self.variance(response))
        at_base = self._checked(base, self.variance(base))
        means = (response - base) * ((variance + at_base) / 2).rsqrt()
        return torch.cat([means, ((variance - at_base) / at_base).log1p() / math.sqrt(2)], dim=1)

    def _weights(self, response: Tensor) -> tuple[Tensor, Tensor]:
        values, pullback = torch.func.vjp(self.variance, response)[:2]
        self._checked(response, values)
        # V is elementwise, so the sum over its rows is V' itself.
        (slopes,) = pullback(torch.ones_like(values))
        return values.rsqrt(), slopes / (math.sqrt(2) * values)

    def _checked(self, response: Tensor, values: Tensor) -> Tensor:
        if values.shape != response.shape:
            raise InputError(
                f"gives another shape than that of the responses, {tuple(response.shape)}",
                field="variance",
                value=tuple(values.shape),
                allowed="one value for each response",
            )
        if not bool((values > 0).all()):
            lowest = response.detach().flatten()[values.argmin()]
            raise InputError(
                f"is out of range at the response {float(lowest):g}",
                field="variance",
                value=float(values.detach().min()),
                allowed="above 0",
            )
        return values
