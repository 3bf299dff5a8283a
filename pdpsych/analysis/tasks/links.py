"""How often an observer is right by d′, for each task: exact relations, tabulated once.

In all tasks one of m images is distorted, its response is d′ above those of the others, and all
responses have independent Gaussian noise of variance 1 (Green & Swets 1966).

- m alternatives: the largest response is chosen, F(d′) = ∫ φ(x − d′) Φ(x)^{m−1} dx (Hacker &
  Ratcliff 1979); of two that is Φ(d′/√2).
- Oddity, three images: the one that is furthest from the other two is chosen, F(d′) = 2 ∫₀^∞
  [Φ(−z√3 + d′√⅔) + Φ(−z√3 − d′√⅔)] φ(z) dz (Frijters 1979; Craven 1992).

Chance is γ = 1/m. Every F is that of two alternatives at an equivalent d″, on another scale:
1 − F(d′) = s·(1 − Φ(d″/√2)) with s = 2(1 − γ), which is a definition of d″. Of a wrong answer that
is all there is to it. log d″ is smooth in log d′, has slope 1 (oddity: 2) where d′ is small and 1
where it is large, and is what the table holds; the tail of 1 − F keeps its relative accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy

from pdpsych.analysis.names import Floats

# Of log d′ in the table. Beyond it log d″ is linear; above, wrong answers are rarer than 10⁻²³.
_LOWEST, _HIGHEST, _STEP = -7.0, 3.25, 0.01
# Of the integral over the line, by the trapezoidal rule, and of that over half of it, by Gauss's.
_REACH, _NODES = 25.0, 1001
_HALF_REACH, _HALF_NODES = 14.0, 200
_SQRT2, _SQRT3 = np.sqrt(2.0), np.sqrt(3.0)


class Slopes(NamedTuple):
    """Shares of right and of wrong answers, F and 1 − F, and derivatives of F in log d′."""

    right: Floats
    wrong: Floats
    first: Floats
    second: Floats


@dataclass(frozen=True)
class Link:
    """Share of correct answers of a task, by d′; for answers without lapses or preferences.

    Attributes
    ----------
    name
        What analyses and files call it.
    alternatives
        Number m of images, one of them distorted.
    words
        The task in words.
    missed
        1 − F(d′), of d′ (N,), without loss of digits where it is small.
    """

    name: str
    alternatives: int
    words: str
    missed: Callable[[Floats], Floats]

    def __reduce__(self) -> tuple[Callable[[str], Link], tuple[str]]:
        """Travel between processes by name: a link is known by what it is, not by its values."""
        return _named, (self.name,)

    @property
    def chance(self) -> float:
        """γ, the share of correct answers of who sees nothing."""
        return 1 / self.alternatives

    @property
    def scale(self) -> float:
        """Scale s = 2(1 − γ) of wrong answers, 1 for two alternatives."""
        return 2 * (1 - self.chance)

    def slopes(self, log_signal: Floats) -> Slopes:
        """Return F, 1 − F and the derivatives of F in log d′, at values of any shape."""
        height, rise, bend = self._equivalent(log_signal)
        w = np.exp(height) / _SQRT2
        first, second = w * rise, w * (rise**2 + bend)
        density = self.scale * np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi)
        wrong = self.scale * scipy.special.ndtr(-w)
        return Slopes(1 - wrong, wrong, density * first, density * (second - w * first**2))

    def answered(self, log_signal: Floats, guess: float | Floats) -> tuple[Floats, Floats]:
        """Return P of a right and of a wrong answer where a share ``guess`` is guessed."""
        wrong = self.scale * scipy.special.ndtr(-np.exp(self._equivalent(log_signal)[0]) / _SQRT2)
        by_guess = guess * self.chance, guess * (1 - self.chance)
        return by_guess[0] + (1 - guess) * (1 - wrong), by_guess[1] + (1 - guess) * wrong

    def correct(self, signal: Floats) -> Floats:
        """Return F(d′), where d′ is 0 or more; of any shape."""
        with np.errstate(divide="ignore"):
            log_signal = np.log(signal)
        equivalent = np.exp(self._equivalent(log_signal)[0])
        return np.asarray(1 - self.scale * scipy.special.ndtr(-equivalent / _SQRT2))

    def _equivalent(self, log_signal: Floats) -> tuple[Floats, Floats, Floats]:
        """Return log d″ and its first and second derivative in log d′."""
        if self.alternatives == 2:
            return log_signal, np.ones_like(log_signal), np.zeros_like(log_signal)
        table = self._table
        inside = np.clip(log_signal, _LOWEST, _HIGHEST)
        height, rise, bend = (table(inside, order) for order in range(3))
        beyond = log_signal - inside
        out = beyond != 0
        return (
            height + np.where(out, rise * beyond, 0.0),
            rise,
            np.where(out, 0.0, bend),
        )

    @cached_property
    def _table(self) -> scipy.interpolate.CubicSpline:
        """Log d″ by log d′."""
        places = np.arange(_LOWEST, _HIGHEST + _STEP / 2, _STEP)
        return scipy.interpolate.CubicSpline(
            places, np.log(-_SQRT2 * self._quantiles(np.exp(places)))
        )

    def _quantiles(self, signal: Floats) -> Floats:
        """Return Φ⁻¹((1 − F)/s)."""
        return np.asarray(scipy.special.ndtri(self.missed(signal) / self.scale))


def _named(name: str) -> Link:
    return LINKS[name]


def _of_alternatives(number: int) -> Callable[[Floats], Floats]:
    """Return 1 − F of m alternatives, as 1 − Φ(x)^{m−1} = −expm1((m − 1) log Φ(x)) has it."""

    def missed(signal: Floats) -> Floats:
        # φ(x − d′) and the bracket, which is 1 below 0, overlap between 0 and d′.
        x, step = np.linspace(-_REACH, _REACH, _NODES, retstep=True)
        x = x[:, None] + signal / 2
        bracket = -np.expm1((number - 1) * scipy.special.log_ndtr(x))
        values = np.exp(-((x - signal) ** 2) / 2) * bracket
        return np.asarray(values.sum(axis=0) * step / np.sqrt(2 * np.pi))

    return missed


def _of_oddity(signal: Floats) -> Floats:
    """Return 1 − F of oddity: 2∫₀^∞ φ(z) [Φ(z√3 − d√⅔) − Φ(−z√3 − d√⅔)] dz, as 2∫φ = 1."""
    places, weight = np.polynomial.legendre.leggauss(_HALF_NODES)
    z = _HALF_REACH * (places[:, None] + 1) / 2
    shift = signal * np.sqrt(2 / 3)
    both = scipy.special.ndtr(_SQRT3 * z - shift) - scipy.special.ndtr(-_SQRT3 * z - shift)
    found = weight @ (np.exp(-(z**2) / 2) * both)
    return np.asarray(found * _HALF_REACH / np.sqrt(2 * np.pi))


LINKS = {
    link.name: link
    for link in (
        Link("2afc", 2, "a two-alternative forced choice", _of_alternatives(2)),
        Link("3afc", 3, "a three-alternative forced choice", _of_alternatives(3)),
        Link("4afc", 4, "a four-alternative forced choice", _of_alternatives(4)),
        Link("oddity", 3, "a choice of the odd one of three (oddity)", _of_oddity),
    )
}
"""Links by their names."""
TWO = LINKS["2afc"]
"""The task of pdpsych's own sessions."""
