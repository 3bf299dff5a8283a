"""The local geometry of a set of representations at one image."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.noise.whitening import whitening_at
from pdpsych.geometry.representation import RepresentationLike, executed, grouped

# Hutchinson's estimate of a trace: the floors of 32 probes leave the variance of log ratios open
# by 0.3 % (standard deviation, 64-pixel photograph; benchmarks/solver_constants.py starts), and
# cost 32 products of the hundreds or thousands that a search takes.
PROBES = 32
# Distortions pushed at once: past four nothing is gained, and all their responses are held
# together (benchmarks/solver_constants.py blocks); and bytes of these responses, from which on
# there are fewer.
BLOCK, TOGETHER = 8, 1 << 26


class LocalGeometry:
    """Whitened Jacobian products of N representations at one image.

    With A_i = W_i J_i (noise whitening times Jacobian), the Fisher information of
    representation i is I_i = A_iᵀ A_i; it is never formed.

    All that is found out at an image is found once, and serves every solver and check.

    Parameters
    ----------
    representations
        At least one; those that share a network share its linearisation.
    image
        The base image s, (C, H, W), float32 or float64, in [0, 1].
    floor
        η, from 0 to below 1.

    Attributes
    ----------
    representations, names
        The representations, and their names.
    image
        The base image s, (C, H, W).
    floor
        η.
    floors
        η² · tr I_i / D of each representation, (N,): d_i²(u) = uᵀ I_i u + floors_i · ‖u‖².
    response_sizes
        Length of the whitened response of each representation.
    products
        How often a direction went through all representations, forwards or backwards; through
        some of them counts as a part.

    Raises
    ------
    InputError
        If there is no representation, the floor is out of range, or the image or a network
        cannot be used.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> local = geometry.LocalGeometry(models.load(["LN", "LGN"]), torch.rand(1, 8, 8), floor=0.03)
    >>> distortions = torch.randn(5, 1, 8, 8)
    >>> local.sensitivities(distortions).shape
    (2, 5)
    >>> [tuple(tangents.shape) for tangents in local.push(distortions)]
    [(5, 64), (5, 128)]
    """

    def __init__(
        self,
        representations: Sequence[RepresentationLike],
        image: Tensor | NDArray[np.floating],
        *,
        floor: float = 0.0,
    ):
        if not 0 <= floor < 1:
            raise InputError(
                "is out of range", field="floor", value=floor, allowed="from 0 to below 1"
            )
        self.image, self.floor = checked_image(image), floor
        self.representations = list(representations)
        self.names = [r.name for r in representations]
        self._tally = {"passes": 0}
        self._networks = grouped(representations)
        self._linear = [
            network.linearize(self.image, [representations[i].layer for i in members])
            for network, members in self._networks
        ]
        self._places = [-1] * len(self.names)
        for network, members in self._networks:
            for i, place in zip(members, executed(network, representations, members), strict=True):
                self._places[i] = place
        responses = self._spread([linear.responses for linear in self._linear])
        self._whitenings = [
            whitening_at(r.noise, response)
            for r, response in zip(representations, responses, strict=True)
        ]
        self.response_sizes = [
            whitening.whiten(response[None]).shape[1]
            for whitening, response in zip(self._whitenings, responses, strict=True)
        ]
        self._power: NDArray[np.float64] | None = None
        self._gains = [1.0] * len(self.names)
        zeros = np.zeros(len(self.names))
        self.floors = floor**2 * self.mean_power() if floor else zeros

    @property
    def products(self) -> float:
        """See above."""
        return self._tally["passes"] / len(self.names)

    @property
    def at_once(self) -> int:
        """How many distortions to push at once; their responses are held together."""
        size = sum(self.response_sizes) * self.image.element_size()
        return max(1, min(BLOCK, TOGETHER // max(size, 1)))

    @property
    def dimension(self) -> int:
        """D, the number of pixel values."""
        return self.image.numel()

    def block(self, distortions: Tensor | NDArray[np.floating]) -> Tensor:
        """Return distortions (K, C, H, W) as the image's kind of tensor.

        Raises
        ------
        InputError
            If their shape does not fit the image, or one is zero or not finite.
        """
        block = as_tensor(distortions).to(self.image)
        if block.shape[1:] != self.image.shape:
            raise InputError(
                "do not fit the image",
                field="distortions",
                value=tuple(block.shape),
                allowed=f"(K, {', '.join(map(str, self.image.shape))})",
            )
        lengths = squared_norms(block.flatten(1))
        for number in np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0))):
            what = "zero everywhere" if lengths[number] == 0 else "has values that are not finite"
            raise InputError(what, field=f"distortions[{number}]")
        return block

    def push(self, distortions: Tensor) -> list[Tensor]:
        """Return A_i u of each representation, (K, Q_i), for distortions (K, C, H, W)."""
        self._tally["passes"] += len(distortions) * len(self.names)
        tangents = self._spread([linear.push(distortions) for linear in self._linear])
        for i, gain in enumerate(self._gains):
            # One representation after the other: memory may not hold all of them twice.
            tangents[i] = _scaled(self._whitenings[i].whiten(tangents[i]), gain)
        return tangents

    def pull(self, cotangents: Sequence[Tensor]) -> Tensor:
        """Return Σ_i A_iᵀ w_i, (K, C, H, W), for whitened cotangents (K, Q_i)."""
        self._tally["passes"] += len(cotangents[0]) * len(self.names)
        total = torch.zeros((len(cotangents[0]), *self.image.shape)).to(self.image)
        for linear, (_, members) in zip(self._linear, self._networks, strict=True):
            total += linear.pull([self._unwhitened(i, cotangents[i]) for i in members])
        return total

    def information(self, distortions: Tensor, weights: Sequence[float]) -> Tensor:
        """Return Σ_i w_i I_i u, without floors, (K, C, H, W), by a push and a pull.

        Parameters
        ----------
        distortions
            u, (K, C, H, W).
        weights
            w, one of each representation.
        """
        self._tally["passes"] += 2 * len(distortions) * len(self.names)
        total = torch.zeros_like(distortions)
        for linear, (_, members) in zip(self._linear, self._networks, strict=True):
            tangents = linear.push(distortions)
            for place, i in enumerate(members):
                whitening, scale = self._whitenings[i], weights[i] * self._gains[i] ** 2
                whitened = whitening.whiten(tangents[place])
                tangents[place] = whitening.whiten_adjoint(scale * whitened)
            total += linear.pull(tangents)
        return total

    def _unwhitened(self, number: int, cotangents: Tensor) -> Tensor:
        scaled = _scaled(cotangents, self._gains[number])
        return self._whitenings[number].whiten_adjoint(scaled)

    def whiten(self, number: int, tangents: Tensor) -> Tensor:
        """Return changes of the responses of a representation, whitened, (K, Q).

        Parameters
        ----------
        number
            Which representation.
        tangents
            Changes of its responses, (K, R).
        """
        return self._whitenings[number].whiten(tangents)

    def responses(self, numbers: Sequence[int], images: Tensor) -> list[Tensor]:
        """Return the responses to other images, flat, (B, R), of representations of one network.

        Parameters
        ----------
        numbers
            Which representations, at least one.
        images
            Images, (B, C, H, W).
        """
        chosen = [self.representations[i] for i in numbers]
        found = chosen[0].network.responses(images, [r.layer for r in chosen])
        return [response.flatten(1) for response in found]

    def networks(self) -> list[list[int]]:
        """Return the numbers of the representations that share a network, for each network."""
        return [list(members) for _, members in self._networks]

    def sensitivities(self, distortions: Tensor) -> NDArray[np.float64]:
        """Return d_i(u), (N, K), with the floor, for distortions (K, C, H, W) of any length."""
        extra = self.floors[:, None] * squared_norms(distortions.flatten(1))
        return np.sqrt(self.squares(distortions) + extra)

    def squares(self, distortions: Tensor) -> NDArray[np.float64]:
        """Return uᵀ I_i u, (N, K), without the floor; a few distortions at a time."""
        found, step = np.empty((len(self.names), len(distortions))), self.at_once
        for start in range(0, len(distortions), step):
            # Written where it stays: small arrays among large ones would keep these from reuse.
            found[:, start : start + step] = squared_lengths(
                self.push(distortions[start : start + step])
            )
        return found

    def mean_power(self) -> NDArray[np.float64]:
        """Return tr I_i / D, (N,): the mean squared sensitivity to white noise of unit variance.

        Exact up to ``PROBES`` pixel values, otherwise Hutchinson's estimate from ``PROBES``
        random sign images with a fixed seed, the same numbers on every machine. Found once.
        """
        if self._power is None:
            self._power = self._measured_power()
        return self._power

    def _measured_power(self) -> NDArray[np.float64]:
        if self.dimension <= PROBES:
            probes, weight = torch.eye(self.dimension).reshape(-1, *self.image.shape), 1.0
        else:
            probes, weight = random_signs((PROBES, *self.image.shape), seed=0), 1 / PROBES
        power = self.squares(probes.to(self.image)).sum(axis=1)
        return np.asarray(weight * power / self.dimension)

    def normalized(self) -> LocalGeometry:
        """Return the geometry with each representation scaled to a mean power of 1.

        Ratios of one representation's sensitivities do not change, nor do the directions in which
        they do; sums over representations become those of numbers alike. Linearisations are
        shared, and so is the count of products.
        """
        power = self.mean_power()
        scale = np.where(np.isfinite(power) & (power > 0), power, 1.0)
        alike = copy.copy(self)
        alike._gains = (np.array(self._gains) / np.sqrt(scale)).tolist()
        alike.floors, alike._power = self.floors / scale, power / scale
        return alike

    def select(self, numbers: Sequence[int]) -> LocalGeometry:
        """Return the geometry of some of the representations, by their numbers.

        The linearisations are shared, and so is the count of products.
        """
        chosen = copy.copy(self)
        chosen.representations = [self.representations[i] for i in numbers]
        chosen.names = [self.names[i] for i in numbers]
        chosen.floors = self.floors[list(numbers)]
        chosen._power = None if self._power is None else self._power[list(numbers)]
        chosen._gains = [self._gains[i] for i in numbers]
        chosen._places = [self._places[i] for i in numbers]
        chosen._whitenings = [self._whitenings[i] for i in numbers]
        chosen.response_sizes = [self.response_sizes[i] for i in numbers]
        chosen._networks, chosen._linear = [], []
        for linear, (network, members) in zip(self._linear, self._networks, strict=True):
            places = {members.index(i): n for n, i in enumerate(numbers) if i in members}
            if places:
                chosen._networks.append((network, list(places.values())))
                chosen._linear.append(linear.select(list(places)))
        return chosen

    def chains(self) -> list[list[int]]:
        """Return the numbers of each network's representations in the order in which they run.

        Of a network that does not know (``known_order``, as of
        :class:`pdpsych.models.ModuleNetwork`), each is a chain of its own.
        """
        chains: list[list[int]] = []
        for _, members in self._networks:
            ordered = sorted(members, key=lambda i: self._places[i])
            known = self._places[ordered[0]] >= 0
            chains += [ordered] if known else [[i] for i in ordered]
        return chains

    def _spread(self, grouped: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Put per-network lists back into the order of the representations."""
        flat: dict[int, Tensor] = {}
        for (_, members), values in zip(self._networks, grouped, strict=True):
            flat.update(zip(members, values, strict=True))
        return [flat[i] for i in range(len(self.names))]


