"""How simulated observers decide."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np

from pdpsych.common.files.digests import seed_of
from pdpsych.experiments.design import PlannedTrial
from pdpsych.experiments.tasks.task import Position


class Decides(Protocol):
    """What an observer's decisions depend on besides what it sees."""

    @property
    def exponent(self) -> float:
        """b, the growth of d′."""

    @property
    def lapse(self) -> float:
        """λ; a share 2λ of the trials is answered by guessing."""

    @property
    def bias(self) -> float:
        """Preference for the first (or left) image in units of d′."""

    @property
    def seed(self) -> int:
        """Seed of the answers."""


def decide(observer: Decides, planned: PlannedTrial, seen: float) -> Position:
    """Compare two noisy responses, of which that to the distortion has mean d′ = seen^b.

    Answers depend on seed and trial number only, so that a resumed session gets the answers of an
    undisturbed one.
    """
    rng = np.random.default_rng(seed_of(observer.seed, "answer", planned.number))
    noise = rng.standard_normal(2)
    if rng.random() < 2 * observer.lapse:
        return cast(Position, int(rng.integers(1, 3)))
    signal = np.zeros(2)
    signal[planned.position - 1] = seen**observer.exponent
    first, second = signal + noise
    return 1 if first - second + observer.bias > 0 else 2
