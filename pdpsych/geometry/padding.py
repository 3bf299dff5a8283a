"""How much of what distortions do to representations is owed to how models pad images."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.common.results import Result
from pdpsych.geometry.local import (
    BLOCK,
    LocalGeometry,
    squared_norms,
)
from pdpsych.geometry.noise.noise_model import NoiseModel
from pdpsych.geometry.repadding import MODES, PaddingMode, Repaddable
from pdpsych.geometry.representation import Network, RepresentationLike
from pdpsych.geometry.result_file import named
from pdpsych.geometry.weights import WIDEST_WINDOW, window_distance

Floats = NDArray[np.float64]

# Images of noise on which two paddings are compared: a rectifier that is closed on one of them is
# seldom closed on all.
NOISES = 2
# Random cotangents that are pulled back: what they reach is next to nothing by chance at no pixel.
DRAWS = 2
# How many units in the last place of the largest value a difference must have to be none of
# rounding: some hundred terms, each rounded, are added up.
ULPS = 64.0
# What fits on a screen.
MOST_ROWS = 20


@dataclass(frozen=True, eq=False, repr=False)
class PaddingInfluence(Result):
    """Sensitivities of N representations to K distortions with other paddings beside their own.

    Padding enters a response if it differs, by more than rounding, between ``replicate`` and
    ``reflect`` on images of noise. The *zone* of a representation holds the pixels whose changes
    reach such a response: only distortions inside it can owe anything to padding.

    Attributes
    ----------
    names
        Names of the representations.
    sensitivities
        d(ε) with the padding of the representation itself, (N, K), with the floor.
    repadded
        The same with ``replicate`` and with ``reflect`` padding, (2, N, K); the floor is that
        of the representation as it is. Not a number where it is not known.
    affected
        Share of the responses that padding enters, (N,).
    affected_energy
        Their share of the squared length of the whitened response to each distortion, (N, K).
    zones
        Whether a pixel is in the zone, (N, H, W).
    energy
        Share of ‖ε‖² inside the zone of each representation, (N, K).
    total_energy
        Share of ‖ε‖² inside the zone of any representation of which it is known, (K,).
    reasons
        Why it is not known of a representation; empty where it is.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> image, distortions = torch.rand(1, 40, 40), torch.randn(2, 1, 40, 40)
    >>> found = geometry.padding_influence(models.load(["LN", "identity"]), image, distortions)
    >>> found
    <PaddingInfluence: of LN, identity; it reaches 20 of 20 pixels into the image>
    >>> found.changes()[:, 1]
    array([0., 0.])
    """

    names: tuple[str, ...]
    sensitivities: Floats
    repadded: Floats
    affected: Floats
    affected_energy: Floats
    zones: NDArray[np.bool_]
    energy: Floats
    total_energy: Floats
    reasons: tuple[str, ...]

    @property
    def zone(self) -> NDArray[np.bool_]:
        """Whether a pixel is in the zone of any representation, (H, W)."""
        return np.asarray(self.zones.any(axis=0))

    @property
    def reach(self) -> int | None:
        """How many pixels the widest zone reaches into the image; None if all are unknown."""
        if all(self.reasons):
            return None
        height, width = self.zone.shape
        rows, columns = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in (height, width))
        depth = np.minimum.outer(rows, columns) + 1
        return int((depth * self.zone).max())

    @property
    def clear_window(self) -> float | None:
        """The largest ``window`` of a distortion space that keeps clear of all known zones."""
        if all(self.reasons):
            return None
        distance = window_distance(*self.zone.shape).numpy()
        # A little less, so that rounding lets no pixel of the zone in.
        nearest = float(distance[self.zone].min(initial=WIDEST_WINDOW)) * (1 - 1e-9)
        # Two directions are the least that a search needs.
        return nearest if (distance < nearest).sum() >= 2 else None

    def log_ratios(self, u: int = 0, v: int = 1) -> Floats:
        """Return log d(u)/d(v), natural log, with each of the other paddings, (2, N).

        Parameters
        ----------
        u, v
            Numbers of two of the distortions.
        """
        return np.asarray(np.log(self.repadded[..., u]) - np.log(self.repadded[..., v]))

    def changes(self, u: int = 0, v: int = 1) -> Floats:
        """Return by how much another padding changes log d(u)/d(v), absolute, (2, N).

        Parameters
        ----------
        u, v
            Numbers of two of the distortions.
        """
        own = np.log(self.sensitivities[:, u]) - np.log(self.sensitivities[:, v])
        return np.asarray(np.abs(self.log_ratios(u, v) - own))

    def _line(self) -> str:
        if all(self.reasons):
            return f"of {named(self.names)}; not known"
        most = (min(self.zone.shape) + 1) // 2
        return f"of {named(self.names)}; it reaches {self.reach} of {most} pixels into the image"

    def describe(self) -> str:
        """Say what padding enters, and for two distortions what another padding would change."""
        pair = self.sensitivities.shape[1] == 2
        lines = [f"padding, {self._line()}"]
        lines += [self._row(i, pair) for i in range(min(len(self.names), MOST_ROWS))]
        if len(self.names) > MOST_ROWS:
            lines.append(f"  and {len(self.names) - MOST_ROWS} more in energy and repadded")
        if all(self.reasons):
            return "\n".join(lines)
        window = self.clear_window
        clear = "no window keeps" if window is None else f"a window of {window:.3g} keeps"
        return "\n".join([*lines, f"{clear} clear of where it enters"])

    def _row(self, i: int, pair: bool) -> str:
        if self.reasons[i]:
            return f"  {self.names[i]}: not known; {self.reasons[i]}"
        parts = [f"it enters {self.affected[i]:.0%} of the responses"]
        shares = " / ".join(f"{share:.0%}" for share in self.energy[i])
        parts.append(f"{shares} of the distortions' energy can reach those")
        if pair:
            most = self.changes()[:, i].max()
            parts.append(f"another padding changes the log ratio by at most {most:.2g}")
        return f"  {self.names[i]}: {'; '.join(parts)}"


def padding_influence(
    representations: Sequence[RepresentationLike],
    image: Tensor | NDArray[np.floating],
    distortions: Tensor | NDArray[np.floating],
    *,
    floor: float = 0.0,
) -> PaddingInfluence:
    """Find out how much distortions owe to the padding of models.

    Parameters
    ----------
    representations
        Of their networks only those are known that have a method ``repadded``, as built-in
        models and modules of PyTorch do, and pad by what it can replace.
    image
        Base image s, (C, H, W), in [0, 1].
    distortions
        (K, C, H, W), of any length.
    floor
        η of the sensitivities.

    Raises
    ------
    InputError
        If the image, a distortion or the floor cannot be used.

    Examples
    --------
    A convolution that pads with zeros, and distortions at the border and inside:

    >>> from pdpsych import geometry, models
    >>> import torch
    >>> network = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False)
    >>> _ = torch.nn.init.ones_(network.weight)
    >>> distortions = torch.zeros(2, 1, 7, 7)
    >>> distortions[0, 0, 0, 3] = distortions[1, 0, 3, 3] = 1
    >>> ones = models.from_module(network, [""], "ones")
    >>> found = geometry.padding_influence(ones, torch.rand(1, 7, 7), distortions)
    >>> found.total_energy, found.reach
    (array([1., 0.]), 2)
    >>> print(found.changes()[0].round(2))
    [0.46]
    """
    return padding_influence_at(LocalGeometry(representations, image, floor=floor), distortions)


def padding_influence_at(
    geometry: LocalGeometry, distortions: Tensor | NDArray[np.floating]
) -> PaddingInfluence:
    """Do as :func:`padding_influence` where the local geometry is known already.

    It costs two more linearisations of each network, one at a time, some forward passes, and some
    products.

    Parameters
    ----------
    geometry
        Image, representations and floor are its.
    distortions
        As for :func:`padding_influence`.

    Raises
    ------
    InputError
        As for :func:`padding_influence`.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> local = geometry.LocalGeometry(models.load(["LN", "identity"]), torch.rand(1, 30, 30))
    >>> geometry.padding_influence_at(local, torch.randn(2, 1, 30, 30)).affected
    array([1., 0.])
    """
    block = geometry.block(distortions)
    count = len(geometry.names)
    found: dict[int, _Influence] = {}
    for members in geometry.networks():
        found |= zip(members, _influences(geometry.select(members), block), strict=True)
    ordered = [found[i] for i in range(count)]
    zones = np.stack([one.zone for one in ordered])
    energies = (block.double() ** 2).sum(dim=1).cpu().numpy()
    whole = energies.sum(axis=(1, 2))
    known = np.array([not one.reason for one in ordered])
    shares = np.einsum("khw,nhw->nk", energies, zones) / whole
    total = (energies * zones.any(axis=0)).sum(axis=(1, 2)) / whole
    return PaddingInfluence(
        names=tuple(geometry.names),
        sensitivities=np.stack([one.sensitivities for one in ordered]),
        repadded=np.stack([one.repadded for one in ordered], axis=1),
        affected=np.array([one.affected for one in ordered]),
        affected_energy=np.stack([one.affected_energy for one in ordered]),
        zones=zones,
        energy=np.where(known[:, None], shares, np.nan),
        total_energy=total if known.any() else np.full(len(block), np.nan),
        reasons=tuple(one.reason for one in ordered),
    )


class _Influence(NamedTuple):
    """What padding does to one representation; see :class:`PaddingInfluence`."""

    sensitivities: Floats
    repadded: Floats
    affected: float
    affected_energy: Floats
    zone: NDArray[np.bool_]
    reason: str = ""


def _influences(local: LocalGeometry, block: Tensor) -> list[_Influence]:
    """Return the influence on each of the representations that share one network."""
    network = local.representations[0].network
    if not isinstance(network, Repaddable):
        return _unknown(local, block, "the network has no method repadded")
    try:
        values = np.stack([_sensitivities(local, network, mode, block) for mode in MODES])
        entered = _entered(local, network)
    except InputError as error:
        return _unknown(local, block, str(error))
    squares, inside = _energies(local, entered, block)
    own = np.sqrt(squares + local.floors[:, None] * squared_norms(block.flatten(1)))
    shares = inside / np.maximum(squares, np.finfo(np.float64).tiny)
    parts = [float(mask.double().mean()) for mask in entered]
    zones = [_zone(local.select([i]), mask) for i, mask in enumerate(entered)]
    rows = zip(own, values.swapaxes(0, 1), parts, shares, zones, strict=True)
    return [_Influence(*row) for row in rows]


def _energies(
    local: LocalGeometry, entered: Sequence[Tensor], block: Tensor
) -> tuple[Floats, Floats]:
    """Return ‖A ε‖² and the part of it in responses that padding enters, (N, K) both."""
    squares, inside = [], []
    for part in block.split(BLOCK):
        tangents = local.push(part)
        squares.append([squared_norms(rows) for rows in tangents])
        inside.append(
            [squared_norms(rows * mask) for rows, mask in zip(tangents, entered, strict=True)]
        )
    return np.concatenate(squares, axis=1), np.concatenate(inside, axis=1)


def _unknown(local: LocalGeometry, block: Tensor, reason: str) -> list[_Influence]:
    nothing = np.full(len(block), np.nan)
    zone = np.zeros(local.image.shape[-2:], dtype=bool)
    return [
        _Influence(own, np.stack([nothing, nothing]), np.nan, nothing, zone, reason)
        for own in local.sensitivities(block)
    ]


def _sensitivities(
    local: LocalGeometry, network: Repaddable, mode: PaddingMode, block: Tensor
) -> Floats:
    """Return d(ε), (N, K), with another padding; the floor is that of the network as it is.

    A floor of its own would change all log ratios of a model that is blind to one distortion, also
    where nothing touches the border.
    """
    other = network.repadded(mode)
    repadded = LocalGeometry([_Repadded(r, other) for r in local.representations], local.image)
    repadded.floors = local.floors
    return repadded.sensitivities(block)


@dataclass(frozen=True)
class _Repadded:
    """A representation with another network."""

    original: RepresentationLike
    network: Network

    @property
    def name(self) -> str:
        return self.original.name

    @property
    def layer(self) -> Hashable:
        return self.original.layer

    @property
    def noise(self) -> NoiseModel:
        return self.original.noise


@torch.no_grad()
def _entered(local: LocalGeometry, network: Repaddable) -> list[Tensor]:
    """Return which whitened responses padding enters, (Q,), for each representation."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand((NOISES, *local.image.shape), generator=generator, dtype=torch.float64)
    layers = [r.layer for r in local.representations]
    both = [network.repadded(mode).responses(noise.to(local.image), layers) for mode in MODES]
    masks = []
    for i, (one, other) in enumerate(zip(*both, strict=True)):
        one, other = one.flatten(1), other.flatten(1)
        size, difference = local.whiten(i, one).abs(), local.whiten(i, one - other).abs()
        masks.append((difference > _rounding(size)).any(dim=0))
    return masks


def _zone(local: LocalGeometry, entered: Tensor) -> NDArray[np.bool_]:
    """Return the pixels, (H, W), whose changes reach a response that padding enters."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn((DRAWS, len(entered)), generator=generator, dtype=torch.float64)
    pulled = local.pull([weights.to(local.image) * entered]).abs()
    reached = (pulled > _rounding(pulled)).any(dim=0).any(dim=0)
    return np.asarray(reached.cpu().numpy())


def _rounding(values: Tensor) -> Tensor:
    return ULPS * torch.finfo(values.dtype).eps * values.max()
