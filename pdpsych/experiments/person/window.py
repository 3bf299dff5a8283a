"""The window that shows trials and times them. Importing it imports PsychoPy."""

from __future__ import annotations

from functools import partial

from pdpsych.displays.lab.picture import Picture
from pdpsych.displays.lab.ramp import Ramp, read_ramp
from pdpsych.displays.lab.screen import WindowClosed
from pdpsych.displays.lab.screen_check import check_room
from pdpsych.displays.lab.text import Text
from pdpsych.experiments.logs.trial_log import TrialLog
from pdpsych.experiments.observers.observer import Observer, SessionStopped
from pdpsych.experiments.observers.presentation import (
    Interruption,
    Presentation,
    Progress,
    Response,
)
from pdpsych.experiments.person.answers import Answerer, PausePressed, StandIn
from pdpsych.experiments.person.checked_screen import CheckedScreen
from pdpsych.experiments.person.frames import Phases, mark, offset, undisturbed
from pdpsych.experiments.person.gaze import FixationBroken, NoFixation, WatchedGaze
from pdpsych.experiments.person.gaze_check import GazeCheck
from pdpsych.experiments.person.pages import Pages
from pdpsych.experiments.person.person import Person
from pdpsych.experiments.person.square import Asked, Square
from pdpsych.experiments.sessions.preparation import Preparation
from pdpsych.experiments.tasks.events import ANSWER
from pdpsych.experiments.tasks.phases import Place, PlannedPhase
from pdpsych.experiments.tasks.task import NO_IMAGES


class Window:
    """Shows trials in a PsychoPy window, times them, and asks who sits there.

    Frames are shown pixel for pixel: they hold display levels already. Durations are whole
    numbers of frames at the measured refresh rate. A trial that was interrupted by the pause key
    before its first image starts again from its fixation mark, and so does one in which gaze left
    the fixation window before it; one that was interrupted later is given back. What a trial needs
    is put on the graphics card in the gap before it, which lasts longer than it should where that
    takes longer.

    Parameters
    ----------
    checked
        The screen, which is closed with the window.
    pages
        The experiment's texts on it.
    answerer
        Who answers.
    log
        Of the session; validations of an eye tracker are noted there.
    """

    def __init__(
        self,
        prepared: Preparation,
        checked: CheckedScreen,
        pages: Pages,
        answerer: Answerer,
        log: TrialLog,
    ) -> None:
        self._experiment, self._scale = prepared.experiment, prepared.display.scale
        self._checked, self._screen = checked, checked.screen
        self._pages, self._answerer = pages, answerer
        self._mark = mark(self._screen)
        events, self._signals = prepared.experiment.events, checked.signals
        largest = _largest(prepared)
        check_room(largest, self._screen.size, prepared.experiment.label)
        self._square = Square(
            self._screen,
            events.photodiode if events else None,
            largest,
            prepared.experiment.label,
        )
        question = Text(self._screen, checked.lettering, pages.question)
        self._question = Asked(question, self._square, self._signals.tells("question"))
        self._gaze: WatchedGaze | None = None
        self._check: GazeCheck | None = None
        if (rule := prepared.experiment.gaze) is not None and checked.tracker is not None:
            degree = rule.pixels_per_degree(prepared.display, prepared.experiment.label)
            own = rule, checked.tracker, degree, checked.screen
            self._gaze, self._check = WatchedGaze(*own), GazeCheck(*own, pages, log)
        self._pictures: dict[tuple[str, Place], Picture] = {}
        self._blank_since = float("-inf")
        self._seen = ""

    @property
    def system(self) -> dict[str, str]:
        """What the session runs on, for its log; no host or user name."""
        return self._checked.system

    @property
    def ramp(self) -> Ramp:
        """The gamma ramp, read back now."""
        return read_ramp(self._screen.win)

    def respond(self, presentation: Presentation) -> Response | Interruption:
        """Show a trial until it is answered or interrupted, and the pages that come before it."""
        progress = presentation.progress
        self._seen = ""
        try:
            return self._respond(presentation, progress)
        except WindowClosed:
            if not self._seen:
                raise _closed(progress) from None
            return Interruption("closed", self._seen)

    def go_on(self, presentation: Presentation, interruption: Interruption) -> None:
        """Show what comes after an interrupted trial that was set aside, until somebody goes on."""
        progress = presentation.progress
        if interruption.reason == "closed":
            raise _closed(progress)
        try:
            if interruption.reason == "pause":
                self._pause(progress)
            else:
                self._pages.remark(self._pages.look)
                self._blank_since = self._screen.flip()
        except WindowClosed:
            raise _closed(progress) from None

    def answered(self, presentation: Presentation, response: Response) -> None:
        """Show what comes after an answer that is saved, and begin the gap."""
        self._answerer.after(presentation, response.position)
        self._blank_since = self._screen.flip()

    def finish(self, progress: Progress) -> None:
        """Show what comes after the last trial."""
        self._answerer.finish(progress)

    def close(self) -> None:
        """Close the window."""
        self._checked.close()

    def _respond(self, presentation: Presentation, progress: Progress) -> Response | Interruption:
        if self._answerer.before(progress):
            self._validate(progress)
        self._load(presentation.phases)
        while True:
            try:
                with undisturbed():
                    return self._trial(presentation)
            except PausePressed:
                if self._seen:
                    return Interruption("pause", self._seen)
                self._pause(progress)
            except FixationBroken as broken:
                self._tell("set aside")
                return Interruption(broken.reason, self._seen, broken.looked)
            except NoFixation:
                assert self._check is not None
                self._check.missed(progress)
                self._blank_since = self._screen.flip()

    def _pause(self, progress: Progress) -> None:
        self._pages.show("pause", progress)
        self._validate(progress)

    def _validate(self, progress: Progress) -> None:
        """Validate the eye tracker, where there is one: who read a page moved meanwhile."""
        if self._check is not None:
            self._check.pass_or_stop(progress)
        self._blank_since = self._screen.flip()

    def _load(self, phases: tuple[PlannedPhase, ...]) -> None:
        """Put the frames on the graphics card; the same pictures serve all trials."""
        for phase in phases:
            for place, frame in phase.images.items():
                width = frame.shape[-1] * self._scale
                aside = offset(place, width, self._experiment.separation_px)
                self._picture(phase.name, place).load(frame, aside)
        # What is drawn for the first time takes longer: the card takes a texture only then.
        for phase in phases:
            self._draw(phase)
        self._question.draw()
        self._screen.clear()

    def _picture(self, phase: str, place: Place) -> Picture:
        if (phase, place) not in self._pictures:
            self._pictures[phase, place] = Picture(self._screen, self._scale)
        return self._pictures[phase, place]

    def _draw(self, phase: PlannedPhase) -> None:
        for place in phase.images:
            self._picture(phase.name, place).draw()
        if phase.mark:
            self._mark.draw()
        self._square.draw(self._signals.tells(phase.name))

    def _trial(self, presentation: Presentation) -> Response:
        gap, *planned = presentation.phases
        self._wait(gap.milliseconds)
        if self._gaze is not None:
            self._gaze.begin(presentation.planned.number)
        while True:
            try:
                return self._attempt(presentation, planned)
            except FixationBroken:
                if self._seen:
                    raise

    def _attempt(self, presentation: Presentation, planned: list[PlannedPhase]) -> Response:
        if self._gaze is not None:
            self._gaze.fixate(self._draw_mark, self._pages.check_pause)
        self._signals.begin()
        phases = Phases(self._screen, self._checked.rate, self._look, self._signals)
        for phase in planned:
            self._seen = phase.name if phase.images or self._seen else ""
            if phase.milliseconds:
                self._screen.win.callOnFlip(self._tell, phase.name)
            phases.show(phase.name, partial(self._draw, phase), phase.milliseconds)
        last, self._seen = self._seen, "question"
        self._screen.win.callOnFlip(self._tell, "question")
        self._screen.win.callOnFlip(self._signals.announce, "question")
        answer = self._answerer.answer(self._question, presentation)
        self._tell(ANSWER)
        self._signals.clear()
        self._signals.announce(ANSWER)
        gone = self._screen.flip()
        timing = phases.ended("question", answer.asked, gone)
        self._seen = last
        looked = self._gaze.ended(answer.asked) if self._gaze else None
        return Response(answer.position, answer.seconds, timing, answer.key, phases.told(), looked)

    def _wait(self, milliseconds: float) -> None:
        """Keep the background until the gap is over, which began before the trial was made."""
        gap = milliseconds / 1000 - 0.5 / self._checked.rate
        while self._blank() - self._blank_since < gap:
            self._pages.check_pause()

    def _blank(self) -> float:
        """Show a frame with nothing in it but the square, and return when it came."""
        self._square.draw(False)
        return self._screen.flip()

    def _look(self, moment: float) -> None:
        """Look for the pause key and at gaze, after a flip."""
        self._pages.check_pause()
        if self._gaze is not None:
            self._gaze.watch(moment, bool(self._seen))

    def _draw_mark(self) -> None:
        self._mark.draw()
        self._square.draw(False)

    def _tell(self, event: str) -> None:
        """Tell the eye tracker's own file of an event."""
        if self._gaze is not None:
            self._gaze.tell(event)


