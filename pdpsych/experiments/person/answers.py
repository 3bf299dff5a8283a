"""Who answers at the window: what it asks of a person, and of an observer in the person's place."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from pdpsych.displays.lab.screen import Screen
from pdpsych.experiments.observers.observer import Observer
from pdpsych.experiments.observers.presentation import Presentation, Progress
from pdpsych.experiments.tasks.task import Position


class PausePressed(Exception):
    """The pause key, in whichever phase it was pressed."""


class Answer(NamedTuple):
    """When the question came, the position chosen, and after how long; in s; and by which key."""

    asked: float
    position: Position
    seconds: float | None
    key: str | None = None


class Answerer(Protocol):
    """Answers at the window."""

    def before(self, progress: Progress) -> bool:
        """Take what comes before a trial; return whether anything was shown for it."""

    def answer(self, question: Any, presentation: Presentation) -> Answer:
        """Have the question drawn, and answer it; PausePressed ends the trial."""

    def after(self, presentation: Presentation, position: Position) -> None:
        """Take what comes after an answer that is saved."""

    def finish(self, progress: Progress) -> None:
        """Take what comes after the last trial."""


class StandIn:
    """An observer in the place of a person, who needs neither text nor feedback."""

    def __init__(self, screen: Screen, observer: Observer) -> None:
        self._screen, self._observer = screen, observer

    def before(self, progress: Progress) -> bool:
        """Show nothing."""
        return False

    def answer(self, question: Any, presentation: Presentation) -> Answer:
        """Answer as soon as the question is there."""
        question.draw()
        asked = self._screen.flip()
        answered = self._observer.respond(presentation)
        return Answer(asked, answered.position, answered.seconds)

    def after(self, presentation: Presentation, position: Position) -> None:
        """Show nothing."""

    def finish(self, progress: Progress) -> None:
        """Show nothing."""
