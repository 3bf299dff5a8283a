"""Sessions as a Psych-DS dataset: CSV files and one description of all their columns."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pdpsych.common.files.atomic import write_text
from pdpsych.common.tables import Column, write_delimited
from pdpsych.common.versions import versions
from pdpsych.experiments.exports.participants import Asked, participants
from pdpsych.experiments.logs.columns import trial_column
from pdpsych.experiments.logs.session_log import SessionLog


def write_psych_ds(folder: Path, name: str, logs: Sequence[SessionLog], asked: Asked) -> None:
    """Write a dataset of the sessions of the experiment ``name`` into a new folder."""
    import pandas as pd

    study = re.sub("[^A-Za-z0-9]", "", name) or "study"
    columns: dict[str, Column] = {}
    for log in logs:
        header = log.header
        labels = {"participant": header.participant, "session": header.session}
        labels |= {"run": header.run} if header.run else {}
        table = pd.concat([pd.DataFrame(labels, index=log.trials.index), log.trials], axis=1)
        run = f"_description-run{header.run}" if header.run else ""
        stem = f"study-{study}_subject-{header.participant}_session-{header.session}{run}"
        write_delimited(table, folder / "data" / f"{stem}_data.csv", ",", "")
        columns |= {column: trial_column(column) for column in map(str, table)}
    people, described = participants(logs, asked)
    if "study_group" in people or asked.questions:
        place = folder / "data" / f"study-{study}_description-participants_data.csv"
        write_delimited(people, place, ",", "")
        columns |= {column: described[column] for column in map(str, people)}
    description = {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "name": name,
        "description": "Two-alternative forced choice between images with and without a small "
        "distortion; a file for each session, a row for each trial",
        "variableMeasured": [_variable(name, column) for name, column in columns.items()],
        "GeneratedBy": [{"Name": "pdpsych", "Version": versions()["pdpsych"]}],
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)
    write_text(folder / "dataset_description.json", text + "\n")


def _variable(name: str, column: Column) -> dict[str, Any]:
    described = {
        "@type": "PropertyValue",
        "name": name,
        "description": column.description,
        "unitText": column.units,
    }
    if column.levels:
        described["valueReference"] = "; ".join(f"{k}: {v}" for k, v in column.levels.items())
    return {key: value for key, value in described.items() if value}
