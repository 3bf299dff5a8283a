"""What a session puts before its observer: placed amplitudes and the frames that show them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pdpsych.common.files.digests import seed_of
from pdpsych.displays.rendering import quantize, show
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.logs.notes import SetAside
from pdpsych.experiments.logs.records import Belief, Trial
from pdpsych.experiments.observers.presentation import Presentation, Progress
from pdpsych.experiments.placement.placements import Placed
from pdpsych.experiments.sessions.course import Course
from pdpsych.experiments.sessions.placements import begin_placements
from pdpsych.experiments.sessions.preparation import Preparation
from pdpsych.stimuli.calibration.background import background_level

# Of what a log says of beliefs.
_DIGITS = 5


class Stage:
    """The placements of a session's conditions, and the presentation of its trials.

    Its state is the trials it learned from and those set aside, so that a session goes on where its
    log ends.

    Attributes
    ----------
    placements
        That of each condition.
    progress
        How far the session is.

    Raises
    ------
    InputError
        If a condition cannot be shown.
    """

    def __init__(self, prepared: Preparation) -> None:
        self._prepared, self._set_aside = prepared, 0
        self.progress = Progress(0, prepared.planned, prepared.practice, 0)
        self.placements = begin_placements(prepared, prepared.measured)
        self._course = Course(prepared.trials, self.placements, prepared.experiment)

    def next(self) -> PlannedTrial | None:
        """Return the next trial; None where the session is over."""
        return self._course.next()

    def planned(self, trial: Trial | SetAside) -> PlannedTrial | None:
        """Return the trial that may be next where one was answered, None if none may."""
        return self._course.may_be(Condition(trial.image, trial.pair, trial.distortion))

    @property
    def ended(self) -> Literal["side", "most"] | None:
        """Why the session is over before its design is."""
        return self._course.ended

    def present(self, planned: PlannedTrial) -> Presentation:
        """Place the amplitude of a trial and make its frames."""
        experiment, opened = self._prepared.experiment, self._prepared.stimulus_set
        c, display, who = planned.condition, self._prepared.display, self._prepared.labels
        placed = self._course.place(planned)
        amplitude = placed.amplitude
        image = opened[c.image]
        base, encoding = image.base, image.encoding
        # As before there were any where none was set aside.
        draw = (planned.number, self._set_aside) if self._set_aside else (planned.number,)
        seed = seed_of(experiment.seed, who.participant, who.occasion, "dither", *draw)
        rng = np.random.default_rng(seed)
        signed = planned.sign * amplitude
        distortion = image[c.pair].distortion(c.distortion)
        shown = show(base, distortion, signed, display, encoding, rng)
        reference = None
        if experiment.reference:
            # With a draw of its own: the same noise twice would tell the undistorted image.
            reference = quantize(base, display, encoding, rng)
        task, timing = experiment.trial_type, experiment.timing
        parts = task.phases(timing, planned.position, shown, reference)
        belief = self._belief(placed)
        return Presentation(planned, amplitude, shown, seed, parts, self.progress, belief)

    def learn(self, trial: Trial) -> None:
        """Take in an answered trial, at the amplitude that was realised."""
        done, total, practice, right = self.progress
        right += trial.practice and trial.correct
        self.progress = Progress(done + 1, total, practice, right)
        condition = Condition(trial.image, trial.pair, trial.distortion)
        self._course.learn(condition, trial.realised, trial.correct)

    def set_aside(self, trial: SetAside) -> None:
        """Have a trial that was interrupted come again later, with a new draw."""
        self._set_aside += 1
        seed, who = self._prepared.experiment.seed, self._prepared.labels
        draw = seed_of(seed, who.participant, who.occasion, "again", self._set_aside)
        condition = Condition(trial.image, trial.pair, trial.distortion)
        self._course.set_aside(condition, trial.reason, np.random.default_rng(draw))

    def background(self) -> float:
        """Return the level, 0 to 1, that shows the mean luminance of the base images."""
        opened = self._prepared.stimulus_set
        images = dict.fromkeys(c.image for c in self.placements)
        return background_level((opened[image] for image in images), self._prepared.display)

    def _belief(self, placed: Placed) -> Belief | None:
        if not placed.aim:
            return None
        nearest = {m: round(p, _DIGITS) for m, p in self.placements.nearest.items()}
        told = round(placed.information, _DIGITS)
        return Belief(aim=placed.aim, information=told, nearest=nearest)
