"""What dither draws show of an image and its distortion on average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Array, Encoding
from pdpsych.displays.transfer import as_values, flat, moments_of


@dataclass(frozen=True)
class Expected:
    """What dither draws show of an image on average, in model units.

    Attributes
    ----------
    mean, variance
        Of each shown value over draws, (C, H, W).
    clipped
        Share of pixel values of the image that lie outside [0, 1].
    """

    mean: Array
    variance: Array
    clipped: float


@dataclass(frozen=True)
class Agreement:
    """How what dither draws show of s + αε, less the reference, agrees with ε.

    Attributes
    ----------
    realised, scatter
        Mean and standard deviation over draws of the realised amplitude, in model units. Without
        dither the deviation is that of rounding errors which are independent of each other.
    cosine, draw_cosine
        Between ε and the mean difference, and between ε and that of a single draw.
    clipped
        Share of pixel values of s + αε that lie outside [0, 1].
    """

    realised: float
    scatter: float
    cosine: float
    draw_cosine: float
    clipped: float


def expected(
    image: Array,
    display: Display,
    encoding: Encoding,
    distortion: Array | None = None,
    amplitude: float = 0.0,
) -> Expected:
    """Return what dither draws show of s, or of s + αε, on average.

    Parameters are those of :func:`pdpsych.displays.show`.
    """
    base = as_values(image)
    direction = None if distortion is None else as_values(distortion)
    mean, variance = np.empty_like(base), np.empty_like(base)
    outside = 0
    for channel, part, found, out in moments_of(base, display, encoding, direction, amplitude):
        flat(mean)[channel, part], flat(variance)[channel, part] = found
        outside += out
    return Expected(mean, variance, outside / base.size)


def agreement(
    image: Array,
    distortion: Array,
    amplitude: float,
    display: Display,
    encoding: Encoding,
    reference: Expected,
) -> Agreement:
    """Compare what dither draws show of s + αε, less the reference, with ε.

    Parameters are those of :func:`pdpsych.displays.show`; ``reference`` is what is
    :func:`expected` of s.
    """
    base, direction = as_values(image), as_values(distortion)
    dithered = display.dither != "none"
    sums = np.zeros(4)
    outside = 0
    for channel, part, (mean, variance), out in moments_of(
        base, display, encoding, direction, amplitude
    ):
        ε = flat(direction)[channel, part]
        mean -= flat(reference.mean)[channel, part]
        variance += flat(reference.variance)[channel, part]
        moved = variance if dithered else (mean - np.float32(amplitude) * ε) ** 2
        # Last digits of sums in float32 would be those of this machine's BLAS and its threads.
        mean, variance, moved, ε = (x.astype(np.float64) for x in (mean, variance, moved, ε))
        sums += mean @ ε, mean @ mean, variance.sum(), moved @ ε**2
        outside += out
    on, length, noise, scatter = map(float, sums)
    sign = -1.0 if amplitude < 0 else 1.0
    return Agreement(
        realised=sign * on,
        scatter=float(np.sqrt(scatter)),
        cosine=_cosine(sign * on, length),
        draw_cosine=_cosine(sign * on, length + noise),
        clipped=outside / base.size,
    )


def shown_difference(
    image: Array, distortion: Array, amplitude: float, display: Display, encoding: Encoding
) -> Array:
    """Return the expected shown difference for one unit of realised amplitude, (C, H, W).

    The mean over dither draws and both signs, which is ε where the display shows it as meant.
    Parameters are those of :func:`pdpsych.displays.show`.
    """
    more, less = (
        expected(image, display, encoding, distortion, sign * amplitude).mean for sign in (1, -1)
    )
    difference = more.astype(np.float64) - less
    return difference / float(np.vdot(difference, distortion))


def _cosine(on: float, squared_length: float) -> float:
    """Return the cosine of something with ε, at most 1 whatever float32 rounded."""
    return min(on / float(np.sqrt(squared_length)), 1.0) if squared_length else 0.0
