"""What is not as it should be with what a display shows, in words, and what helps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pdpsych.displays.accuracy.doubts import curve_doubts
from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Array
from pdpsych.displays.measured_curve import MeasuredCurve
from pdpsych.stimuli.calibration.condition import TOLERANCE, ConditionCalibration
from pdpsych.stimuli.stimulus_set import StimulusSet

# A threshold is measured with amplitudes up to so many times more and less.
_ROOM = 3.0
# The highest frequency that people resolve, in cycles per degree (Campbell & Green 1965).
EYE_LIMIT = 60.0
_TOO_MUCH_ABOVE = 0.1
_POOR_COSINE = 0.9
# Two standard errors of the curve that are more than half of what an amplitude may be off.
_POOR_CURVE = TOLERANCE / 4


def share_above(image: Array, frequency: float) -> float:
    """Return the share of an image's variance above a frequency in cycles per pixel."""
    height, width = image.shape[-2:]
    power = (np.abs(np.fft.fft2(image.astype(np.float64))) ** 2).sum(axis=0)
    power[0, 0] = 0
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    total = power.sum()
    return float(power[radius > frequency].sum() / total) if total else 0.0


def problems(found: ConditionCalibration, base: Array, max_clipped: float) -> tuple[str, ...]:
    """Say why a distortion cannot be shown; nothing if it can."""
    if not found.steps:
        share = float(np.mean((base <= 0) | (base >= 1)))
        return (
            f"{100 * share:.1f} % of the image's values are black or white and at most "
            f"{100 * max_clipped:g} % may be clipped, so that nothing visible can be added; map "
            "the image into a smaller range (preprocess.range: [0.05, 0.95] in the recipe), weight "
            "the distortion by headroom (space.headroom), or allow more (`max_clipped`)",
        )
    if found.smallest is not None:
        return ()
    best = min(found.steps, key=lambda s: max(abs(s.worst_gain - 1), s.scatter))
    if found.curve_sd is not None and best.faithful():
        return (_curve_words(found.curve_sd),)
    remedies = (
        "its pixels are where the image has no room; map the image into a smaller range "
        "(preprocess.range: [0.05, 0.95] in the recipe) or weight the distortion by headroom "
        "(space.headroom)"
        if best.clipped
        else "take more bits (bit_depth), dither where there is none, or a band limit "
        "(space.cycles_per_image)"
    )
    return (
        f"no range of amplitudes is shown within {100 * TOLERANCE:g} %: at best, at RMS contrast "
        f"{best.amplitude / found.dimension**0.5:.2g}, a gain of {best.worst_gain:.2f} ± "
        f"{best.scatter:.2f} with {100 * best.clipped:.1f} % clipped; {remedies}",
    )


def doubts(found: ConditionCalibration, ppd: float | None) -> tuple[str, ...]:
    """Say what is not as it should be of a distortion that can be shown."""
    warnings = []
    if found.curve_sd is not None and found.curve_sd > _POOR_CURVE:
        warnings.append(_curve_words(found.curve_sd))
    if found.smallest is not None and found.largest is not None:
        low, high = found.smallest, found.largest
        above = _named(found, lambda t: t * _ROOM > high)
        below = _named(found, lambda t: t / _ROOM < low)
        if above:
            warnings.append(
                f"the threshold expected under {above} is not {_ROOM:g} times below the largest "
                "amplitude; more room at the ends of the gamut (preprocess.range, space.headroom) "
                "makes that larger"
            )
        if below:
            warnings.append(
                f"the threshold expected under {below} is not {_ROOM:g} times above the smallest "
                "amplitude; more bits (bit_depth), or dither where there is none, make that smaller"
            )
        warnings += _direction(found, low, high)
    if ppd is not None and (found.above_eye or 0.0) > _TOO_MUCH_ABOVE:
        warnings.append(
            f"{100 * (found.above_eye or 0):.0f} % of its energy is above {EYE_LIMIT:g} cycles per "
            "degree, which no eye resolves; limit the band (space.cycles_per_degree: "
            f"{EYE_LIMIT:g}, pixels_per_degree: {ppd:.0f}), or look from nearer"
        )
    return tuple(warnings)


def _curve_words(sd: float) -> str:
    return (
        f"the display's curve leaves its amplitudes uncertain by {100 * sd:.1f} % (a standard "
        "error); measure the display at more levels, see: pdpsych display show"
    )


def _direction(found: ConditionCalibration, low: float, high: float) -> list[str]:
    """Say if what is shown near the expected thresholds points elsewhere than the distortion."""
    expected = [t for t in found.thresholds.values() if t is not None] or [low]
    low, high = max(low, min(expected) / _ROOM), min(high, max(expected) * _ROOM)
    near = [s for s in found.steps if low <= s.amplitude <= high]
    poorest = min(near, key=lambda s: s.cosine, default=None)
    if poorest is None or poorest.cosine >= _POOR_COSINE:
        return []
    remedy = (
        "clip less (`max_clipped`), or give more room (preprocess.range, space.headroom)"
        if poorest.clipped
        else "more bits (bit_depth), or dither where there is none, help"
    )
    return [
        "near the thresholds expected, what is shown has a cosine below "
        f"{_POOR_COSINE:g} with the distortion; {remedy}"
    ]


def _named(found: ConditionCalibration, outside: Callable[[float], bool]) -> str:
    """Name the models whose expected threshold is outside."""
    names = [m for m, t in found.thresholds.items() if t is not None and outside(t)]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def set_warnings(opened: StimulusSet, display: Display) -> tuple[str, ...]:
    """Say what is not as it should be with all images of a set on a display."""
    return (*_curve_warnings(display), *_resolution_warnings(opened, display))


def _curve_warnings(display: Display) -> list[str]:
    measured, curve = display.measurements, display.curve
    if measured is None or not isinstance(curve, MeasuredCurve):
        return []
    told = (doubt.removeprefix("warning: ") for doubt in curve_doubts(measured, curve.model))
    return [f"{display.label}: {doubt}" for doubt in told]


def _resolution_warnings(opened: StimulusSet, display: Display) -> tuple[str, ...]:
    """Say what of the images no eye resolves."""
    ppd = display.image_pixels_per_degree
    if ppd is None:
        return (
            f"{display.label}: width_px, width_cm and distance_cm are not all given, so that it is "
            "not known what an eye resolves",
        )
    above = {image.name: share_above(image.base, EYE_LIMIT / ppd) for image in opened}
    fine = [i for i, share in above.items() if share > _TOO_MUCH_ABOVE]
    if not fine:
        return ()
    return (
        f"more than {100 * _TOO_MUCH_ABOVE:g} % of the contrast of {', '.join(fine[:4])} is above "
        f"{EYE_LIMIT:g} cycles per degree ({ppd:.0f} pixels per degree), which no eye resolves",
    )
