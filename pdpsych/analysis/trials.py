"""All answered trials of an analysis in one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pdpsych.analysis.definition import Analysis, select
from pdpsych.errors import InputError
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.trial_log import Header, SessionLog, read_log
from pdpsych.stimuli.stimulus_set import StimulusSet

CONDITION = ["participant", "image", "pair", "distortion"]
# Settings that may differ between sessions: the set is known by its SHA-256, the others change
# nothing that is measured.
_MAY_DIFFER = {"stimulus_set", "seed", "keys", "break_every", "practice_trials"}


@dataclass(frozen=True)
class Trials:
    """Trials of all participants of an analysis.

    Attributes
    ----------
    table
        One row a trial without practice: participant, session, image, pair, distortion,
        amplitude (realised, in model units), easy, correct.
    stimulus_set
        The set that was shown.
    sessions
        First line of each log.
    practice
        Number of practice trials left out.
    notes
        What was left out in reading the logs.
    """

    table: pd.DataFrame
    stimulus_set: StimulusSet
    sessions: list[Header]
    practice: int
    notes: list[str]


def gather(analysis: Analysis) -> Trials:
    """Read the logs of an analysis.

    Raises
    ------
    InputError
        If there is no log, a log belongs to another stimulus set, or logs were recorded with
        different settings of the experiment.
    """
    experiment = analysis.open_experiment()
    logs = _read(experiment)
    stimulus_set = experiment.open_set()
    chosen = select(analysis, sorted({log.header.participant for log in logs}))
    logs = [log for log in logs if log.header.participant in chosen]
    _check_set(logs, stimulus_set)
    _check_settings(logs)
    table = pd.concat([_rows(log) for log in logs if len(log.trials)] or [_rows(logs[0])])
    practice = table.pop("practice").astype(bool)
    kept = table[~practice].reset_index(drop=True)
    if kept.empty:
        raise InputError(f"{experiment.logs}: no trial answered yet besides practice; go on")
    return Trials(
        kept,
        stimulus_set,
        [log.header for log in logs],
        int(practice.sum()),
        [log.note for log in logs if log.note],
    )


def _read(experiment: Experiment) -> list[SessionLog]:
    paths: list[Path] = sorted(experiment.logs.glob("sub-*_ses-*.jsonl"))
    if not paths:
        raise InputError(
            f"{experiment.logs}: no trial log here; run a session first: "
            f"pdpsych run {experiment.label} --participant 01"
        )
    return [read_log(path) for path in paths]


def _rows(log: SessionLog) -> pd.DataFrame:
    columns = ["image", "pair", "distortion", "realised", "easy", "practice", "correct"]
    rows = log.trials[columns].rename(columns={"realised": "amplitude"})
    rows.insert(0, "participant", log.header.participant)
    rows.insert(1, "session", log.header.session)
    return rows


def _check_set(logs: list[SessionLog], stimulus_set: StimulusSet) -> None:
    for log in logs:
        recorded = log.header.stimulus_set_sha256
        if recorded != stimulus_set.sha256:
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
                    f"{log.path}: config.{key}: {here!r}, but {logs[0].path.name} was recorded "
                    f"with {there!r}; allowed: sessions with the same settings"
                )
