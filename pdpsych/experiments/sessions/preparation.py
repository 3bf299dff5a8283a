"""A session before its first trial: all that is decided of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import LOG, read_bytes
from pdpsych.common.section import load
from pdpsych.common.versions import versions
from pdpsych.displays.display import Display
from pdpsych.experiments.design import (
    Condition,
    PlannedTrial,
    conditions,
    design_sha256,
    group_of,
    keys_of,
    trials_in,
    trials_of,
)
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.enrolled import Enrolled
from pdpsych.experiments.logs.labels import Labels, check_spelling, log_path
from pdpsych.experiments.logs.parsing import parse
from pdpsych.experiments.logs.records import SCHEMA, Header
from pdpsych.experiments.logs.trial_log import now
from pdpsych.experiments.sessions.earlier import Earlier, earlier_logs
from pdpsych.experiments.sessions.predictions import Responses, known_responses, responses_sha256
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.calibration.condition import ConditionCalibration
from pdpsych.stimuli.stimulus_set import StimulusSet

# Logs of an earlier version than this are read, but no session goes on with them.
_CHAINED = 2


@dataclass(frozen=True, eq=False)
class Preparation:
    """A session as decided before its first trial, the same for its outline and its run.

    Attributes
    ----------
    experiment, stimulus_set, display
        What is measured, and on which screen.
    calibration
        What the display shows of the set; without one amplitudes are limited by the gamut alone.
    labels
        Whose session it is.
    known
        Of a simulated observer, the largest amplitude of each condition that its model is known
        at; none larger is shown to it.
    enrolled
        What the study's roster says of it, None where nothing.
    """

    experiment: Experiment
    stimulus_set: StimulusSet
    display: Display
    calibration: Calibration | None
    labels: Labels
    known: Mapping[Condition, float] | None = None
    enrolled: Enrolled | None = None

    @cached_property
    def trials(self) -> tuple[PlannedTrial, ...]:
        """The design: all trials, in order of presentation."""
        who = self.labels
        return trials_of(
            self.experiment, self.stimulus_set, who.participant, who.occasion, self.enrolled
        )

    @property
    def practice(self) -> int:
        """Number of trials of the practice."""
        return self.experiment.practice_trials

    @cached_property
    def measured(self) -> tuple[Condition, ...]:
        """The conditions, in the order of their names."""
        return tuple(sorted(conditions(self.experiment, self.stimulus_set, self.group)))

    @property
    def count(self) -> int:
        """Number of trials of the design."""
        return trials_in(self.experiment, len(self.measured))

    @property
    def planned(self) -> int:
        """Number of trials after which the session is over in any case."""
        stop = self.experiment.stop
        most = stop.most if stop and stop.most else self.count
        return min(self.practice + most, self.count)

    def shown(self, condition: Condition) -> ConditionCalibration:
        """Return what the display shows of a condition; there has to be a calibration."""
        assert self.calibration is not None
        return self._shown.get(condition) or self.calibration.condition(*condition)

    @cached_property
    def _shown(self) -> dict[Condition, ConditionCalibration]:
        """The conditions of the calibration; going through all for each takes long."""
        found = self.calibration.conditions if self.calibration else ()
        return {Condition(c.image, c.pair, c.distortion): c for c in found}

    @cached_property
    def responses(self) -> Responses:
        """D of the models in each condition, where trials are chosen by it; else empty."""
        if not self.experiment.method.uses_models:
            return {}
        return known_responses(self.experiment, self.stimulus_set, self.calibration, self.measured)

    @cached_property
    def earlier(self) -> tuple[Earlier, ...]:
        """What earlier participants answered, where the session begins with it."""
        return earlier_logs(self.experiment, self.stimulus_set, self.log, self.measured)

    @property
    def predictions(self) -> str | None:
        """SHA-256 of what the models predict, where trials are chosen by it."""
        return responses_sha256(self.responses) if self.responses else None

    @property
    def design(self) -> str:
        """SHA-256 of the trials."""
        return design_sha256(self.trials)

    @property
    def group(self) -> int:
        """The participant's counterbalancing group."""
        return group_of(self.experiment, self.labels.participant, self.enrolled)

    @property
    def log(self) -> Path:
        """Where the trials are logged."""
        return log_path(self.experiment.logs, self.labels)

    def header(self, observer: str, windowed: bool) -> Header:
        """Return the first line of the log of a session that begins now.

        Parameters
        ----------
        observer
            Who answers.
        windowed
            Whether the window leaves the rest of the screen free.
        """
        return Header(
            schema_version=self._version(),
            experiment=self.experiment.stem,
            config=self.experiment.resolved(self.display),
            stimulus_set=self.stimulus_set.name,
            stimulus_set_sha256=self._recorded_as(),
            calibration=self._calibrated_as(),
            predictions=self.predictions,
            after={one.written: one.sha256 for one in self.earlier} or None,
            design=self.design,
            planned=self.planned,
            **self.labels._asdict(),
            group=self.group,
            roster=self.enrolled,
            observer=observer,
            windowed=windowed,
            versions=versions("numpy", "scipy", "psychopy"),
            started=now(),
        )

    @property
    def begun(self) -> Header | None:
        """First line of the log that is there, None where there is none."""
        return parse(read_bytes(self.log, LOG), self.log).header if self.log.is_file() else None

    def _version(self) -> int:
        """Return the version of the log: a session goes on in that which it began with."""
        begun = self.begun
        return max(begun.schema_version, _CHAINED) if begun is not None else SCHEMA.version

    def _calibrated_as(self) -> str | None:
        """Return the identity of the calibration, as the log has it where it began with that."""
        found, begun = self.calibration, self.begun
        if found is None or begun is None or begun.calibration is None:
            return found.sha256 if found else None
        return begun.calibration if found.is_known_as(begun.calibration) else found.sha256

    def _recorded_as(self) -> str:
        """Return the identity of the set, as the log has it where it began with an earlier one."""
        begun = self.begun
        if begun is not None and self.stimulus_set.is_known_as(begun.stimulus_set_sha256):
            return begun.stimulus_set_sha256
        return self.stimulus_set.sha256