def checked_image(image: Tensor | NDArray[np.floating]) -> Tensor:
    """Return the image as a (C, H, W) tensor of float32 or float64, refusing anything else."""
    tensor = as_tensor(image)
    if tensor.ndim != 3 or tensor.dtype not in (torch.float32, torch.float64):
        raise InputError(
            "cannot be used",
            field="image",
            value=f"{tensor.dtype} {tuple(tensor.shape)}",
            allowed="float32 or float64 of shape (channels, height, width)",
        )
    if not bool(torch.isfinite(tensor).all()):
        raise InputError("has values that are not finite", field="image")
    if tensor.min() < 0 or tensor.max() > 1:
        raise InputError(
            "has values out of range",
            field="image",
            value=(float(tensor.min()), float(tensor.max())),
            allowed="from 0 to 1",
        )
    return tensor.detach()


def as_tensor(values: Tensor | NDArray[np.floating]) -> Tensor:
    """Return a tensor; arrays are copied, since those of a stimulus set are read-only."""
    return values if isinstance(values, Tensor) else torch.tensor(values)


def random_signs(shape: tuple[int, ...], seed: int) -> Tensor:
    """Return ±1 with equal probability, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, shape, generator=generator).mul_(2).sub_(1)


def squared_norms(rows: Tensor) -> NDArray[np.float64]:
    """Return ‖row‖² accumulated in float64."""
    return squared_lengths([rows])[0]


def squared_lengths(pushed: Sequence[Tensor]) -> NDArray[np.float64]:
    """Return ‖row‖² of rows (K, Q) of each representation, (N, K), accumulated in float64."""
    return np.asarray(torch.stack([_squares(rows) for rows in pushed]).cpu().numpy())


def _squares(rows: Tensor) -> Tensor:
    wide = rows.double()
    # In float64 already it is the rows themselves.
    return (wide.square() if wide is rows else wide.square_()).sum(dim=1)


def _scaled(rows: Tensor, gain: float) -> Tensor:
    return rows if gain == 1 else gain * rows
