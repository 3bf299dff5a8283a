"""Distortion spaces: which distortions are allowed, as a linear map ε = P z."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry import limit as limits
from pdpsych.geometry.basis import RESOLVED, checked, of_full_rank, orthonormal, without
from pdpsych.geometry.cosine import CosineTransform, WindowedBand, independent_waves
from pdpsych.geometry.weights import pixel_weights

# White noise behind a soft window in a band is then met to 0.2 or 0.3 % of its length, with half
# the steps to 0.4 or 0.6 % (benchmarks/solver_constants.py nearest).
NEAREST_STEPS = 60
# Of each projection while a limit is approached; the next goes on where it ends.
LIMIT_STEPS = 10
# Relative to the RMS: what pixels without room change by where others decide with them; a change of
# RMS 0.02 by 2e-6 there, which no display shows.
HARDLY = 1e-4
# Keeps 0/0 away once a distortion is met exactly; squared lengths in float32 end at 1e-38.
TINY = 1e-30
# Waves of a band that overlap behind weights, up to which the projection is written out: in 10 s.
WRITTEN_OUT = 4096

Cycles = float | Sequence[float]
"""The highest spatial frequency, or the lowest and the highest."""


class DistortionSpace:
    """All distortions of an image, or those that the options leave: the range of P.

    P is the orthogonal projection onto the range of weight · luminance · band. Where no band is
    limited the weight of a pixel is 1 where window, mask and headroom allow any change, and 0
    elsewhere. In a band the soft edges of all three remain, since a hard edge would leave the band:
    what is allowed lies exactly inside them, and inside the band up to the blur that they add. What
    the weights take out nearly all of, 99 % of the energy and more, is not allowed: only by its
    edges would it differ from nothing.

    Parameters
    ----------
    image
        The base image s, (C, H, W).
    window
        Radius of a round window, 1 for half the shorter side; its edge falls off over the outer
        quarter. Distortions at the border owe their size to the padding of the models.
    mask
        Where distortions may be, (H, W) or (C, H, W), in [0, 1]: wherever it is not 0. In a band
        it weights what it allows, so give it a soft edge there.
    cycles_per_image
        Highest spatial frequency, in cycles per shorter side of the image, or lowest and highest.
        Any lowest above 0 takes out the mean.
    luminance
        Whether all channels change alike.
    headroom
        Distance from 0 and 1 that pixel values keep: nothing changes where the image comes within
        it; where channels change alike, where one of them does.
    basis
        Distortions (K, C, H, W) whose span is allowed, each after all that is asked for above.
    limit
        Largest change of any pixel value, relative to the RMS over all pixel values: :meth:`apply`
        knows nothing of it, :meth:`within_limit` keeps it.

    Attributes
    ----------
    dimension
        The rank of P, or a bound above it.
    dimension_is_exact
        Whether it is the rank: unless P is no projection.
    support
        Where a distortion may differ from 0, (C, H, W), bool.
    is_projection
        Whether P is an orthogonal projection. Where a band of more than 4096 waves that overlap
        meets window, mask or headroom without a basis it is weight · luminance · band.
    limit
        As given; None for none.

    Raises
    ------
    InputError
        If an option is out of range or does not fit the image, the basis has a lower rank than
        it has distortions, or fewer than two directions are left.

    Examples
    --------
    >>> from pdpsych import geometry
    >>> import torch
    >>> space = geometry.DistortionSpace(torch.full((1, 8, 8), 0.5), window=1.0)
    >>> allowed = space.apply(torch.ones(1, 1, 8, 8))
    >>> print(float(allowed[0, 0, 0, 0]), float(allowed[0, 0, 4, 4]))
    0.0 1.0
    >>> space.dimension, int(space.support.sum())
    (52, 52)
    """

    def __init__(
        self,
        image: Tensor,
        *,
        window: float | None = None,
        mask: Tensor | NDArray[np.generic] | None = None,
        cycles_per_image: Cycles | None = None,
        luminance: bool = False,
        headroom: float | None = None,
        basis: Tensor | NDArray[np.generic] | None = None,
        limit: float | None = None,
    ):
        self._dtype = image.dtype
        self._alike = luminance and image.shape[0] > 1
        soft = pixel_weights(image, window=window, mask=mask, headroom=headroom, alike=self._alike)
        self.support = torch.ones_like(image, dtype=torch.bool) if soft is None else soft > 0
        self._band: Tensor | None = None
        if cycles_per_image is not None:
            self._transform = CosineTransform(image)
            self._band = _band(self._transform.frequency, cycles_per_image).to(image)
        banded = soft is not None and self._band is not None
        self._weight = soft if banded or soft is None else self.support.to(image)
        self._fading = None if banded or basis is not None else soft
        self._basis: Tensor | None = None
        self._banded: list[WindowedBand] | None = None
        self._removed: Tensor | None = None
        self.dimension, self.dimension_is_exact = self._rank()
        if basis is not None:
            self._take(checked(basis, image))
        elif banded:
            self._write_out()
        self.is_projection = not banded or self._basis is not None or self._banded is not None
        _check_enough(
            self.dimension, "space", "allow more: a wider window, mask or band, less headroom"
        )
        self.limit = None if limit is None else limits.checked(limit, self.support)

    def apply(self, coefficients: Tensor) -> Tensor:
        """Return ε = P z, (K, C, H, W), of coefficients z of that shape."""
        if self.is_projection:
            return without(self._allowed(coefficients), self._removed)
        return self._allowed(without(coefficients, self._removed))

    def adjoint(self, distortions: Tensor) -> Tensor:
        """Return Pᵀ g, (K, C, H, W), of distortions g of that shape."""
        if self.is_projection:
            return self.apply(distortions)
        return without(self._limited(self._equal(self._weighted(distortions))), self._removed)

    def project(self, distortions: Tensor) -> Tensor:
        """Return the orthogonal projection onto what is allowed, (K, C, H, W).

        P itself where it is a projection, else the nearest allowed distortions.
        """
        return self.apply(distortions) if self.is_projection else self.nearest(distortions)

    def soft(self, coefficients: Tensor) -> Tensor:
        """Return P z of coefficients z, fading out towards the edges of window, mask and headroom.

        It is allowed, too: for pictures of noise. Distortions of a basis have the edges they have.
        """
        if self._fading is not None:
            return without(self.apply(coefficients) * self._fading, self._removed)
        if self._banded is not None:
            coefficients = self._weighted(self._equal(self._limited(coefficients)))
        return self.apply(coefficients)

    def nearest(self, distortions: Tensor) -> Tensor:
        """Return the nearest allowed distortions, (K, C, H, W).

        Where P is no projection, by conjugate gradients: applied to what is allowed already, it
        would change it.
        """
        return self._nearest(distortions, NEAREST_STEPS)

    def within_limit(
        self, distortions: Tensor, room: Tensor | None = None, *, allowed: bool = False
    ) -> Tensor:
        """Return the nearest allowed distortions of unit norm within the limit, (K, C, H, W).

        No |ε_p| is then above limit/√(C·H·W), nor above its room. Without either they are only
        projected and normalised. The nearest is exact where pixels alone decide what is allowed.
        In a band, a basis or what :meth:`orthogonal_to` leaves, alternating projections find one
        near the nearest: some hundred, of which each is some steps of conjugate gradients where P
        is none.

        Parameters
        ----------
        distortions
            (K, C, H, W), of any length; in the space or not.
        room
            The largest |ε_p| of each pixel, (C, H, W). In a band, a basis or what
            :meth:`orthogonal_to` leaves, pixels without room keep up to 10⁻⁴ of the RMS.
        allowed
            Whether they are in the space: where P is no projection, looking for the nearest would
            change them.

        Raises
        ------
        InputError
            If no allowed distortion near one of them is within the limit and the room.
        """
        if self.limit is None and room is None:
            found = self.nearest(distortions)
            return found / _squares(found).sqrt().clamp_min(TINY)
        rms = self.support.numel() ** -0.5
        peaks = torch.full_like(distortions[0], (self.limit or math.inf) * rms)
        if room is not None:
            own = room.amin(dim=0, keepdim=True) if self._alike else room
            peaks = peaks.minimum(own.to(peaks))
        if self._band is None and self._basis is None and self._removed is None:
            limits.check_enough(self.support, peaks)
            return limits.clipped(self._allowed(distortions), self.support, peaks)
        known = allowed and not self.is_projection
        inside = distortions if known else self.nearest(distortions)
        return limits.within(inside, self._less, peaks.clamp_min(HARDLY * rms))

    def orthogonal_to(self, directions: Tensor) -> DistortionSpace:
        """Return the space of the allowed distortions that are orthogonal to some.

        ε = P z is orthogonal to Q where z is to Pᵀ Q; what was computed for this space is shared.

        Parameters
        ----------
        directions
            Distortions Q, (K, C, H, W), of any length; in the space or not.

        Raises
        ------
        InputError
            If they have another shape or leave fewer than two directions.
        """
        if directions.ndim != 4 or directions.shape[1:] != self.support.shape:
            raise InputError(
                "have not the shape of distortions of the image",
                field="directions",
                value=tuple(directions.shape),
                allowed=f"(K, {', '.join(map(str, self.support.shape))})",
            )
        unit = directions / _squares(directions).sqrt().clamp_min(TINY)
        rows = self.adjoint(unit.to(self.support.device, self._dtype)).double().flatten(1)
        # What lies outside already leaves but rounding.
        rows = rows[rows.norm(dim=1) > RESOLVED]
        if self._removed is not None:
            rows = torch.cat([self._removed, rows])
        smaller = copy.copy(self)
        smaller._removed = orthonormal(rows)
        known = 0 if self._removed is None else len(self._removed)
        smaller.dimension = self.dimension - len(smaller._removed) + known
        _check_enough(smaller.dimension, "directions", "ask for fewer pairs")
        return smaller

    def _nearest(self, distortions: Tensor, steps: int) -> Tensor:
        if self.is_projection:
            return self.apply(distortions)
        found, rest = torch.zeros_like(distortions), distortions
        slope = self.adjoint(rest)
        direction, size = slope, _squares(slope)
        for _ in range(steps):
            moved = self.apply(direction)
            length = size / _squares(moved).clamp_min(TINY)
            found, rest = found + length * moved, rest - length * moved
            slope = self.adjoint(rest)
            before, size = size, _squares(slope)
            direction = slope + size / before.clamp_min(TINY) * direction
        return found

    def _less(self, inside: Tensor, distortions: Tensor) -> Tensor:
        """Take the nearest allowed to distortions, nearly, away from what is allowed."""
        if self.is_projection:
            # What rounding leaves outside goes, too, before it grows.
            return self.apply(inside - distortions)
        return inside - self._nearest(distortions, LIMIT_STEPS)

    def _take(self, basis: Tensor) -> None:
        """Allow only the span of a basis, (K, C, H, W)."""
        like = self.support.to(basis.dtype)
        wide = copy.copy(self)
        if self._band is not None:
            wide._transform, wide._band = CosineTransform(like), self._band.double()
        if self._weight is not None:
            wide._weight = self._weight.double()
        self._basis = of_full_rank(wide._allowed(basis))
        self.support = (self._basis != 0).any(dim=0).reshape(self.support.shape)
        self.dimension, self.dimension_is_exact = len(self._basis), True

    def _rank(self) -> tuple[int, bool]:
        """Return the rank of weight · luminance · band, or a bound, and whether it is the rank."""
        support = self.support[:1] if self._alike else self.support
        pixels = support.sum(dim=(1, 2))
        if self._band is None:
            return int(pixels.sum()), True
        return int(pixels.clamp_max(int(self._band.sum())).sum()), self._weight is None

    def _write_out(self) -> None:
        """Find the projection onto what the weights leave of the band, unless it is too large."""
        assert self._band is not None
        assert self._weight is not None
        weights = self._weight[:1] if self._alike else self._weight
        same = bool((weights == weights[0]).all())
        parts = [p for w in weights for p in independent_waves(w, self._band)]
        if max(len(rows) for rows, _ in parts) > WRITTEN_OUT:
            return
        first = WindowedBand(weights[0], self._band)
        others = [first if same else WindowedBand(w, self._band) for w in weights[1:]]
        self._banded = [first, *others] * (len(self._weight) if self._alike else 1)
        self.dimension = sum(band.dimension for band in [first, *others])
        self.dimension_is_exact = True

    def _allowed(self, block: Tensor) -> Tensor:
        """Return what all but what is taken out by :meth:`orthogonal_to` leaves of a block."""
        if self._basis is not None:
            flat = block.double().flatten(1)
            return ((flat @ self._basis.T) @ self._basis).reshape(block.shape).to(block)
        if self._banded is not None:
            channels = self._equal(block).unbind(1)
            pairs = zip(self._banded, channels, strict=True)
            return torch.stack([band.project(channel) for band, channel in pairs], dim=1)
        return self._weighted(self._equal(self._limited(block)))

    def _limited(self, block: Tensor) -> Tensor:
        if self._band is None:
            return block
        return self._transform.inverse(self._band * self._transform.forward(block))

    def _equal(self, block: Tensor) -> Tensor:
        return block.mean(dim=1, keepdim=True).expand_as(block) if self._alike else block

    def _weighted(self, block: Tensor) -> Tensor:
        return block if self._weight is None else block * self._weight


def _squares(block: Tensor) -> Tensor:
    return block.square().sum(dim=(1, 2, 3), keepdim=True)


def _band(frequency: Tensor, cycles: Cycles) -> Tensor:
    """Return which cosines, (H, W), are in the band."""
    ends = np.atleast_1d(np.asarray(cycles, dtype=np.float64)).tolist()
    ends = [0.0, *ends] if len(ends) == 1 else ends
    if len(ends) != 2 or not 0 <= ends[0] < ends[1]:
        raise InputError(
            "is no band",
            field="cycles_per_image",
            value=cycles,
            allowed="a number above 0, or two, the lower, from 0, and the higher",
        )
    waves = frequency * min(frequency.shape)
    inside = (waves >= ends[0]) & (waves <= ends[1])
    if not bool(inside.any()):
        raise InputError(
            "holds no frequency of the image",
            field="cycles_per_image",
            value=cycles,
            allowed=f"a band up to {float(waves.max()):.4g}, where frequencies are 0.5 apart",
        )
    return inside.double()


def _check_enough(dimension: int, field: str, remedy: str) -> None:
    if dimension < 2:
        raise InputError(
            "too few directions are left",
            field=field,
            value=dimension,
            allowed="at least 2",
            remedy=remedy,
        )
