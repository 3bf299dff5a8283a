"""How far an experiment is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.common.terminal import quoted
from pdpsych.displays.display import Display
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.collected import check_place
from pdpsych.experiments.logs.identity import differences, part_of
from pdpsych.experiments.logs.labels import Labels
from pdpsych.experiments.logs.session_log import SessionLog, read_log
from pdpsych.experiments.sessions.placements import begin_placements
from pdpsych.experiments.sessions.preparation import Preparation
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.studies.next_step import NextStep, some
from pdpsych.studies.study_files import StudyFiles


@dataclass(frozen=True)
class ExperimentState:
    """An experiment, what it needs, and its sessions.

    Attributes
    ----------
    opened, display, calibration
        The set, the display and what it shows of the set; None where missing or broken.
    logs
        Sessions that can be read.
    outdated
        Which sessions were run before something changed that they depend on.
    steps
        What is to be done next.
    """

    experiment: Experiment
    opened: StimulusSet | None
    display: Display | None
    calibration: Calibration | None
    logs: tuple[SessionLog, ...]
    outdated: tuple[str, ...]
    steps: tuple[NextStep, ...]


def experiment_state(
    study: StudyFiles, experiment: Experiment, planned: bool = False
) -> ExperimentState:
    """Check an experiment against its set, display and logs, and see what was run.

    ``planned`` says that the study's roster knows whose session is next.
    """
    opened, display = _set(study, experiment), _display(study, experiment)
    with study.collecting():
        experiment.lettering()
    calibration = None
    if opened is not None and display is not None:
        with study.collecting():
            experiment.check_against(opened)
            calibration = Calibration.of(opened, display)
            _check_sessions(experiment, opened, display, calibration)
        if calibration and calibration.has_finite_responses(opened):
            responses = calibration.finite_responses(opened)
            for key in {key[0]: key for key in responses}.values():
                with study.collecting():
                    responses[key]
    logs = _logs(study, experiment)
    changes = [_changes(log, experiment, opened, display, calibration) for log in logs]
    going = [log for log, changed in zip(logs, changes, strict=True) if not changed]
    steps = _to_make(experiment, opened, display, calibration)
    if opened is not None and not planned:
        steps += _to_run(experiment, going if logs else None)
    return ExperimentState(
        experiment, opened, display, calibration, logs, _outdated(logs, changes), steps
    )


def _outdated(logs: Sequence[SessionLog], changes: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Say what was run before a change, sessions with the same changes together."""
    sessions: dict[str, list[str]] = {}
    for log, changed in zip(logs, changes, strict=True):
        if changed:
            sessions.setdefault(", ".join(changed), []).append(log.path.stem.replace("_", " "))
    return tuple(f"run before {what} changed: {some(who)}" for what, who in sessions.items())


def _set(study: StudyFiles, experiment: Experiment) -> StimulusSet | None:
    path = experiment.resolve(experiment.stimulus_set).resolve()
    if path.is_dir():
        return study.stimulus_set(path)
    if not _recipe_of(path).is_file():
        recipes = [recipe.stem for recipe in sorted(study.root.glob("stimuli/*.yaml"))]
        study.add_problem(
            InputError(
                "no such set, and no recipe makes it",
                file=experiment.label,
                field="stimulus_set",
                value=path.name,
                allowed=recipes,
            )
        )
    return None


def _recipe_of(stimulus_set: Path) -> Path:
    """Return where the recipe is of a set at its usual place, ``sets/NAME`` beside it."""
    return stimulus_set.parent.with_name(f"{stimulus_set.name}.yaml")


def _display(study: StudyFiles, experiment: Experiment) -> Display | None:
    display: Display | None = None
    if isinstance(experiment.display, Path):
        path = experiment.resolve(experiment.display)
        if study.section(path, Display, f"{experiment.label}: display") is None:
            return None
    with study.collecting():
        screen = experiment.screen()
        # Reads the measurements and fits the curve.
        screen.resolved()
        display = screen
        screen.check_depth()
    if display is not None:
        with study.collecting():
            experiment.check_display(display)
    return display


