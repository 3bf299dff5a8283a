"""Find out what a display can show of a stimulus set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.common.rounding import rounded, rounded_down
from pdpsych.common.section import load
from pdpsych.common.terminal import progress_bar
from pdpsych.common.versions import versions
from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Array, Encoding, linear_from_srgb
from pdpsych.displays.expectation import Expected, agreement, expected
from pdpsych.displays.measurements import CHANNELS
from pdpsych.displays.rendering import largest_amplitude
from pdpsych.stimuli.calibration.calibration import ALGORITHM, SCHEMA, Calibration, write
from pdpsych.stimuli.calibration.condition import (
    TOLERANCE,
    ConditionCalibration,
    TriedAmplitude,
)
from pdpsych.stimuli.calibration.curve_error import curve_errors
from pdpsych.stimuli.calibration.doubts import (
    EYE_LIMIT,
    doubts,
    problems,
    set_warnings,
    share_above,
)
from pdpsych.stimuli.responses.response_file import ImageResponses
from pdpsych.stimuli.set_image import SetImage
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.stimuli.thresholds import expected_thresholds

# Amplitudes tried in each factor of ten, and bisections of what lies beside the range.
_A_DECADE = 3
_BISECTIONS = 2

Key = tuple[str, str, int]
Thresholds = Mapping[str, Mapping[Key, float]]


def calibrate(
    stimulus_set: str | Path | StimulusSet,
    display: str | Path | Display,
    *,
    max_clipped: float = 0.05,
    threshold_rms: float = 0.01,
    models: bool = False,
    trust_code: bool = False,
    progress: bool = False,
) -> Calibration:
    """Find out what a display can show of a set, and write it into the set's folder.

    Parameters
    ----------
    stimulus_set
        A set, or its folder.
    display
        A display, or its file.
    max_clipped
        Share of an image's pixel values that the largest amplitude may clip.
    threshold_rms
        Geometric mean over the set of the thresholds to expect, in RMS contrast.
    models
        Also ask the models of the set how sensitive they are to the distortions as shown, and
        what they respond to them by amplitude: needs torch, and their weights.
    trust_code
        Whether Python that the set names may be run to build them.
    progress
        Show a progress bar.

    Raises
    ------
    InputError
        If something given cannot be used, or an image is larger than the screen.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pdpsych.displays import Display
    >>> from pdpsych.stimuli import NewImage, NewPair, StimulusSet, calibrate
    >>> u, v = np.linalg.qr(np.random.default_rng(0).standard_normal((256, 2)))[0].T
    >>> pair = NewPair(u.reshape(1, 16, 16), v.reshape(1, 16, 16))
    >>> image = NewImage(np.full((1, 16, 16), 0.5), {"noise": pair})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = StimulusSet.create(f"{folder}/mine", {"grey": image})
    ...     found = calibrate(made, Display(bit_depth=10), max_clipped=0)
    >>> low, high = found.condition("grey", "noise", 1).range
    >>> low < 0.01 * 16 < high
    True
    """
    opened = (
        stimulus_set if isinstance(stimulus_set, StimulusSet) else StimulusSet.open(stimulus_set)
    )
    screen = load(display, Display)
    if not 0 <= max_clipped < 1:
        raise InputError("at least 0 and below 1", field="max_clipped", value=max_clipped)
    if not 0 < threshold_rms <= 1:
        raise InputError("above 0 and at most 1", field="threshold_rms", value=threshold_rms)
    _check_size(opened, screen)
    thresholds = {m: expected_thresholds(opened, m, threshold_rms) for m in opened.models}
    conditions = []
    count = sum(2 * len(image.with_rivals) for image in opened)
    with progress_bar(count, "condition", progress) as bar:
        for image in opened:
            for found in _image(image, screen, max_clipped, thresholds):
                conditions.append(found)
                bar.update()
    responses: tuple[ImageResponses, ...] = ()
    losses: tuple[str, ...] = ()
    if models:
        from pdpsych.stimuli.calibration.sensitivities import seen_by_models

        seen = seen_by_models(opened, screen, conditions, trust_code)
        conditions, responses, losses = list(seen.conditions), seen.responses, seen.warnings
    ppd = screen.image_pixels_per_degree
    made = Calibration(
        schema_version=SCHEMA.version,
        stimulus_set_sha256=opened.sha256,
        display=screen.stem,
        display_sha256=screen.sha256,
        levels_sha256=screen.levels_sha256,
        algorithm=ALGORITHM,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions=versions("numpy", "torch") if models else versions("numpy"),
        max_clipped=max_clipped,
        threshold_rms=threshold_rms,
        pixels_per_degree=None if ppd is None else rounded(ppd),
        conditions=tuple(conditions),
        warnings=set_warnings(opened, screen),
        model_warnings=losses,
    )
    return write(made, opened.path, responses)


def _check_size(opened: StimulusSet, display: Display) -> None:
    for image in opened:
        channels, height, width = image.shape
        height, width = height * display.scale, width * display.scale
        display.curves(channels)
        if (display.width_px or width) < width or (display.height_px or height) < height:
            raise InputError(
                f"the image is larger than {display.label}, {display.width_px} × "
                f"{display.height_px}",
                file=opened.path,
                field=f"images.{image.name}",
                value=f"{width} × {height}",
                remedy="generate the set with a smaller preprocess.size, or take a larger display",
            )


def _image(
    image: SetImage, display: Display, max_clipped: float, thresholds: Thresholds
) -> Sequence[ConditionCalibration]:
    """Return the calibrations of an image's distortions."""
    base, encoding = image.base, image.encoding
    reference = expected(base, display, encoding)
    # What rounding can move whatever the fractions of the levels: see dither.moments.
    coarse = display.model_copy(update={"dither": "triangular"})
    coarseness = expected(base, coarse, encoding).variance
    found = []
    for pair in image.with_rivals:
        known = curve_errors(image, pair, display)
        for number in (1, 2):
            key = (image.name, pair.name, number)
            sd = rounded(known.amplitudes[number - 1]) if known else None
            scene = _Scene(base, pair.distortion(number), display, encoding, reference, sd)
            moved = np.sum(coarseness * scene.distortion**2, dtype=np.float64)
            lowest = float(np.sqrt(moved)) / TOLERANCE / 2
            condition = _condition(scene, key, max_clipped, lowest, thresholds)
            of_pair = {
                "rival_of": pair.rival_of,
                "curve_ratio_sd": rounded(known.ratio) if known else None,
            }
            found.append(condition.model_copy(update=of_pair))
    return found


