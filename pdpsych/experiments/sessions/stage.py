"""What a session puts before its observer: placed amplitudes and the frames that show them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import seed_of
from pdpsych.displays.encoding import linear_from_srgb
from pdpsych.displays.rendering import largest_amplitude, quantise, show
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.records import Trial
from pdpsych.experiments.observer import Presentation, Progress
from pdpsych.experiments.placement.placement import EASY, Placement, Showable
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.stimulus_set import StimulusSet

# The last trial of the practice shows so many thresholds: d′ = 1.5 is seen in 86 % of trials.
_HARDER = 1.5


class Stage:
    """The placements of a session's conditions, and the presentation of its trials.

    Its state is the trials it learned from, so that a session goes on where its log ends.

    Parameters
    ----------
    trials
        The design of the session.
    participant, session
        Whose session it is; they seed what is random in it.
    calibration
        What the display shows of the set; without one amplitudes are limited by the gamut alone.

    Attributes
    ----------
    placements
        That of each condition.

    Raises
    ------
    InputError
        If a condition cannot be shown.
    """

    def __init__(
        self,
        experiment: Experiment,
        opened: StimulusSet,
        trials: Sequence[PlannedTrial],
        participant: str,
        session: str,
        calibration: Calibration | None = None,
    ) -> None:
        self._experiment = experiment
        self._set = opened
        self._display = experiment.screen()
        self._who = participant, session
        self._calibration = calibration
        self.progress = Progress(0, len(trials), sum(trial.practice for trial in trials), 0)
        measured = sorted({trial.condition for trial in trials})
        if calibration is not None:
            self._check_shown(measured, calibration)
        self.placements: dict[Condition, Placement] = {c: self._begin(c) for c in measured}

    def present(self, planned: PlannedTrial) -> Presentation:
        """Place the amplitude of a trial and make its frames."""
        c = planned.condition
        amplitude = self._amplitude(planned)
        base, encoding = self._set.base(c.image), self._set.entry(c.image).encoding
        seed = seed_of(self._experiment.seed, *self._who, "dither", planned.number)
        rng = np.random.default_rng(seed)
        signed = planned.sign * amplitude
        shown = show(base, self._set.distortion(*c), signed, self._display, encoding, rng)
        reference = None
        if self._experiment.reference:
            # With a draw of its own: the same noise twice would tell the undistorted image.
            reference = quantise(base, self._display, encoding, rng)
        task, timing = self._experiment.trial_type, self._experiment.timing
        parts = task.phases(timing, planned.position, shown, reference)
        return Presentation(planned, amplitude, shown, seed, parts, self.progress)

    def learn(self, trial: Trial) -> None:
        """Take in an answered trial, at the amplitude that was realised."""
        done, total, practice, right = self.progress
        right += trial.practice and trial.correct
        self.progress = Progress(done + 1, total, practice, right)
        if not trial.practice:
            condition = Condition(trial.image, trial.pair, trial.distortion)
            self.placements[condition].update(trial.realised, trial.correct, trial.easy)

    def background(self) -> float:
        """Return the level, 0 to 1, that shows the mean luminance of the base images."""
        means = []
        for image in dict.fromkeys(c.image for c in self.placements):
            base = self._set.base(image).astype(np.float64)
            linear = self._set.entry(image).encoding == "linear"
            means.append(np.mean(base if linear else linear_from_srgb(base)))
        level = self._display.curves(1)[0].level(np.array(np.mean(means)))
        return float(np.round(level * self._display.top)) / self._display.top

    def _amplitude(self, planned: PlannedTrial) -> float:
        placement = self.placements[planned.condition]
        if not planned.practice:
            return placement.place(planned.easy)
        multiples = np.geomspace(EASY, _HARDER, self.progress.practice)
        return placement.multiple(float(multiples[planned.number - 1]))

    def _begin(self, condition: Condition) -> Placement:
        experiment = self._experiment
        seed = seed_of(experiment.seed, *self._who, "placement", *condition)
        try:
            return experiment.method.begin(self._showable(condition), seed)
        except InputError as error:
            raise InputError(f"{experiment.label}: {error}") from None

    def _showable(self, condition: Condition) -> Showable:
        base, distortion = self._set.base(condition.image), self._set.distortion(*condition)
        most = largest_amplitude(base, distortion, self._experiment.max_clipped)
        # A distortion of fewer pixels than may clip: until its largest pixel spans the gamut.
        most = most if np.isfinite(most) else float(1 / np.abs(distortion).max())
        least = 0.0
        if self._calibration is not None:
            least, largest = self._calibration.condition(*condition).range or (0.0, 0.0)
            most = min(most, largest)
        if most <= least:
            raise InputError(
                f"{self._experiment.label}: max_clipped: no amplitude of {condition.name} clips at "
                f"most {self._experiment.max_clipped:g} of its pixel values and is shown "
                f"faithfully; allow more, or map image {condition.image} into a smaller range in "
                "the set's recipe (preprocess.range)"
            )
        return Showable(condition.name, least, most, float(np.sqrt(base.size)))

    def _check_shown(self, measured: Sequence[Condition], calibration: Calibration) -> None:
        refused = {c.name: calibration.condition(*c) for c in measured}
        lines = [
            f"{self._experiment.label}: {name} cannot be shown: {'; '.join(found.problems)}"
            for name, found in refused.items()
            if found.range is None
        ]
        if lines:
            names = ", ".join(name for name, found in refused.items() if found.range is None)
            raise InputError("\n".join([*lines, f"or leave them out: leave_out: [{names}]"]))
