"""What a display can show of a stimulus set: ``SET/calibrations/DISPLAY/calibration.json``.

It refers to exactly one set and one display by their SHA-256;
:mod:`pdpsych.stimuli.calibration.calibrating` makes it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import Field

from pdpsych.common import tables
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError, did_you_mean
from pdpsych.common.files.atomic import replacing
from pdpsych.common.section import Section, validate
from pdpsych.displays.display import Display

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = Schema("calibration", 1, "calibrate again: pdpsych calibrate SET --display DISPLAY.yaml")
FOLDER = "calibrations"
FILE = "calibration.json"
# More conditions than these are not listed.
_MOST = 15
# What is shown faithfully has a gain this near to 1.
TOLERANCE = 0.1


class Step(Section):
    """One amplitude that was tried, and what a display makes of it.

    Attributes
    ----------
    amplitude
        α, in model units.
    gain
        Expected realised amplitude over α: the mean over dither draws and both signs.
    worst_gain
        That of the sign for which it is further from 1.
    scatter
        Standard deviation of the gain of single presentations; without dither, that of
        independent rounding errors.
    cosine
        Between the expected shown difference and ε, of the sign with less.
    draw_cosine
        Between what a single presentation shows, dither included, and ε.
    clipped
        Share of pixel values outside [0, 1], of the sign with more.
    """

    amplitude: float = Field(gt=0)
    gain: float
    worst_gain: float
    scatter: float
    cosine: float
    draw_cosine: float
    clipped: float

    @property
    def faithful(self) -> bool:
        """Whether gain and scatter are within 10 %."""
        return abs(self.worst_gain - 1) <= TOLERANCE and self.scatter <= TOLERANCE


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
        The range that is shown faithfully, see :attr:`Step.faithful`; None where there is none.
    steps
        All amplitudes tried, in equal log steps but for what refines the ends of the range.
    candela
        RMS of the luminance difference in cd/m² for each unit of amplitude, None where the
        display's luminance was not measured.
    thresholds
        Expected threshold under each model, None where it sees nothing.
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
    thresholds: dict[str, float | None]
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

    @property
    def grid(self) -> tuple[float, ...]:
        """Amplitudes from ``smallest`` to ``largest`` that were tried, ascending."""
        low, high = self.range or (float("inf"), 0.0)
        return tuple(step.amplitude for step in self.steps if low <= step.amplitude <= high)


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
        """Identity of what can be shown: not of when it was found, nor of what models see."""
        found = self.model_dump(mode="json", exclude={"created", "versions"})
        for condition in found["conditions"]:
            del condition["sensitivities"]
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.resolve("")

    def condition(self, image: str, pair: str, distortion: int) -> ConditionCalibration:
        """Return the calibration of a distortion."""
        for found in self.conditions:
            if (found.image, found.pair, found.distortion) == (image, pair, distortion):
                return found
        wanted = f"{image}/{pair}/{distortion}"
        near = did_you_mean(wanted, [c.name for c in self.conditions])
        raise InputError(f"{self.label}: no condition {wanted}; {near}")

    def __str__(self) -> str:
        """Say what can be shown: the range of the first conditions, and all that is wrong."""
        return _summary(self)

    __repr__ = __str__

    def plot(self) -> Figure:
        """Draw the range that each condition can have, and the thresholds expected in it."""
        from pdpsych.stimuli.calibration.figures import coverage

        return coverage(self)


def _summary(calibration: Calibration) -> str:
    shown = [c for c in calibration.conditions if c.range]
    lines = [
        f"calibrated for {calibration.display}: {len(shown)} of {len(calibration.conditions)} "
        "conditions can be shown",
        f"RMS contrast that is shown within {100 * TOLERANCE:g} % (largest inside the gamut; "
        f"largest with {100 * calibration.max_clipped:g} % clipped):",
    ]
    listed, more = calibration.conditions[:_MOST], len(calibration.conditions) - _MOST
    width = max(len(c.name) for c in listed)
    for c in listed:
        root = c.dimension**0.5
        low, high = c.range or (float("nan"), float("nan"))
        span = f"{low / root:.2g} to {high / root:.2g}" if c.range else "cannot be shown"
        lines.append(
            f"  {c.name:<{width}}  {span}  ({c.inside_gamut / root:.2g}; {c.most / root:.2g})"
        )
    lines += [f"  and {more} more, in conditions.csv"] if more > 0 else []
    notes: dict[str, list[str]] = {}
    for c in calibration.conditions:
        for note in (*c.problems, *c.warnings):
            notes.setdefault(note, []).append(c.name)
    lines += [f"warning: {note}" for note in calibration.warnings]
    return "\n".join([*lines, *(f"{', '.join(names)}: {note}" for note, names in notes.items())])


def read(path: Path) -> Calibration:
    """Read a calibration.

    Raises
    ------
    InputError
        If the file is damaged, or a newer pdpsych wrote it.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {error}; calibrate again") from None
    upgraded = SCHEMA.upgrade(data, SCHEMA.version_of(data, str(path)))
    calibration = validate(upgraded, Calibration, str(path))
    calibration._file = path.resolve()
    return calibration


def write(calibration: Calibration, stimulus_set: Path) -> Calibration:
    """Write a calibration and its table into the folder of its set, and return it.

    ``calibration.json`` is replaced last and at once; nothing else is read again.
    """
    folder = stimulus_set / FOLDER / calibration.display
    with replacing(folder / "conditions.csv") as part:
        part.write_text(tables.to_csv(table(calibration)), encoding="utf-8")
    with replacing(folder / FILE) as part:
        part.write_text(calibration.model_dump_json(indent=1), encoding="utf-8")
    return read(folder / FILE)


def find(stimulus_set: Path, set_sha256: str, display: Display) -> Calibration | None:
    """Return the calibration of a set, in its folder, for a display; None if there is none."""
    wanted = set_sha256, display.sha256
    for found in read_all(stimulus_set):
        if (found.stimulus_set_sha256, found.display_sha256) == wanted:
            return found
    return None


def refuse(stimulus_set: Path, set_sha256: str, display: Display) -> InputError:
    """Say why a set has no calibration for a display, and what to do."""
    others = read_all(stimulus_set)
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


def read_all(stimulus_set: Path) -> list[Calibration]:
    """Return the calibrations in the folder of a set, for whatever display."""
    return [read(path) for path in sorted(stimulus_set.glob(f"{FOLDER}/*/{FILE}"))]


def table(calibration: Calibration) -> pd.DataFrame:
    """Return one row for each condition and amplitude tried, or one for a condition with none.

    Amplitudes are in model units, as RMS contrast α/√D, and as RMS of luminance in cd/m².
    """
    rows = []
    for c in calibration.conditions:
        fixed = {"image": c.image, "pair": c.pair, "distortion": c.distortion}
        for step in c.steps:
            candela = None if c.candela is None else step.amplitude * c.candela
            units = {"rms": step.amplitude / c.dimension**0.5, "candela": candela}
            inside = {"in_range": step.amplitude in c.grid}
            rows.append(fixed | step.model_dump() | units | inside)
        if not c.steps:
            rows.append(fixed | {"in_range": False})
    columns = ["image", "pair", "distortion", "amplitude", "rms", "candela", "in_range"]
    columns += [name for name in Step.model_fields if name != "amplitude"]
    return pd.DataFrame(rows, columns=columns)
