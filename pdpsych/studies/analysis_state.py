"""How far an analysis is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from pdpsych.analysis.definition import Analysis
from pdpsych.analysis.written import FILE as RECORD
from pdpsych.analysis.written import edited
from pdpsych.common.errors import InputError
from pdpsych.common.section import Part, validate
from pdpsych.common.terminal import quoted
from pdpsych.experiments.logs.records import Header
from pdpsych.studies.experiment_state import ExperimentState
from pdpsych.studies.next_step import NextStep, some
from pdpsych.studies.study_files import StudyFiles

if TYPE_CHECKING:
    from pdpsych.analysis.fitting.trials import Trials


@dataclass(frozen=True)
class AnalysisState:
    """An analysis and its results.

    Attributes
    ----------
    trials
        What would be analysed now, None where there is nothing.
    fit, scores
        Why the result is not that of the trials and the analysis as they are now, empty if it
        is; None where there is no result.
    edited
        Files of results that are not as they were written, and why not.
    """

    analysis: Analysis
    trials: Trials | None
    fit: tuple[str, ...] | None
    scores: tuple[str, ...] | None
    edited: Mapping[str, str] = field(default_factory=dict)

    @property
    def former(self) -> tuple[str, ...]:
        """Which results are not those of the trials and the analysis, and why."""
        return tuple(
            f"{name}: {reason}"
            for name, reasons in (("fit", self.fit), ("scores", self.scores))
            for reason in reasons or ()
        )

    @property
    def outdated(self) -> tuple[str, ...]:
        """What is out of date or was edited, and why."""
        return (*self.former, *(f"{name}: {why}" for name, why in self.edited.items()))

    @property
    def steps(self) -> tuple[NextStep, ...]:
        """What is to be done next."""
        if self.trials is None or (self.fit == self.scores == () and not self.edited):
            return ()
        if self.outdated:
            why = "results are out of date"
        else:
            why = "trials are not fitted" if self.fit is None else "models are not scored"
        return (NextStep(f"pdpsych score {quoted(self.analysis.label)}", why),)


def analysis_state(
    study: StudyFiles, analysis: Analysis, experiments: Sequence[ExperimentState]
) -> AnalysisState:
    """Check an analysis against its data, and its results against what they were made from."""
    trials = _trials(study, analysis, experiments)
    fit_file, score_file = analysis.results / "fit.json", analysis.results / "score.json"
    fit = _reasons(fit_file, lambda: _since_fit(_read_fit(fit_file), analysis, trials))
    scores = _reasons(score_file, lambda: _since_scores(_read_scores(score_file), fit_file, trials))
    if scores is not None and fit:
        scores = ("its fit is out of date",)
    return AnalysisState(analysis, trials, fit, scores, _edited(analysis.results))


def _edited(results: Path) -> dict[str, str]:
    """Return what was edited in the results folder, and of the models added to it."""
    found: dict[str, str] = {}
    for folder, place in ((results, ""), (results / "added_models", "added_models/")):
        try:
            found |= {f"{place}{name}": why for name, why in edited(folder).items()}
        except InputError as error:
            found[f"{place}{RECORD}"] = error.problem
    return found


class _Recorded(Part):
    model_config = ConfigDict(extra="ignore")


class _Set(_Recorded):
    sha256: str


class _Source(_Recorded):
    """What a result was made from; ``analysis`` are the settings, which a fit has elsewhere."""

    set: _Set
    sessions: tuple[Header, ...]
    trials: int
    trials_sha256: str
    models_sha256: str | None = None
    models: dict[str, Any] = Field(default_factory=dict)
    analysis: dict[str, Any] = Field(default_factory=dict)


class _Fit(_Recorded):
    analysis: dict[str, Any]
    source: _Source


class _Scores(_Recorded):
    source: _Source


def _read_fit(path: Path) -> _Fit:
    from pdpsych.analysis.fitting.fit import SCHEMA

    return validate(SCHEMA.read(path), _Fit, str(path))


def _read_scores(path: Path) -> _Scores:
    from pdpsych.analysis.scoring.scores import SCHEMA

    return validate(SCHEMA.read(path), _Scores, str(path))


def _reasons(result: Path, compare: Callable[[], Iterator[str]]) -> tuple[str, ...] | None:
    if not result.exists():
        return None
    try:
        return tuple(compare())
    except InputError as error:
        return (str(error),)


def _trials(
    study: StudyFiles, analysis: Analysis, experiments: Sequence[ExperimentState]
) -> Trials | None:
    if analysis.measured is None:
        whole = len(experiments) == len(analysis.experiments)
        if not whole or any(one.opened is None for one in experiments):
            return None
        if not any(len(log.trials) for one in experiments for log in one.logs):
            return None
    from pdpsych.analysis.fitting.trials import read_trials

    found = None
    with study.collecting():
        found = read_trials(analysis)
    return found


def _since_fit(fit: _Fit, analysis: Analysis, trials: Trials | None) -> Iterator[str]:
    """Say what is not as it was when the fit was made."""
    was, now = fit.analysis, {"name": analysis.stem, **analysis.settings}
    changed = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    if changed:
        yield f"settings changed: {', '.join(changed)}"
    if trials is None:
        return
    if not trials.showed(fit.source.set.sha256):
        yield f"the {'ratios' if trials.ratios else 'stimulus set'} changed"
    yield from _since_sessions(fit.source.sessions, trials.sessions)
    if fit.source.trials != len(trials.table):
        yield f"{fit.source.trials} trials were fitted, now there are {len(trials.table)}"
    elif fit.source.trials_sha256 != trials.sha256:
        yield "answers changed" if trials.thresholds is None else "thresholds changed"


def _since_sessions(was: Sequence[Header], now: Sequence[Header]) -> Iterator[str]:
    several = len({header.experiment for header in (*was, *now)}) > 1
    before, after = (
        {_name(header, several): header for header in headers} for headers in (was, now)
    )
    both = before.keys() & after.keys()
    groups = {
        "new": after.keys() - before.keys(),
        "left out or gone": before.keys() - after.keys(),
        "run again": {name for name in both if before[name] != after[name]},
    }
    for what, names in groups.items():
        if names:
            yield f"{what}: {some(sorted(names))}"


def _name(header: Header, several: bool) -> str:
    own = header.labels.stem.replace("_", " ")
    return f"{header.experiment} {own}" if several else own


def _since_scores(scores: _Scores, fit_file: Path, trials: Trials | None) -> Iterator[str]:
    """Say whether the scores are of another fit than the one beside them, or of other models."""
    fit, source = _read_fit(fit_file), scores.source
    own: dict[str, Any] = {"analysis": {}, "models": {}, "models_sha256": None}
    if source.model_copy(update=own) != fit.source or source.analysis != fit.analysis:
        yield "fitted since with other trials or settings"
    opened = trials.stimulus_set if trials else None
    if opened is None or source.models_sha256 is None:
        return
    from pdpsych.analysis.prediction.seen import calibration_shown, known_sha256

    # Added models are scored with those of the set by the distortions as they were made.
    added = source.models.keys() - set(opened.models)
    sessions = [header.model_dump(mode="json") for header in source.sessions]
    shown = None if added else calibration_shown(sessions, opened)
    if known_sha256(opened, shown) != source.models_sha256:
        yield "what is known of the models changed: sensitivities or responses by amplitude"
