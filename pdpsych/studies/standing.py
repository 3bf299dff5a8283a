"""How far a study is, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pdpsych.analysis.fitting.columns import FIT
from pdpsych.common.results import Result, plain
from pdpsych.common.terminal import aligned
from pdpsych.common.versions import unlike
from pdpsych.studies.analysis_state import AnalysisState
from pdpsych.studies.experiment_state import ExperimentState
from pdpsych.studies.next_step import from_here
from pdpsych.studies.set_state import SetState
from pdpsych.studies.study_state import StudyState, study_state

_NONE = "–"
_SETS = ("set", "images", "models", "state")
_EXPERIMENTS = ("experiment", "participants", "sessions", "trials", "state")
_ANALYSES = ("analysis", "participants", "trials", "fit", "scores")


@dataclass(frozen=True, eq=False, repr=False)
class Status(Result):
    """What of a study is generated, run, fitted and scored, and what is out of date.

    Attributes
    ----------
    state
        The states of its sets, experiments and analyses.

    Examples
    --------
    >>> import tempfile
    >>> from pdpsych import studies
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     readme = studies.init(f"{folder}/study")
    ...     print(studies.status(f"{folder}/study").describe())
    /...study
    <BLANKLINE>
    set           images  models  state
    early-vision  –       –       not generated
    <BLANKLINE>
    experiment    participants  sessions  trials  state
    early-vision  0             0         –       set missing
    <BLANKLINE>
    analysis      participants  trials  fit         scores
    early-vision  –             –       not fitted  not scored
    """

    state: StudyState

    def _line(self) -> str:
        state = self.state
        counts = {
            "sets": len(state.sets),
            "experiments": len(state.experiments),
            "analyses": len(state.analyses),
        }
        listed = ", ".join(f"{what}: {count}" for what, count in counts.items())
        return f"{state.study.root.name}, {listed}"

    def to_dict(self) -> dict[str, Any]:
        """Return the tables of :meth:`describe`, what is out of date, wrong and next."""
        state = self.state
        return {
            "study": str(state.study.root),
            "sets": _rows(_SETS, [_set(s) for s in state.sets]),
            "experiments": _rows(_EXPERIMENTS, [_experiment(e) for e in state.experiments]),
            "analyses": _rows(_ANALYSES, [_analysis(a) for a in state.analyses]),
            "attendance": plain(state.attendance),
            "outdated": list(state.outdated),
            "problems": plain(state.study.problems),
            "steps": plain(state.steps),
        }

    def describe(self) -> str:
        """Say how far sets, experiments and analyses are, a table each."""
        state = self.state
        tables = [
            _table(_SETS, [_set(s) for s in state.sets]),
            _table(_EXPERIMENTS, [_experiment(e) for e in state.experiments]),
            _table(_ANALYSES, [_analysis(a) for a in state.analyses]),
        ]
        parts = [str(state.study.root), *(table for table in tables if table)]
        if state.attendance is not None:
            parts.append(state.attendance.describe())
        known = [log for one in state.experiments for log in one.logs if log.belief]
        if known:
            rows = [f"  {log.path.stem.replace('_', ' ')}: {log.belief}" for log in known]
            parts.append("\n".join(["so far:", *rows]))
        made = [(s.opened.path.name, line) for s in state.sets if s.opened
                for line in unlike(s.opened.manifest.environments)]  # fmt: skip
        if made:
            parts.append("\n".join(["sets:", *(f"  {name}: {line}" for name, line in made)]))
        if state.outdated:
            parts.append("\n".join(["out of date:", *(f"  {r}" for r in state.outdated)]))
        if state.study.problems:
            parts.append(f"problems: {len(state.study.problems)}; pdpsych check says which")
        return from_here("\n\n".join(parts))


def status(path: str | Path = ".") -> Status:
    """Return how far a study is; nothing is written.

    What is out of date is known by what results say they were made from: the recipe and images
    in a set's manifest, set, display and settings in the first line of a log, sessions and
    settings in ``fit.json`` and ``score.json``. What was edited in results since they were
    written is known by ``digests.json`` beside them.

    Parameters
    ----------
    path
        Folder of a study, or a file of one.

    Raises
    ------
    InputError
        If ``path`` is neither a study nor a file of one.

    Examples
    --------
    >>> import tempfile
    >>> from pdpsych import studies
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     readme = studies.init(f"{folder}/study")
    ...     studies.status(f"{folder}/study")
    <Status: study, sets: 1, experiments: 1, analyses: 1>
    """
    return Status(study_state(path))


def _set(state: SetState) -> tuple[str, ...]:
    if state.opened is None:
        kept = f"interrupted, {state.kept} images made" if state.kept else "not generated"
        return (state.recipe.stem, _NONE, _NONE, kept)
    opened, words = state.opened, "out of date" if state.outdated else "generated"
    made = opened.manifest.created[:10]
    counts = (str(len(opened.images)), str(len(opened.models)))
    lacking = "" if opened.has_finite_responses else "; no responses by amplitude"
    return (state.recipe.stem, *counts, f"{words}, {made}{lacking}")


def _experiment(state: ExperimentState) -> tuple[str, ...]:
    logs = state.logs
    people = len({log.header.participant for log in logs})
    simulated = sum(log.header.observer != "person" for log in logs)
    done, planned = (
        sum(len(log.trials) for log in logs),
        sum(len(log.trials) if log.complete else log.header.planned for log in logs),
    )
    return (
        state.experiment.stem,
        str(people),
        f"{len(logs)}, {simulated} simulated" if simulated else str(len(logs)),
        f"{done} of {planned}" if logs else _NONE,
        _progress(state),
    )


def _progress(state: ExperimentState) -> str:
    words = []
    if state.opened is None:
        words.append("set missing")
    elif state.calibration is None:
        words.append("not calibrated")
    unfinished = sum(not log.complete for log in state.logs)
    if unfinished:
        words.append(f"{unfinished} unfinished")
    if state.outdated:
        words.append("out of date")
    broken = sum(log.broken for log in state.logs)
    told = [f"fixation broken in {broken} trial{'s' * (broken > 1)}"] if broken else []
    return ", ".join([*(words or ["run" if state.logs else "ready to run"]), *told])


def _analysis(state: AnalysisState) -> tuple[str, ...]:
    participants, trials = _NONE, _NONE
    if state.trials is not None:
        headers = {header.participant for header in state.trials.sessions}
        participants = str(len(headers or state.trials.participants))
        trials = str(len(state.trials.table)) if state.trials.thresholds is None else _NONE
    of_fit = {"fit.json", *(f"{name}.csv" for name in FIT)}
    words = (
        _result(state.fit, "fitted", bool(state.edited.keys() & of_fit)),
        _result(state.scores, "scored", bool(state.edited.keys() - of_fit)),
    )
    return (state.analysis.stem, participants, trials, *words)


def _result(reasons: tuple[str, ...] | None, made: str, edited: bool) -> str:
    if reasons is None:
        return f"not {made}"
    return f"{made}, out of date" if reasons else f"{made}, edited" if edited else made


def _rows(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[dict[str, str | None]]:
    named = (zip(head, row, strict=True) for row in rows)
    return [{name: None if text == _NONE else text for name, text in row} for row in named]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return aligned(head, rows) if rows else ""
