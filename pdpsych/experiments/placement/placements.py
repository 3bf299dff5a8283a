"""The placements of all conditions of a session."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from pdpsych.experiments.placement.placement import Placement

Key = TypeVar("Key", bound=tuple[str, str, int])


Aim = Literal["", "models", "threshold", "easy"]


class Placed(NamedTuple):
    """An amplitude in model units, and what it was chosen for.

    Attributes
    ----------
    amplitude
        To ask for.
    aim
        What of, see :class:`pdpsych.experiments.logs.records.Belief`; empty where nothing chose.
    information
        What the answer was expected to tell of the nearest model, in nats.
    """

    amplitude: float
    aim: Aim = ""
    information: float = 0.0


class Placements(Mapping[Key, Placement], Generic[Key]):
    """The placement of each condition; none knows of the others.

    Parameters
    ----------
    each
        By image, pair and number of the distortion.
    """

    def __init__(self, each: Mapping[Key, Placement]) -> None:
        self._each = {key: copy.copy(placement) for key, placement in each.items()}

    def __getitem__(self, key: Key) -> Placement:
        return self._each[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._each)

    def __len__(self) -> int:
        return len(self._each)

    @property
    def nearest(self) -> dict[str, float]:
        """Probability of each model that it is the nearest; none where no models are asked."""
        return {}

    @property
    def measured(self) -> bool:
        """Whether every condition is measured."""
        return True

    def choose(self, conditions: Sequence[Key]) -> Key:
        """Return which of some conditions is next: the first."""
        return conditions[0]

    def place(self, condition: Key, easy: bool) -> Placed:
        """Return the amplitude of a condition's next trial."""
        return Placed(self[condition].place(easy))

    def update(self, condition: Key, amplitude: float, correct: bool, easy: bool) -> None:
        """Take in an answer to a realised amplitude."""
        self[condition].update(amplitude, correct, easy)
