"""How far the local geometry holds: sensitivities to distortions large enough to be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.geometry.local import (
    LocalGeometry,
    RepresentationLike,
    random_signs,
    squared_norms,
)
from pdpsych.geometry.result_file import SavedResult, named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

SIGNS = (1.0, -1.0)
# Images in a forward pass: past four nothing is gained, and all their responses are held together
# (benchmarks/solver_constants.py blocks).
BATCH = 8
# What fits on a screen.
MOST_ROWS = 20


@dataclass(frozen=True, eq=False, repr=False)
class Linearity(SavedResult):
    """Finite responses of N representations beside the linear ones, for K distortions.

    A finite sensitivity is ‖W (r(s ± αε) − r(s))‖/α, with the whitening W of the noise frozen at
    s: the d′ per amplitude of an observer who has the noise of the base image. The image
    s ± αε is not clipped, whatever a display could show of it; a response to it that is not a
    number counts as infinite.

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
    within
        Whether both ratios are within tolerance, (N, K, A); what rounding can explain is allowed
        for, because it would make responses near the resolution of float32 look nonlinear.
    sensitivities
        Local d(ε) with the floor, (N, K).
    finite_sensitivities
        The same from finite responses, (N, K, A): the mean square over both signs, which a
        session shows equally often, plus the floor's part of the local d².

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import numpy as np
    >>> identity, image = models.load(["identity"]), np.full((1, 4, 4), 0.5)
    >>> found = geometry.linearity(identity, image, np.ones((1, 1, 4, 4)) / 4, [0.1, 1.0])
    >>> found
    <Linearity: of identity; 100% of 1 distortions at 2 amplitudes within 10 % of linear>
    >>> found.largest
    array([[1.]])
    """

    SCHEMA: ClassVar[Schema] = Schema("linearity", 1, "compare them again")

    names: tuple[str, ...]
    amplitudes: Floats
    tolerance: float
    ratios: Floats
    within: NDArray[np.bool_]
    sensitivities: Floats
    finite_sensitivities: Floats

    @property
    def steps(self) -> NDArray[np.int64]:
        """How many amplitudes, from the smallest without a gap, are within tolerance, (N, K)."""
        return np.logical_and.accumulate(self.within, axis=2).sum(axis=2)

    @property
    def largest(self) -> Floats:
        """The largest amplitude within tolerance, (N, K); 0 where the smallest is not."""
        return np.concatenate([[0.0], self.amplitudes])[self.steps]

    def log_ratios(self, u: int = 0, v: int = 1) -> Floats:
        """Return finite log d(u)/d(v), natural log, (A, N), of two of the distortions.

        Infinite where there is no response to one, not a number where there is none to both.
        """
        return _log_ratio(self.finite_sensitivities[:, u], self.finite_sensitivities[:, v]).T

    def reversals(self, u: int = 0, v: int = 1) -> NDArray[np.int64]:
        """Return how many pairs of models change order in log d(u)/d(v), (A,).

        0 where the order of the models survives; of N (N − 1)/2 pairs, as in Kendall's τ. An
        order that cannot be told, for want of finite log ratios, counts as changed.
        """
        local = _log_ratio(self.sensitivities[:, u], self.sensitivities[:, v])
        finite = self.log_ratios(u, v)
        with np.errstate(invalid="ignore"):
            kept = (local[:, None] - local) * (finite[:, :, None] - finite[:, None, :]) >= 0
        return np.asarray(np.triu(~kept, 1).sum(axis=(1, 2)))

    def _line(self) -> str:
        tried = f"{self.ratios.shape[1]} distortions at {len(self.amplitudes)} amplitudes"
        share = f"{self.within.mean():.0%} of {tried} within {100 * self.tolerance:g} % of linear"
        return f"of {named(self.names)}; {share}"

    def describe(self) -> str:
        """Say how far each representation is linear; for two distortions, if order survives."""
        width = max(map(len, self.names))
        columns = [f"ε{k + 1}" for k in range(self.ratios.shape[1])]
        lines = [
            f"largest amplitude within {100 * self.tolerance:g} % of linear, of "
            + ", ".join(f"{a:g}" for a in self.amplitudes),
            "  ".join([" " * width, *(f"{column:>8}" for column in columns)]),
        ]
        for name, row in zip(self.names[:MOST_ROWS], self.largest, strict=False):
            lines.append("  ".join([f"{name:<{width}}", *(f"{value:8.4g}" for value in row)]))
        if len(self.names) > MOST_ROWS:
            lines.append(f"and {len(self.names) - MOST_ROWS} more in largest")
        if len(columns) == 2:
            counts = zip(self.amplitudes, self.reversals(), strict=True)
            lines.append(
                "pairs of models that change order in log d(ε1)/d(ε2): "
                + ", ".join(f"{count} at {a:g}" for a, count in counts)
            )
        return "\n".join(lines)

    def plot(self) -> Figure:
        """Draw finite over local sensitivity against amplitude, a panel for each distortion."""
        from pdpsych.geometry.figures import linearity_panels

        return linearity_panels(self.names, self.amplitudes, self.ratios, self.tolerance)


def linearity(
    representations: Sequence[RepresentationLike],
    image: Tensor | NDArray[np.floating],
    distortions: Tensor | NDArray[np.floating],
    amplitudes: Sequence[float] | Floats,
    *,
    floor: float = 0.0,
    tolerance: float = 0.1,
) -> Linearity:
    """Compare responses to s ± αε with what the Fisher information at s predicts.

    Parameters
    ----------
    representations
        Those that share a network share its forward passes: one for each amplitude and sign, and
        each eight distortions.
    image
        Base image s, (C, H, W), in [0, 1].
    distortions
        (K, C, H, W), unit norm for amplitudes to mean what they say.
    amplitudes
        α, above 0 and ascending.
    floor
        η, for log ratios; the ratios of responses are without.
    tolerance
        How far the ratio of finite to local response may be from 1. A log ratio of two
        sensitivities that are each right to 10 % is right to 0.2 nats; a convention, not tuned.

    Raises
    ------
    InputError
        If the image, a distortion or an amplitude cannot be used.

    Examples
    --------
    Two signs of a distortion at which a network saturates:

    >>> from pdpsych import geometry, models
    >>> import numpy as np
    >>> import torch
    >>> saturating = models.from_module(torch.nn.Tanh(), [""], "tanh")
    >>> image, distortion = np.zeros((1, 1, 2)), np.array([[[[1.0, 0.0]]]])
    >>> found = geometry.linearity(saturating, image, distortion, [0.1, 1.0])
    >>> print(found.ratios.round(2))
    [[[[1.   1.  ]
       [0.76 0.76]]]]
    >>> found.within.tolist()
    [[[True, False]]]
    """
    geometry = LocalGeometry(representations, image, floor=floor)
    return linearity_at(geometry, distortions, amplitudes, tolerance=tolerance)


def linearity_at(
    geometry: LocalGeometry,
    distortions: Tensor | NDArray[np.floating],
    amplitudes: Sequence[float] | Floats,
    *,
    tolerance: float = 0.1,
) -> Linearity:
    """Do as :func:`linearity` where the local geometry is known already.

    Parameters
    ----------
    geometry
        Image, representations and floor are its.
    distortions, amplitudes, tolerance
        As for :func:`linearity`.

    Raises
    ------
    InputError
        As for :func:`linearity`.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> local = geometry.LocalGeometry(models.load(["LN", "LGN"]), torch.rand(1, 8, 8))
    >>> geometry.linearity_at(local, torch.randn(2, 1, 8, 8), [0.01, 0.1]).ratios.shape
    (2, 2, 2, 2)
    """
    block = geometry.block(distortions)
    alphas = _checked_amplitudes(amplitudes)
    squares = geometry.squares(block)
    responses = _FiniteResponses(geometry.representations, geometry.image)
    finite, roundoff = responses.per_amplitude(block, alphas), responses.roundoff()
    local = np.sqrt(squares)[:, :, None, None]
    allowed = tolerance * local + 2 * roundoff[:, None, None, None] / alphas[:, None]
    extra = geometry.floors[:, None] * squared_norms(block.flatten(1))
    return Linearity(
        tuple(geometry.names),
        alphas,
        tolerance,
        ratios=_ratios(finite, local),
        within=(np.abs(finite - local) <= allowed).all(axis=3),
        sensitivities=np.sqrt(squares + extra),
        finite_sensitivities=np.sqrt((finite**2).mean(axis=3) + extra[:, :, None]),
    )


class _FiniteResponses:
    """Lengths ‖W (r(x) − r(s))‖ of representations that may share networks."""

    def __init__(self, representations: Sequence[RepresentationLike], image: Tensor):
        self._representations = representations
        self._image = image
        self._base = list(self._responses(image[None]))

    def __call__(self, images: Tensor) -> Floats:
        """Return the lengths, (N, B), for images x (B, C, H, W)."""
        lengths = np.empty((len(self._representations), len(images)))
        for (i, r), (_, base) in zip(self._responses(images), self._base, strict=True):
            whitened = self._representations[i].noise.whiten(base[0], r - base)
            lengths[i] = np.sqrt(squared_norms(whitened))
        return np.nan_to_num(lengths, nan=np.inf, posinf=np.inf)

    def per_amplitude(self, block: Tensor, alphas: Floats) -> Floats:
        """Return ‖W (r(s ± αε) − r(s))‖/α, (N, K, A, 2), a few distortions at a time."""
        lengths = np.empty((len(self._base), len(block), len(alphas), len(SIGNS)))
        for (a, alpha), (b, sign) in product(enumerate(alphas), enumerate(SIGNS)):
            moved = (self._image + sign * alpha * part for part in block.split(BATCH))
            lengths[:, :, a, b] = np.concatenate([self(x) for x in moved], axis=1) / alpha
        return lengths

    def roundoff(self) -> Floats:
        """Return the lengths, (N,), when every pixel value changes in its last bit."""
        towards = random_signs(tuple(self._image.shape), seed=0) * torch.inf
        return self(torch.nextafter(self._image, towards.to(self._image))[None])[:, 0]

    @torch.no_grad()
    def _responses(self, images: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Run each network once; yield the flat responses, (B, R), with their numbers."""
        for key in dict.fromkeys(id(r.network) for r in self._representations):
            members = [i for i, r in enumerate(self._representations) if id(r.network) == key]
            network = self._representations[members[0]].network
            layers = [self._representations[i].layer for i in members]
            for i, r in zip(members, network.responses(images, layers), strict=True):
                yield i, r.flatten(1)


def _checked_amplitudes(amplitudes: Sequence[float] | Floats) -> Floats:
    alphas = np.asarray(amplitudes, dtype=np.float64)
    ascending = np.diff(np.concatenate([[0.0], alphas.ravel()])) > 0
    if alphas.ndim != 1 or not alphas.size or not ascending.all() or not np.isfinite(alphas).all():
        raise InputError(
            "cannot be used",
            field="amplitudes",
            value=amplitudes,
            allowed="numbers above 0 in ascending order",
        )
    return alphas


def _log_ratio(u: Floats, v: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(u) - np.log(v)


def _ratios(finite: Floats, local: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(finite == local, 1.0, finite / local)
