"""All trial logs of an experiment."""

from __future__ import annotations

from pdpsych.common.errors import InputError
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.session_log import SessionLog, read_log
from pdpsych.experiments.logs.trial_log import log_path


def read_logs(experiment: Experiment) -> list[SessionLog]:
    """Return the sessions of an experiment, those of a participant in the order they were run.

    Raises
    ------
    InputError
        If there is none, or one cannot be read.
    """
    paths = sorted(experiment.logs.glob("sub-*_ses-*.jsonl"))
    if not paths:
        raise InputError(
            f"{experiment.logs}: no trial log here; run a session first: "
            f"pdpsych run {experiment.label} --participant 01"
        )
    logs = [read_log(path) for path in paths]
    return sorted(logs, key=lambda log: (log.header.participant, log.header.started))


def check_place(log: SessionLog, experiment: Experiment) -> None:
    """Refuse a log that is of another experiment or participant than its place and name say."""
    header = log.header
    if header.experiment != experiment.stem:
        raise InputError(
            f'{log.path}: experiment: recorded in "{header.experiment}", not in '
            f'"{experiment.stem}"; analyse it with its own experiment, or move it away'
        )
    try:
        recorded = log_path(experiment.logs, header.participant, header.session, header.run).name
    except InputError as error:
        raise InputError(f"{log.path}: line 1: {error}") from None
    if recorded != log.path.name:
        raise InputError(
            f"{log.path}: recorded as {recorded}; give the file the name it was recorded with, or "
            "move the copy away"
        )
