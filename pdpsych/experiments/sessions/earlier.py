"""The logs of earlier participants that a session begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import LOG, read_bytes
from pdpsych.experiments.design import Condition
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.parsing import parse
from pdpsych.experiments.logs.records import Trial
from pdpsych.experiments.placement.models.method import Models
from pdpsych.stimuli.stimulus_set import StimulusSet


@dataclass(frozen=True, eq=False)
class Earlier:
    """What an earlier participant answered.

    Attributes
    ----------
    written
        The path, as the experiment has it.
    sha256
        That of the last line of the log, which that of each line before is part of.
    counted
        The trials to what is measured now, without practice.
    """

    written: str
    sha256: str
    counted: tuple[Trial, ...]


def earlier_logs(
    experiment: Experiment, stimulus_set: StimulusSet, own: Path, measured: Sequence[Condition]
) -> tuple[Earlier, ...]:
    """Read the logs that an experiment names for a session to begin with.

    Parameters
    ----------
    own
        The log of the session.
    measured
        The conditions of the session.

    Raises
    ------
    InputError
        If one is the session's own, is of another set, was changed after it was written, or says
        nothing of what is measured.
    """
    method = experiment.method
    paths = method.after if isinstance(method, Models) else ()
    return tuple(_read(experiment, path, stimulus_set, own, measured) for path in paths)


def _read(
    experiment: Experiment,
    path: Path,
    stimulus_set: StimulusSet,
    own: Path,
    measured: Sequence[Condition],
) -> Earlier:
    file, shown = experiment.resolve(path), set(measured)
    contents = parse(read_bytes(file, LOG), file)
    trials = [t for t in contents.trials if not t.practice]
    counted = [t for t in trials if Condition(t.image, t.pair, t.distortion) in shown]
    header = contents.header
    if file.resolve() == own.resolve():
        problem, allowed = "is the log of this session", "logs of earlier ones"
    elif header is not None and not stimulus_set.is_known_as(header.stimulus_set_sha256):
        problem = f"is of another stimulus set, {header.stimulus_set}"
        allowed = f"logs of {stimulus_set.path}"
    elif contents.changed:
        problem, allowed = contents.change, "logs as they were written"
    elif not counted:
        problem, allowed = "has no answer to what is measured", "logs of the same distortions"
    else:
        return Earlier(path.as_posix(), contents.digest, tuple(counted))
    raise InputError(
        problem,
        file=experiment.label,
        field="method.after",
        value=str(path),
        allowed=allowed,
        remedy="leave it out",
    )
