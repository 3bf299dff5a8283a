"""All trial logs of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pdpsych.common.errors import InputError
from pdpsych.common.section import load
from pdpsych.common.terminal import quoted
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.labels import log_path, spelled_twice
from pdpsych.experiments.logs.session_log import NotStarted, SessionLog, read_log


class Collected(NamedTuple):
    """The sessions of an experiment, and which files were passed over."""

    logs: list[SessionLog]
    notes: list[str]


def read_logs(experiment: str | Path | Experiment) -> list[SessionLog]:
    """Return the sessions of an experiment, those of a participant in the order they were run.

    Logs of sessions that were never started are passed over.

    Parameters
    ----------
    experiment
        An experiment or its YAML file; its logs are in ``data/`` beside the file.

    Raises
    ------
    InputError
        If there is none, or one cannot be read.

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
    ...     for participant in ("01", "02"):
    ...         log = experiments.run(path, participant, observer=local)
    ...     found = experiments.read_logs(path)
    >>> [log.header.participant for log in found]
    ['01', '02']
    """
    return collect(load(experiment, Experiment)).logs


def collect(experiment: Experiment) -> Collected:
    """Return the sessions of an experiment as :func:`read_logs` does, and what is to be noted."""
    logs, notes = begun(experiment)
    if not logs:
        raise InputError(
            "no trial log here",
            file=experiment.logs,
            remedy=f"run a session first: pdpsych run {quoted(experiment.label)} --participant 01",
        )
    for names in spelled_twice(log.header.labels for log in logs):
        notes.append(
            f"{experiment.logs}: participants {', '.join(names)} are taken for different people; "
            "if they are one, exclude the others, or run the sessions again under one label"
        )
    logs.sort(key=lambda log: (log.header.participant, log.header.started))
    return Collected(logs, notes)


def begun(experiment: Experiment, participant: str = "*") -> Collected:
    """Return the sessions of an experiment that were begun, of one participant or of all."""
    logs, notes = [], []
    for path in sorted(experiment.logs.glob(f"sub-{participant}_ses-*.jsonl")):
        try:
            logs.append(read_log(path))
        except NotStarted as error:
            notes.append(f"{error}; it is passed over")
    return Collected(logs, notes)


def check_place(log: SessionLog, experiment: Experiment) -> None:
    """Refuse a log that is of another experiment or participant than its place and name say."""
    header = log.header
    if header.experiment != experiment.stem:
        raise InputError(
            "recorded in another experiment",
            file=log.path,
            line=1,
            field="experiment",
            value=header.experiment,
            allowed=[experiment.stem],
            remedy="analyse it with its own experiment, or move it away",
        )
    try:
        recorded = log_path(experiment.logs, header.labels).name
    except InputError as error:
        outer = error.within(file=log.path)
        outer.line = 1
        raise outer from None
    if recorded != log.path.name:
        raise InputError(
            f"recorded as {recorded}",
            file=log.path,
            remedy="give the file the name it was recorded with, or move the copy away",
        )
