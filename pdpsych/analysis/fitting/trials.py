"""All answered trials of an analysis in one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pdpsych.analysis.definition import Analysis, open_analysis, select_participants
from pdpsych.analysis.digests import table_sha256
from pdpsych.analysis.fitting.exclusion import describe_excluded, exclude
from pdpsych.analysis.names import CONDITION
from pdpsych.analysis.words import counted
from pdpsych.common.errors import InputError, shown
from pdpsych.common.results import Result
from pdpsych.experiments.logs.collected import check_place, collect
from pdpsych.experiments.logs.records import Header
from pdpsych.experiments.logs.session_log import SessionLog
from pdpsych.stimuli.stimulus_set import StimulusSet

COLUMNS = [
    "participant",
    "session",
    "order",
    "image",
    "pair",
    "distortion",
    "amplitude",
    "easy",
    "response",
    "correct",
    "response_time",
    "sign",
]
# What the digest of trials is of, as in version 0.1.0.
_HASHED = [name for name in COLUMNS if name != "sign"]
_CANNOT = "a trial that cannot have been"
# Settings that may differ between sessions: the set is known by its SHA-256, the others change
# nothing that is measured.
_MAY_DIFFER = {
    "stimulus_set",
    "seed",
    "keys",
    "break_every",
    "practice_trials",
    "instructions",
    "consent",
}


@dataclass(frozen=True, eq=False, repr=False)
class Trials(Result):
    """Trials of all participants of an analysis.

    Attributes
    ----------
    table
        One row a trial that is not excluded: participant, session, order (over all trials of the
        participant, from 0), image, pair, distortion, amplitude (realised, in model units), easy,
        response (1 or 2), correct, response_time (s), sign (1 or −1).
    stimulus_set
        The set that was shown.
    sessions
        First line of each log.
    excluded
        participant, reason, count: trials left out, see
        :func:`pdpsych.analysis.fitting.exclusion.exclude`.
    notes
        What is to be said of the logs: cut-off lines, unfinished sessions.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> trials = analysis.read_trials("study")
    >>> trials
    <Trials: 960 trials of 1 participant, stimulus set small>
    >>> list(trials.table)[3:8]
    ['image', 'pair', 'distortion', 'amplitude', 'easy']
    """

    table: pd.DataFrame
    stimulus_set: StimulusSet
    sessions: list[Header]
    excluded: pd.DataFrame
    notes: list[str]

    def describe(self) -> str:
        """Say how many trials there are of whom, what was left out, and what else is to be said."""
        each = self.table.groupby("participant", sort=True).size()
        lines = [f"  {who}: {count} trials" for who, count in each.items()]
        return "\n".join([self._line(), *lines, describe_excluded(self.excluded), *self.notes])

    def _line(self) -> str:
        people = counted(self.table["participant"].nunique(), "participant")
        return (
            f"{counted(len(self.table), 'trial')} of {people}, stimulus set "
            f"{self.stimulus_set.name}"
        )

    @property
    def sha256(self) -> str:
        """SHA-256 of the table: other for other answers to the same trials."""
        return table_sha256(self.table[_HASHED])

    @property
    def source(self) -> dict[str, Any]:
        """Where the trials come from, as plain data."""
        opened = self.stimulus_set
        return {
            "experiment": self.sessions[0].experiment,
            "set": {"name": opened.name, "sha256": opened.sha256, "path": str(opened.path)},
            "sessions": [header.model_dump(mode="json") for header in self.sessions],
            "trials": len(self.table),
            "trials_sha256": self.sha256,
            "notes": self.notes,
        }


def read_trials(analysis: str | Path | Analysis) -> Trials:
    """Read the trials of an analysis from the logs of its experiment.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.

    Raises
    ------
    InputError
        If there is no log, a log is of another experiment or participant than its place and name
        say, belongs to another stimulus set, or holds a trial that cannot have been; if logs were
        recorded with different settings of the experiment; or if the analysis leaves no trial.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> print(analysis.read_trials("study").describe())
    960 trials of 1 participant, stimulus set small
      01: 960 trials
    left out: 3 practice; 0 in another log too
    """
    opened = open_analysis(analysis)
    experiment = opened.open_experiment()
    logs, passed_over = collect(experiment)
    stimulus_set = experiment.open_set()
    chosen = select_participants(opened, sorted({log.header.participant for log in logs}))
    logs = [log for log in logs if log.header.participant in chosen]
    for log in logs:
        check_place(log, experiment)
    _check_set(logs, stimulus_set)
    _check_settings(logs)
    _check_trials(logs, opened)
    kept, excluded = exclude(_together(logs), opened)
    if kept.empty:
        raise InputError(
            f"no trial to analyse; {describe_excluded(excluded)}",
            file=experiment.logs,
            remedy=f"go on with the sessions, or exclude less in {opened.label}",
        )
    notes = [note for log in logs for note in _notes(log, opened)]
    return Trials(
        kept[COLUMNS],
        stimulus_set,
        [log.header for log in logs],
        excluded,
        passed_over + notes + _nothing_left(chosen, kept),
    )


def _together(logs: list[SessionLog]) -> pd.DataFrame:
    """Return one row a trial of all logs."""
    table = pd.concat([_rows(log) for log in logs if len(log.trials)] or [_rows(logs[0])])
    table.insert(2, "order", table.groupby("participant").cumcount())
    return table.reset_index(drop=True)


def _rows(log: SessionLog) -> pd.DataFrame:
    rows = log.trials.drop(columns="amplitude").rename(columns={"realised": "amplitude"})
    rows.insert(0, "participant", log.header.participant)
    rows.insert(1, "session", log.header.session)
    return rows


def _notes(log: SessionLog, analysis: Analysis) -> list[str]:
    notes = {
        f"{log.path}: unfinished: {len(log.trials)} of {log.header.planned} planned trials, "
        "which are used": not log.complete,
        f"{log.path}: its trials have no timing: exclude_timing leaves none of them out": (
            analysis.exclude_timing and "off" not in log.trials
        ),
        f"{log.path}: its trials have no response times: limits of them leave none out": (
            (analysis.min_response_time or analysis.max_response_time) is not None
            and len(log.trials) > 0
            and bool(log.trials["response_time"].isna().all())
        ),
    }
    told = [f"{log.path}: {log.belief}, at its last trial"] if log.belief else []
    return [*log.notes, *told, *(note for note, applies in notes.items() if applies)]


def _nothing_left(chosen: list[str], kept: pd.DataFrame) -> list[str]:
    """Name those of whom the analysis has no trial."""
    left = set(kept["participant"])
    return [
        f"participant {who}: no trial is left, and none is fitted"
        for who in chosen
        if who not in left
    ]


def check_table(table: pd.DataFrame) -> None:
    """Refuse trials that cannot have been.

    Amplitudes below 0 are where rounding on the display left less than nothing of what was asked
    for. That is never much: who writes the sign of a distortion into its amplitude is told so.

    Parameters
    ----------
    table
        Columns as of :class:`Trials`, at least participant, image, pair, distortion, amplitude,
        correct and response; and position, 1 or 2, where it is known.

    Raises
    ------
    InputError
        If an amplitude is no finite number, or far below 0; if a response is neither 1 nor 2; or
        if ``correct`` is neither true nor false, or not what response and position say. Its field
        is ``COLUMN[LABEL]``, with the label of the row.
    """
    found = _impossible(table)
    if found:
        raise InputError(
            _CANNOT,
            file="table of trials",
            field=f"{found.column}[{table.index[found.row]}]",
            value=found.value,
            allowed=found.allowed,
            remedy="correct the row, or leave it out",
        )


class _Impossible(NamedTuple):
    """The first trial that cannot have been: column, number of the row, what it has, what could."""

    column: str
    row: int
    value: Any
    allowed: str


def _impossible(table: pd.DataFrame) -> _Impossible | None:
    for column, allowed, applies in _rules(table):
        if applies.any():
            row = int(applies.to_numpy().argmax())
            value = table[column].iloc[row]
            plain = value.item() if isinstance(value, np.generic) else value
            return _Impossible(column, row, plain, allowed)
    return None


def _rules(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.Series[bool]]]:
    """Yield columns, what is allowed in them, and which rows have something else."""
    amplitude = pd.to_numeric(table["amplitude"], errors="coerce")
    yield "amplitude", "a finite number", ~np.isfinite(amplitude)
    usual = amplitude.abs().groupby([table[name] for name in CONDITION]).transform("median")
    below = (amplitude < 0) & (-amplitude >= usual)
    yield "amplitude", "0 or more; the sign of a distortion is a column of its own", below
    yield "response", "1 or 2", ~table["response"].isin([1, 2])
    yield "correct", "true or false", ~table["correct"].isin([True, False])
    if "position" in table:
        right = table["response"] == table["position"]
        yield "correct", "whether response is position", table["correct"] != right


def _check_trials(logs: list[SessionLog], analysis: Analysis) -> None:
    for log in logs:
        found = _impossible(_rows(log))
        if found:
            raise InputError(
                _CANNOT,
                file=log.path,
                line=found.row + 2,
                field="realised" if found.column == "amplitude" else found.column,
                value=found.value,
                allowed=found.allowed,
                remedy=f"restore the log, or exclude its participant in {analysis.label}",
            )


def _check_set(logs: list[SessionLog], stimulus_set: StimulusSet) -> None:
    for log in logs:
        recorded = log.header.stimulus_set_sha256
        if not stimulus_set.is_known_as(recorded):
            raise InputError(
                "the session showed another stimulus set",
                file=log.path,
                field="stimulus_set_sha256",
                value=recorded,
                allowed=f"{stimulus_set.sha256} of {stimulus_set.path}",
                remedy="analyse it with the set it was recorded with",
            )


def _check_settings(logs: list[SessionLog]) -> None:
    reference = logs[0].header.config
    for log in logs[1:]:
        for key in sorted((reference.keys() | log.header.config.keys()) - _MAY_DIFFER):
            here, there = log.header.config.get(key), reference.get(key)
            if here != there:
                raise InputError(
                    "sessions are analysed together if they have the same settings",
                    file=log.path,
                    field=f"config.{key}",
                    value=here,
                    allowed=f"{shown(there)} as in {logs[0].path.name}",
                )
