"""D(ε, ±α): how far responses to distortions that are not small are from those to the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.documents import Schema
from pdpsych.geometry.finite.distances import Change, Distances
from pdpsych.geometry.finite.response_curves import SIGNS, Grid, ResponseCurves
from pdpsych.geometry.local import LocalGeometry, squared_norms
from pdpsych.geometry.representation import RepresentationLike
from pdpsych.geometry.result_file import SavedResult, named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

# How far D may be from linear where a sensitivity is said to hold: log ratios of two that are each
# right to 10 % are right to 0.2 nats; a convention, not tuned.
TOLERANCE = 0.1
# What fits on a screen.
MOST_ROWS = 20


@dataclass(frozen=True, eq=False, repr=False)
class FiniteResponses(SavedResult):
    """D(ε, ±α) of N representations for K distortions, beside their sensitivities.

    D(ε, ±α)² = ‖φ(r(s ± αε)) − φ(r(s))‖² + floor α², with φ what makes the noise of the responses
    one of unit variance: D is the d′ of an ideal observer of the noisy responses (see
    :class:`pdpsych.geometry.NoiseModel` for where that is approximate).

    Attributes
    ----------
    names
        Names of the representations.
    dimension
        D, the number of pixel values: the RMS contrast of α is α/√D.
    floors
        What is added to the squared sensitivities, (N,).
    sensitivities
        Local d(ε) with the floor, (N, K).
    curves
        Of each distortion.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import numpy as np
    >>> identity, image = models.load(["identity"]), np.full((1, 4, 4), 0.5)
    >>> found = geometry.finite_responses(identity, image, np.ones((1, 1, 4, 4)) / 4)
    >>> found
    <FiniteResponses: of identity to 1 distortion up to RMS contrast 0.5>
    >>> bool(np.allclose(found.curves[0].values, found.curves[0].amplitudes))
    True
    """

    SCHEMA: ClassVar[Schema] = Schema("finite responses", 1, "find them again")

    names: tuple[str, ...]
    dimension: int
    floors: Floats
    sensitivities: Floats
    curves: tuple[ResponseCurves, ...]

    def largest_linear(self, tolerance: float = TOLERANCE) -> Floats:
        """Return the amplitudes up to which D is within ``tolerance`` of αd(ε), (N, K)."""
        found = np.zeros(self.sensitivities.shape)
        for k, curves in enumerate(self.curves):
            linear = self.sensitivities[:, k, None] * curves.amplitudes
            near = np.abs(curves.values - linear[:, None]) <= tolerance * linear[:, None]
            steps = np.logical_and.accumulate(near.all(axis=1), axis=1).sum(axis=1)
            found[:, k] = np.concatenate([[0.0], curves.amplitudes])[steps]
        return found

    def _line(self) -> str:
        count = len(self.curves)
        ends = [c.amplitudes[-1] if len(c.amplitudes) else 0.0 for c in self.curves]
        rms = max(ends, default=0.0) / self.dimension**0.5
        what = f"{count} distortion{'' if count == 1 else 's'}"
        return f"of {named(self.names)} to {what} up to RMS contrast {rms:.3g}"

    def describe(self) -> str:
        """Say up to which RMS contrast each representation is linear, and which curves end."""
        width = max(map(len, self.names))
        columns = [f"ε{k + 1}" for k in range(len(self.curves))]
        lines = [
            f"{self._line()}; largest within {100 * TOLERANCE:g} % of linear:",
            "  ".join([" " * width, *(f"{column:>8}" for column in columns)]),
        ]
        rms = self.largest_linear() / self.dimension**0.5
        for name, row in zip(self.names[:MOST_ROWS], rms, strict=False):
            lines.append("  ".join([f"{name:<{width}}", *(f"{value:8.2g}" for value in row)]))
        if len(self.names) > MOST_ROWS:
            lines.append(f"and {len(self.names) - MOST_ROWS} more in largest_linear")
        return "\n".join([*lines, *self._ends()])

    def plot(self) -> Figure:
        """Draw D/α against RMS contrast, a panel for each distortion."""
        from pdpsych.geometry.finite.figures import gain_panels

        root = self.dimension**0.5
        return gain_panels(
            [
                (
                    f"ε{k + 1}",
                    {
                        name: (curves.amplitudes / root, both / curves.amplitudes)
                        for name, both in zip(self.names, curves.values, strict=True)
                    },
                )
                for k, curves in enumerate(self.curves)
            ]
        )

    def _ends(self) -> list[str]:
        return [
            f"{name}, ε{k + 1}: {why}"
            for k, curves in enumerate(self.curves)
            for name, why in zip(self.names, curves.ended, strict=True)
            if why
        ][:MOST_ROWS]


def finite_responses(
    representations: Sequence[RepresentationLike],
    image: Tensor | NDArray[np.floating],
    distortions: Tensor | NDArray[np.floating],
    *,
    floor: float = 0.0,
) -> FiniteResponses:
    """Return D(ε, ±α) from RMS contrast 10⁻⁴ to where s ± αε leave [0, 1].

    The amplitudes are 8 a decade, and as many more, up to 64, as an interpolation of log(D/α)
    needs to be off by about 1 % at most. Where rounding matters to responses, at small amplitudes,
    D leads over to αd(ε), which the Fisher information says.

    Parameters
    ----------
    representations
        Those that share a network share its forward passes, of 8 images each.
    image
        Base image s, (C, H, W), in [0, 1].
    distortions
        (K, C, H, W), of unit norm for amplitudes to mean what they say.
    floor
        η of the sensitivities.

    Raises
    ------
    InputError
        If the image or a distortion cannot be used, or a representation not at the image itself.
        One that cannot be used at a distorted image has a curve that ends there, and says why.

    Examples
    --------
    A network that saturates:

    >>> from pdpsych import geometry, models
    >>> import numpy as np
    >>> import torch
    >>> saturating = models.from_module(torch.nn.Tanh(), [""], "tanh")
    >>> image, distortion = np.full((1, 1, 2), 0.5), np.array([[[[1.0, 0.0]]]])
    >>> curves = geometry.finite_responses(saturating, image, distortion).curves[0]
    >>> float(curves.amplitudes[-1]), curves.values[0, :, -1].round(3)
    (0.5, array([0.299, 0.462]))
    """
    return finite_responses_at(LocalGeometry(representations, image, floor=floor), distortions)


def finite_responses_at(
    geometry: LocalGeometry, distortions: Tensor | NDArray[np.floating]
) -> FiniteResponses:
    """Do as :func:`finite_responses` where the local geometry is known already.

    Parameters
    ----------
    geometry
        Image, representations and floor are its.
    distortions
        As for :func:`finite_responses`.

    Raises
    ------
    InputError
        As for :func:`finite_responses`.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> local = geometry.LocalGeometry(models.load(["LN", "LGN"]), torch.rand(1, 8, 8))
    >>> found = geometry.finite_responses_at(local, torch.randn(2, 1, 8, 8))
    >>> len(found.curves), found.sensitivities.shape
    (2, (2, 2))
    """
    block = geometry.block(distortions)
    distances, squares = Distances(geometry), geometry.squares(block)
    extra = geometry.floors[:, None] * squared_norms(block.flatten(1))
    sensitivities = np.sqrt(squares + extra)
    grids = [
        Grid(gamut_limit(geometry.image, ε), geometry.dimension, sensitivities[:, k])
        for k, ε in enumerate(block)
    ]
    while wanted := [(k, a) for k, g in enumerate(grids) for a in g.wanted(distances.roundoff)]:
        found = distances([Change(block[k], sign * a) for k, a in wanted for sign in SIGNS])
        for place, (k, alpha) in enumerate(wanted):
            grids[k].add(alpha, found[2 * place : 2 * place + 2])
    return FiniteResponses(
        tuple(geometry.names),
        geometry.dimension,
        geometry.floors,
        sensitivities,
        tuple(grid.curves(distances.roundoff) for grid in grids),
    )


def gamut_limit(image: Tensor, distortion: Tensor) -> float:
    """Return the largest α at which both s + αε and s − αε are in [0, 1], (C, H, W) each."""
    room = torch.minimum(image, 1 - image).double() / distortion.double().abs()
    return float(room[distortion != 0].min())
