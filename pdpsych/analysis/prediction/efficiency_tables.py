"""How likely a participant's answers are under a model, by the efficiency k, on a lattice.

Of a trial with log D = x, P(correct) depends on b(log k + x). Both log k and x are put on lattices
of one step, x by cubic interpolation, so that the log likelihood of all conditions is the product
of a table of counts with a Hankel matrix, whatever the number of trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.analysis.tasks.links import TWO, Link

# Of log k, in nats: the cubic is then right to 10⁻⁴ of a trial's log probability at b = 2.
STEP = 0.15
# log k goes so far beyond what any condition alone asks for, in nats.
_REACH = 4.0
# What is seen so many nats less than what is seen most is not seen at all.
_DEEPEST = 30.0
# An observer who never lapses would make one wrong answer impossible.
_LEAST_LAPSE = 1e-3


@dataclass(frozen=True)
class Answers:
    """Answers of one participant, sorted by condition, and conditions by image.

    Attributes
    ----------
    condition
        Number of each trial's condition, from 0, ascending, (N,).
    correct
        Whether each was right, (N,).
    image
        Number of each condition's image, from 0, ascending, (C,).
    lapse
        λ, half the share of trials answered by guessing.
    link
        How often answers are right by d′.
    """

    condition: NDArray[np.intp]
    correct: NDArray[np.bool_]
    image: NDArray[np.intp]
    lapse: float
    link: Link = TWO

    @property
    def first_conditions(self) -> NDArray[np.intp]:
        """Number of the first condition of each image, (I,)."""
        return np.flatnonzero(np.diff(self.image, prepend=-1))


@dataclass(frozen=True)
class EfficiencyTables:
    """Log likelihood of each condition at any exponent, by log k.

    Attributes
    ----------
    counts
        Right and wrong answers by place of x on its lattice, (2, C, J).
    first
        Of log k + x, the smallest.
    least
        Of log k, the smallest.
    size
        Number of values of log k.
    lapse
        λ.
    link
        How often answers are right by d′.
    """

    counts: Floats
    first: float
    least: float
    size: int
    lapse: float
    link: Link

    @classmethod
    def build(cls, log_response: Floats, answers: Answers) -> EfficiencyTables:
        """Put log D of trials, (N,), on a lattice that holds all that they say of log k."""
        x = np.maximum(log_response, log_response.max() - _DEEPEST)
        number = np.bincount(answers.condition)
        middle = np.bincount(answers.condition, x) / number
        # The smallest is between the second place and the third.
        least = x.min() - 1.5 * STEP
        place, weight = _cubic((x - least) / STEP)
        width, wrong = int(place.max()) + 1, ~answers.correct
        row = wrong * len(number) + answers.condition
        flat = (row * width)[:, None] + place
        counts = np.bincount(flat.ravel(), weight.ravel(), 2 * len(number) * width)
        low, high = -middle.max() - _REACH, -middle.min() + _REACH
        size = int(np.ceil((high - low) / STEP)) + 1
        lapse = max(answers.lapse, _LEAST_LAPSE)
        table = np.asarray(counts, dtype=float).reshape(2, len(number), width)
        return cls(table, least + low, low, size, lapse, answers.link)

    @property
    def log_efficiencies(self) -> Floats:
        """Log k, (size,)."""
        return np.asarray(self.least + STEP * np.arange(self.size))

    def at(self, exponents: Floats) -> Floats:
        """Return the log likelihood of each condition at exponents b, (B, C, size)."""
        z = self.first + STEP * np.arange(self.counts.shape[2] + self.size - 1)
        # Beyond e⁴, answers are right to the last bit.
        log_signal = np.minimum(exponents[:, None] * z, 4.0)
        right, wrong = (np.log(p) for p in self.link.answered(log_signal, 2 * self.lapse))
        return np.stack(
            [
                self.counts[0] @ sliding_window_view(r, self.size)
                + self.counts[1] @ sliding_window_view(w, self.size)
                for r, w in zip(right, wrong, strict=True)
            ]
        )

    def blurred(self, log_values: Floats, spreads: Sequence[float]) -> Floats:
        """Return the log of the mean of values (B, C, size) over log k, (B, S, C, size).

        log k is normal around each one, with S spreads; beyond their ends values are held.
        """
        edges = np.concatenate([[-np.inf], STEP * (np.arange(1, self.size) - 0.5), [np.inf]])
        reach = edges - STEP * np.arange(self.size)[:, None]
        weights = [np.diff(scipy.special.ndtr(reach / spread), axis=1).T for spread in spreads]
        top = log_values.max(axis=-1, keepdims=True)
        values = np.exp(log_values - top)
        mean = np.stack([values @ weight for weight in weights], axis=1)
        np.maximum(mean, np.finfo(float).tiny, out=mean)
        return np.asarray(np.log(mean, out=mean) + top[:, None])


def _cubic(place: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return four neighbouring places of each, and Lagrange's weights of them, (N, 4)."""
    below = np.floor(place).astype(np.intp)
    f = place - below
    weight = np.stack(
        [
            -f * (f - 1) * (f - 2) / 6,
            (f + 1) * (f - 1) * (f - 2) / 2,
            -(f + 1) * f * (f - 2) / 2,
            (f + 1) * f * (f - 1) / 6,
        ],
        axis=1,
    )
    return below[:, None] + np.arange(-1, 3), weight
