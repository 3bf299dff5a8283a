"""Distances of responses to changed images from the response to the image itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.local import LocalGeometry, random_signs, squared_norms
from pdpsych.geometry.noise.stabilised import stabilised

Floats = NDArray[np.float64]

# Images in a forward pass: past four nothing is gained, and all their responses are held together
# (benchmarks/solver_constants.py blocks).
BATCH = 8
# The share of a response by which it differs from itself where it is not rounding any more.
NOT_ROUNDING = 1e-2
# From how many times of what rounding does to it a distance counts: their squares add, so that it
# is right to half a per cent.
RESOLVED = 10.0
# RMS of small changes whose responses are compared with linear ones.
_SMALL_RMS = (1e-5, 1e-4, 1e-3)


@dataclass(frozen=True)
class Change:
    """``amplitude`` times a distortion (C, H, W), added to an image."""

    distortion: Tensor
    amplitude: float


@dataclass(frozen=True)
class Distance:
    """D of each of N representations for one change; why it is not a number where it is not."""

    values: Floats
    reasons: tuple[str, ...]


class Distances:
    """D² = ‖φ(r(s + δ)) − φ(r(s))‖² + floor ‖δ‖² of representations that may share networks.

    s + δ is clipped at [0, 1]. A representation that has no response to it, or none that its noise
    model is defined at, has no distance: what goes wrong with it is told, not raised.

    Parameters
    ----------
    geometry
        Representations, image s and floor are its.

    Attributes
    ----------
    roundoff
        What rounding does to distances, (N,): to those of images that differ in the last bit of
        every pixel value, or to responses to small changes, in batches of the usual size.
    """

    def __init__(self, geometry: LocalGeometry):
        self._geometry, self._image = geometry, geometry.image
        self._base = [torch.empty(0)] * len(geometry.names)
        self._differing: dict[int, str] = {}
        for members in geometry.networks():
            for i, r in zip(members, self._responses(members, self._image[None]), strict=True):
                self._base[i] = r[0]
        self.roundoff = self._roundoff()

    def __call__(self, changes: Sequence[Change]) -> list[Distance]:
        """Return the distances of each change, 8 in a forward pass."""
        found: list[Distance] = []
        for start in range(0, len(changes), BATCH):
            part = changes[start : start + BATCH]
            images = torch.stack([self._image + c.amplitude * c.distortion for c in part])
            lengths, reasons = self._lengths(images.clamp_(0, 1))
            squares = [c.amplitude**2 * squared_norms(c.distortion.reshape(1, -1))[0] for c in part]
            values = np.sqrt(lengths**2 + self._geometry.floors[:, None] * squares)
            found += [
                Distance(*both) for both in zip(values.T, zip(*reasons, strict=True), strict=True)
            ]
        return found

    def _roundoff(self) -> Floats:
        """Measure rounding; notice a representation that answers differently, or to a batch."""
        shape = tuple(self._image.shape)
        first, second = (random_signs(shape, seed).to(self._image) for seed in (0, 1))
        nearly = [torch.nextafter(self._image, up * torch.inf) for up in (first, second)]
        small = [self._image + rms * first for rms in _SMALL_RMS]
        batch = torch.stack([self._image, self._image, second, *nearly, *small]).clamp_(0, 1)
        linear = self._geometry.push(batch[5:] - self._image)
        found = np.zeros(len(self._base))
        for members in self._geometry.networks():
            # What a pass of several cannot do is done image by image later.
            with suppress(InputError):
                for i, r in zip(members, self._responses(members, batch), strict=True):
                    self._compare(i, r[:2])
                    lost = self._geometry.whiten(i, r[5:] - self._base[i]) - linear[i]
                    found[i] = max(*self._from_base(i, r[3:5]), _rounding(linear[i], lost))
        return np.nan_to_num(found)

    def _compare(self, number: int, again: Tensor) -> None:
        """Compare responses to the image in a batch with the one to it alone."""
        difference = (again - self._base[number]).double().norm(dim=1).max()
        if not difference <= NOT_ROUNDING * self._base[number].double().norm():
            self._differing[number] = (
                "answers differently to the same image, by chance or with other images in a batch"
            )

    def _lengths(self, images: Tensor) -> tuple[Floats, list[list[str]]]:
        """Return ‖φ(r(x)) − φ(r(s))‖, (N, B), and the reasons for what is not a number."""
        count = len(self._base)
        lengths = np.full((count, len(images)), np.nan)
        reasons = [[self._differing.get(i, "")] * len(images) for i in range(count)]
        for members in self._geometry.networks():
            self._fill(members, images, 0, lengths, reasons)
        return lengths, reasons

    def _fill(
        self,
        members: Sequence[int],
        images: Tensor,
        first: int,
        lengths: Floats,
        reasons: list[list[str]],
    ) -> None:
        """Fill in the columns from ``first``, one by one where they do not go together."""
        wanted = [i for i in members if i not in self._differing]
        try:
            found = self._responses(wanted, images)
            rows = [self._from_base(i, r) for i, r in zip(wanted, found, strict=True)]
        except InputError as error:
            if len(images) > 1:
                for place, image in enumerate(images):
                    self._fill(members, image[None], first + place, lengths, reasons)
            elif len(wanted) > 1:
                for i in wanted:
                    self._fill([i], images, first, lengths, reasons)
            else:
                reasons[wanted[0]][first] = str(error)
            return
        for i, row in zip(wanted, rows, strict=True):
            columns = slice(first, first + len(images))
            lengths[i, columns] = np.where(np.isfinite(row), row, np.nan)
            for place in np.flatnonzero(~np.isfinite(row)):
                reasons[i][first + place] = "its response is not finite"

    def _from_base(self, number: int, responses: Tensor) -> Floats:
        noise, base = self._geometry.representations[number].noise, self._base[number]
        return np.sqrt(squared_norms(stabilised(noise, base, responses)))

    @torch.no_grad()
    def _responses(self, members: Sequence[int], images: Tensor) -> list[Tensor]:
        """Run a network once, for as many of its representations as are left."""
        return self._geometry.responses(members, images) if members else []


def _rounding(linear: Tensor, lost: Tensor) -> float:
    """Return by how much responses to small changes, (A, Q) ascending, are not linear.

    Of the first change that is not swallowed by rounding: before, all of it is lost.
    """
    seen, missing = np.sqrt(squared_norms(linear)), np.sqrt(squared_norms(lost))
    kept = np.flatnonzero(missing < seen / 2)
    return float(missing[kept[0]]) if len(kept) else 0.0