def _check_sessions(
    experiment: Experiment,
    opened: StimulusSet,
    display: Display,
    calibration: Calibration | None,
) -> None:
    """Refuse an experiment whose sessions could not be run, of any group of participants.

    Of a design, conditions and numbers are looked at: making all trials of a large set takes long.
    """
    for group in range(1, experiment.groups + 1):
        prepared = Preparation(experiment, opened, display, calibration, Labels(f"{group:02d}"))
        begin_placements(prepared, prepared.measured)


def _logs(study: StudyFiles, experiment: Experiment) -> tuple[SessionLog, ...]:
    logs = []
    for path in sorted(experiment.logs.glob("sub-*_ses-*.jsonl")):
        with study.collecting():
            log = read_log(path)
            check_place(log, experiment)
            logs.append(log)
            if log.change:
                study.add_problem(InputError(log.change, file=path, remedy="fits use it"))
    return tuple(logs)


def _changes(
    log: SessionLog,
    experiment: Experiment,
    opened: StimulusSet | None,
    display: Display | None,
    calibration: Calibration | None,
) -> list[str]:
    """Name what a session depends on that is not as it was; of what is there to compare."""
    header = log.header
    changed: list[str] = []
    if log.trials.empty:
        # Refused by the screen, or stopped on its first page: it begins anew.
        return []
    if display is not None:
        found = differences(header.config, experiment.resolved(display))
        shown = (key for key in found if part_of(key) == "shown")
        parts = (key.removeprefix("config.").partition(".")[0] for key in shown)
        changed += dict.fromkeys(parts)
    if opened is not None:
        if not opened.is_known_as(header.stimulus_set_sha256):
            changed.append("the stimulus set")
        elif display and not _same_calibration(header.calibration, calibration):
            # A finished session that did without depends on none.
            changed += ["the calibration"] if header.calibration or not log.complete else []
    return changed


def _same_calibration(recorded: str | None, calibration: Calibration | None) -> bool:
    if recorded is None or calibration is None:
        return recorded is None and calibration is None
    return calibration.is_known_as(recorded)


def _to_make(
    experiment: Experiment,
    opened: StimulusSet | None,
    display: Display | None,
    calibration: Calibration | None,
) -> tuple[NextStep, ...]:
    """Say what sessions lack."""
    path = experiment.resolve(experiment.stimulus_set)
    if opened is None:
        missing = not path.is_dir() and _recipe_of(path.resolve()).is_file()
        generate = f"pdpsych generate {quoted(_recipe_of(path.resolve()))}"
        return (NextStep(generate, f"the set {path.name} is not made"),) if missing else ()
    if calibration is None and display is not None:
        return (_to_calibrate(experiment, opened, display),)
    return ()


def _to_run(experiment: Experiment, going: Sequence[SessionLog] | None) -> tuple[NextStep, ...]:
    """Say what is to be run; ``going`` can go on, None where there is no session at all."""
    run = f"pdpsych run {quoted(experiment.label)}"
    if going is None:
        why = "nobody took part; or --simulate OBSERVER"
        return (NextStep(f"{run} --participant 01", why),)
    return tuple(_to_go_on(run, log) for log in going if not log.complete)


def _to_calibrate(experiment: Experiment, opened: StimulusSet, display: Display) -> NextStep:
    calibrate = f"pdpsych calibrate {quoted(opened.path)} --display"
    why = "a person's session needs it (a simulated observer's does not)"
    if isinstance(experiment.display, Path):
        return NextStep(f"{calibrate} {quoted(display.label)}", why)
    return NextStep(
        f"{calibrate} {quoted(experiment.resolve('displays/NAME.yaml'))}",
        f"{why}; write the display of {experiment.label} into that file before",
    )


def _to_go_on(run: str, log: SessionLog) -> NextStep:
    header = log.header
    labels = f"--participant {header.participant} --session {header.session}"
    labels += f" --run {header.run}" if header.run else ""
    labels += "" if header.observer == "person" else " --simulate OBSERVER"
    why = f"{len(log.trials)} of {header.planned} trials are answered"
    return NextStep(f"{run} {labels}", why)
