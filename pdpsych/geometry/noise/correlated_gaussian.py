"""Gaussian noise with a covariance."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.noise.whitening import WhitenedAtOnce, Whitening

# Relative to the largest covariance: ten times what float32 resolves.
ASYMMETRY = 1e-6


@dataclass(frozen=True, eq=False)
class CorrelatedGaussian(WhitenedAtOnce):
    """Additive Gaussian noise with a full covariance Σ = L Lᵀ: W = L⁻¹.

    Parameters
    ----------
    covariance
        Σ, (R, R), symmetric and positive definite.

    Raises
    ------
    InputError
        If the covariance is not that, or its size is not that of the response.

    Examples
    --------
    >>> from pdpsych import geometry
    >>> import torch
    >>> noise = geometry.CorrelatedGaussian(torch.tensor([[4.0, 0.0], [0.0, 1.0]]))
    >>> noise.whiten(torch.zeros(2), torch.ones(1, 2))
    tensor([[0.5000, 1.0000]])
    """

    covariance: Tensor
    _factor: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        given = self.covariance
        if given.ndim != 2 or given.shape[0] != given.shape[1]:
            raise InputError(
                "has another shape", field="covariance", value=tuple(given.shape), allowed="(R, R)"
            )
        wide = given.double()
        if not bool(((wide - wide.mT).abs() <= ASYMMETRY * wide.abs().max()).all()):
            raise InputError("is not symmetric, or not finite", field="covariance")
        factor, failed = torch.linalg.cholesky_ex(wide)
        if failed:
            raise InputError("is not positive definite", field="covariance")
        object.__setattr__(self, "_factor", factor.to(given))

    def at(self, response: Tensor) -> Whitening:
        """Return the whitening at a response (R,): to solve L w = tangent, Lᵀ w = cotangent."""
        if len(self._factor) != response.numel():
            raise InputError(
                f"does not fit {response.numel()} responses",
                field="covariance",
                value=tuple(self._factor.shape),
            )
        factor = self._factor.to(response)
        return Whitening(
            lambda rows: torch.linalg.solve_triangular(factor.mT, rows, upper=True, left=False),
            lambda rows: torch.linalg.solve_triangular(factor, rows, upper=False, left=False),
        )
