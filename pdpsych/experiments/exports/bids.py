"""Sessions as a BIDS dataset of behaviour (BIDS 1.10, ``beh``)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import write_bytes, write_text
from pdpsych.common.files.reading import LOG, read_bytes
from pdpsych.common.section import P, validate
from pdpsych.common.tables import Column, write_delimited
from pdpsych.common.versions import versions
from pdpsych.experiments.exports.participants import Asked, participants
from pdpsych.experiments.logs.columns import trial_column
from pdpsych.experiments.logs.records import Header
from pdpsych.experiments.logs.session_log import SessionLog
from pdpsych.experiments.tasks.instructions import Instructions
from pdpsych.experiments.tasks.keys import Keys

BIDS_VERSION = "1.10.0"
_README = """\
# {name}

Thresholds of people for small distortions of photographs, measured in two-alternative forced choice
with pdpsych. Each trial shows an image with a distortion and the image without it; the participant
says which of the two is distorted. Models of vision disagree most on how visible these distortions
are, or they are there to compare with (Feather, Lipshutz, Harvey, Williams & Simoncelli, ICLR
2025).

`sub-*/ses-*/beh/*_beh.tsv` has a row for each trial; `*_beh.json` beside it says what the columns
mean and how the session was run. `sourcedata/` holds the logs as they were recorded. The whole
dataset is made from these logs, so changes belong there: an export replaces what is here.
"""
_PARTICIPANT_ID = Column("participant, sub- and the label")


def write_bids(folder: Path, name: str, logs: Sequence[SessionLog], asked: Asked) -> None:
    """Write a dataset of the sessions of the experiment ``name`` into a new folder."""
    write_text(folder / "README.md", _README.format(name=name))
    _write_json(
        folder / "dataset_description.json",
        {
            "Name": name,
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "GeneratedBy": [{"Name": "pdpsych", "Version": versions()["pdpsych"]}],
        },
    )
    _write_participants(folder, logs, asked)
    for log in logs:
        _write_session(folder, log)


def _write_participants(folder: Path, logs: Sequence[SessionLog], asked: Asked) -> None:
    table, columns = participants(logs, asked)
    table.insert(0, "participant_id", "sub-" + table.pop("participant"))
    write_delimited(table, folder / "participants.tsv", "\t", "n/a")
    described = {"participant_id": _PARTICIPANT_ID, **columns}
    _write_json(
        folder / "participants.json", {k: _described(described[k]) for k in map(str, table)}
    )


def _write_session(folder: Path, log: SessionLog) -> None:
    header = log.header
    place = Path(f"sub-{header.participant}", f"ses-{header.session}", "beh")
    # A task's label is its name without what is not a letter or digit.
    task = re.sub("[^A-Za-z0-9]", "", header.experiment) or "task"
    run = f"_run-{header.run}" if header.run else ""
    stem = f"sub-{header.participant}_ses-{header.session}_task-{task}{run}_beh"
    write_delimited(log.trials, folder / place / f"{stem}.tsv", "\t", "n/a")
    columns = {name: _described(trial_column(name)) for name in map(str, log.trials)}
    _write_json(folder / place / f"{stem}.json", _session(header, log.path) | columns)
    source = folder / "sourcedata" / place / log.path.name
    write_bytes(source, read_bytes(log.path, LOG))


def _session(header: Header, log: Path) -> dict[str, Any]:
    """Return what BIDS wants to know of a session."""
    config = header.config
    texts = _checked(config, "instructions", Instructions, log)
    keys = _checked(config, "keys", Keys, log)
    welcome = texts.welcome or "n/a"
    # Without a window there is no system that showed the session.
    software = "PsychoPy" if header.system else "pdpsych"
    return {
        "TaskName": header.experiment,
        "TaskDescription": "Two-alternative forced choice between an image with a distortion and "
        f"the image without it ({config.get('task', 'two-interval')})",
        "Instructions": welcome.format(total=header.planned, **keys.shown),
        "StimulusPresentation": {
            "OperatingSystem": header.system.get("os", "n/a"),
            "SoftwareName": software,
            "SoftwareVersion": header.versions.get(software.lower(), "n/a"),
        },
    }


def _checked(config: dict[str, Any], key: str, schema: type[P], log: Path) -> P:
    """Return a part of the configuration, checked again: what a text has in braces is filled in."""
    try:
        return validate(config.get(key, {}), schema, log, 1)
    except InputError as error:
        raise error.within(field=f"config.{key}") from None


def _described(column: Column) -> dict[str, Any]:
    described = {
        "Description": column.description,
        "Units": column.units,
        "Levels": column.levels,
    }
    return {key: value for key, value in described.items() if value}


def _write_json(path: Path, data: dict[str, Any]) -> None:
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
