"""What earlier participants answered, and what it makes one expect of the next.

Thresholds of people differ, so what is expected of one is where those of earlier people are,
spread by 0.5 nat, and with one chance in ten what was expected before anybody was measured. The
next may or may not see like them: half of the prior of classes is their posterior, half is as
before.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from pdpsych.experiments.placement.adaptive import AdaptivePlacement
from pdpsych.experiments.placement.psychometric import Floats

Key = TypeVar("Key", bound=tuple[str, str, int])

# Of log thresholds between people, nats; and how likely somebody is unlike all others.
_BETWEEN = 0.5
_UNLIKE = 0.1


class Answer(NamedTuple):
    """An answer of an earlier participant: what was shown, and whether it was right."""

    condition: tuple[str, str, int]
    realised: float
    correct: bool
    easy: bool


def measured_by(
    each: Mapping[Key, AdaptivePlacement], answers: Sequence[Answer]
) -> dict[Key, AdaptivePlacement]:
    """Return the placements of conditions after somebody's answers; other answers do not count.

    Parameters
    ----------
    each
        Before any answer.
    answers
        To some of the conditions.
    """
    found = {key: copy.copy(placement) for key, placement in each.items()}
    by_name = {(key[0], key[1], key[2]): one for key, one in found.items()}
    for condition, realised, correct, easy in answers:
        if condition in by_name:
            by_name[condition].update(realised, correct, easy)
    return found


def expected_of_next(
    each: Mapping[Key, AdaptivePlacement], people: Sequence[Mapping[Key, AdaptivePlacement]]
) -> dict[Key, AdaptivePlacement]:
    """Return placements that expect thresholds near those of people measured before.

    Parameters
    ----------
    each
        Before any answer.
    people
        After the answers of each, from :func:`measured_by`.
    """
    found = {}
    for key, placement in each.items():
        before = placement.posterior
        away = before.log_thresholds[:, None] - before.log_thresholds
        near = np.exp(-((away / _BETWEEN) ** 2) / 2)
        near /= near.sum(axis=0)
        theirs = np.mean([near @ _threshold(one[key]) for one in people], axis=0)
        chance = (1 - _UNLIKE) * theirs + _UNLIKE * before.prior
        found[key] = placement.expecting(chance)
    return found


def _threshold(placement: AdaptivePlacement) -> Floats:
    return np.asarray(placement.posterior.joint.sum(axis=1))
