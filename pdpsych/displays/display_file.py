"""Writing a display's files: its description, and the measurements beside it."""

from __future__ import annotations

import datetime
import textwrap
from pathlib import Path
from typing import Any

import yaml

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import write_bytes, write_text
from pdpsych.common.files.locks import locked
from pdpsych.common.files.parsing import parse_yaml, to_yaml
from pdpsych.common.files.reading import STUDY_FILE, TABLE, read_bytes, read_text
from pdpsych.common.files.yaml_nodes import compose
from pdpsych.common.section import dump, load, validate
from pdpsych.displays.display import Display, not_measured
from pdpsych.displays.fitting.validation import ModelComparison, compare
from pdpsych.displays.measured_curve import MeasuredCurve
from pdpsych.displays.measurement_file import read_measurements
from pdpsych.displays.measurements import Measurements, check_measurements, csv_text

# What others are told meanwhile.
WRITTEN = "the display's file is written"


def import_csv(
    csv: str | Path,
    out: str | Path,
    *,
    bit_depth: int = 8,
    instrument: str | None = None,
    date: datetime.date | None = None,
) -> Display:
    r"""Make a display of a CSV file of levels and luminances.

    The curve is the one that describes them best, see :class:`pdpsych.displays.ModelComparison`.

    Parameters
    ----------
    csv
        See :func:`pdpsych.displays.read_measurements`.
    out
        The display's file, NAME.yaml; the measurements are copied to NAME.csv beside it.
    bit_depth
        Of the levels: 8, 10, 14 or 16.
    instrument, date
        What measured it, and when.

    Raises
    ------
    InputError
        If the file or its measurements cannot be used, or ``out`` is there already.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from pdpsych import displays
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "meter.csv")
    ...     _ = table.write_text("level,luminance\n0,.2\n64,5\n128,22\n192,54\n255,101\n")
    ...     made = displays.import_csv(table, Path(folder, "lab.yaml"))
    ...     made
    <Display: lab, measured, power-1, 8 bits>
    """
    if bit_depth not in (8, 10, 14, 16):
        raise InputError(
            "no depth of a display",
            field="bit_depth",
            value=bit_depth,
            allowed="8, 10, 14, 16",
        )
    measurements = read_measurements(csv, 2**bit_depth - 1)
    return write_display(out, measurements, instrument=instrument, date=date, bit_depth=bit_depth)


def write_display(
    out: str | Path,
    measurements: Measurements,
    *,
    instrument: str | None = None,
    date: datetime.date | None = None,
    **description: Any,
) -> Display:
    """Write a measured display, with the model that describes it best.

    ``description`` has the other fields of :class:`Display`.

    Raises
    ------
    InputError
        If no curve can be fitted, or one of the files is there already, with other readings.
    """
    path = Path(out)
    if path.suffix != ".yaml":
        raise InputError(
            "a display's file ends in .yaml",
            file=path,
            field="out",
            remedy=f"try {path.with_suffix('.yaml')}",
        )
    table = path.with_suffix(".csv")
    readings = csv_text(measurements.readings).encode()
    # A run that was ended between the two files left the same table.
    same = table.is_file() and read_bytes(table, TABLE) == readings
    for file in (path, table):
        if file.exists() and not (file == table and same):
            raise InputError(
                "is there already",
                file=file,
                field="out",
                remedy="choose another name, or move it away",
            )
    check_measurements(measurements)
    curve = MeasuredCurve(
        measurements=Path(table.name),
        model=compare(measurements).chosen,
        instrument=instrument,
        date=date,
    )
    display = Display(curve=curve, **description)
    with locked(path, WRITTEN):
        write_bytes(table, readings)
        dump(display, path)
    return load(path, Display)


def choose_model(path: str | Path, *, write: bool = True) -> ModelComparison:
    r"""Compare the models of a measured display's curve and write the best into its file.

    Parameters
    ----------
    path
        The display's file, of which only ``curve.model`` is changed.
    write
        Whether to change it.

    Returns
    -------
    ModelComparison
        How well each model describes each channel; ``chosen`` is the best.

    Raises
    ------
    InputError
        If the display was not measured, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from pdpsych import displays
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table, lab = Path(folder, "meter.csv"), Path(folder, "lab.yaml")
    ...     _ = table.write_text("level,luminance\n0,.2\n64,5\n128,22\n192,54\n255,101\n")
    ...     _ = displays.import_csv(table, lab)
    ...     displays.choose_model(lab)
    <ModelComparison: power-1 chosen of 5 models, for grey>
    """
    path = Path(path)
    _, measurements = read_measured(path)
    found = compare(measurements)
    if not write:
        return found
    with locked(path, WRITTEN):
        written = read_text(path, STUDY_FILE)
        node = _value(_value(compose(written), "curve"), "model")
        start, end = node.start_mark.index, node.end_mark.index
        write_text(path, written[:start] + found.chosen + written[end:])
    return found


def replace_curve(path: str | Path, curve: MeasuredCurve) -> Display:
    """Write a measured curve into a display's file and leave the rest as it is.

    Comments inside the curve that was there are lost, and all of them where the file is not
    written in YAML's block style. Whoever calls it keeps others from writing the file meanwhile.

    Raises
    ------
    InputError
        If the file is no display's, or cannot be written.
    """
    path = Path(path)
    described = load(path, Display).model_copy(update={"curve": curve})
    text = _with_curve(read_text(path, STUDY_FILE), curve)
    if _is(text, described):
        write_text(path, text)
    else:
        dump(described, path)
    return load(path, Display)


def _is(text: str, display: Display) -> bool:
    try:
        return validate(parse_yaml(text, display.label), Display, display.label) == display
    except InputError:
        return False


def _with_curve(text: str, curve: MeasuredCurve) -> str:
    """Exchange the lines of the curve in a display's text, or add them."""
    data = curve.model_dump(mode="json", exclude_none=True)
    block = textwrap.indent(to_yaml(data), "  ")
    root: Any = compose(text)
    for name, value in root.value:
        if name.value == "curve":
            end = _end(value)
            comment, _, after = text[end:].partition("\n")
            return f"{text[: name.end_mark.index]}:{comment.rstrip()}\n{block}{after}"
    return f"{text.rstrip()}\ncurve:\n{block}"


def _end(node: Any) -> int:
    """Return where a value ends; that of a block is before the comments behind it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        return _end(node.value[-1][1])
    return int(node.end_mark.index)


def _value(mapping: Any, key: str) -> Any:
    return next(value for name, value in mapping.value if name.value == key)


def read_measured(path: Path) -> tuple[Display, Measurements]:
    """Read a display and its measurements.

    Raises
    ------
    InputError
        If the file cannot be used, or the display was not measured.
    """
    display = load(path, Display)
    if display.measurements is None:
        raise not_measured(display)
    return display, display.measurements
