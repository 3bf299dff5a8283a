"""Where the amplitudes of a condition's trials are placed: what all methods have in common."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import NamedTuple, TypeVar

import numpy as np

from pdpsych.experiments.placement.posterior import Estimate, Prior, ThresholdPosterior
from pdpsych.experiments.placement.psychometric import Floats

P = TypeVar("P", bound="Placement")

# An easy amplitude is so many thresholds: d′ = 5 is seen by all who look.
EASY = 5.0


class Showable(NamedTuple):
    """The amplitudes of a condition that can be shown, in model units.

    Attributes
    ----------
    condition
        Its name, for messages.
    least, most
        From the calibration; without one, 0 and the largest that does not clip too much.
    unit
        Amplitude of RMS contrast 1, √D.
    """

    condition: str
    least: float
    most: float
    unit: float

    def nearest(self, amplitude: float) -> float:
        """Return the amplitude nearest to one given that can be shown."""
        return min(max(amplitude, self.least), self.most)


class Placement(ABC):
    """Places the amplitudes of one condition, from the answers so far and nothing else.

    A method of placement is a subclass, and a schema that begins it (see
    :mod:`pdpsych.experiments.placement.methods`). Answers never change an object that it holds, so
    that a shallow copy goes its own way.

    Parameters
    ----------
    prior
        What is known of the threshold.
    showable
        What can be shown.

    Attributes
    ----------
    posterior
        What is known of the threshold after the answers, whatever the method.
    """

    def __init__(self, prior: Prior, showable: Showable) -> None:
        self.showable = showable
        self.posterior = ThresholdPosterior(prior, showable.unit)

    def expecting(self: P, chance: Floats) -> P:
        """Return the same before any answer, with other probabilities of log thresholds, (T,)."""
        later = copy.copy(self)
        later.posterior = self.posterior.expecting(chance)
        return later

    @abstractmethod
    def next_amplitude(self) -> float:
        """Return the amplitude of the next trial that is not easy, in model units."""

    def update(self, amplitude: float, correct: bool, easy: bool) -> None:
        """Take in an answer to a realised amplitude, which was placed or easy."""
        self.posterior = self.posterior.after(amplitude, correct)

    def estimate(self) -> Estimate:
        """Return posterior mean and standard deviation of the log threshold, in nats."""
        return self.posterior.estimate()

    def place(self, easy: bool) -> float:
        """Return the amplitude of the next trial: clearly visible if easy, else placed."""
        return self.multiple(EASY) if easy else self.next_amplitude()

    def multiple(self, thresholds: float) -> float:
        """Return so many estimated thresholds, or what can be shown nearest to that."""
        wanted = thresholds * float(np.exp(self.estimate().log_threshold))
        return self.showable.nearest(wanted)
