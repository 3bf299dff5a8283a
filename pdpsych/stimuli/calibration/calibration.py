"""What a display can show of a stimulus set: ``SET/calibrations/DISPLAY/calibration.json``.

It refers to exactly one set and one display by their SHA-256;
:mod:`pdpsych.stimuli.calibration.calibrating` makes it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import SerializerFunctionWrapHandler, model_serializer

from pdpsych.common import tables
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import write_text
from pdpsych.common.files.digests import digest
from pdpsych.common.files.locks import locked
from pdpsych.common.results import Result
from pdpsych.common.section import Section, validate
from pdpsych.common.terminal import quoted
from pdpsych.displays.display import Display
from pdpsych.stimuli.calibration.condition import (
    TOLERANCE,
    ConditionCalibration,
    TriedAmplitude,
)
from pdpsych.stimuli.calibration.missing import missing
from pdpsych.stimuli.log_ratios import log_ratio_table
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.response_file import FOLDER as RESPONSES
from pdpsych.stimuli.responses.response_file import ImageResponses, Key, response_path
from pdpsych.stimuli.responses.set_responses import open_responses
from pdpsych.stimuli.stimulus_set import StimulusSet

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SCHEMA = Schema("calibration", 1, "calibrate again: pdpsych calibrate SET --display DISPLAY.yaml")
# Raised where the same set and display would be given other amplitudes.
ALGORITHM = 1
_NEWER = ("model_warnings", "algorithm", "levels_sha256")
FOLDER = "calibrations"
FILE = "calibration.json"
# What others are told meanwhile.
_WRITTEN = "a calibration is written"
# More conditions than these are not listed.
_MOST = 15


class Calibration(Result, Section):
    """What one display can show of one stimulus set, ``calibration.json`` in the set's folder.

    Attributes
    ----------
    schema_version
        Of the file.
    stimulus_set_sha256, display_sha256
        Of the set and the display.
    algorithm, levels_sha256
        Version of how it was found, and identity of what the display makes of images.
    display
        Name of the display.
    created, versions
        When, and with what, it was found.
    max_clipped
        Share of pixel values that the largest amplitudes may clip.
    threshold_rms
        Geometric mean over the set of the thresholds expected under each model, in RMS contrast.
    pixels_per_degree
        Of images on the display, None where its size or distance is not known.
    conditions
        One for each distortion, those of rivals too; figures and descriptions leave these out.
    warnings
        What is not as it should be with the set as a whole.
    model_warnings
        Which pairs separate the models less as they are shown, where the models were asked.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pdpsych.displays import Display
    >>> from pdpsych.stimuli import Calibration, NewImage, NewPair, StimulusSet, calibrate
    >>> u, v = np.linalg.qr(np.random.default_rng(0).standard_normal((256, 2)))[0].T
    >>> pair = NewPair(u.reshape(1, 16, 16), v.reshape(1, 16, 16))
    >>> image = NewImage(np.full((1, 16, 16), 0.5), {"noise": pair})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = StimulusSet.create(f"{folder}/mine", {"grey": image})
    ...     _ = calibrate(made, Display())
    ...     Calibration.of(made, Display())
    <Calibration: display, 2 of 2 conditions can be shown>
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
    model_warnings: tuple[str, ...] = ()
    algorithm: int | None = None
    levels_sha256: str | None = None

    @model_serializer(mode="wrap")
    def _plain(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Without what is newer it is as of pdpsych 0.1.0.
        found: dict[str, Any] = plain(self)
        return {key: v for key, v in found.items() if key not in _NEWER or v}

    @classmethod
    def all_of(cls, stimulus_set: StimulusSet) -> list[Calibration]:
        """Return the calibrations in the folder of ``stimulus_set``, for whatever display."""
        return [read(path) for path in sorted(stimulus_set.path.glob(f"{FOLDER}/*/{FILE}"))]

    @classmethod
    def of(cls, stimulus_set: StimulusSet, display: Display) -> Calibration | None:
        """Return what ``display`` shows of ``stimulus_set``, None where that is not calibrated."""
        same = {display.sha256, display.levels_sha256}
        for found in cls.all_of(stimulus_set):
            if found.is_of(stimulus_set) and {found.display_sha256, found.levels_sha256} & same:
                return found
        return None

    @classmethod
    def needed(cls, stimulus_set: StimulusSet, display: Display) -> Calibration:
        """Return :meth:`of`, which of ``stimulus_set`` for ``display`` has to be there.

        Raises
        ------
        InputError
            If there is none; with the command to run.
        """
        found = cls.of(stimulus_set, display)
        if found is None:
            others = {c.display: c.is_of(stimulus_set) for c in cls.all_of(stimulus_set)}
            raise missing(stimulus_set, display, others)
        return found

    @classmethod
    def with_sha256(cls, stimulus_set: StimulusSet, sha256: str) -> Calibration | None:
        """Return the one of ``stimulus_set`` whose :attr:`sha256` is given, None if it is gone."""
        return next((c for c in cls.all_of(stimulus_set) if c.is_known_as(sha256)), None)

    @property
    def sha256(self) -> str:
        """Identity of what can be shown, by what it was found from; of 0.1.0 by its numbers."""
        if self.algorithm is None:
            return self._of_numbers
        names = ("stimulus_set_sha256", "levels_sha256", "algorithm", "max_clipped")
        return digest({name: getattr(self, name) for name in names})

    def is_known_as(self, sha256: str) -> bool:
        """Return whether an identity is this one's, or that which earlier versions gave it."""
        return sha256 in (self.sha256, self._of_numbers)

    @property
    def _of_numbers(self) -> str:
        apart = dict.fromkeys(("sensitivities", "curve_sd", "curve_ratio_sd"), True)
        without: dict[str, Any] = dict.fromkeys(("created", "versions", *_NEWER), True)
        found = self.model_dump(mode="json", exclude=without | {"conditions": {"__all__": apart}})
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.resolve("")

    def is_of(self, stimulus_set: StimulusSet) -> bool:
        """Return whether it was made for ``stimulus_set`` as it is."""
        return stimulus_set.is_known_as(self.stimulus_set_sha256)

    def condition(self, image: str, pair: str, distortion: int) -> ConditionCalibration:
        """Return the calibration of a ``distortion``, 1 or 2, of a ``pair`` of an ``image``.

        Raises
        ------
        InputError
            If there is no such condition.
        """
        for found in self.conditions:
            if (found.image, found.pair, found.distortion) == (image, pair, distortion):
                return found
        raise InputError(
            "no such condition",
            file=self.label,
            field="conditions",
            value=f"{image}/{pair}/{distortion}",
            allowed=[c.name for c in self.conditions],
        )

    @property
    def has_sensitivities(self) -> bool:
        """Whether the models were asked what they see of what is shown."""
        return any(c.sensitivities for c in self.conditions)

    def sensitivities(self, stimulus_set: StimulusSet, *, rivals: bool = False) -> pd.DataFrame:
        """Return d(ε) of every model, to the distortions as shown of pairs whose models were asked.

        Rows are those of the ``sensitivities`` of ``stimulus_set``, the set that it is of, with
        those of ``rivals`` on request.
        """
        table = stimulus_set.sensitivities(rivals=rivals)
        seen = {(c.image, c.pair, c.distortion): c.sensitivities for c in self.conditions}

        def shown(image: str, pair: str, number: int, model: str, own: float) -> float:
            both = [seen.get((image, pair, n), {}) for n in (1, 2)]
            asked = all(model in values for values in both)
            return both[number - 1][model] if asked else own

        names = ["image", "pair", "distortion", "model", "sensitivity"]
        values = [shown(*row) for row in table[names].itertuples(index=False)]
        return table.assign(sensitivity=np.array(values, dtype=float))

    def log_ratios(self, stimulus_set: StimulusSet, *, rivals: bool = False) -> pd.DataFrame:
        """Return log d(u)/d(v) of every model to the distortions as shown.

        Of pairs whose models were not asked they are those of ``stimulus_set``, which it is of;
        with those of ``rivals`` on request.

        Raises
        ------
        InputError
            If one is not finite: the model sees nothing of a distortion.
        """
        shown = self.sensitivities(stimulus_set, rivals=rivals)
        return log_ratio_table(shown, stimulus_set.path)

    def has_finite_responses(self, stimulus_set: StimulusSet) -> bool:
        """Return whether the models of ``stimulus_set`` were asked what they respond to frames."""
        return all(response_path(self.folder, i).is_file() for i in stimulus_set.images)

    def finite_responses(
        self, stimulus_set: StimulusSet
    ) -> Mapping[Key, Mapping[str, FiniteResponse]]:
        """Return D(ε, ±α) of what the display shows, by image, pair and number, then by model.

        As :meth:`pdpsych.stimuli.StimulusSet.finite_responses` of ``stimulus_set``, the set that
        it is of; but amplitudes are realised ones, also of frames that are clipped.

        Raises
        ------
        InputError
            If the models were not asked; with the command that does. If a file is damaged or of
            another calibration, when it is read.
        """
        remedy = f"run: pdpsych calibrate {quoted(stimulus_set.path)} --display FILE --models"
        return open_responses(self.folder, stimulus_set, remedy, self.sha256)

    @property
    def without_rivals(self) -> tuple[ConditionCalibration, ...]:
        """The conditions whose pairs are no rivals."""
        return tuple(c for c in self.conditions if c.rival_of is None)

    def table(self, *, rivals: bool = False) -> pd.DataFrame:
        """Return one row for each condition and amplitude tried, or one for a condition with none.

        Amplitudes are in model units, as RMS contrast α/√D, and as RMS of luminance in cd/m².
        Those of ``rivals`` have rows on request.
        """
        rows = []
        for c in self.conditions if rivals else self.without_rivals:
            fixed = {"image": c.image, "pair": c.pair, "distortion": c.distortion}
            for step in c.steps:
                candela = None if c.candela is None else step.amplitude * c.candela
                units = {"rms": step.amplitude / c.dimension**0.5, "candela": candela}
                inside = {"in_range": step.amplitude in c.grid}
                rows.append(fixed | step.model_dump() | units | inside)
            if not c.steps:
                rows.append(fixed | {"in_range": False})
        columns = ["image", "pair", "distortion", "amplitude", "rms", "candela", "in_range"]
        columns += [name for name in TriedAmplitude.model_fields if name != "amplitude"]
        return tables.made_of(rows, columns)

    def ranges(self) -> pd.DataFrame:
        """Return one row for each condition: what can be shown of it, in RMS contrast α/√D.

        Without rivals. Columns are ``condition``, ``tried`` (the smallest amplitude that was),
        ``smallest`` and ``largest`` shown faithfully, ``inside_gamut`` and ``most``.
        """
        rows = []
        for c in self.without_rivals:
            low, high = c.range or (np.nan, np.nan)
            tried = c.steps[0].amplitude if c.steps else np.nan
            amplitudes = np.array([tried, low, high, c.inside_gamut, c.most]) / c.dimension**0.5
            rows.append((c.name, *amplitudes.tolist()))
        columns = ["condition", "tried", "smallest", "largest", "inside_gamut", "most"]
        return tables.made_of(rows, columns)

    def expected_thresholds(self) -> pd.DataFrame:
        """Return the thresholds expected: one row for each condition and model that sees it.

        Without rivals. Columns are ``condition``, ``model`` and ``threshold``, in RMS contrast.
        """
        rows = [
            (c.name, model, threshold / c.dimension**0.5)
            for c in self.without_rivals
            for model, threshold in c.thresholds.items()
            if threshold is not None
        ]
        return tables.made_of(rows, ["condition", "model", "threshold"])

    def describe(self) -> str:
        """Say what can be shown: the range of the first conditions, and all that is wrong."""
        lines = [
            f"calibrated for {self._line()}",
            f"RMS contrast that is shown within {100 * TOLERANCE:g} % (largest inside the gamut; "
            f"largest with {100 * self.max_clipped:g} % clipped):",
        ]
        own = self.without_rivals
        listed, more = own[:_MOST], len(own) - _MOST
        width = max(len(c.name) for c in listed)
        lines += [f"  {c.name:<{width}}  {c.span}" for c in listed]
        lines += [f"  and {more} more, in conditions.csv"] if more > 0 else []
        notes: dict[str, list[str]] = {}
        for c in own:
            for note in (*c.problems, *c.warnings):
                notes.setdefault(note, []).append(c.name)
        lines += [f"warning: {note}" for note in (*self.warnings, *self.model_warnings)]
        return "\n".join([*lines, *(f"{', '.join(who)}: {note}" for note, who in notes.items())])

    def plot(self) -> Figure:
        """Draw the range that each condition can have, and the thresholds expected in it."""
        from pdpsych.stimuli.calibration.figures import plot_coverage

        return plot_coverage(self.ranges(), self.expected_thresholds(), title=self._line())

    def plot_gain(self) -> Figure:
        """Draw realised against requested amplitude, and their ratio."""
        from pdpsych.stimuli.calibration.figures import plot_gain

        return plot_gain(self.table(), tolerance=TOLERANCE, title=self._line())

    def draw(self) -> list[Path]:
        """Draw both figures beside the calibration's file and return where they are."""
        from pdpsych.common.drawing import save

        figures = {"gain": self.plot_gain(), "coverage": self.plot()}
        with locked(self.folder, _WRITTEN):
            return [
                path
                for name, figure in figures.items()
                for path in save(figure, self.folder / f"{name}.png", dpi=150)
            ]

    def _line(self) -> str:
        own = self.without_rivals
        shown = sum(c.range is not None for c in own)
        return f"{self.display}, {shown} of {len(own)} conditions can be shown"


def read(path: Path) -> Calibration:
    """Read a calibration.

    Raises
    ------
    InputError
        If the file is damaged, or a newer pdpsych wrote it.
    """
    calibration = validate(SCHEMA.read(path), Calibration, path)
    calibration._file = path.resolve()
    return calibration


def write(
    calibration: Calibration, stimulus_set: Path, responses: Sequence[ImageResponses] = ()
) -> Calibration:
    """Write a calibration and its table into the folder of its set, and return it.

    ``calibration.json`` is replaced last and at once; nothing else is read again. Responses of the
    calibration before are removed, as its sensitivities are.
    """
    folder, sha256 = stimulus_set / FOLDER / calibration.display, calibration.sha256
    with locked(folder, _WRITTEN):
        shutil.rmtree(folder / RESPONSES, ignore_errors=True)
        for found in responses:
            found.model_copy(update={"calibration_sha256": sha256}).write(folder)
        write_text(folder / "conditions.csv", tables.to_csv(calibration.table(rivals=True)))
        SCHEMA.write(folder / FILE, calibration.model_dump(mode="json"))
        return read(folder / FILE)
