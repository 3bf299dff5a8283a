"""What the numbers of a photograph mean: from them to linear light of Rec. 709 primaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdpsych.displays.encoding import linear_from_srgb

Floats = NDArray[np.float64]
Chromaticities = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

D65 = (0.3127, 0.3290)
PRIMARIES: dict[str, Chromaticities] = {
    "Rec. 709": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
    "Display P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "Rec. 2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "Rec. 601, 625 lines": ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    "Rec. 601, 525 lines": ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
}
# Of cones, after Bradford: as ICC profiles adapt white.
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


@dataclass(frozen=True, eq=False)
class ColourSpace:
    """RGB, or grey, by a curve and primaries.

    Attributes
    ----------
    name
        In words.
    curve
        Light of values in [0, 1].
    matrix
        Linear Rec. 709 of linear values, (3, 3).
    """

    name: str
    curve: Callable[[Floats], Floats]
    matrix: Floats

    @classmethod
    def of(
        cls,
        name: str,
        curve: Callable[[Floats], Floats],
        primaries: Chromaticities = PRIMARIES["Rec. 709"],
        white: tuple[float, float] = D65,
    ) -> ColourSpace:
        """Return the space of a curve, and of chromaticities (x, y) of primaries and white."""
        to_709 = np.linalg.inv(_xyz_of(PRIMARIES["Rec. 709"], D65))
        return cls(name, curve, to_709 @ _adapted(white) @ _xyz_of(primaries, white))


def power(exponent: float) -> Callable[[Floats], Floats]:
    """Return the curve x ↦ x^exponent."""
    return lambda values: np.asarray(values**exponent)


def rec709_curve(values: Floats) -> Floats:
    """Return the light that Rec. 709, 601 and 2020 encode as ``values``."""
    return np.where(values < 0.081, values / 4.5, ((values + 0.099) / 1.099) ** (1 / 0.45))


def srgb_curve(values: Floats) -> Floats:
    """Return the light that sRGB encodes as ``values``."""
    return np.asarray(linear_from_srgb(values), dtype=np.float64)


def _xyz(chromaticity: tuple[float, float]) -> Floats:
    x, y = chromaticity
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _xyz_of(primaries: Chromaticities, white: tuple[float, float]) -> Floats:
    """Return the matrix that takes linear RGB to XYZ."""
    columns = np.stack([_xyz(primary) for primary in primaries], axis=1)
    return np.asarray(columns * np.linalg.solve(columns, _xyz(white)))


def _adapted(white: tuple[float, float]) -> Floats:
    """Return the matrix that takes XYZ under a white to what looks the same under D65."""
    gain = (_BRADFORD @ _xyz(D65)) / (_BRADFORD @ _xyz(white))
    return np.asarray(np.linalg.solve(_BRADFORD, gain[:, None] * _BRADFORD))


SRGB = ColourSpace.of("sRGB", srgb_curve)
LINEAR = ColourSpace.of("linear", power(1.0))
ADOBE = ColourSpace.of("Adobe RGB", power(563 / 256), PRIMARIES["Adobe RGB"])
