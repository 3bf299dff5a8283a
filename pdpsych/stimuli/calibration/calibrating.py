"""Find out what a display can show of a stimulus set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.common.section import load
from pdpsych.common.terminal import progress_bar
from pdpsych.common.versions import versions
from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Array, Encoding, linear_from_srgb
from pdpsych.displays.measurements import CHANNELS
from pdpsych.displays.rendering import Expected, agreement, expected, largest_amplitude
from pdpsych.stimuli.calibration import calibration as schema
from pdpsych.stimuli.calibration.calibration import (
    TOLERANCE,
    Calibration,
    ConditionCalibration,
    Step,
)
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.stimuli.thresholds import expected_thresholds

# Amplitudes tried in each factor of ten, and bisections of what lies beside the range.
_A_DECADE = 3
_BISECTIONS = 2
# A threshold is measured with amplitudes up to so many times more and less.
_ROOM = 3.0
# The highest frequency that people resolve, in cycles per degree (Campbell & Green 1965).
EYE_LIMIT = 60.0
_TOO_MUCH_ABOVE = 0.1
_POOR_COSINE = 0.9

Key = tuple[str, str, int]
Thresholds = Mapping[str, Mapping[Key, float]]


def calibrate(
    stimulus_set: str | Path | StimulusSet,
    display: str | Path | Display,
    *,
    max_clipped: float = 0.05,
    threshold_rms: float = 0.01,
    models: bool = False,
    progress: bool = False,
) -> Calibration:
    """Find out what a display can show of a set, and write it into the set's folder.

    Parameters
    ----------
    max_clipped
        Share of an image's pixel values that the largest amplitude may clip.
    threshold_rms
        Geometric mean over the set of the thresholds to expect, in RMS contrast.
    models
        Also ask the models of the set how sensitive they are to the distortions as shown: needs
        torch, and their weights.
    progress
        Show a progress bar.

    Raises
    ------
    InputError
        If something given cannot be used, or an image is larger than the screen.
    """
    opened = (
        stimulus_set if isinstance(stimulus_set, StimulusSet) else StimulusSet.open(stimulus_set)
    )
    screen = load(display, Display)
    if not 0 <= max_clipped < 1:
        raise InputError(f"max_clipped: at least 0 and below 1, got {max_clipped:g}")
    if not 0 < threshold_rms <= 1:
        raise InputError(f"threshold_rms: above 0 and at most 1, got {threshold_rms:g}")
    _check_size(opened, screen)
    thresholds = {m: expected_thresholds(opened, m, threshold_rms) for m in opened.models}
    conditions = []
    count = sum(2 * len(entry.pairs) for entry in opened.manifest.images)
    with progress_bar(count, "condition", progress) as bar:
        for image in opened.images:
            for found in _image(opened, image, screen, max_clipped, thresholds):
                conditions.append(found)
                bar.update()
    if models:
        from pdpsych.stimuli.calibration.sensitivities import with_sensitivities

        conditions = with_sensitivities(opened, screen, conditions)
    made = Calibration(
        schema_version=schema.SCHEMA.version,
        stimulus_set_sha256=opened.sha256,
        display=screen.stem,
        display_sha256=screen.sha256,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions=versions("numpy", "torch") if models else versions("numpy"),
        max_clipped=max_clipped,
        threshold_rms=threshold_rms,
        pixels_per_degree=screen.pixels_per_degree,
        conditions=tuple(conditions),
        warnings=_warnings(opened, screen),
    )
    return schema.write(made, opened.path)


def _check_size(opened: StimulusSet, display: Display) -> None:
    for entry in opened.manifest.images:
        channels, height, width = entry.shape
        display.curves(channels)
        if (display.width_px or width) < width or (display.height_px or height) < height:
            raise InputError(
                f"{opened.path}: image {entry.name} is {width} × {height} pixels, larger than "
                f"{display.label}: {display.width_px} × {display.height_px}; generate the set with "
                "a smaller preprocess.size, or take a larger display"
            )


def _image(
    opened: StimulusSet,
    image: str,
    display: Display,
    max_clipped: float,
    thresholds: Thresholds,
) -> Sequence[ConditionCalibration]:
    """Return the calibrations of an image's distortions."""
    base, encoding = opened.base(image), opened.entry(image).encoding
    reference = expected(base, display, encoding)
    # What rounding can move whatever the fractions of the levels: see dither.moments.
    coarse = display.model_copy(update={"dither": "triangular"})
    coarseness = expected(base, coarse, encoding).variance
    found = []
    for pair in opened.pairs(image):
        for number in (1, 2):
            key = (image, pair, number)
            scene = _Scene(base, opened.distortion(*key), display, encoding, reference)
            lowest = float(np.sqrt(np.vdot(coarseness, scene.distortion**2))) / TOLERANCE / 2
            found.append(_condition(scene, key, max_clipped, lowest, thresholds))
    return found


