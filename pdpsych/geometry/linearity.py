"""How far the local geometry holds: sensitivities to distortions large enough to be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.errors import InputError
from pdpsych.geometry.local import LocalGeometry, RepresentationLike, as_tensor, squared_norms

Floats = NDArray[np.float64]

SIGNS = (1.0, -1.0)
BATCH = 8


class RespondingNetwork(Protocol):
    """A network that can be asked for responses to any images."""

    def responses(self, batch: Tensor, layers: Sequence[Any]) -> list[Tensor]:
        """Return the output of each named layer, (B, …), for a batch (B, C, H, W)."""
        ...


@dataclass(frozen=True)
class Linearity:
    """Finite responses of N representations beside the linear ones, for K distortions.

    A finite sensitivity is ‖W (r(s ± αε) − r(s))‖/α, with the whitening W of the noise frozen at
    s: the d′ per amplitude of an observer who has the noise of the base image. The image
    s ± αε is not clipped, whatever a display could show of it.

    Attributes
    ----------
    names
        Names of the representations.
    amplitudes
        The A amplitudes α, ascending.
    tolerance
        How far a ratio may be from 1.
    ratios
        Finite over local sensitivity, both without floor, (N, K, A, 2); the last axis is the
        sign, + then −. 1 where a representation gives no response and none is predicted.
    sensitivities
        Local d(ε) with the floor, (N, K).
    finite_sensitivities
        The same from finite responses, (N, K, A): the mean square over both signs, which a
        session shows equally often, plus the floor's part of the local d².
    """

    names: tuple[str, ...]
    amplitudes: Floats
    tolerance: float
    ratios: Floats
    sensitivities: Floats
    finite_sensitivities: Floats

    @property
    def steps(self) -> NDArray[np.int64]:
        """How many amplitudes, counted from the smallest, are within tolerance, (N, K).

        Both signs of each, without a gap.
        """
        within = (np.abs(self.ratios - 1) <= self.tolerance).all(axis=3)
        return np.logical_and.accumulate(within, axis=2).sum(axis=2)

    @property
    def largest(self) -> Floats:
        """The largest amplitude within tolerance, (N, K); 0 where the smallest is not."""
        return np.concatenate([[0.0], self.amplitudes])[self.steps]

    def log_ratios(self, u: int = 0, v: int = 1) -> Floats:
        """Return finite log d(u)/d(v), natural log, (A, N), of two of the distortions."""
        finite = np.log(self.finite_sensitivities)
        return np.asarray((finite[:, u] - finite[:, v]).T)

    def reversals(self, u: int = 0, v: int = 1) -> NDArray[np.int64]:
        """Return how many pairs of models change order in log d(u)/d(v), (A,).

        0 where the order of the models survives; of N (N − 1)/2 pairs, as in Kendall's τ.
        """
        local = np.log(self.sensitivities[:, u] / self.sensitivities[:, v])
        finite = self.log_ratios(u, v)
        swapped = (local[:, None] - local) * (finite[:, :, None] - finite[:, None, :]) < 0
        return np.asarray(swapped.sum(axis=(1, 2)) // 2)

    def __str__(self) -> str:
        """Say how far each representation is linear; for two distortions, if order survives."""
        width = max(map(len, self.names))
        columns = [f"ε{k + 1}" for k in range(self.ratios.shape[1])]
        lines = [
            f"largest amplitude within {100 * self.tolerance:g} % of linear, of "
            + ", ".join(f"{a:g}" for a in self.amplitudes),
            "  ".join([" " * width, *(f"{column:>8}" for column in columns)]),
        ]
        for name, row in zip(self.names, self.largest, strict=True):
            lines.append("  ".join([f"{name:<{width}}", *(f"{value:8.4g}" for value in row)]))
        if len(columns) == 2:
            counts = zip(self.amplitudes, self.reversals(), strict=True)
            lines.append(
                "pairs of models that change order in log d(ε1)/d(ε2): "
                + ", ".join(f"{count} at {a:g}" for a, count in counts)
            )
        return "\n".join(lines)


def linearity(
    representations: Sequence[RepresentationLike],
    image: Tensor | NDArray[np.floating],
    distortions: Tensor | NDArray[np.floating],
    amplitudes: Sequence[float] | Floats,
    floor: float = 0.0,
    tolerance: float = 0.1,
) -> Linearity:
    """Compare responses to s ± αε with what the Fisher information at s predicts.

    Parameters
    ----------
    representations
        Those that share a network share its forward passes: one for each amplitude and sign.
    image
        Base image s, (C, H, W), in [0, 1].
    distortions
        (K, C, H, W), unit norm for amplitudes to mean what they say.
    amplitudes
        α, above 0 and ascending.
    floor
        η, for log ratios; the ratios of responses are without.
    tolerance
        How far the ratio of finite to local response may be from 1.

    Raises
    ------
    InputError
        If the image, a shape or an amplitude cannot be used, or if a representation does not
        respond to a distortion at all and there is no floor, so that its log ratios are infinite.
    """
    geometry = LocalGeometry(representations, image, floor)
    block = as_tensor(distortions).to(geometry.image)
    if block.shape[1:] != geometry.image.shape:
        raise InputError(
            f"distortions: shape {tuple(block.shape)} does not fit the image; give "
            f"(K, {', '.join(map(str, geometry.image.shape))})"
        )
    alphas = _checked_amplitudes(amplitudes)
    local = np.stack([squared_norms(tangents) for tangents in geometry.push(block)])
    finite = _finite_squares(representations, geometry.image, block, alphas)
    extra = geometry.floors[:, None] * squared_norms(block.flatten(1))
    found = Linearity(
        tuple(geometry.names),
        alphas,
        tolerance,
        ratios=_ratios(np.sqrt(finite), np.sqrt(local)[:, :, None, None]),
        sensitivities=np.sqrt(local + extra),
        finite_sensitivities=np.sqrt(finite.mean(axis=3) + extra[:, :, None]),
    )
    _refuse_no_response(found)
    return found


def _checked_amplitudes(amplitudes: Sequence[float] | Floats) -> Floats:
    alphas = np.asarray(amplitudes, dtype=np.float64)
    ascending = np.diff(np.concatenate([[0.0], alphas.ravel()])) > 0
    if alphas.ndim != 1 or not alphas.size or not ascending.all() or not np.isfinite(alphas).all():
        raise InputError(f"amplitudes: {amplitudes}; give numbers above 0 in ascending order")
    return alphas


def _finite_squares(
    representations: Sequence[RepresentationLike], image: Tensor, block: Tensor, alphas: Floats
) -> Floats:
    """Return ‖W (r(s ± αε) − r(s))‖²/α², (N, K, A, 2)."""
    squares = np.empty((len(representations), len(block), len(alphas), len(SIGNS)))
    for network, members in _networks(representations):
        layers = [representations[i].layer for i in members]
        with torch.no_grad():
            base = [r.flatten() for r in network.responses(image[None], layers)]
            for where, displacement in _displacements(block, alphas):
                moved = network.responses(image + displacement, layers)
                for i, at, r in zip(members, base, moved, strict=True):
                    whitened = representations[i].noise.whiten(at, r.flatten(1) - at)
                    squares[i][where] = squared_norms(whitened)
    return squares / alphas[:, None] ** 2


def _displacements(
    block: Tensor, alphas: Floats
) -> Iterator[tuple[tuple[slice, int, int], Tensor]]:
    """Return ±αε for a few distortions at a time, each with its place among (K, A, 2)."""
    for start in range(0, len(block), BATCH):
        part = slice(start, start + BATCH)
        for a, alpha in enumerate(alphas):
            for b, sign in enumerate(SIGNS):
                yield (part, a, b), sign * alpha * block[part]


def _networks(
    representations: Sequence[RepresentationLike],
) -> Iterator[tuple[RespondingNetwork, list[int]]]:
    """Return each network with the numbers of the representations that share it."""
    for key in dict.fromkeys(id(r.network) for r in representations):
        members = [i for i, r in enumerate(representations) if id(r.network) == key]
        yield cast("RespondingNetwork", representations[members[0]].network), members


def _ratios(finite: Floats, local: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(finite == local, 1.0, finite / local)


def _refuse_no_response(found: Linearity) -> None:
    every = np.concatenate([found.sensitivities[..., None], found.finite_sensitivities], axis=2)
    for i, k in np.argwhere((every == 0).any(axis=2)):
        raise InputError(
            f"{found.names[i]}: does not respond to distortion {k + 1} at all, so its log ratios "
            "are infinite; give a floor above 0"
        )
