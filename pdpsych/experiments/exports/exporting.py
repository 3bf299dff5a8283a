"""Exports: the sessions of an experiment in a layout that others read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import new_folder, sync_folder, unfinished, unwritable
from pdpsych.common.files.locks import locked
from pdpsych.common.files.parsing import read_json
from pdpsych.common.section import load
from pdpsych.common.terminal import say
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.exports.bids import write_bids
from pdpsych.experiments.exports.participants import Asked
from pdpsych.experiments.exports.psych_ds import write_psych_ds
from pdpsych.experiments.logs.collected import check_place, collect
from pdpsych.experiments.logs.session_log import SessionLog

Layout = Literal["bids", "psych-ds"]
_WRITERS: dict[Layout, Callable[[Path, str, Sequence[SessionLog], Asked], None]] = {
    "bids": write_bids,
    "psych-ds": write_psych_ds,
}


def export(experiment: str | Path | Experiment, out: str | Path, *, layout: Layout) -> Path:
    """Write all sessions of an experiment as a dataset, and return its folder.

    The folder is made under another name and then renamed, so it is never there half written. A
    former export of the same sessions is replaced. Of two exports to one folder at once the
    second waits, and is refused if that takes long. Logs of sessions that were never started are
    passed over, and named on standard error.

    Parameters
    ----------
    experiment
        An experiment or its YAML file.
    out
        Folder of the dataset.
    layout
        ``bids``: Brain Imaging Data Structure, behaviour; ``psych-ds``: Psych-DS.

    Raises
    ------
    InputError
        If there is no log or one cannot be read, or ``out`` holds anything but such an export.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pdpsych import experiments, stimuli
    >>> local = experiments.ObserverSpec(model="LGN", local=True)
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> pair = stimuli.NewPair(u, v, sensitivities={"LN": (2.0, 8.0), "LGN": (9.0, 3.0)})
    >>> image = stimuli.NewImage(np.full((1, 8, 8), 0.5), {"dots": pair})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = stimuli.StimulusSet.create(f"{folder}/dots", {"grey": image})
    ...     path = Path(folder, "early.yaml")
    ...     _ = path.write_text("{stimulus_set: dots, display: {}, trials_per_condition: 8}")
    ...     log = experiments.run(path, "01", observer=local)
    ...     out = experiments.export(path, f"{folder}/shared", layout="psych-ds")
    ...     print(*(table.name for table in out.glob("data/*")))
    study-early_subject-01_session-01_data.csv
    """
    if layout not in _WRITERS:
        raise InputError("unknown", field="layout", value=layout, allowed=_WRITERS)
    experiment, out = load(experiment, Experiment), Path(out)
    logs, notes = collect(experiment)
    for log in logs:
        check_place(log, experiment)
    for note in notes:
        say(note, error=True)
    asked = Asked.of(experiment)
    with locked(out, doing="a dataset is exported"):
        try:
            with unfinished(out.absolute()) as work:
                with new_folder(work / "new") as made:
                    _WRITERS[layout](made, experiment.stem, logs, asked)
                _check_replaceable(out, work / "new")
                _put(work / "new", out, work / "former")
                sync_folder(out.absolute().parent)
        except OSError as error:
            raise unwritable(out, error) from None
    return out


def _check_replaceable(out: Path, made: Path) -> None:
    """Refuse to replace anything but an export whose every file the new one has too."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError("is a file", file=out, remedy="name a folder for the export")
    if any(out.iterdir()) and not _is_export(out):
        raise InputError(
            "is no export of pdpsych", file=out, remedy="name another folder, or a new one"
        )
    foreign = sorted(_files(out) - _files(made))
    if foreign:
        raise InputError(
            f"holds {foreign[0]}{' and others' * (len(foreign) > 1)}, which this export does not "
            "write",
            file=out,
            remedy="move it away, or name another folder",
        )


def _files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def _is_export(folder: Path) -> bool:
    try:
        description = read_json(folder / "dataset_description.json")
        return bool(description["GeneratedBy"][0]["Name"] == "pdpsych")
    except (InputError, LookupError, TypeError):
        return False


def _put(made: Path, out: Path, former: Path) -> None:
    """Rename a folder to its name; what has the name is set aside, and back on an error."""
    if not out.exists():
        os.rename(made, out)
        return
    shutil.move(out, former)
    try:
        os.rename(made, out)
    except OSError:
        shutil.move(former, out)
        raise
