"""What sets responses apart, on the scale on which noise has unit variance."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from pdpsych.geometry.noise.noise_model import NoiseModel


def stabilised(noise: NoiseModel, base: Tensor, response: Tensor) -> Tensor:
    """Return what sets responses (B, R) apart from a base (R,) where noise has unit variance.

    (B, Q), whose length is D, the d′ of an ideal observer; it can be differentiated, and to first
    order it is ``noise.whiten(base, response − base)``. That is all where noise does not depend on
    the response, and of a noise model without ``stabilised``.
    """
    own = getattr(noise, "stabilised", None)
    found = noise.whiten(base, response - base) if own is None else own(base, response)
    return cast(Tensor, found)
