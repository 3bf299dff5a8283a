"""What observers have in common."""

from __future__ import annotations

from typing import Protocol

from pdpsych.experiments.observers.presentation import Presentation, Response


class SessionStopped(Exception):
    """The person stopped; every answered trial is in the log, and another run goes on from there.

    Examples
    --------
    >>> try:
    ...     raise SessionStopped("stopped after 12 of 320 trials")
    ... except SessionStopped as stopped:
    ...     print(stopped)
    stopped after 12 of 320 trials
    """


class Observer(Protocol):
    """Answers trials."""

    @property
    def description(self) -> str:
        """Who it is, as recorded in the trial log."""

    def respond(self, presentation: Presentation) -> Response:
        """Say where the distorted image was; SessionStopped ends the session."""
