"""What a session puts before its observer: placed amplitudes and the frames that show them."""

from __future__ import annotations

import numpy as np

from pdpsych.errors import InputError
from pdpsych.experiments.design import Condition, PlannedTrial, conditions, seed_of
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.observer import Presentation
from pdpsych.experiments.placement import Placement
from pdpsych.experiments.trial_log import Trial
from pdpsych.stimuli.encoding import linear_from_srgb
from pdpsych.stimuli.shown import largest_amplitude, show
from pdpsych.stimuli.stimulus_set import StimulusSet

# Amplitudes below the start guess that a placement may choose, in its standard deviations.
_LOWEST = 3.0


class Stage:
    """The placements of a session's conditions, and the presentation of its trials.

    Its state is the trials it learned from, so that a session goes on where its log ends.
    """

    def __init__(
        self, experiment: Experiment, opened: StimulusSet, participant: str, session: str
    ) -> None:
        self._experiment = experiment
        self._set = opened
        self._display = experiment.screen()
        self._who = participant, session
        self.placements = {c: self._placement(c) for c in conditions(experiment, opened)}

    def present(self, planned: PlannedTrial) -> Presentation:
        """Place the amplitude of a trial and make its frames."""
        c = planned.condition
        amplitude = self.placements[c].place(planned.easy)
        seed = seed_of(self._experiment.seed, *self._who, "dither", planned.number)
        shown = show(
            self._set.base(c.image),
            self._set.distortion(*c),
            planned.sign * amplitude,
            self._display,
            self._set.entry(c.image).encoding,
            np.random.default_rng(seed),
        )
        return Presentation(planned, amplitude, shown, seed)

    def learn(self, trial: Trial) -> None:
        """Take in an answered trial, at the amplitude that was realised."""
        if not trial.practice:
            condition = Condition(trial.image, trial.pair, trial.distortion)
            self.placements[condition].update(trial.realised, trial.correct)

    def background(self) -> float:
        """Return the level, 0 to 1, that shows the mean luminance of the base images."""
        means = []
        for image in dict.fromkeys(c.image for c in self.placements):
            base = self._set.base(image).astype(np.float64)
            linear = self._set.entry(image).encoding == "linear"
            means.append(np.mean(base if linear else linear_from_srgb(base)))
        level = self._display.curves(1)[0].level(np.array(np.mean(means)))
        return float(np.round(level * self._display.top)) / self._display.top

    def _placement(self, condition: Condition) -> Placement:
        guess = self._experiment.placement
        base, distortion = self._set.base(condition.image), self._set.distortion(*condition)
        most = largest_amplitude(base, distortion, self._experiment.max_clipped)
        # A distortion of fewer pixels than may clip: until its largest pixel spans the gamut.
        most = most if np.isfinite(most) else float(1 / np.abs(distortion).max())
        if most <= 0:
            raise InputError(
                f"{self._experiment.label}: max_clipped: more than "
                f"{self._experiment.max_clipped:g} of image {condition.image} is black or white, "
                "so that no distortion of it can be shown; allow more, or map the image into a "
                "smaller range in the set's recipe (preprocess.range)"
            )
        threshold = guess.threshold_rms * np.sqrt(base.size)
        least = min(threshold * np.exp(-_LOWEST * guess.sd), most / 10)
        return Placement(threshold, guess.sd, least, most)
