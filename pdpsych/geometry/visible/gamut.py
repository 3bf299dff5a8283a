"""What keeps the distortions of an image inside its gamut."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.space import DistortionSpace
from pdpsych.geometry.visible.objective import SPAN

# Below its gamut by what float32 rounds a sum to.
INSIDE = 1 - 1e-5
# Share of its room from which on a pixel counts as at the limit.
AT_LIMIT = 0.99


@dataclass(frozen=True)
class Gamut:
    """The pairs of a space of which s ± αε is inside [0, 1] at the largest amplitude looked at.

    ``room`` is the largest |ε_p| of each pixel, (C, H, W): 0 where the image is black or white.
    """

    space: DistortionSpace
    amplitude_rms: float
    room: Tensor

    @classmethod
    def of(cls, image: Tensor, space: DistortionSpace, amplitude_rms: float) -> Gamut:
        """Return the gamut of an image, (C, H, W), around an amplitude.

        Raises
        ------
        InputError
            If it is none, or pixels have no room for a distortion of so large an amplitude.
        """
        if not 0 < amplitude_rms < math.inf:
            raise InputError(
                "is out of range", field="amplitude_rms", value=amplitude_rms, allowed="above 0"
            )
        room = torch.minimum(image, 1 - image)
        most = float(torch.where(space.support, room, 0.0).double().square().mean().sqrt())
        largest = SPAN[-1] * amplitude_rms
        if not INSIDE * most > largest:
            raise _no_room(amplitude_rms, f"below {INSIDE * most / SPAN[-1]:.3g}")
        return cls(space, amplitude_rms, INSIDE * room / (largest * image.numel() ** 0.5))

    def nearest(self, pair: Tensor, *, allowed: bool = False) -> Tensor:
        """Return a pair of unit norm in the space and inside the gamut near one of any length.

        One that is ``allowed`` is in the space already.

        Raises
        ------
        InputError
            If there is none near it.
        """
        try:
            return self.space.within_limit(pair, self.room, allowed=allowed)
        except InputError:
            raise _no_room(self.amplitude_rms) from None

    def at_limit(self, pair: Tensor) -> Tensor:
        """Return where a pair has no room left, (2, C, H, W)."""
        return pair.abs() >= AT_LIMIT * self.room


@dataclass(frozen=True)
class Free:
    """The part of a space in which some pixels, 0 in ``mask`` (C, H, W), do not change."""

    space: DistortionSpace
    mask: Tensor

    @property
    def is_projection(self) -> bool:
        """As of the space."""
        return self.space.is_projection

    def project(self, distortions: Tensor) -> Tensor:
        """Return what is left of distortions, (K, C, H, W)."""
        return self.mask * self.space.project(self.mask * distortions)


def _no_room(amplitude_rms: float, allowed: str = "") -> InputError:
    return InputError(
        "twice this amplitude leaves the gamut: too few pixels are far enough from black and white",
        field="amplitude_rms",
        value=amplitude_rms,
        allowed=allowed,
        remedy="make it smaller, or give images room by preprocess.range or space.headroom",
    )
