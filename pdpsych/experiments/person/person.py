"""A person at the window: pages of text, an answer by a key, and feedback."""

from __future__ import annotations

import contextlib
from typing import Any

from pdpsych.displays.lab.screen import WindowClosed
from pdpsych.experiments.logs.notes import Consented, sha256_of
from pdpsych.experiments.logs.trial_log import TrialLog, now
from pdpsych.experiments.observers.observer import SessionStopped
from pdpsych.experiments.observers.presentation import Presentation, Progress
from pdpsych.experiments.person.answers import Answer, PausePressed
from pdpsych.experiments.person.checked_screen import CheckedScreen
from pdpsych.experiments.person.pages import Pages
from pdpsych.experiments.sessions.preparation import Preparation
from pdpsych.experiments.tasks.task import Position


class Person:
    """Reads the pages of a session, and answers by the experiment's keys."""

    def __init__(
        self, prepared: Preparation, checked: CheckedScreen, pages: Pages, log: TrialLog
    ) -> None:
        self._experiment, self._labels, self._log = prepared.experiment, prepared.labels, log
        self._checked, self._screen, self._pages = checked, checked.screen, pages
        self._begun, self._told = False, -1

    def before(self, progress: Progress) -> bool:
        """Show what comes before a trial: instructions, the practice's result, a break.

        Once, also where the trial before was set aside.
        """
        measured = progress.done - progress.practice
        if progress.done == self._told:
            return False
        self._told = progress.done
        if not self._begun:
            self._begin(progress)
        elif measured == 0:
            self._pages.show("practice_end", progress)
        elif measured > 0 and measured % self._experiment.break_every == 0:
            self._pages.show("rest", progress)
        else:
            return False
        return True

    def answer(self, question: Any, presentation: Presentation) -> Answer:
        """Wait for a key; the time of the answer counts from the question's first frame."""
        keys = self._experiment.keys
        first, second, pause = map(keys.names, ("first", "second", "pause"))
        asked, key = self._screen.wait(question, (*first, *second, *pause))
        if key.name in pause:
            self._pages.turned = key.tDown
            raise PausePressed
        position = self._experiment.trial_type.chosen("first" if key.name in first else "second")
        return Answer(asked, position, key.tDown - asked, str(key.name))

    def after(self, presentation: Presentation, position: Position) -> None:
        """Tell whether the answer was right, where the experiment says so."""
        planned = presentation.planned
        if self._experiment.gives_feedback(planned.practice):
            self._pages.remark(self._pages.feedback(position == planned.position))

    def finish(self, progress: Progress) -> None:
        """Thank the person."""
        with contextlib.suppress(SessionStopped, WindowClosed):
            self._pages.show("end", progress)

    def _begin(self, progress: Progress) -> None:
        if not self._checked.windowed:
            who = str(self._labels)
            self._pages.set_up(who[0].upper() + who[1:], progress, self._checked)
        text = self._experiment.consent
        if text is not None and not self._log.agreed(text):
            self._pages.consent(progress)
            self._log.note(Consented(text_sha256=sha256_of(text), time=now()))
        self._pages.show("welcome", progress)
        self._begun = True
