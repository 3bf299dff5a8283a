"""Noise of one draw from categories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.noise.refused import refuse_negative
from pdpsych.geometry.noise.whitening import WhitenedAtOnce, Whitening

# In float32 a softmax over 1,000 classes sums to 1 within 1e-7, over a million within 6e-5.
SUM_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Categorical(WhitenedAtOnce):
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

    def at(self, response: Tensor) -> Whitening:
        """Return the whitening at a response (R,), of changes of probabilities or logits."""
        if not self.logits:
            divisor = self._root(response)
            return Whitening.diagonal(lambda rows: rows / divisor)
        p = response.softmax(dim=0)
        root = p.sqrt()
        return Whitening(
            lambda tangents: root * (tangents - (tangents @ p)[:, None]),
            lambda cotangents: root * cotangents - (cotangents @ root)[:, None] * p,
        )

    def stabilised(self, base: Tensor, response: Tensor) -> Tensor:
        """Return 2√p − 2√base of probabilities p, (B, R), or of those of logits."""
        if not self.logits:
            return 2 * (response - base) / (self._root(response) + self._root(base))
        # √p by its logarithm, whose derivative stays finite where a probability underflows.
        first, others = (z.log_softmax(dim=-1) / 2 for z in (base, response))
        return 2 * first.exp() * (others - first).expm1()

    def _root(self, response: Tensor) -> Tensor:
        hint = "tap the layer behind the softmax, or set logits"
        refuse_negative(response, "a probability of categorical noise", hint)
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
