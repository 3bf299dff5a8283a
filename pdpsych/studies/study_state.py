"""How far a study is: what its commands have made, and what is wrong with any of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pdpsych.analysis.definition import Analysis
from pdpsych.common.errors import InputError
from pdpsych.common.section import Section
from pdpsych.common.terminal import quoted
from pdpsych.displays.display import Display
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.observers.spec import ObserverSpec
from pdpsych.experiments.roster.answers import read_answers
from pdpsych.experiments.roster.attendance import Attendance
from pdpsych.experiments.roster.roster import FILE, Roster
from pdpsych.stimuli.recipe import Recipe
from pdpsych.studies.analysis_state import AnalysisState, analysis_state
from pdpsych.studies.experiment_state import ExperimentState, experiment_state
from pdpsych.studies.next_step import MOST, NextStep
from pdpsych.studies.set_state import SetState, set_state
from pdpsych.studies.study_files import StudyFiles


@dataclass(frozen=True)
class StudyState:
    """The states of all recipes, experiments and analyses of a study.

    Attributes
    ----------
    study
        Its files, with all problems found.
    sets, experiments, analyses
        One state for each file that can be read.
    attendance
        Who of its roster did what; None where it has none, or one that cannot be read.
    """

    study: StudyFiles
    sets: tuple[SetState, ...]
    experiments: tuple[ExperimentState, ...]
    analyses: tuple[AnalysisState, ...]
    attendance: Attendance | None = None

    @property
    def outdated(self) -> tuple[str, ...]:
        """What was made before something changed that it depends on."""
        kinds: dict[str, list[tuple[Section, tuple[str, ...]]]] = {
            "set": [(s.recipe, s.outdated) for s in self.sets],
            "experiment": [(e.experiment, e.outdated) for e in self.experiments],
            "analysis": [(a.analysis, a.outdated) for a in self.analyses],
        }
        return tuple(
            f"{kind} {file.stem}: {reason}"
            for kind, states in kinds.items()
            for file, reasons in states
            for reason in reasons
        )

    @property
    def steps(self) -> tuple[NextStep, ...]:
        """What is to be done next, each command once."""
        states: tuple[SetState | ExperimentState | AnalysisState, ...] = (
            *self.sets,
            *self.experiments,
            *self.analyses,
        )
        steps = [step for state in states for step in state.steps] + list(self._to_run())
        return tuple({step.command: step for step in (*steps, *self._to_write())}.values())

    def _to_run(self) -> Iterator[NextStep]:
        """Name the sessions of the roster that may be run now, of the first few people."""
        found = self.attendance
        if found is None or any(one.opened is None for one in self.experiments):
            return
        here = "." if self.study.root == Path.cwd() else quoted(self.study.root)
        run = f"pdpsych run {here} --participant"
        may = [(p.participant, p.due) for p in found.people if p.due and not p.due.is_early]
        yield from [NextStep(f"{run} {who}", f"{due}") for who, due in may[:MOST]]
        if not may and found.free != 0:
            yield NextStep(f"{run} LABEL", "the next new person gets the next place")

    def _to_write(self) -> Iterator[NextStep]:
        """Name the files that a study lacks to use what it has; a broken one may do it already."""
        if self.study.problems or len(self.study.files) == 1:
            return
        shown = {
            e.experiment.resolve(e.experiment.stimulus_set).resolve() for e in self.experiments
        }
        for made in self.sets:
            name = made.recipe.stem
            if made.opened is not None and made.opened.path.resolve() not in shown:
                line = f"stimulus_set: ../stimuli/sets/{name}"
                yield NextStep(
                    f"write experiments/{name}.yaml, with {line}", "no experiment shows it"
                )
        analysed = {path.resolve() for a in self.analyses for path in a.analysis.experiments}
        for run in self.experiments:
            name = run.experiment.stem
            if run.logs and Path(run.experiment.label) not in analysed:
                line = f"experiment: ../experiments/{name}.yaml"
                yield NextStep(
                    f"write analysis/{name}.yaml, with {line}", "no analysis has its trials"
                )


def study_state(path: str | Path) -> StudyState:
    """Read a study, or one file of it with those it names; nothing is written.

    Raises
    ------
    InputError
        If ``path`` is neither a study nor a file of one.
    """
    study = StudyFiles(path)
    study.sections(ObserverSpec)
    for display in study.sections(Display):
        with study.collecting():
            # Reads the measurements and fits the curve.
            display.resolved()
    sets = tuple(set_state(study, recipe) for recipe in study.sections(Recipe))
    roster = _roster(study)
    named = {experiment.label: experiment for experiment in _experiments(study)}
    planned = roster.names if roster else ()
    experiments = {
        label: experiment_state(study, e, e.stem in planned) for label, e in named.items()
    }
    analyses = []
    for analysis in study.sections(Analysis):
        states = [experiments[e.label] for e in _named(study, analysis)]
        analyses.append(analysis_state(study, analysis, states))
    _check_data(study)
    attendance = None
    if roster is not None and study.root / FILE in study.files:
        attendance = _attendance(study, roster, experiments.values())
    return StudyState(study, sets, tuple(experiments.values()), tuple(analyses), attendance)


def _roster(study: StudyFiles) -> Roster | None:
    """Return the study's roster, where it can be read and names experiments that can be."""
    path = study.root / FILE
    roster = study.section(path, Roster) if path.is_file() else None
    if roster is not None:
        for name in roster.names:
            with study.collecting():
                roster.experiment(name)
    return roster


def _attendance(
    study: StudyFiles, roster: Roster, experiments: Iterable[ExperimentState]
) -> Attendance:
    own = [one for one in experiments if one.experiment.stem in roster.names]
    found = Attendance.of(roster, [log for one in own for log in one.logs])
    for problem in found.problems:
        study.add_problem(problem)
    with study.collecting():
        read_answers(roster)
    return found


def _experiments(study: StudyFiles) -> Iterator[Experiment]:
    """Return the experiments of a study and those that its roster and analyses name."""
    yield from study.sections(Experiment)
    for roster in study.sections(Roster):
        for name in roster.names:
            path = roster.resolve("experiments") / f"{name}.yaml"
            named = study.section(path, Experiment) if path.is_file() else None
            yield from [named] if named is not None else []
    for analysis in study.sections(Analysis):
        yield from _named(study, analysis)


def _named(study: StudyFiles, analysis: Analysis) -> list[Experiment]:
    """Return the experiments of an analysis that can be read."""
    named_by = f"{analysis.label}: experiment"
    found = [study.section(path, Experiment, named_by) for path in analysis.experiments]
    return [experiment for experiment in found if experiment is not None]


def _check_data(study: StudyFiles) -> None:
    """Look for logs whose experiment is not in the study."""
    folder = study.root / "experiments"
    names = [path.stem for path in sorted(folder.glob("*.yaml"))]
    for logs in sorted({path.parent for path in folder.glob("data/*/sub-*_ses-*.jsonl")}):
        if logs.name not in names:
            study.add_problem(
                InputError(
                    f"trial logs, but no experiment {folder / logs.name}.yaml",
                    file=logs,
                    value=logs.name,
                    allowed=names,
                )
            )
