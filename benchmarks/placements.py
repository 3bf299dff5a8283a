"""Simulated sessions, quickly: the amplitudes of a whole pass are placed at once.

Those of the adaptive method are what :class:`pdpsych.experiments.placement.adaptive` chooses one by
one, see ``tests/analysis/test_calibration.py``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from people import Person
from scipy.special import xlogy
from worlds import Responses

from pdpsych.analysis.fitting.trials import COLUMNS
from pdpsych.experiments import Experiment
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.placement.adaptive import AdaptivePlacement
from pdpsych.experiments.placement.methods import METHODS
from pdpsych.experiments.placement.models.method import Models
from pdpsych.experiments.placement.models.stop import Stop
from pdpsych.experiments.placement.placement import EASY, Placement, Showable
from pdpsych.experiments.placement.posterior import likelihood
from pdpsych.experiments.sessions.course import Course
from pdpsych.experiments.sessions.placements import together

Floats = np.ndarray


class Placements(Protocol):
    """Places the amplitudes of all conditions, one each at a time."""

    def place(self, easy: np.ndarray) -> Floats:
        """Return the next amplitude of each condition."""

    def update(self, amplitude: Floats, correct: np.ndarray, easy: np.ndarray) -> None:
        """Take in the answers to it."""


class OneByOne:
    """The placements of the product, each by itself."""

    def __init__(self, placement: Placement, conditions: int) -> None:
        self._each = [copy.copy(placement) for _ in range(conditions)]

    def place(self, easy: np.ndarray) -> Floats:
        """Return the next amplitude of each condition."""
        return np.array([p.place(bool(e)) for p, e in zip(self._each, easy, strict=True)])

    def update(self, amplitude: Floats, correct: np.ndarray, easy: np.ndarray) -> None:
        """Take in the answers to it."""
        answers = zip(amplitude.tolist(), correct.tolist(), easy.tolist(), strict=True)
        for placement, answer in zip(self._each, answers, strict=True):
            placement.update(*answer)


class Together:
    """Adaptive placements of conditions that can show the same amplitudes.

    P(correct) is kept by log threshold and shape of the psychometric function, T and K of them,
    for A amplitudes: (T, K, A); the posteriors of C conditions are (C, T, K).
    """

    def __init__(self, placement: AdaptivePlacement, conditions: int) -> None:
        posterior = placement.posterior
        self._showable, self._grid = placement.showable, posterior.grid
        self._amplitudes = placement.amplitudes
        right = likelihood(self._amplitudes, *self._grid)
        self._right = np.ascontiguousarray(np.moveaxis(right, 0, 2))
        self._joint = np.tile(posterior.joint, (conditions, 1, 1))

    def place(self, easy: np.ndarray) -> Floats:
        """Return the amplitude of least expected entropy of log threshold, or an easy one."""
        right = np.moveaxis(self._joint, 0, 1) @ self._right
        weight = self._joint.sum(axis=2)
        wrong = weight.T[:, :, None] - right
        expected = _entropy(right) + _entropy(np.maximum(wrong, 0))
        placed = self._amplitudes[expected.argmin(axis=1)]
        visible = EASY * np.exp(weight @ self._grid[0])
        within = np.clip(visible, self._showable.least, self._showable.most)
        return np.where(easy, within, placed)

    def update(self, amplitude: Floats, correct: np.ndarray, easy: np.ndarray) -> None:
        """Take in the answers to it."""
        right = likelihood(amplitude, *self._grid)
        self._joint *= np.where(correct[:, None, None], right, 1 - right)
        self._joint /= self._joint.sum(axis=(1, 2), keepdims=True)


def _entropy(joint: Floats) -> Floats:
    """Return Σp · entropy(p/Σp) over the first axis."""
    total = joint.sum(axis=0)
    return np.asarray(xlogy(total, total) - xlogy(joint, joint).sum(axis=0))


def begin(method: str, most: float, conditions: int) -> Placements:
    """Begin placements by a method's name, of amplitudes up to ``most``, in units of RMS 1."""
    placement = METHODS[method](kind=method).begin(Showable("any", 0.0, most, 1.0), 0)
    if isinstance(placement, AdaptivePlacement):
        return Together(placement, conditions)
    return OneByOne(placement, conditions)


def run_session(
    planned: Sequence[PlannedTrial],
    conditions: Sequence[Condition],
    placements: Placements,
    strength: Callable[[Floats, np.ndarray], Floats],
    person: Person,
    participant: str,
) -> pd.DataFrame:
    """Return the trials of a session, in the columns of trials that were read.

    Parameters
    ----------
    planned
        The design: each pass shows every condition once.
    strength
        From amplitudes and numbers of conditions to z of this person.
    """
    number = {condition: index for index, condition in enumerate(conditions)}
    shown = np.array([number[trial.condition] for trial in planned])
    sign, position = (np.array([getattr(t, n) for t in planned]) for n in ("sign", "position"))
    easy = np.array([trial.easy for trial in planned])
    amplitude, response = np.empty(len(planned)), np.empty(len(planned), int)
    for first in range(0, len(planned), len(conditions)):
        now = slice(first, first + len(conditions))
        order = np.argsort(shown[now])
        asked = placements.place(easy[now][order])
        amplitude[now] = asked[shown[now]]
        z = strength(amplitude[now], shown[now])
        response[now] = person.answer(first, shown[now], z, sign[now], position[now])
        right = response[now] == position[now]
        placements.update(asked, right[order], easy[now][order])
    table = pd.DataFrame([trial.condition for trial in planned])
    given = {
        "participant": participant, "session": "01", "order": np.arange(len(planned)),
        "amplitude": amplitude, "easy": easy, "response": response,
        "correct": response == position, "response_time": np.nan, "sign": sign,
    }  # fmt: skip
    return table.assign(**given)[COLUMNS]


def ask(
    planned: Sequence[PlannedTrial], responses: Responses, experiment: Experiment, most: float
) -> Course:
    """Return a session that asks about models, and ends when it knows the nearest."""
    method = Models(kind="models")
    experiment = experiment.model_copy(update={"method": method, "stop": Stop()})
    begun = {c: method.begin(Showable(c.name, 0.0, most, 1.0), 0) for c in responses}
    return Course(planned, together(method, begun, responses), experiment)


def run_course(
    course: Course,
    conditions: Sequence[Condition],
    strength: Callable[[Floats, np.ndarray], Floats],
    person: Person,
    participant: str,
) -> pd.DataFrame:
    """Return the trials of a session as :func:`run_session` does, up to its end."""
    number = {condition: np.array([index]) for index, condition in enumerate(conditions)}
    rows: list[tuple[object, ...]] = []
    while (planned := course.next()) is not None:
        amplitude, own = course.place(planned).amplitude, number[planned.condition]
        z = strength(np.array([amplitude]), own)
        sign, position = np.array([planned.sign]), np.array([planned.position])
        answer = int(person.answer(len(rows), own, z, sign, position)[0])
        course.learn(planned.condition, amplitude, answer == planned.position)
        where = participant, "01", len(rows), *planned.condition
        correct = answer == planned.position
        rows.append((*where, amplitude, planned.easy, answer, correct, np.nan, planned.sign))
    return pd.DataFrame(rows, columns=COLUMNS)