def prepare(
    experiment: str | Path | Experiment,
    labels: Labels,
    *,
    enrolled: Enrolled | None = None,
    uncalibrated: bool = False,
    for_person: bool = False,
) -> Preparation:
    """Prepare a session; nothing is written.

    Parameters
    ----------
    experiment
        An experiment or its YAML file.
    labels
        Whose session it is.
    enrolled
        What the study's roster says of it.
    uncalibrated
        Use no calibration.
    for_person
        Refuse a set that is not calibrated for the display, unless ``uncalibrated``.

    Raises
    ------
    InputError
        If the experiment, its set, display or calibration, or a label cannot be used.
    """
    experiment = load(experiment, Experiment)
    log_path(experiment.logs, labels)
    check_spelling(experiment.logs, labels)
    keys = keys_of(experiment, labels.participant, enrolled)
    experiment = experiment.model_copy(update={"keys": keys})
    stimulus_set, display = experiment.open_set(), experiment.screen()
    if for_person:
        display.check_depth()
        experiment.lettering()
        experiment.check_display(display)
    if uncalibrated:
        return Preparation(experiment, stimulus_set, display, None, labels, enrolled=enrolled)
    calibration = Calibration.of(stimulus_set, display)
    if for_person and calibration is None:
        calibration = _needed_calibration(experiment, stimulus_set, display)
    return Preparation(experiment, stimulus_set, display, calibration, labels, enrolled=enrolled)


def _needed_calibration(
    experiment: Experiment, stimulus_set: StimulusSet, display: Display
) -> Calibration:
    if isinstance(experiment.display, Display):
        raise InputError(
            f"{stimulus_set.path} is not calibrated for the display described here",
            file=experiment.label,
            field="display",
            remedy="describe it in a file of its own, displays/NAME.yaml, and run: pdpsych "
            f"calibrate {stimulus_set.path} --display displays/NAME.yaml; or try out "
            "`uncalibrated`",
        )
    try:
        return Calibration.needed(stimulus_set, display)
    except InputError as error:
        raise error.within(remedy="try out `uncalibrated`") from None
