"""Frames of a stimulus set for experiments that other programs run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import new_folder, write_text
from pdpsych.common.files.digests import seed_of
from pdpsych.common.section import load
from pdpsych.common.tables import Column, Columns, write_table
from pdpsych.common.terminal import progress_bar
from pdpsych.displays.display import Display
from pdpsych.displays.rendering import Shown, show
from pdpsych.experiments.exports.frame_files import FrameFormat, check_format, write_frame
from pdpsych.experiments.exports.frame_page import frame_page
from pdpsych.stimuli.calibration.background import background_level
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.set_image import SetImage, SetPair
from pdpsych.stimuli.stimulus_set import StimulusSet

# More is no contrast of a distortion that somebody is to find.
_MOST_CONTRAST = 1.0
_FOLDER = "frames"
COLUMNS: Columns = {
    "frame": Column("file of the distorted image"),
    "reference": Column(
        "file of the image without distortion to be shown beside it, with a dither of its own"
    ),
    "image": Column("base image"),
    "pair": Column("pair of distortions of the image"),
    "kind": Column("kind of distortions"),
    "distortion": Column("1 is u, 2 is v of the pair (u, v)"),
    "sign": Column("1: the distortion was added, -1: it was subtracted"),
    "contrast": Column("RMS contrast that was asked for"),
    "requested": Column("amplitude that was asked for", "model units (L2 norm)"),
    "amplitude": Column(
        "amplitude that is in the levels of the two files, to be used in an analysis",
        "model units (L2 norm)",
    ),
    "residual_rms": Column("RMS of what else differs between the two files", "model units"),
    "clipped": Column("share of pixel values outside the gamut"),
    "dither_seed": Column("seed of the generator that drew the dither of both files"),
}
"""The columns of the trial table."""


@dataclass(frozen=True)
class _Frame:
    """One distorted image to be made."""

    image: SetImage
    pair: SetPair
    distortion: int
    sign: int
    contrast: float
    seed: int

    @property
    def requested(self) -> float:
        return float(self.contrast * np.sqrt(self.image.dimension))

    @property
    def stem(self) -> str:
        sign = "plus" if self.sign > 0 else "minus"
        return f"{self.image.name}-{self.pair.name}-{self.distortion}-{sign}-{self.contrast:g}"

    def shown(self, display: Display) -> Shown:
        """Return both images as they reach the display."""
        ε = self.pair.distortion(self.distortion)
        signed, rng = self.sign * self.requested, np.random.default_rng(self.seed)
        return show(self.image.base, ε, signed, display, self.image.encoding, rng)


def export_frames(
    stimulus_set: str | Path | StimulusSet,
    out: str | Path,
    *,
    display: str | Path | Display,
    contrasts: Sequence[float],
    frames: FrameFormat = "png",
    seed: int = 0,
    uncalibrated: bool = False,
    progress: bool = False,
) -> Path:
    """Write the frames that a display shows of a set, for another program, and return the folder.

    In the folder are ``frames/``, the levels of each distorted image and of its reference; the
    table ``trials.csv`` with its data dictionary, the same as ``trials.json``; ``display.json``;
    and ``README.md``, which says how to show the frames and what to write down.

    Parameters
    ----------
    stimulus_set
        A set or its folder.
    out
        The folder, which is not to be there.
    display
        A display or its YAML file.
    contrasts
        RMS contrasts α/√D; each distortion is written with both signs at each of them.
    frames
        ``png``, ``tiff`` or ``npy``. Levels of more than 8 bits are 16-bit numbers, not scaled.
    seed
        Seed of the dither.
    uncalibrated
        Whether the set may be without a calibration for the display. With one, what the display
        does not show faithfully is left out, and the page says so.
    progress
        Whether to show a progress bar over frames.

    Raises
    ------
    InputError
        If something given cannot be used, the set is not calibrated, or nothing can be shown.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pdpsych import displays, experiments, stimuli
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> image = stimuli.NewImage(np.full((1, 8, 8), 0.5), {"dots": stimuli.NewPair(u, v)})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = stimuli.StimulusSet.create(f"{folder}/dots", {"grey": image})
    ...     out = experiments.export_frames(
    ...         made,
    ...         f"{folder}/out",
    ...         display=displays.Display(),
    ...         contrasts=[0.02],
    ...         uncalibrated=True,
    ...     )
    ...     print(*sorted(path.name for path in out.iterdir()))
    README.md display.json frames trials.csv trials.json trials_columns.json
    """
    opened = stimulus_set
    if not isinstance(opened, StimulusSet):
        opened = StimulusSet.open(opened)
    screen = load(display, Display)
    calibration = None if uncalibrated else Calibration.needed(opened, screen)
    _check_contrasts(contrasts)
    for image in opened:
        check_format(frames, image.shape[0], screen.bit_depth)
    planned, left_out = _planned(opened, contrasts, calibration, seed)
    rows = []
    with new_folder(out) as folder:
        (folder / _FOLDER).mkdir()
        with progress_bar(len(planned), "frame", progress) as bar:
            for one in planned:
                rows.append(_write(folder, one, screen, frames))
                bar.update()
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        record = _record(opened, screen, calibration, table)
        _write_tables(folder, table, record, screen)
        level = background_level(opened, screen)
        write_text(folder / "README.md", frame_page(record, screen, frames, level, left_out))
    return Path(out)


def _check_contrasts(contrasts: Sequence[float]) -> None:
    values = np.asarray(contrasts, dtype=float)
    fits = np.isfinite(values) & (values > 0) & (values <= _MOST_CONTRAST)
    if not values.size or not fits.all() or len(set(values.tolist())) < values.size:
        raise InputError(
            "no RMS contrasts",
            field="contrasts",
            value=list(contrasts),
            allowed="different numbers above 0, at most 1, as in 0.005,0.01,0.02",
        )


def _planned(
    opened: StimulusSet, contrasts: Sequence[float], calibration: Calibration | None, seed: int
) -> tuple[list[_Frame], list[str]]:
    """Return the frames to make, and in words those that the display does not show faithfully."""
    planned, left_out = [], []
    for image in opened:
        for pair in image:
            for number in (1, 2):
                found = calibration and calibration.condition(image.name, pair.name, number)
                for contrast in sorted(contrasts):
                    alpha = contrast * np.sqrt(image.dimension)
                    low, high = (found.range or (np.inf, 0.0)) if found else (0.0, np.inf)
                    if not low <= alpha <= high:
                        left_out.append(f"{image.name}/{pair.name}/{number} at {contrast:g}")
                        continue
                    for sign in (1, -1):
                        key = image.name, pair.name, number, sign, f"{contrast:g}"
                        own = seed_of(seed, "frame", *key)
                        planned.append(_Frame(image, pair, number, sign, contrast, own))
    if not planned:
        raise InputError(
            "the display shows no distortion faithfully at these contrasts",
            file=opened.path,
            field="contrasts",
            value=list(contrasts),
            remedy="pdpsych calibrate says which amplitudes it shows",
        )
    return planned, left_out


def _write(folder: Path, one: _Frame, display: Display, form: FrameFormat) -> dict[str, Any]:
    """Write a distorted image and its reference; return their row of the table."""
    shown = one.shown(display)
    names = [f"{_FOLDER}/{one.stem}.{form}", f"{_FOLDER}/{one.stem}-reference.{form}"]
    for name, levels in zip(names, (shown.distorted, shown.reference), strict=True):
        write_frame(folder / name, levels, display.bit_depth)
    return {
        "frame": names[0],
        "reference": names[1],
        "image": one.image.name,
        "pair": one.pair.name,
        "kind": one.pair.entry.pooled_as,
        "distortion": one.distortion,
        "sign": one.sign,
        "contrast": one.contrast,
        "requested": one.requested,
        "amplitude": shown.realised,
        "residual_rms": shown.residual_rms,
        "clipped": shown.clipped,
        "dither_seed": one.seed,
    }


def _record(
    opened: StimulusSet, display: Display, calibration: Calibration | None, table: pd.DataFrame
) -> dict[str, Any]:
    """Return what the frames were made from, as plain data."""
    return {
        "stimulus_set": opened.name,
        "stimulus_set_sha256": opened.sha256,
        "display": display.stem,
        "display_sha256": display.sha256,
        "calibration_sha256": calibration.sha256 if calibration else None,
        "bit_depth": display.bit_depth,
        "frames": len(table),
    }


def _write_tables(
    folder: Path, table: pd.DataFrame, record: dict[str, Any], display: Display
) -> None:
    """Write the trial table twice, with what the frames were made from in the second."""
    write_table(folder, "trials", table, COLUMNS)
    # The name of the JSON is the table's; its data dictionary stands beside.
    (folder / "trials.json").rename(folder / "trials_columns.json")
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    whole = json.dumps(record | {"trials": rows}, indent=1, ensure_ascii=False)
    write_text(folder / "trials.json", whole + "\n")
    described = json.dumps(display.resolved(), indent=2, ensure_ascii=False)
    write_text(folder / "display.json", described + "\n")
