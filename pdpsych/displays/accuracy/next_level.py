"""At which level a reading lowers most what is not known of a curve's slope."""

from __future__ import annotations

import numpy as np

from pdpsych.displays.fitting.smoothing import Smooth, splines_at
from pdpsych.displays.measurements import Channel, Measurements

# Where images have most of their pixels; below, slopes are steep in relation to their light.
_EDGES = np.linspace(0.1, 1.0, 91)
# A level that was read counts before another that would tell hardly more: repeats show the noise.
_AS_GOOD = 0.9
# Of white − black, for a whole axis of levels.
_LEAST_SLOPE = 1e-3


def next_level(measurements: Measurements, channel: Channel) -> int:
    """Return the level of a channel to be read next.

    That whose reading lowers the mean standard error of the relative slope most, of a smooth curve
    fitted to the readings so far (:class:`pdpsych.displays.fitting.smoothing.Smooth`). What a
    reading will be does not matter for that, only where and how noisy it is.

    Parameters
    ----------
    measurements
        All readings so far; of this channel at five levels or more.
    channel
        Which is to be read.
    """
    means = measurements.means(channel)
    fit = Smooth.of(means)
    levels = np.arange(measurements.top + 1)
    at = splines_at(levels / measurements.top)
    slopes = _relative_slopes(fit) @ fit.spread
    values = at @ fit.spread
    noise = measurements.noise.sd(np.maximum(at @ fit.coefficients, 0))
    lowered = (slopes @ values.T) ** 2 / (np.sum(values**2, axis=1) + noise**2)
    variance = np.sum(slopes**2, axis=1)[:, None]
    gain = np.mean(np.sqrt(variance) - np.sqrt(np.maximum(variance - lowered, 0)), axis=0)
    read = np.round(means.level * measurements.top).astype(int)
    again = read[np.argmax(gain[read])]
    return int(again if gain[again] >= _AS_GOOD * gain.max() else np.argmax(gain))


def _relative_slopes(fit: Smooth) -> np.ndarray:
    """Return what the errors of coefficients do to relative slopes of relative luminance."""
    ends = splines_at(np.array([0.0, 1.0]))
    white_less_black = ends[1] - ends[0]
    span = white_less_black @ fit.coefficients
    slope = np.diff(splines_at(_EDGES), axis=0) / np.diff(_EDGES)[:, None]
    own = np.maximum(slope @ fit.coefficients, _LEAST_SLOPE * span)
    return slope / own[:, None] - white_less_black / span
