"""Noise models: how a deterministic response becomes a distribution p(r|s).

A noise model turns response tangents J u into whitened tangents whose squared length is the
Fisher information uᵀ I(s) u. All that is local needs only this linear map and its adjoint. Where
changes are not small there is a distance D of responses on the scale on which their noise has unit
variance: the d′ of an ideal observer where noise is Gaussian and fixed, and approximately so where
many responses change, each little compared with its noise. Recipes know noise models by the names
in :data:`pdpsych.models.registry.NOISE_MODELS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, cast

import torch
from torch import Tensor

from pdpsych.common.errors import InputError

# Far below any count that carries information, far above what float32 takes for 0.
SMALLEST_RATE = 1e-6
# In float32 a softmax over 1,000 classes sums to 1 within 1e-7, over a million within 6e-5.
SUM_TOLERANCE = 1e-4
# Relative to the largest covariance: ten times what float32 resolves.
ASYMMETRY = 1e-6


class NoiseModel(Protocol):
    """What the geometry asks of a noise model, at a base response r of shape (R,).

    One whose noise depends on the response may have ``stabilised(base, response)`` as
    :class:`Poisson` has; without, the noise of the base response counts at all responses.

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


@dataclass(frozen=True, eq=False)
class Gaussian:
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

    def whiten(self, response: Tensor, tangents: Tensor) -> Tensor:
        """Divide by the standard deviation."""
        deviation = self._deviation(response)
        return tangents if deviation is None else tangents / deviation

    def whiten_adjoint(self, response: Tensor, cotangents: Tensor) -> Tensor:
        """Divide by the standard deviation."""
        deviation = self._deviation(response)
        return cotangents if deviation is None else cotangents / deviation

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


