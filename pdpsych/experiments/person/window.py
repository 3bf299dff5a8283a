"""A person answers: the PsychoPy window. Importing it imports PsychoPy."""

from __future__ import annotations

import contextlib
from functools import partial

from pdpsych.displays.lab.keys import check_keys
from pdpsych.displays.lab.psychopy import visual
from pdpsych.displays.lab.screen import Screen, WindowClosed
from pdpsych.displays.lab.screen_check import check_depth, check_size, frame_rate
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.observer import Observer, Presentation, Progress, Response, SessionStopped
from pdpsych.experiments.person.frames import Phases, Texture, offset, undisturbed
from pdpsych.experiments.person.pages import Pages
from pdpsych.experiments.tasks.phases import Place, PlannedPhase

_FIXATION_PX = 12


class _PausePressed(Exception):
    """The pause key, in whichever phase it was pressed."""


class Window:
    """A PsychoPy window with a keyboard, as an observer of trials.

    Frames are shown pixel for pixel: they hold display levels already. Durations are whole
    numbers of frames at the measured refresh rate. A trial that was interrupted by the pause key
    starts again from its fixation mark. What a trial needs is put on the graphics card in the gap
    before it, which lasts longer than it should where that takes longer.

    Parameters
    ----------
    who
        Participant and session, for the experimenter to see.
    background
        Level around the images, 0 to 1.
    windowed
        Leave the rest of the screen free, for trying out: neither size nor rate are checked.
    answers
        Who answers in place of a person; there are no pages of text then.

    Attributes
    ----------
    measured_hz
        Refresh rate, as measured.

    Raises
    ------
    InputError
        If the screen is not the display described, a key is not on the keyboard, or no window
        can be opened.
    """

    def __init__(
        self,
        experiment: Experiment,
        who: str,
        background: float,
        windowed: bool = False,
        answers: Observer | None = None,
    ) -> None:
        self._experiment, self._who, self._answers = experiment, who, answers
        self._display = experiment.screen()
        check_keys(experiment.keys.model_dump(), experiment.label)
        self._screen = Screen(self._display, background, windowed, experiment.label)
        try:
            self.measured_hz = self._screen.measured_rate()
            self._rate = self._checked_rate(windowed)
        except BaseException:
            self.close()
            raise
        self._windowed = windowed
        self._pages = Pages(self._screen, experiment)
        self._mark = visual.ShapeStim(
            self._screen.win,
            vertices="cross",
            size=_FIXATION_PX,
            units="pix",
            lineWidth=0,
            fillColor=self._screen.ink,
            autoLog=False,
        )
        self._question = self._screen.message(self._pages.question)
        self._textures: dict[tuple[str, Place], Texture] = {}
        self._begun = False
        self._blank_since = float("-inf")

    @property
    def description(self) -> str:
        """Who answers, as recorded in the trial log."""
        return self._answers.description if self._answers else "person"

    @property
    def system(self) -> dict[str, str]:
        """What the session runs on, for its log; no host or user name."""
        return {
            **self._screen.system(),
            "window": "windowed" if self._windowed else "full screen",
            "size_px": "{}×{}".format(*self._screen.size),
            "measured_hz": f"{self.measured_hz:.4g}",
        }

    def respond(self, presentation: Presentation) -> Response:
        """Show a trial until it is answered, and the pages that come before it."""
        progress = presentation.progress
        try:
            return self._respond(presentation, progress)
        except WindowClosed:
            raise SessionStopped(
                f"the window was closed after {progress.done} of {progress.total} trials"
            ) from None

    def answered(self, presentation: Presentation, response: Response) -> None:
        """Tell whether a saved answer was right, where the experiment says so; begin the gap."""
        planned = presentation.planned
        if self._answers is None and self._experiment.gives_feedback(planned.practice):
            told = self._pages.feedback(response.position == planned.position)
            self._screen.text.text = told
            phases = Phases(self._screen, self._rate, _nothing)
            phases.show("feedback", self._screen.text.draw, self._experiment.timing.feedback)
        self._blank_since = self._screen.flip()

    def finish(self, progress: Progress) -> None:
        """Thank the person."""
        if self._answers is None:
            with contextlib.suppress(SessionStopped, WindowClosed):
                self._pages.show("end", progress)

    def close(self) -> None:
        """Close the window."""
        self._screen.close()

    def _checked_rate(self, windowed: bool) -> float:
        """Return the refresh rate of a screen that is the display's."""
        label = self._experiment.label
        check_depth(self._display, self._screen.depth(), label)
        if not windowed:
            check_size(self._display, self._screen.size, label)
        return frame_rate(self._display, self.measured_hz, windowed, label)

    def _respond(self, presentation: Presentation, progress: Progress) -> Response:
        if self._answers is None:
            self._turn_pages(progress)
        self._load(presentation.phases)
        while True:
            try:
                with undisturbed():
                    return self._trial(presentation)
            except _PausePressed:
                self._pages.show("pause", progress)
                self._blank_since = self._screen.flip()

    def _turn_pages(self, progress: Progress) -> None:
        """Show what comes before a trial: instructions, the practice's result, a break."""
        measured = progress.done - progress.practice
        if not self._begun:
            self._begin(progress)
        elif measured == 0:
            self._pages.show("practice_end", progress)
        elif measured > 0 and measured % self._experiment.break_every == 0:
            self._pages.show("rest", progress)
        else:
            return
        self._blank_since = self._screen.flip()

    def _begin(self, progress: Progress) -> None:
        if not self._windowed:
            self._pages.set_up(self._who, progress, self.measured_hz)
        if progress.done == 0:
            self._pages.consent(progress)
        self._pages.show("welcome", progress)
        self._begun = True

    def _load(self, phases: tuple[PlannedPhase, ...]) -> None:
        """Put the frames on the graphics card; the same textures serve all trials."""
        for phase in phases:
            for place, frame in phase.images.items():
                aside = offset(place, frame.shape[-1], self._experiment.separation_px)
                self._texture(phase.name, place).load(frame, aside)
        # What is drawn for the first time takes longer: the card takes a texture only then.
        for phase in phases:
            self._draw(phase)
        self._question.draw()
        self._screen.win.clearBuffer()

    def _texture(self, phase: str, place: Place) -> Texture:
        if (phase, place) not in self._textures:
            label = self._experiment.label
            self._textures[phase, place] = Texture(self._screen, self._display.top, label)
        return self._textures[phase, place]

    def _draw(self, phase: PlannedPhase) -> None:
        for place in phase.images:
            self._texture(phase.name, place).draw()
        if phase.mark:
            self._mark.draw()

    def _trial(self, presentation: Presentation) -> Response:
        gap, *planned = presentation.phases
        self._wait(gap.milliseconds)
        phases = Phases(self._screen, self._rate, self._check_pause)
        for phase in planned:
            phases.show(phase.name, partial(self._draw, phase), phase.milliseconds)
        return self._answer(presentation, phases)

    def _answer(self, presentation: Presentation, phases: Phases) -> Response:
        """Ask, and take the answer; its time counts from the offset of the last image."""
        keys = self._experiment.keys
        if self._answers is not None:
            self._question.draw()
            onset = self._screen.flip()
            answered = self._answers.respond(presentation)
            position, seconds = answered.position, answered.seconds
        else:
            names = keys.first, keys.second, keys.pause
            onset, key = self._screen.wait(self._question, names)
            if key.name == keys.pause:
                self._pages.turned = key.tDown
                raise _PausePressed
            position = self._experiment.trial_type.chosen(
                "first" if key.name == keys.first else "second"
            )
            seconds = key.tDown - onset
        gone = self._screen.flip()
        return Response(position, seconds, phases.ended("question", onset, gone))

    def _wait(self, milliseconds: float) -> None:
        """Keep the background until the gap is over, which began before the trial was made."""
        gap = milliseconds / 1000 - 0.5 / self._rate
        while self._screen.flip() - self._blank_since < gap:
            self._check_pause()

    def _check_pause(self) -> None:
        if keys := self._screen.pressed((self._experiment.keys.pause,), self._pages.turned):
            self._pages.turned = keys[0].tDown
            raise _PausePressed


def _nothing() -> None:
    """Look for no key: one pressed now is still there in the gap."""