@dataclass(frozen=True)
class _Scene:
    """One distortion of an image on a display."""

    base: Array
    distortion: Array
    display: Display
    encoding: Encoding
    reference: Expected

    def step(self, amplitude: float) -> Step:
        """Return what becomes of an amplitude."""
        signs = [
            agreement(
                self.base,
                self.distortion,
                sign * amplitude,
                self.display,
                self.encoding,
                self.reference,
            )
            for sign in (1, -1)
        ]
        gains = [found.realised / amplitude for found in signs]
        return Step(
            amplitude=amplitude,
            gain=sum(gains) / 2,
            worst_gain=max(gains, key=lambda gain: abs(gain - 1)),
            scatter=max(found.scatter for found in signs) / amplitude,
            cosine=min(found.cosine for found in signs),
            draw_cosine=min(found.draw_cosine for found in signs),
            clipped=max(found.clipped for found in signs),
        )

    def candela(self, amplitude: float) -> float | None:
        """Return the RMS of the luminance difference of an amplitude, in cd/m²."""
        names = CHANNELS[:1] if len(self.base) == 1 else CHANNELS[1:]
        fits = [self.display.fits.get(name) for name in names]
        spans = [fit.white - fit.black for fit in fits if fit is not None]
        if len(spans) < len(fits):
            return None
        pictures = (np.clip(self.base + amplitude * self.distortion, 0, 1), self.base)
        linear = [linear_from_srgb(p) if self.encoding == "srgb" else p for p in pictures]
        luminance = np.tensordot(spans, linear[0] - linear[1], axes=1)
        return float(np.sqrt(np.mean(luminance**2)))


def _condition(
    scene: _Scene, key: Key, max_clipped: float, lowest: float, thresholds: Thresholds
) -> ConditionCalibration:
    base, ε = scene.base, scene.distortion
    most = largest_amplitude(base, ε, max_clipped)
    # A distortion of fewer pixels than may clip: until its largest pixel spans the gamut.
    most = most if np.isfinite(most) else float(1 / np.abs(ε).max())
    steps = _steps(scene.step, lowest, most)
    ends = _faithful(steps)
    small = scene.candela(most / 100) if most else None
    ppd = scene.display.pixels_per_degree
    measures = {
        "inside_gamut": min(largest_amplitude(base, ε, 0.0), most),
        "most": most,
        "smallest": steps[ends[0]].amplitude if ends else None,
        "largest": steps[ends[1]].amplitude if ends else None,
        "candela": None if small is None else small / (most / 100),
        "above_eye": None if ppd is None else share_above(ε, EYE_LIMIT / ppd),
    }
    finite = {m: t[key] if np.isfinite(t[key]) else None for m, t in thresholds.items()}
    found = ConditionCalibration(
        image=key[0],
        pair=key[1],
        distortion=key[2],
        dimension=base.size,
        steps=tuple(steps),
        thresholds=finite,
        **measures,
    )
    notes = {"problems": _problems(found, base, max_clipped), "warnings": _doubts(found, ppd)}
    return found.model_copy(update=notes)


