"""Writing a display's files: its description, and the measurements beside it."""

from __future__ import annotations

import datetime
import textwrap
from pathlib import Path
from typing import Any

import yaml

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import replacing
from pdpsych.common.section import dump, load
from pdpsych.displays.curve_fit import Model, Validation, best, compare
from pdpsych.displays.display import Display, MeasuredCurve
from pdpsych.displays.measurements import Measurements, check, read, text


def import_csv(
    csv: str | Path,
    out: str | Path,
    bit_depth: int = 8,
    instrument: str | None = None,
    date: datetime.date | None = None,
) -> Display:
    """Make a display of a CSV file of levels and luminances.

    Parameters
    ----------
    csv
        See :func:`pdpsych.displays.measurements.read`.
    out
        The display's file, NAME.yaml; the measurements are copied to NAME.csv beside it.

    Raises
    ------
    InputError
        If the file or its measurements cannot be used, or ``out`` is there already.
    """
    if bit_depth not in (8, 10, 16):
        raise InputError(f"bit_depth: 8, 10 or 16, got {bit_depth}")
    measurements = read(csv, 2**bit_depth - 1)
    return write(out, measurements, instrument, date, bit_depth=bit_depth)


def write(
    out: str | Path,
    measurements: Measurements,
    instrument: str | None = None,
    date: datetime.date | None = None,
    **description: Any,
) -> Display:
    """Write a measured display, with the model that describes it best; see :func:`best`.

    ``description`` has the other fields of :class:`Display`.

    Raises
    ------
    InputError
        If no curve can be fitted, or one of the files is there already, with other readings.
    """
    path = Path(out)
    if path.suffix != ".yaml":
        raise InputError(f"{path}: a display's file ends in .yaml; try {path.with_suffix('.yaml')}")
    table = path.with_suffix(".csv")
    readings = text(measurements.readings).encode()
    # A run that was ended between the two files left the same table.
    same = table.is_file() and table.read_bytes() == readings
    for file in (path, table):
        if file.exists() and not (file == table and same):
            raise InputError(f"{file}: is there already; choose another name, or move it away")
    check(measurements)
    model = best(compare(measurements))
    curve = MeasuredCurve(
        measurements=Path(table.name), model=model, instrument=instrument, date=date
    )
    display = Display(curve=curve, **description)
    with replacing(table) as part:
        part.write_bytes(readings)
    with replacing(path) as part:
        dump(display, part)
    return load(path, Display)


def choose_model(path: str | Path) -> tuple[tuple[Validation, ...], Model]:
    """Write the best model into a measured display's file and leave the rest as it is.

    Returns
    -------
    tuple
        How well each model describes each channel, and the model chosen.

    Raises
    ------
    InputError
        If the display was not measured, or the file cannot be written.
    """
    path = Path(path)
    _, measurements = read_measured(path, "fit")
    validations = compare(measurements)
    model = best(validations)
    written = path.read_text(encoding="utf-8")
    node = _value(_value(yaml.compose(written, Loader=yaml.SafeLoader), "curve"), "model")
    with replacing(path) as part:
        part.write_text(
            written[: node.start_mark.index] + model + written[node.end_mark.index :],
            encoding="utf-8",
        )
    return validations, model


def replace_curve(path: str | Path, curve: MeasuredCurve) -> Display:
    """Write a measured curve into a display's file and leave the rest as it is.

    Comments inside the curve that was there are lost, and all of them where the file is not
    written in YAML's block style.

    Raises
    ------
    InputError
        If the file is no display's, or cannot be written.
    """
    path = Path(path)
    described = load(path, Display).model_copy(update={"curve": curve})
    with replacing(path) as part:
        part.write_text(_with_curve(path.read_text(encoding="utf-8"), curve), encoding="utf-8")
        if not _is(part, described):
            dump(described, part)
    return load(path, Display)


def _is(path: Path, display: Display) -> bool:
    try:
        return load(path, Display).model_dump() == display.model_dump()
    except InputError:
        return False


def _with_curve(text: str, curve: MeasuredCurve) -> str:
    """Exchange the lines of the curve in a display's text, or add them."""
    data = curve.model_dump(mode="json", exclude_none=True)
    block = textwrap.indent(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), "  ")
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
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


def read_measured(path: Path, purpose: str) -> tuple[Display, Measurements]:
    """Read a display and its measurements.

    Raises
    ------
    InputError
        If the file cannot be used, or the display was not measured; ``purpose`` says what for.
    """
    display = load(path, Display)
    if display.measurements is None:
        raise InputError(
            f"{path}: curve: the display was not measured, there is nothing to {purpose}; see "
            "pdpsych display measure and import"
        )
    return display, display.measurements
