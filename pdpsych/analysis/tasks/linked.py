"""The likelihood of trials of other tasks than two alternatives, and its derivatives.

P(correct) = 2λγ + (1 − 2λ)·F(d′), d′ = exp(b·(log α − log τ − s·t)), F and chance γ those of the
task, see :mod:`pdpsych.analysis.tasks.links`. Positions are not known of such trials, so that no
preference for one enters. Equal trials are counted together: tables of counts have many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import Floats

# Of log d′: beyond, answers are right to the last bit.
_MOST_SIGNAL = 4.0
_LEAST_GUESS = 2e-15
# Places of logit 2λ, s and log b among the six numbers that trials depend on.
_GUESS, _LEARNING, _EXPONENT = 0, 1, 5


class Cells(NamedTuple):
    """Equal trials of one participant, counted: log α, progress, right and wrong, (M,) each.

    ``starts`` is the first cell of each condition, (C,), and ``condition`` its number, (M,).
    """

    condition: NDArray[np.intp]
    starts: NDArray[np.intp]
    log_amplitude: Floats
    progress: Floats
    right: Floats
    wrong: Floats

    @classmethod
    def of(cls, observations: Observations) -> Cells:
        """Count the trials, conditions in their order."""
        keys = np.stack(
            [observations.condition, observations.log_amplitude, observations.progress], axis=1
        )
        cells, which = np.unique(keys, axis=0, return_inverse=True)
        right = (observations.sign + 1) / 2
        which = which.ravel()
        condition = cells[:, 0].astype(np.intp)
        starts = np.searchsorted(condition, np.arange(observations.starts.size))
        correct, wrong = (
            np.asarray(np.bincount(which, own), dtype=np.float64) for own in (right, 1 - right)
        )
        return cls(condition, starts, cells[:, 1], cells[:, 2], correct, wrong)

    def log_signal(self, exponents: Floats, learning: Floats, log_threshold: Floats) -> Floats:
        """Return log d′ of each cell at K values of log τ, (M, K); b is of each condition."""
        reach = self.log_amplitude - learning * self.progress
        apart = reach[:, None] - log_threshold[self.condition]
        return np.asarray(np.minimum(exponents[self.condition, None] * apart, _MOST_SIGNAL))


def log_likelihood(observations: Observations, log_threshold: Floats, shared: Shared) -> Floats:
    """Return each condition's log likelihood, (…, C, K), at K values of its log τ, (C, K)."""
    cells = Cells.of(observations)
    every = shared.values.reshape(-1, shared.values.shape[-1])
    found = np.empty((len(every), *log_threshold.shape))
    for one, own in zip(found, Shared(every), strict=True):
        exponents = own.exponents[observations.group]
        z = cells.log_signal(exponents, own.learning, log_threshold)
        right, wrong = observations.link.answered(z, max(float(own.guess), _LEAST_GUESS))
        terms = cells.right[:, None] * np.log(right) + cells.wrong[:, None] * np.log(wrong)
        one[:] = observations.power * np.add.reduceat(terms, cells.starts)
    return found.reshape(*shared.values.shape[:-1], *log_threshold.shape)


@dataclass(frozen=True)
class Expansion:
    """As :class:`pdpsych.analysis.fitting.likelihood.Expansion`, of all conditions.

    The second derivatives of the cells, (M, K), are in (y, z), (z, z), (y, y), y the logit of 2λ
    and z = log d′; ``by_signal`` is the first in z, ``slip`` = −b·t.
    """

    conditions: slice
    value: Floats
    first: Floats
    cells: Cells
    log_signal: Floats
    by_signal: Floats
    second_mixed: Floats
    second_signal: Floats
    second_guess: Floats
    slip: Floats
    power: float

    def second(self, weight: Floats) -> Floats:
        """Return the mean of second derivatives over log τ with weights (C, K), (C, 6, 6).

        z is linear in s, with slope ``slip``; its derivatives in log b are both z.
        """
        each, z, slip = weight[self.cells.condition], self.log_signal, self.slip
        bent, sloped = each * self.second_signal, each * self.by_signal
        mixed = each * self.second_mixed
        terms = np.zeros((len(z), 6, 6))

        def put(i: int, j: int, values: Floats) -> None:
            terms[:, i, j] = terms[:, j, i] = values

        put(_GUESS, _GUESS, (each * self.second_guess).sum(axis=1))
        put(_GUESS, _LEARNING, slip * mixed.sum(axis=1))
        put(_GUESS, _EXPONENT, (mixed * z).sum(axis=1))
        put(_LEARNING, _LEARNING, slip**2 * bent.sum(axis=1))
        put(_LEARNING, _EXPONENT, slip * (bent * z + sloped).sum(axis=1))
        put(_EXPONENT, _EXPONENT, ((bent * z + sloped) * z).sum(axis=1))
        return np.asarray(self.power * np.add.reduceat(terms, self.cells.starts))


def expansions(
    observations: Observations, log_threshold: Floats, shared: Shared
) -> Iterator[Expansion]:
    """Yield the expansion of the log likelihood of all conditions at log τ, (C, K)."""
    cells, link = Cells.of(observations), observations.link
    exponents = shared.exponents[observations.group]
    z = cells.log_signal(exponents, shared.learning, log_threshold)
    slip = -exponents[cells.condition] * cells.progress
    guess = max(float(shared.guess), _LEAST_GUESS)
    share, curve = guess * (1 - guess), link.slopes(z)
    value, by_guess, by_signal, mixed, bent, of_guess = np.zeros((6, *z.shape))
    # A right answer has P, a wrong one 1 − P, whose derivatives are those of P with a minus.
    for count, chance, certain, sign in (
        (cells.right, link.chance, curve.right, 1.0),
        (cells.wrong, 1 - link.chance, curve.wrong, -1.0),
    ):
        number = count[:, None]
        p = guess * chance + (1 - guess) * certain
        y, w = share * (chance - certain) / p, sign * (1 - guess) * curve.first / p
        value += number * np.log(p)
        by_guess += number * y
        by_signal += number * w
        mixed -= number * (guess * w + y * w)
        bent += number * (sign * (1 - guess) * curve.second / p - w**2)
        of_guess += number * ((1 - 2 * guess) * y - y**2)
    first = np.zeros((6, *log_threshold.shape))
    for place, terms in (
        (_GUESS, by_guess),
        (_LEARNING, slip[:, None] * by_signal),
        (_EXPONENT, z * by_signal),
    ):
        first[place] = observations.power * np.add.reduceat(terms, cells.starts)
    yield Expansion(
        slice(0, len(log_threshold)),
        observations.power * np.add.reduceat(value, cells.starts),
        first,
        cells,
        z,
        by_signal,
        mixed,
        bent,
        of_guess,
        slip,
        observations.power,
    )