@dataclass(frozen=True)
class _Scene:
    """One distortion of an image on a display."""

    base: Array
    distortion: Array
    display: Display
    encoding: Encoding
    reference: Expected
    curve_sd: float | None

    def step(self, amplitude: float) -> TriedAmplitude:
        """Return what becomes of an amplitude."""
        amplitude = rounded(amplitude)
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
        gains = [rounded(found.realised / amplitude) for found in signs]
        numbers = {
            "gain": sum(gains) / 2,
            "worst_gain": max(gains, key=lambda gain: abs(gain - 1)),
            "scatter": max(found.scatter for found in signs) / amplitude,
            "cosine": min(found.cosine for found in signs),
            "draw_cosine": min(found.draw_cosine for found in signs),
            "clipped": max(found.clipped for found in signs),
        }
        kept = {name: rounded(number) for name, number in numbers.items()}
        return TriedAmplitude(amplitude=amplitude, **kept)

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
    most = rounded_down(most if np.isfinite(most) else float(1 / np.abs(ε).max()))
    steps = _steps(scene.step, lowest, most, scene.curve_sd or 0.0)
    ends = _faithful(steps, scene.curve_sd or 0.0)
    small = scene.candela(most / 100) if most else None
    ppd = scene.display.image_pixels_per_degree
    measures = {
        "inside_gamut": rounded_down(min(largest_amplitude(base, ε, 0.0), most)),
        "most": most,
        "smallest": steps[ends[0]].amplitude if ends else None,
        "largest": steps[ends[1]].amplitude if ends else None,
        "candela": None if small is None else rounded(small / (most / 100)),
        "curve_sd": scene.curve_sd,
        "above_eye": None if ppd is None else rounded(share_above(ε, EYE_LIMIT / ppd)),
    }
    finite = {m: rounded(t[key]) if np.isfinite(t[key]) else None for m, t in thresholds.items()}
    found = ConditionCalibration(
        image=key[0],
        pair=key[1],
        distortion=key[2],
        dimension=base.size,
        steps=tuple(steps),
        thresholds=finite,
        **measures,
    )
    notes = {"problems": problems(found, base, max_clipped), "warnings": doubts(found, ppd)}
    return found.model_copy(update=notes)


def _steps(
    step: Callable[[float], TriedAmplitude], lowest: float, most: float, curve_sd: float
) -> list[TriedAmplitude]:
    """Try amplitudes in log steps from ``lowest`` to ``most``, then those beside the range."""
    if most <= lowest:
        return []
    count = max(2, int(np.ceil(_A_DECADE * np.log10(most / lowest))) + 1)
    tried = [step(float(a)) for a in np.geomspace(lowest, most, count)]
    for end in (0, 1):
        for _ in range(_BISECTIONS):
            ends = _faithful(tried, curve_sd)
            outer = None if ends is None else ends[end] + (1 if end else -1)
            if ends is None or outer is None or not 0 <= outer < len(tried):
                break
            between = np.sqrt(tried[ends[end]].amplitude * tried[outer].amplitude)
            tried.insert(max(ends[end], outer), step(float(between)))
    return tried


def _faithful(steps: Sequence[TriedAmplitude], curve_sd: float) -> tuple[int, int] | None:
    """Return the first and last of the longest run of amplitudes shown faithfully."""
    best: tuple[int, int] | None = None
    first = 0
    for i, step in enumerate(steps):
        if not step.faithful(curve_sd):
            first = i + 1
        elif best is None or i - first > best[1] - best[0]:
            best = first, i
    return best if best and best[1] > best[0] else None
