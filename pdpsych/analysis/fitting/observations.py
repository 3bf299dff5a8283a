"""The trials of one participant, as the fit takes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdpsych.analysis.names import Floats
from pdpsych.analysis.tasks.links import TWO, Link
from pdpsych.common.errors import InputError

# Stands for an amplitude of zero, at which P = ½ whatever the threshold.
NO_SIGNAL = -1000.0
# Probabilities of so many trials are multiplied before a logarithm is taken.
RUN = 16


@dataclass(frozen=True, eq=False)
class Observations:
    """Trials of one participant, sorted by condition.

    Attributes
    ----------
    log_amplitude
        log α of each trial, (N,); natural log.
    sign
        +1 where the answer was correct, −1 where it was wrong, (N,).
    starts
        Index of the first trial of each condition, (C,).
    group
        Number of the group of each condition, (C,): groups have a mean threshold and an exponent
        of their own.
    progress
        t, where among all trials of the participant each one came, −½ the first to ½ the last,
        (N,).
    position
        r, +1 where the distorted image came first, −1 where second, 0 where unknown, (N,).
    previous
        p, +1 where the answer to the trial before was the first position, −1 the second, 0 where
        unknown, (N,).
    power
        The likelihood of a condition counts to this power: below 1 where answers to it are not
        independent.
    together
        What conditions tell together, of what they share, counts to this power besides: below 1
        where answers to different conditions are not independent.
    link
        How often answers are right by d′: the task.
    """

    log_amplitude: Floats
    sign: Floats
    starts: NDArray[np.intp]
    group: NDArray[np.intp]
    progress: Floats
    position: Floats
    previous: Floats
    power: float = 1.0
    together: float = 1.0
    link: Link = TWO

    @classmethod
    def build(
        cls,
        condition: ArrayLike,
        amplitude: ArrayLike,
        correct: ArrayLike,
        group: ArrayLike | None = None,
        order: ArrayLike | None = None,
        position: ArrayLike | None = None,
        link: Link = TWO,
    ) -> Observations:
        """Sort trials by condition; conditions are numbered 0, 1, … and each has a trial.

        Parameters
        ----------
        condition, amplitude, correct
            Of each trial, (N,).
        group
            Of each condition, numbered in the same way; all in one by default.
        order
            Of each trial: whole numbers that grow with time, without gaps where no trial was left
            out between two; by default all trials are half-way.
        position
            1 or 2, where the distorted image was; unknown by default, and in other tasks than
            two alternatives.
        link
            The task.

        Raises
        ------
        InputError
            If an amplitude is not finite, or an answer neither correct nor wrong.
        """
        number = np.asarray(condition)
        by_condition = np.argsort(number, kind="stable")
        alpha, right = _checked(amplitude, correct)
        sign = np.where(right, 1.0, -1.0)
        found, starts = np.unique(number[by_condition], return_index=True)
        if not np.array_equal(found, np.arange(found.size)):
            raise ValueError("conditions are numbered from 0 without gaps")
        zeros = np.zeros(number.size)
        side = zeros if position is None else 3.0 - 2.0 * np.asarray(position)
        shown = alpha > 0
        return cls(
            np.where(shown, np.log(np.where(shown, alpha, 1.0)), NO_SIGNAL)[by_condition],
            sign[by_condition],
            starts,
            np.zeros(found.size, int) if group is None else np.asarray(group),
            (zeros if order is None else progress_of(order))[by_condition],
            side[by_condition],
            (zeros if order is None else _previous(order, side * sign))[by_condition],
            link=link,
        )

    @property
    def counts(self) -> NDArray[np.intp]:
        """Number of trials of each condition, (C,)."""
        return np.diff(np.append(self.starts, self.sign.size))

    @cached_property
    def condition(self) -> NDArray[np.intp]:
        """Number of each trial's condition, (N,)."""
        return np.repeat(np.arange(self.starts.size), self.counts)

    @cached_property
    def runs(self) -> NDArray[np.intp]:
        """Index of the first trial of each run: at most ``RUN`` trials of one condition."""
        place = np.arange(self.sign.size) - self.starts[self.condition]
        return np.flatnonzero(place % RUN == 0)

    @cached_property
    def criteria(self) -> Floats:
        """What moves answers towards the correct position, r·(1, t, p) of each trial, (N, 3)."""
        one = np.ones_like(self.sign)
        return self.position[:, None] * np.stack([one, self.progress, self.previous], axis=1)

    @property
    def groups(self) -> int:
        """Number of groups, G."""
        return int(self.group.max()) + 1

    @property
    def membership(self) -> Floats:
        """1 where a condition is of a group, else 0, (C, G)."""
        return (self.group[:, None] == np.arange(self.groups)).astype(float)

    def centres(self) -> Floats:
        """Return the mean log α of each condition, (C,); the overall mean where none is shown."""
        shown = self.log_amplitude > NO_SIGNAL
        total = np.add.reduceat(np.where(shown, self.log_amplitude, 0.0), self.starts)
        number = np.add.reduceat(shown.astype(float), self.starts)
        overall = total.sum() / max(number.sum(), 1.0)
        return np.where(number > 0, total / np.maximum(number, 1.0), overall)

    def ends(self) -> tuple[Floats, Floats]:
        """Return the least and the largest log α of each condition, (C,); its centre if none."""
        shown, centre = self.log_amplitude > NO_SIGNAL, self.centres()
        known = np.where(shown, self.log_amplitude, centre[self.condition])
        return np.minimum.reduceat(known, self.starts), np.maximum.reduceat(known, self.starts)


def progress_of(order: ArrayLike) -> Floats:
    """Return where among all trials each one came, from −½ the first to ½ the last, (N,)."""
    numbers = np.asarray(order)
    rank = np.argsort(np.argsort(numbers, kind="stable"), kind="stable")
    return np.asarray(rank / max(numbers.size - 1, 1) - 0.5)


def _previous(order: ArrayLike, answer: Floats) -> Floats:
    """Return the answer to the trial before each, 0 where that trial is not there."""
    numbers = np.asarray(order)
    in_time = np.argsort(numbers, kind="stable")
    follows = np.diff(numbers[in_time]) == 1
    before = np.zeros(numbers.size)
    before[in_time[1:]] = np.where(follows, answer[in_time[:-1]], 0.0)
    return before


def _checked(amplitude: ArrayLike, correct: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    alpha = np.asarray(amplitude, dtype=np.float64)
    _check(
        alpha,
        np.isfinite(alpha),
        "amplitude",
        "have an amplitude that cannot be",
        "a finite number",
    )
    answers = np.asarray(correct, dtype=np.float64)
    known = (answers == 0) | (answers == 1)
    _check(answers, known, "correct", "are neither correct nor wrong", "true or false, 1 or 0")
    return alpha, answers == 1


def _check(values: Floats, usable: NDArray[np.bool_], field: str, wrong: str, allowed: str) -> None:
    """Refuse trials with a value that cannot be used."""
    if not usable.all():
        raise InputError(
            f"{int((~usable).sum())} of {usable.size} trials {wrong}",
            field=field,
            value=float(values[~usable][0]),
            allowed=allowed,
            remedy="leave these trials out, or mend them where they come from",
        )