def _steps(step: Callable[[float], Step], lowest: float, most: float) -> list[Step]:
    """Try amplitudes in log steps from ``lowest`` to ``most``, then those beside the range."""
    if most <= lowest:
        return []
    count = max(2, int(np.ceil(_A_DECADE * np.log10(most / lowest))) + 1)
    tried = [step(float(a)) for a in np.geomspace(lowest, most, count)]
    for end in (0, 1):
        for _ in range(_BISECTIONS):
            ends = _faithful(tried)
            outer = None if ends is None else ends[end] + (1 if end else -1)
            if ends is None or outer is None or not 0 <= outer < len(tried):
                break
            between = np.sqrt(tried[ends[end]].amplitude * tried[outer].amplitude)
            tried.insert(max(ends[end], outer), step(float(between)))
    return tried


def _faithful(steps: Sequence[Step]) -> tuple[int, int] | None:
    """Return the first and last of the longest run of amplitudes shown faithfully."""
    best: tuple[int, int] | None = None
    first = 0
    for i, step in enumerate(steps):
        if not step.faithful:
            first = i + 1
        elif best is None or i - first > best[1] - best[0]:
            best = first, i
    return best if best and best[1] > best[0] else None


def share_above(image: Array, frequency: float) -> float:
    """Return the share of an image's variance above a frequency in cycles per pixel."""
    height, width = image.shape[-2:]
    power = (np.abs(np.fft.fft2(image)) ** 2).sum(axis=0)
    power[0, 0] = 0
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    total = power.sum()
    return float(power[radius > frequency].sum() / total) if total else 0.0


def _problems(found: ConditionCalibration, base: Array, max_clipped: float) -> tuple[str, ...]:
    if not found.steps:
        share = float(np.mean((base <= 0) | (base >= 1)))
        return (
            f"{100 * share:.1f} % of the image's values are black or white and at most "
            f"{100 * max_clipped:g} % may be clipped, so that nothing visible can be added; map "
            "the image into a smaller range (preprocess.range: [0.05, 0.95] in the recipe), weight "
            "the distortion by headroom (space.headroom), or allow more (--max-clipped)",
        )
    if found.smallest is not None:
        return ()
    best = min(found.steps, key=lambda s: max(abs(s.worst_gain - 1), s.scatter))
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


def _doubts(found: ConditionCalibration, ppd: float | None) -> tuple[str, ...]:
    warnings = []
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


def _direction(found: ConditionCalibration, low: float, high: float) -> list[str]:
    """Say if what is shown near the expected thresholds points elsewhere than the distortion."""
    expected = [t for t in found.thresholds.values() if t is not None] or [low]
    low, high = max(low, min(expected) / _ROOM), min(high, max(expected) * _ROOM)
    near = [s for s in found.steps if low <= s.amplitude <= high]
    poorest = min(near, key=lambda s: s.cosine, default=None)
    if poorest is None or poorest.cosine >= _POOR_COSINE:
        return []
    remedy = (
        "clip less (--max-clipped), or give more room (preprocess.range, space.headroom)"
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


def _warnings(opened: StimulusSet, display: Display) -> tuple[str, ...]:
    ppd = display.pixels_per_degree
    if ppd is None:
        return (
            f"{display.label}: width_px, width_cm and distance_cm are not all given, so that it is "
            "not known what an eye resolves",
        )
    above = {i: share_above(opened.base(i), EYE_LIMIT / ppd) for i in opened.images}
    fine = [i for i, share in above.items() if share > _TOO_MUCH_ABOVE]
    if not fine:
        return ()
    return (
        f"more than {100 * _TOO_MUCH_ABOVE:g} % of the contrast of {', '.join(fine[:4])} is above "
        f"{EYE_LIMIT:g} cycles per degree ({ppd:.0f} pixels per degree), which no eye resolves",
    )
