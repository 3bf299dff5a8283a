"""What a display can show of a stimulus set: ``SET/calibrations/DISPLAY/calibration.json``.

It refers to exactly one set and one display by their SHA-256; :mod:`pdpsych.stimuli.calibrate`
makes it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
from pydantic import Field

from pdpsych.errors import InputError, did_you_mean
from pdpsych.stimuli.display import Display
from pdpsych.study import Section, validate

SCHEMA_VERSION = 1
FOLDER = "calibrations"
FILE = "calibration.json"


class Step(Section):
    """One amplitude of a condition's grid, and what a display makes of it.

    Attributes
    ----------
    amplitude
        α, in model units.
    gain
        Expected realised amplitude over α: the mean over dither draws and both signs.
    worst_gain
        The gain of the sign for which it is further from 1.
    cosine
        Cosine between the expected shown difference and ε.
    draw_cosine
        The same for the difference that a single presentation shows, dither included.
    clipped
        Share of pixel values outside [0, 1], of the sign that has more.
    """

    amplitude: float = Field(gt=0)
    gain: float
    worst_gain: float
    cosine: float
    draw_cosine: float
    clipped: float


class ConditionCalibration(Section):
    """What a display can show of one distortion of one image; amplitudes are in model units.

    Attributes
    ----------
    dimension
        D = C·H·W; RMS contrast is α/√D.
    inside_gamut
        Largest amplitude at which no pixel value of either sign leaves [0, 1].
    most
        Largest amplitude at which neither sign clips more than the calibration's share.
    smallest, largest
        The range that is shown faithfully: the gain of both signs, and the realised amplitude of
        a single presentation within one standard deviation, are within 10 % of 1. None where
        there is no such range.
    steps
        The grid from ``smallest`` to ``largest``, in equal log steps.
    candela
        RMS of the luminance difference in cd/m² for each unit of amplitude, None where the
        display's luminance was not measured.
    thresholds
        Expected threshold under each model.
    uncovered
        Models whose expected threshold, with room on both sides, is not inside the range.
    above_eye
        Share of the distortion's energy at frequencies that no eye resolves, None where the
        display's size or distance is not known.
    sensitivities
        d(δ) of each model, δ the expected shown difference for one unit of realised amplitude;
        empty where the models were not asked.
    problems
        Why it cannot be shown, with the remedies; empty if it can.
    warnings
        What is not as it should be although it can be shown.
    """

    image: str
    pair: str
    distortion: int
    dimension: int
    inside_gamut: float
    most: float
    smallest: float | None
    largest: float | None
    steps: tuple[Step, ...]
    candela: float | None
    thresholds: dict[str, float]
    uncovered: tuple[str, ...]
    above_eye: float | None
    sensitivities: dict[str, float] = Field(default_factory=dict)
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Image, pair and number of the distortion, for messages."""
        return f"{self.image}/{self.pair}/{self.distortion}"

    @property
    def range(self) -> tuple[float, float] | None:
        """Smallest and largest faithful amplitude, None where it cannot be shown."""
        if self.problems or self.smallest is None or self.largest is None:
            return None
        return self.smallest, self.largest


class Calibration(Section):
    """``calibration.json``: what one display can show of one stimulus set.

    ``max_clipped`` is the share of pixel values that the largest amplitudes may clip;
    ``threshold_rms`` the geometric mean over the set of the thresholds expected under each model,
    in RMS contrast.
    """

    schema_version: int
    stimulus_set_sha256: str
    display: str
    display_sha256: str
    created: str
    versions: dict[str, str]
    max_clipped: float
    threshold_rms: float
    pixels_per_degree: float | None
    conditions: tuple[ConditionCalibration, ...]
    warnings: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Identity of what was found; when and by which versions is no part of it."""
        found = self.model_dump(mode="json", exclude={"created", "versions"})
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()

    def condition(self, image: str, pair: str, distortion: int) -> ConditionCalibration:
        """Return the calibration of a distortion."""
        for found in self.conditions:
            if (found.image, found.pair, found.distortion) == (image, pair, distortion):
                return found
        wanted = f"{image}/{pair}/{distortion}"
        near = did_you_mean(wanted, [c.name for c in self.conditions])
        raise InputError(f"{self.label}: no condition {wanted}; {near}")


def read(path: Path) -> Calibration:
    """Read a calibration.

    Raises
    ------
    InputError
        If the file is damaged, or a newer pdpsych wrote it.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}; calibrate again") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError(
            f"{path}: schema_version: the calibration has {version}, this pdpsych reads up to "
            f"{SCHEMA_VERSION}; install a newer pdpsych"
        )
    calibration = validate(data, Calibration, str(path))
    calibration._file = path.resolve()
    return calibration


def find(stimulus_set: Path, set_sha256: str, display: Display) -> Calibration | None:
    """Return the calibration of a set, in its folder, for a display; None if there is none."""
    wanted = set_sha256, display.sha256
    for found in _all(stimulus_set):
        if (found.stimulus_set_sha256, found.display_sha256) == wanted:
            return found
    return None


def refuse(stimulus_set: Path, set_sha256: str, display: Display) -> InputError:
    """Say why a set has no calibration for a display, and what to do."""
    others = _all(stimulus_set)
    named = [c for c in others if c.display == display.stem]
    if any(c.stimulus_set_sha256 != set_sha256 for c in named):
        why = "the set has changed since it was calibrated"
    elif named:
        why = f"the display {display.stem} has changed since the set was calibrated for it"
    elif others:
        why = (
            f"calibrated for {', '.join(sorted(c.display for c in others))}, not for {display.stem}"
        )
    else:
        why = f"not calibrated for the display {display.stem}"
    return InputError(
        f"{stimulus_set}: {why}; run: pdpsych calibrate {stimulus_set} --display {display.label}"
    )


def _all(stimulus_set: Path) -> list[Calibration]:
    return [read(path) for path in sorted(stimulus_set.glob(f"{FOLDER}/*/{FILE}"))]


def table(calibration: Calibration) -> pd.DataFrame:
    """Return one row for each condition and step of its grid; one without a step if it has none.

    Amplitudes are in model units, as RMS contrast α/√D, and as RMS of luminance in cd/m².
    """
    rows = []
    for c in calibration.conditions:
        fixed = {"image": c.image, "pair": c.pair, "distortion": c.distortion}
        for step in c.steps or (None,):
            values = step.model_dump() if step else {}
            if step:
                values["rms"] = step.amplitude / c.dimension**0.5
                values["candela"] = None if c.candela is None else step.amplitude * c.candela
            rows.append(fixed | values | {"problems": "; ".join(c.problems)})
    columns = ["image", "pair", "distortion", "amplitude", "rms", "candela"]
    columns += [n for n in Step.model_fields if n != "amplitude"] + ["problems"]
    return pd.DataFrame(rows, columns=columns)