@dataclass(frozen=True, eq=False)
class CorrelatedGaussian:
    """Additive Gaussian noise with a full covariance Σ = L Lᵀ: W = L⁻¹.

    Parameters
    ----------
    covariance
        Σ, (R, R), symmetric and positive definite. Quickest in the precision and on the device
        of the responses, where nothing has to be converted.

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

    def whiten(self, response: Tensor, tangents: Tensor) -> Tensor:
        """Solve L w = tangent."""
        return self._solve(response, tangents, adjoint=False)

    def whiten_adjoint(self, response: Tensor, cotangents: Tensor) -> Tensor:
        """Solve Lᵀ w = cotangent."""
        return self._solve(response, cotangents, adjoint=True)

    def _solve(self, response: Tensor, rows: Tensor, adjoint: bool) -> Tensor:
        if len(self._factor) != response.numel():
            raise InputError(
                f"does not fit {response.numel()} responses",
                field="covariance",
                value=tuple(self._factor.shape),
            )
        factor = self._factor.to(rows)
        matrix = factor if adjoint else factor.mT
        return torch.linalg.solve_triangular(matrix, rows, upper=not adjoint, left=False)


@dataclass(frozen=True, eq=False)
class Poisson:
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

    def whiten(self, response: Tensor, tangents: Tensor) -> Tensor:
        """Divide by the square root of the mean."""
        return tangents / self._root(response)

    def whiten_adjoint(self, response: Tensor, cotangents: Tensor) -> Tensor:
        """Divide by the square root of the mean."""
        return cotangents / self._root(response)

    def stabilised(self, base: Tensor, response: Tensor) -> Tensor:
        """Return 2√response − 2√base of each response, (B, R), as exact as their differences."""
        return 2 * (response - base) / (self._root(response) + self._root(base))

    def _root(self, response: Tensor) -> Tensor:
        _refuse_negative(response, "a mean of Poisson noise", "tap a layer behind a rectifier")
        return response.clamp_min(self.smallest).sqrt()


@dataclass(frozen=True, eq=False)
class ResponseVariance:
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

    def whiten(self, response: Tensor, tangents: Tensor) -> Tensor:
        """Return (K, 2R): what the means tell, then what the variances tell."""
        of_mean, of_variance = self._weights(response)
        return torch.cat([tangents * of_mean, tangents * of_variance], dim=1)

    def whiten_adjoint(self, response: Tensor, cotangents: Tensor) -> Tensor:
        """Add what comes back from (K, 2R)."""
        of_mean, of_variance = self._weights(response)
        means, variances = cotangents.chunk(2, dim=1)
        return means * of_mean + variances * of_variance

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


@dataclass(frozen=True, eq=False)
class Categorical:
    """One draw from categories with probabilities p, φ = 2√p, over the flat response.

    Probabilities: W = 1/√p. Logits z, p = softmax(z): W = √p (1 − 1pᵀ), which stays exact where
    a probability underflows.

    Parameters
    ----------
    logits
        Whether the response is z, not p.

    Raises
    ------
    InputError
        If probabilities are negative or do not sum to 1.

    Examples
    --------
    >>> from pdpsych import geometry
    >>> import torch
    >>> geometry.Categorical().whiten(torch.tensor([0.25, 0.75]), torch.tensor([[0.1, -0.1]]))
    tensor([[ 0.2000, -0.1155]])
    """

    logits: bool = False

    def whiten(self, response: Tensor, tangents: Tensor) -> Tensor:
        """Whiten the change of probabilities, or of logits."""
        if not self.logits:
            return tangents / self._root(response)
        p = response.softmax(dim=0)
        return p.sqrt() * (tangents - (tangents @ p)[:, None])

    def whiten_adjoint(self, response: Tensor, cotangents: Tensor) -> Tensor:
        """Apply the transpose of :meth:`whiten`."""
        if not self.logits:
            return cotangents / self._root(response)
        p = response.softmax(dim=0)
        root = p.sqrt()
        return root * cotangents - (cotangents @ root)[:, None] * p

    def stabilised(self, base: Tensor, response: Tensor) -> Tensor:
        """Return 2√p − 2√base of probabilities p, (B, R), or of those of logits."""
        if not self.logits:
            return 2 * (response - base) / (self._root(response) + self._root(base))
        # √p by its logarithm, whose derivative stays finite where a probability underflows.
        first, others = (z.log_softmax(dim=-1) / 2 for z in (base, response))
        return 2 * first.exp() * (others - first).expm1()

    def _root(self, response: Tensor) -> Tensor:
        hint = "tap the layer behind the softmax, or set logits"
        _refuse_negative(response, "a probability of categorical noise", hint)
        totals = response.detach().double().sum(dim=-1).flatten()
        total = float(totals[(totals - 1).abs().argmax()])
        if not abs(total - 1) <= SUM_TOLERANCE:
            raise InputError(
                "the probabilities of categorical noise do not sum to 1",
                field="response",
                value=total,
                remedy=hint,
            )
        # A probability of 0 cannot change to first order, as in Poisson.
        return response.clamp_min(torch.finfo(response.dtype).tiny).sqrt()


CategoricalLogits = partial(Categorical, logits=True)


def stabilised(noise: NoiseModel, base: Tensor, response: Tensor) -> Tensor:
    """Return what sets responses (B, R) apart from a base (R,) where noise has unit variance.

    (B, Q), whose length is D, the d′ of an ideal observer; it can be differentiated, and to first
    order it is ``noise.whiten(base, response − base)``. That is all where noise does not depend on
    the response, and of a noise model without ``stabilised``.
    """
    own = getattr(noise, "stabilised", None)
    found = noise.whiten(base, response - base) if own is None else own(base, response)
    return cast(Tensor, found)


def _refuse_negative(response: Tensor, what: str, hint: str) -> None:
    smallest = float(response.detach().min())
    if not smallest >= 0:
        raise InputError(
            f"{what} is negative, or not a number",
            field="response",
            value=smallest,
            allowed="at least 0",
            remedy=hint,
        )
