"""From an image in a model's units to the levels a display shows, and what survives of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pdpsych.displays.display import Display
from pdpsych.displays.dither import Levels, dither
from pdpsych.displays.encoding import Array, Encoding
from pdpsych.displays.transfer import (
    BLOCK,
    Transfer,
    as_values,
    blocks,
    flat,
    levels_of,
    transfers_of,
)

_STRIDE = 16


@dataclass(frozen=True)
class Shown:
    """A distorted image and its reference as they reach the display.

    Attributes
    ----------
    distorted, reference
        Integer levels, (C, H, W), each with a dither draw of its own.
    realised
        ⟨shown − shown reference, ε⟩ in model units, for the sign that was asked for.
    residual_rms
        Root mean square, in model units, of what was added besides ``realised · ε``.
    clipped
        Share of pixel values of s + αε that lie outside [0, 1].

    Examples
    --------
    See :func:`pdpsych.displays.show`, which makes one.

    >>> from pdpsych.displays import Shown
    >>> Shown.__dataclass_fields__.keys() >= {"distorted", "reference", "realised"}
    True
    """

    distorted: Levels
    reference: Levels
    realised: float
    residual_rms: float
    clipped: float


def show(
    image: Array,
    distortion: Array,
    amplitude: float,
    display: Display,
    encoding: Encoding,
    rng: np.random.Generator,
) -> Shown:
    """Take s and s + αε to display levels: gamut, luminance, curve, dither, one rounding.

    Parameters
    ----------
    image, distortion
        Base image s in [0, 1] and unit distortion ε, (C, H, W), in ``encoding``.
    amplitude
        α, with the sign of the distortion; ‖αε‖₂ = |α|.
    display
        What shows it.
    encoding
        What the image's values mean: ``srgb`` or ``linear``.
    rng
        Draws the dither of the distorted image, then that of the reference.

    Returns
    -------
    Shown
        Both images in levels, and what survived of the distortion.

    Raises
    ------
    InputError
        If the display cannot show images of so many channels.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych.displays import Display, show
    >>> image = np.full((1, 8, 8), 0.5)
    >>> distortion = np.random.default_rng(0).standard_normal((1, 8, 8))
    >>> distortion /= np.linalg.norm(distortion)
    >>> rng = np.random.default_rng(1)
    >>> shown = show(image, distortion, 0.2, Display(bit_depth=16), "srgb", rng)
    >>> shown.distorted.shape, round(shown.realised, 3)
    ((1, 8, 8), 0.2)
    """
    base, direction = as_values(image), as_values(distortion)
    transfers = transfers_of(display, encoding, len(base))
    wanted, outside = levels_of(base, transfers, direction, amplitude)
    distorted = dither(wanted, display.dither, display.top, rng)
    still, _ = levels_of(base, transfers)
    reference = dither(still, display.dither, display.top, rng)
    realised, residual = _survived(distorted, reference, direction, amplitude, transfers)
    sign = -1.0 if amplitude < 0 else 1.0
    return Shown(distorted, reference, sign * realised, residual, outside / base.size)


def quantize(
    image: Array, display: Display, encoding: Encoding, rng: np.random.Generator
) -> Levels:
    """Return the display levels of an image in model units: gamut, luminance, curve, one rounding.

    Parameters
    ----------
    image
        Values in [0, 1], (C, H, W); those outside are clipped.
    display
        What shows it; its ``dither`` says how levels are rounded: ``none`` to the nearest,
        ``uniform`` after adding ±½ level (Allard & Faubert 2008), ``triangular`` after the sum of
        two such draws, ``error-diffusion`` by Floyd & Steinberg (1976).
    encoding
        What the image's values mean: ``srgb`` or ``linear``.
    rng
        Draws the dither.

    Returns
    -------
    ndarray
        Integer levels, (C, H, W), uint16.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych.displays import Display, quantize
    >>> image = np.array([[[0.0, 0.5, 1.0]]])
    >>> quantize(image, Display(dither="none"), "srgb", np.random.default_rng(0)).tolist()
    [[[0, 128, 255]]]
    """
    return dither(levels(image, display, encoding), display.dither, display.top, rng)


def levels(image: Array, display: Display, encoding: Encoding) -> Array:
    """Return the levels, with fractions, that show an image (C, H, W); values are clipped."""
    values = as_values(image)
    return levels_of(values, transfers_of(display, encoding, len(values)))[0]


def largest_amplitude(image: Array, distortion: Array, clipped: float) -> float:
    """Return the largest α at which neither s + αε nor s − αε clips more than a share.

    Exact: each pixel value has one amplitude at which it leaves [0, 1]; this is the quantile
    of those.

    Parameters
    ----------
    image, distortion
        Base image s in [0, 1] and distortion ε, (C, H, W).
    clipped
        Share of the pixel values that may leave [0, 1]; 0 gives the limit of the gamut.

    Returns
    -------
    float
        The amplitude; infinite where a distortion has fewer pixels than may clip.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych.displays import largest_amplitude
    >>> image, distortion = np.full((1, 2, 2), 0.75), np.full((1, 2, 2), 0.5)
    >>> largest_amplitude(image, distortion, clipped=0)
    0.5
    """
    base, direction = np.ravel(image), np.ravel(distortion)
    allowed = int(np.floor(clipped * base.size))
    if allowed >= base.size:
        return float("inf")
    leaves = np.empty((2, base.size))
    with np.errstate(divide="ignore", invalid="ignore"):
        for start in range(0, base.size, BLOCK):
            part = slice(start, start + BLOCK)
            value, step = base[part].astype(np.float64), direction[part].astype(np.float64)
            white, black = (1.0 - value) / step, -value / step
            np.fmax(white, black, out=leaves[0, part])
            np.fmax(-white, -black, out=leaves[1, part])
    leaves[:, direction == 0] = np.inf
    return min(_ascending(row, allowed) for row in leaves)


def _ascending(values: Array, place: int) -> float:
    """Return the value that sorting would put at a place; exact, and faster for early places."""
    few = values[::_STRIDE]
    # From every 16th value, one that is likely a little above: then little is left to sort.
    near = (place + 4 * int(np.sqrt(place * _STRIDE))) // _STRIDE + 1
    if near < few.size:
        below = values[values <= np.partition(few, near)[near]]
        values = below if below.size > place else values
    return float(np.partition(values, place)[place])


def _survived(
    distorted: Levels,
    reference: Levels,
    direction: Array,
    amplitude: float,
    transfers: Sequence[Transfer],
) -> tuple[float, float]:
    """Return ⟨shown − shown reference, ε⟩ and the rms of what was added besides.

    What differs from αε is summed, not what was added: a residual far smaller than α is not
    lost in rounding.
    """
    error_on = error = norm = 0.0
    for channel, part in blocks(distorted):
        seen, ε = transfers[channel].seen, flat(direction)[channel, part]
        missed = seen.take(flat(distorted)[channel, part])
        missed -= seen.take(flat(reference)[channel, part])
        missed -= np.float32(amplitude) * ε
        error_on += float(missed @ ε)
        error += float(missed @ missed)
        norm += float(ε @ ε)
    realised = amplitude * norm + error_on
    excess = amplitude - realised
    residual = error + 2 * excess * error_on + excess**2 * norm
    return realised, float(np.sqrt(max(residual, 0.0) / direction.size))
