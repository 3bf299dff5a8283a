"""How far representations disagree about a pair at finite amplitudes, and the gradient of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.noise.stabilised import stabilised
from pdpsych.geometry.representation import RepresentationLike
from pdpsych.geometry.solvers import disagreement
from pdpsych.geometry.solvers.subspace import resolution

Floats = NDArray[np.float64]


# The amplitudes at which a pair is to be good, relative to the one that is asked for. Tuned to one
# alone, F falls fast on both sides.
SPAN = (0.5, 1.0, 2.0)


class Objective:
    """F at finite amplitudes: its mean over ``SPAN`` times one of them is what is maximised.

    With D_i(ε, α)² = ‖φ_i(s + αε) − φ_i(s)‖² + floor_i α² of a unit distortion, φ the response on
    the scale on which its noise has unit variance, and D̄² the mean of D² over both signs,
    x_i(α) = log D̄_i(u, α) − log D̄_i(v, α) and F(α) = xᵀ L x. Frames are clipped to [0, 1].

    Parameters
    ----------
    geometry
        Image, representations and floors are its.
    contrast
        L, (N, N).
    amplitude_rms
        The amplitude asked for, as RMS over all pixel values.

    Attributes
    ----------
    contrast
        As given.
    power
        What D² is relative to, (N,): the mean powers, so that representations are alike.
    frames
        How many images went through all representations, there and back or only there.
    """

    def __init__(self, geometry: LocalGeometry, contrast: Floats, amplitude_rms: float):
        self.contrast, self.frames = contrast, 0
        self._geometry, self._amplitude_rms = geometry, amplitude_rms
        power = geometry.mean_power()
        self.power = np.where(np.isfinite(power) & (power > 0), power, 1.0)
        floors = np.maximum(geometry.floors / self.power, resolution(geometry))
        device = geometry.image.device
        self._floors = torch.from_numpy(floors).to(device)
        self._scale = torch.from_numpy(self.power).to(device)
        with torch.no_grad():
            self._base = {i: r[0] for i, r in self._responses(geometry.image[None])}

    def local(self, pair: Tensor) -> Floats:
        """Return d² of a unit pair, (N, 2), what :meth:`squares` tends to."""
        inner = self._geometry.squares(pair) / self.power[:, None]
        return np.asarray(inner + self._floors.cpu().numpy()[:, None])

    def squares(self, pair: Tensor, steps: Sequence[float] = SPAN) -> Floats:
        """Return D̄²/α² of a unit pair (2, C, H, W) at steps times the amplitude, (N, 2, A)."""
        with torch.no_grad():
            parts = [self._squares(pair, [step]) for step in steps]
        return np.asarray(torch.cat(parts, dim=2).cpu().numpy())

    def values(self, squares: Floats) -> Floats:
        """Return F, (A,), of D̄²/α², (N, 2, A)."""
        return np.array([disagreement.value(self.contrast, x) for x in log_ratios(squares).T])

    def climbing(self, pair: Tensor) -> tuple[float, Tensor, Floats]:
        """Return the mean of F over ``SPAN``, its gradient (2, C, H, W), and D̄²/α² (N, 2, 3)."""
        moving = pair.detach().clone().requires_grad_()
        with torch.enable_grad():
            squares = self._squares(moving, SPAN)
            x = (squares[:, 0].log() - squares[:, 1].log()) / 2
            centred = x - x.mean(dim=0)
            contrast = torch.from_numpy(self.contrast).to(centred)
            value = (centred * (contrast @ centred)).sum(dim=0).mean()
            (gradient,) = torch.autograd.grad(value, moving)
        return float(value.detach()), gradient, np.asarray(squares.detach().cpu().numpy())

    def _squares(self, pair: Tensor, steps: Sequence[float]) -> Tensor:
        """Return D̄²/α², (N, 2, A), float64, all frames in one pass."""
        image = self._geometry.image
        amplitudes = self._amplitude_rms * image.numel() ** 0.5 * torch.tensor(steps).to(image)
        changes = amplitudes.view(1, -1, 1, 1, 1) * pair[:, None]
        frames = (image + torch.stack([changes, -changes])).clamp(0, 1)
        self.frames += 4 * len(steps)
        found = dict(self._distances(frames.flatten(0, 2)))
        squares = torch.stack([found[i] for i in range(len(found))])
        self._check(squares)
        mean = squares.view(-1, 2, 2, len(steps)).mean(dim=1) / amplitudes.double() ** 2
        own = pair.double().square().sum(dim=(1, 2, 3))
        return mean / self._scale[:, None, None] + (self._floors[:, None] * own)[..., None]

    def _distances(self, frames: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield ‖φ(x) − φ(s)‖², (B,), of frames x with the numbers of the representations."""
        for i, response in self._responses(frames):
            representation = self._geometry.representations[i]
            moved = self._moved(representation, self._base[i], response)
            squares = moved.square().sum(dim=1, dtype=torch.float64)
            if frames.requires_grad and not squares.requires_grad:
                raise self._refused(representation, "its responses have no derivative in PyTorch")
            yield i, squares

    def _check(self, squares: Tensor) -> None:
        """Refuse distances that are not finite; of all at once, since a GPU is waited for."""
        finite = torch.isfinite(squares.detach()).all(dim=1)
        if not bool(finite.all()):
            representation = self._geometry.representations[int(finite.int().argmin())]
            raise self._refused(representation, "its response is not finite near it")

    def _moved(self, representation: RepresentationLike, base: Tensor, response: Tensor) -> Tensor:
        try:
            return stabilised(representation.noise, base, response)
        except InputError as error:
            raise self._refused(representation, error.problem) from error

    def _refused(self, representation: RepresentationLike, problem: str) -> InputError:
        return InputError(
            problem,
            file=representation.name,
            field="amplitude_rms",
            value=self._amplitude_rms,
            remedy="make it smaller, or leave it out for local distortions",
        )

    def _responses(self, frames: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Run each network once; yield the flat responses, (B, R), with their numbers."""
        for members in self._geometry.networks():
            yield from zip(members, self._geometry.responses(members, frames), strict=True)


def log_ratios(squares: Floats) -> Floats:
    """Return x, (N, …), of D̄²/α², (N, 2, …)."""
    return np.asarray(0.5 * np.log(squares[:, 0] / squares[:, 1]))