def _largest(prepared: Preparation) -> tuple[int, int]:
    """Return the width and height, in pixels, within which the images are shown."""
    experiment, opened = prepared.experiment, prepared.stimulus_set
    shapes = [opened[name].shape for name in {c.image for c in prepared.measured}]
    height, width = (prepared.display.scale * max(s[axis] for s in shapes) for axis in (1, 2))
    beside = experiment.trial_type.show(experiment.timing, NO_IMAGES.distorted, NO_IMAGES.reference)
    two = any(len(phase.images) > 1 for phase in beside)
    return (2 * width + experiment.separation_px if two else width), height


def _closed(progress: Progress) -> SessionStopped:
    return SessionStopped(f"the window was closed after {progress.done} of {progress.total} trials")


def open_window(
    prepared: Preparation,
    background: float,
    windowed: bool,
    observer: Observer | None,
    log: TrialLog,
) -> Window:
    """Open the window of a session.

    Parameters
    ----------
    background
        Level around the images, 0 to 1.
    windowed
        Leave the rest of the screen free, for trying out: neither size nor rate are checked.
    observer
        Who answers in the place of a person, None for a person.
    log
        Of the session; a person's consent is noted there.

    Raises
    ------
    InputError
        If the screen is not the display described, a key is not on the keyboard, or no window
        can be opened.
    """
    checked = CheckedScreen(prepared, background, windowed, observer is None)
    try:
        pages = Pages(checked, prepared.experiment, prepared.display)
        answerer: Answerer = (
            Person(prepared, checked, pages, log)
            if observer is None
            else StandIn(checked.screen, observer)
        )
        return Window(prepared, checked, pages, answerer, log)
    except BaseException:
        checked.close()
        raise
