"""All answered trials of an analysis in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pdpsych.analysis.definition import Analysis, open_analysis, select_participants
from pdpsych.analysis.digests import table_sha256
from pdpsych.analysis.fitting.columns import EXCLUDED_COLUMNS
from pdpsych.analysis.fitting.exclusion import describe_excluded, exclude
from pdpsych.analysis.names import CONDITION
from pdpsych.analysis.sources.elsewhere import read_elsewhere
from pdpsych.analysis.sources.groups import of_groups, study_groups, with_groups
from pdpsych.analysis.sources.ratio_table import RatioTable
from pdpsych.analysis.sources.settings import check_angles, check_settings
from pdpsych.analysis.words import counted
from pdpsych.common.errors import InputError
from pdpsych.common.results import Result
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.collected import Collected, check_place, collect
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


@dataclass(frozen=True, eq=False, repr=False)
class Trials(Result):
    """Trials of all participants of an analysis.

    Attributes
    ----------
    table
        One row a trial that is not excluded: participant, session, order (over all trials of the
        participant, from 0), image, pair, distortion, amplitude (realised, in model units), easy,
        response (1 or 2), correct, response_time (s), sign (1 or −1), and study_group where the
        study's roster has groups. Of trials measured elsewhere order, response and response_time
        may be missing; of thresholds there are no trials.
    stimulus_set
        The set that was shown; None where no more than log ratios of models are known.
    sessions
        First line of each log; none where it was measured elsewhere.
    excluded
        participant, reason, count: trials left out, see
        :func:`pdpsych.analysis.fitting.exclusion.exclude`.
    notes
        What is to be said of the logs: cut-off lines, unfinished sessions.
    measured
        What was measured elsewhere: what it is, the file and its SHA-256, the task, the names of
        columns; None where there are logs.
    thresholds
        The thresholds that were measured elsewhere, if these are what was measured.
    ratios
        Log ratios of models in the place of a set.

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
    stimulus_set: StimulusSet | None
    sessions: list[Header]
    excluded: pd.DataFrame
    notes: list[str]
    measured: dict[str, Any] | None = None
    thresholds: pd.DataFrame | None = None
    ratios: RatioTable | None = None

    def describe(self) -> str:
        """Say how many trials there are of whom, what was left out, and what else is to be said."""
        each = self.table.groupby("participant", sort=True).size()
        lines = [f"  {who}: {count} trials" for who, count in each.items()]
        return "\n".join([self._line(), *lines, describe_excluded(self.excluded), *self.notes])

    def _line(self) -> str:
        rows, what = self.table, "trial"
        if self.thresholds is not None:
            rows, what = self.thresholds, "threshold"
        people = counted(rows["participant"].nunique(), "participant")
        against = "stimulus set" if self.ratios is None else "ratios"
        return f"{counted(len(rows), what)} of {people}, {against} {self._shown['name']}"

    @property
    def participants(self) -> list[str]:
        """Labels of the participants of whom there are trials or thresholds."""
        rows = self.table if self.thresholds is None else self.thresholds
        return sorted(rows["participant"].unique())

    @property
    def sha256(self) -> str:
        """SHA-256 of the table: other for other answers to the same trials."""
        if self.thresholds is not None:
            return table_sha256(self.thresholds)
        return table_sha256(self.table[_HASHED])

    @property
    def source(self) -> dict[str, Any]:
        """Where the trials come from, as plain data."""
        measured = {} if self.measured is None else {"measured": self.measured}
        return {
            "experiment": ", ".join(dict.fromkeys(h.experiment for h in self.sessions)),
            "set": self._shown,
            "sessions": [header.model_dump(mode="json") for header in self.sessions],
            "trials": len(self.table),
            "trials_sha256": self.sha256,
            "notes": self.notes,
            **measured,
        }

    @property
    def _shown(self) -> dict[str, str]:
        """Name, SHA-256 and path of what models are known by."""
        if self.stimulus_set is not None:
            opened = self.stimulus_set
            return {"name": opened.name, "sha256": opened.sha256, "path": str(opened.path)}
        assert self.ratios is not None
        path = self.ratios.path
        return {"name": path.stem, "sha256": self.ratios.sha256, "path": str(path)}

    def showed(self, sha256: str) -> bool:
        """Return whether a recorded SHA-256 is that of the set, or of the ratios.

        Parameters
        ----------
        sha256
            In hexadecimal digits.
        """
        if self.stimulus_set is not None:
            return self.stimulus_set.is_known_as(sha256)
        return sha256 == self._shown["sha256"]


def read_trials(analysis: str | Path | Analysis) -> Trials:
    """Read the trials of an analysis, from logs or from what was measured elsewhere.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.

    Raises
    ------
    InputError
        If there is no log, a log is of another experiment or participant than its place and name
        say, belongs to another stimulus set, or holds a trial that cannot have been; if logs were
        recorded with different settings of the experiment, or at other sizes of the image for one
        person; or if the analysis leaves no trial.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> print(analysis.read_trials("study").describe())
    960 trials of 1 participant, stimulus set small
      01: 960 trials
    left out: 3 practice; 0 in another log too
    """
    opened = open_analysis(analysis)
    stimulus_set = opened.open_set()
    if opened.measured is not None:
        return _measured(opened, stimulus_set)
    assert stimulus_set is not None
    experiments = opened.open_experiments()
    logs, passed_over = _collected(experiments)
    logs = of_groups(logs, opened)
    chosen = select_participants(opened, sorted({log.header.participant for log in logs}))
    logs = [log for log in logs if log.header.participant in chosen]
    for experiment in experiments:
        own = [log for log in logs if log.path.parent == experiment.logs]
        for log in own:
            check_place(log, experiment)
        check_settings(own)
    angles = check_angles(logs, opened.label)
    _check_set(logs, stimulus_set)
    _check_trials(logs, opened)
    kept, excluded = exclude(_together(logs), opened)
    if kept.empty:
        raise InputError(
            f"no trial to analyse; {describe_excluded(excluded)}",
            file=experiments[0].logs,
            remedy=f"go on with the sessions, or exclude less in {opened.label}",
        )
    notes = [note for log in logs for note in _notes(log, opened)]
    return Trials(
        with_groups(kept[COLUMNS], study_groups(log.header for log in logs)),
        stimulus_set,
        [log.header for log in logs],
        excluded,
        passed_over + angles + notes + _nothing_left(chosen, kept),
    )


def _collected(experiments: Sequence[Experiment]) -> Collected:
    """Return the sessions of all experiments, those of a participant in the order of time."""
    found = [collect(experiment) for experiment in experiments]
    logs = [log for one in found for log in one.logs]
    logs.sort(key=lambda log: (log.header.participant, log.header.started))
    return Collected(logs, [note for one in found for note in one.notes])


def _measured(opened: Analysis, stimulus_set: StimulusSet | None) -> Trials:
    """Return what was measured elsewhere, of the participants who are analysed."""
    found = read_elsewhere(opened, stimulus_set)
    table = pd.DataFrame(columns=COLUMNS)
    if found.thresholds is None:
        rows = found.rows.assign(session="", easy=False, response=np.nan, response_time=np.nan)
        table = rows[COLUMNS]
    nothing = pd.DataFrame(columns=list(EXCLUDED_COLUMNS))
    return Trials(
        table, stimulus_set, [], nothing, found.notes, found.record, found.thresholds, found.ratios
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
    if not table["response"].isna().all():
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
                line=log.lines[found.row],
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
