"""All answered trials of an analysis in one table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pandas as pd

from pdpsych.analysis.definition import Analysis, select
from pdpsych.analysis.fitting.exclusion import describe, exclude
from pdpsych.common.errors import InputError, clipped
from pdpsych.experiments.logs.collected import check_place, collect
from pdpsych.experiments.logs.records import Header
from pdpsych.experiments.logs.session_log import SessionLog
from pdpsych.stimuli.stimulus_set import StimulusSet

CONDITION = ["participant", "image", "pair", "distortion"]
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
]
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


@dataclass(frozen=True)
class Trials:
    """Trials of all participants of an analysis.

    Attributes
    ----------
    table
        One row a trial that is not excluded: participant, session, order (over all trials of the
        participant, from 0), image, pair, distortion, amplitude (realised, in model units), easy,
        response (1 or 2), correct, response_time (s).
    stimulus_set
        The set that was shown.
    sessions
        First line of each log.
    excluded
        participant, reason, count: trials left out, see
        :func:`pdpsych.analysis.fitting.exclusion.exclude`.
    notes
        What is to be said of the logs: cut-off lines, unfinished sessions.
    """

    table: pd.DataFrame
    stimulus_set: StimulusSet
    sessions: list[Header]
    excluded: pd.DataFrame
    notes: list[str]

    @property
    def sha256(self) -> str:
        """SHA-256 of the table: other for other answers to the same trials."""
        digest = hashlib.sha256()
        for name in map(str, self.table):
            digest.update("\n".join([name, *map(str, self.table[name].tolist())]).encode())
        return digest.hexdigest()


def gather(analysis: Analysis) -> Trials:
    """Read the logs of an analysis.

    Raises
    ------
    InputError
        If there is no log, a log is of another experiment or participant than its place and name
        say, belongs to another stimulus set, or logs were recorded with different settings of the
        experiment; or if the analysis leaves no trial.
    """
    experiment = analysis.open_experiment()
    logs, passed_over = collect(experiment)
    stimulus_set = experiment.open_set()
    chosen = select(analysis, sorted({log.header.participant for log in logs}))
    logs = [log for log in logs if log.header.participant in chosen]
    for log in logs:
        check_place(log, experiment)
    _check_set(logs, stimulus_set)
    _check_settings(logs)
    kept, excluded = exclude(_together(logs), analysis)
    if kept.empty:
        raise InputError(
            f"{experiment.logs}: no trial to analyse; {describe(excluded)}; go on with the "
            f"sessions, or exclude less in {analysis.label}"
        )
    return Trials(
        kept[COLUMNS],
        stimulus_set,
        [log.header for log in logs],
        excluded,
        passed_over
        + [note for log in logs for note in _notes(log, analysis)]
        + _nothing_left(chosen, kept),
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
    return [*log.notes, *(note for note, applies in notes.items() if applies)]


def _nothing_left(chosen: list[str], kept: pd.DataFrame) -> list[str]:
    """Name those of whom the analysis has no trial."""
    left = set(kept["participant"])
    return [
        f"participant {who}: no trial is left, and none is fitted"
        for who in chosen
        if who not in left
    ]


def _check_set(logs: list[SessionLog], stimulus_set: StimulusSet) -> None:
    for log in logs:
        recorded = log.header.stimulus_set_sha256
        if not stimulus_set.is_known_as(recorded):
            raise InputError(
                f"{log.path}: stimulus_set_sha256: the session showed another stimulus set "
                f"({recorded[:12]}…) than {stimulus_set.path} ({stimulus_set.sha256[:12]}…); "
                "analyse it with the set it was recorded with"
            )


def _check_settings(logs: list[SessionLog]) -> None:
    reference = logs[0].header.config
    for log in logs[1:]:
        for key in sorted((reference.keys() | log.header.config.keys()) - _MAY_DIFFER):
            here, there = log.header.config.get(key), reference.get(key)
            if here != there:
                raise InputError(
                    f"{log.path}: config.{key}: {clipped(repr(here))}, but {logs[0].path.name} "
                    f"was recorded with {clipped(repr(there))}; allowed: sessions with the same "
                    "settings"
                )
