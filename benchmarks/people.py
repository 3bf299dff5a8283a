"""How simulated people answer: as the fit assumes, and in ways that break what it assumes.

All see a distortion by its strength z, its amplitude in thresholds: z = 1 is where d′ = 1, whatever
the shape of d′(z). So the true threshold is known without a fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from pdpsych.analysis.fitting.prior import (
    CRITERION_SDS,
    EXPONENT_FREEDOM,
    GUESS_BETAS,
    LEARNING_SD,
    of_people,
    of_person,
)

Floats = np.ndarray


@dataclass(frozen=True)
class Observer:
    """Compares two noisy responses; all that the fit assumes holds for the defaults.

    Attributes
    ----------
    exponent, lapse
        b of d′ = z^b, and λ: a share 2λ of the trials is answered by guessing.
    bias
        Preference for the first position, in d′.
    learning
        Steady change of log thresholds from the first to the last trial, nats.
    repeats
        Preference for the answer before, in d′.
    """

    exponent: float = 1.0
    lapse: float = 0.02
    bias: float = 0.0
    learning: float = 0.0
    repeats: float = 0.0

    def of_study(self, rng: np.random.Generator) -> Observer:
        """Return the people of a study."""
        return self

    def of_person(self, rng: np.random.Generator) -> Observer:
        """Return one of them."""
        return self

    def exponents(self, distortion: Floats, rng: np.random.Generator) -> Floats:
        """Return b of each condition, whose distortion is 1 (u) or 2 (v)."""
        return np.full(distortion.size, self.exponent)

    def signal(self, strength: Floats, exponent: Floats, sign: Floats) -> Floats:
        """Return d′ of strengths z."""
        return strength**exponent

    def change(self, trials: int) -> Floats:
        """Return by how much log thresholds are off at each trial of a session."""
        return self.learning * (_progress(trials) - 0.5)

    def criterion(self, trials: int, rng: np.random.Generator) -> Floats:
        """Return the preference for the first position at each trial of a session, in d′."""
        return np.full(trials, self.bias)

    def guesses(self, trials: int, rng: np.random.Generator) -> np.ndarray:
        """Return which trials of a session are answered without looking."""
        return rng.random(trials) < 2 * self.lapse


@dataclass(frozen=True)
class TwoSlopes(Observer):
    """The exponent is one for u and another for v."""

    of_u: float = 0.7
    of_v: float = 1.7

    def exponents(self, distortion: Floats, rng: np.random.Generator) -> Floats:
        """Return that of the distortion."""
        return np.where(distortion == 1, self.of_u, self.of_v)


@dataclass(frozen=True)
class Various(Observer):
    """Everybody has numbers of their own, drawn from the prior of the fit.

    Attributes
    ----------
    middle
        log b of u and of v in the mean of the people of a study.
    """

    middle: tuple[float, float] = (0.0, 0.0)

    def of_study(self, rng: np.random.Generator) -> Observer:
        """Draw what exponents the people of a study have in common."""
        u, v = _tailed(of_people(2), rng)
        return replace(self, middle=(u, v))

    def of_person(self, rng: np.random.Generator) -> Observer:
        """Draw somebody: exponents, lapse, learning, a preference for a position and its pull."""
        u, v = np.exp(self.middle + _tailed(of_person(2), rng))
        preference, _, pull = np.sqrt(2) * rng.normal(0, CRITERION_SDS)
        (_, *betas), _ = GUESS_BETAS
        return TwoSlopes(
            of_u=u, of_v=v, lapse=rng.beta(*betas) / 2, learning=rng.normal(0, LEARNING_SD),
            bias=preference, repeats=pull,
        )  # fmt: skip


@dataclass(frozen=True)
class ManySlopes(Observer):
    """Each condition has an exponent of its own: log b has this standard deviation."""

    sd: float = 0.3

    def exponents(self, distortion: Floats, rng: np.random.Generator) -> Floats:
        """Draw one for each condition."""
        return self.exponent * np.exp(rng.normal(0, self.sd, distortion.size))


@dataclass(frozen=True)
class Drifting(Observer):
    """The criterion swings, by ``reach`` d′ to both sides, twice in a session."""

    reach: float = 1.2

    def criterion(self, trials: int, rng: np.random.Generator) -> Floats:
        """Swing, from wherever it begins."""
        return self.reach * np.sin(2 * np.pi * (2 * _progress(trials) + rng.random()))


@dataclass(frozen=True)
class Bursts(Observer):
    """Attention is away for ``length`` trials at a time, ``share`` of the session."""

    share: float = 0.12
    length: int = 30

    def guesses(self, trials: int, rng: np.random.Generator) -> np.ndarray:
        """Lapse as others do, and always while attention is away."""
        blocks = rng.random(-(-trials // self.length)) < self.share
        away = np.repeat(blocks, self.length)[:trials]
        return away | super().guesses(trials, rng)


@dataclass(frozen=True)
class Saturating(Observer):
    """d′ never exceeds ``most``."""

    most: float = 2.2

    def signal(self, strength: Floats, exponent: Floats, sign: Floats) -> Floats:
        """Return most·y/√(most² + y²), y in proportion to z so that d′ = 1 where z = 1."""
        y = strength**exponent * self.most / np.sqrt(self.most**2 - 1)
        return self.most * y / np.sqrt(self.most**2 + y**2)


@dataclass(frozen=True)
class Uncertain(Observer):
    """Does not know what to look for: d′ grows as z³ far below ``knee``, as z far above it."""

    knee: float = 0.7

    def signal(self, strength: Floats, exponent: Floats, sign: Floats) -> Floats:
        """Return (1 + knee²) z³/(knee² + z²), the transducer of Legge and Foley (1980)."""
        return (1 + self.knee**2) * strength**3 / (self.knee**2 + strength**2)


@dataclass(frozen=True)
class Warming(Observer):
    """Log thresholds begin ``by`` nats too high and fall by the factor e in ``pace`` trials."""

    by: float = 1.0
    pace: float = 35.0

    def change(self, trials: int) -> Floats:
        """Fall exponentially to what thresholds are in the end."""
        return self.by * np.exp(-np.arange(trials) / self.pace)


@dataclass(frozen=True)
class OneSided(Observer):
    """Sees one sign of a distortion better: log d′ is ``by`` more for +, less for −."""

    by: float = 0.4

    def signal(self, strength: Floats, exponent: Floats, sign: Floats) -> Floats:
        """Return d′, such that P(correct), mean over both signs, is right where z = 1."""
        return (strength * self._scale()) ** exponent * np.exp(sign * self.by)

    def _scale(self) -> float:
        def excess(scale: float) -> float:
            both = scale * np.exp([self.by, -self.by]) / np.sqrt(2)
            return float(ndtr(both).mean() - ndtr(1 / np.sqrt(2)))

        return float(brentq(excess, 0.5, 2.0))


class Person:
    """Somebody in a session: what is random in an observer is drawn once.

    Parameters
    ----------
    observer
        How they answer.
    distortion
        1 or 2 of each of the C conditions.
    trials
        Number of trials of the session.
    """

    def __init__(
        self, observer: Observer, distortion: Floats, trials: int, rng: np.random.Generator
    ) -> None:
        self._observer = observer
        self._exponent = observer.exponents(distortion, rng)
        self._change = observer.change(trials)
        self._criterion = observer.criterion(trials, rng)
        self._guessed = np.where(observer.guesses(trials, rng), rng.choice([-1, 1], trials), 0)
        self._noise = np.sqrt(2) * rng.standard_normal(trials)
        self._last = 0

    def answer(
        self, first: int, condition: np.ndarray, strength: Floats, sign: Floats, position: Floats
    ) -> np.ndarray:
        """Return the answers, 1 or 2, to consecutive trials, of which ``first`` is the first.

        Parameters
        ----------
        condition, strength, sign, position
            Of each trial: its number, z, ±1, and 1 or 2.
        """
        now = slice(first, first + len(condition))
        seen = strength * np.exp(-self._change[now])
        signal = self._observer.signal(seen, self._exponent[condition], sign)
        evidence = np.where(position == 1, signal, -signal) + self._noise[now]
        evidence += self._criterion[now]
        chosen = np.empty(len(condition), int)
        for number, guess in enumerate(self._guessed[now]):
            leaning = guess or evidence[number] + self._observer.repeats * self._last
            self._last = 1 if leaning > 0 else -1
            chosen[number] = 1 if leaning > 0 else 2
        return chosen


def _tailed(square: Floats, rng: np.random.Generator) -> Floats:
    """Draw from a multivariate t distribution around 0, given the square of its scale."""
    normal = rng.multivariate_normal(np.zeros(len(square)), square)
    return normal * np.sqrt(EXPONENT_FREEDOM / rng.chisquare(EXPONENT_FREEDOM))


def _progress(trials: int) -> Floats:
    """Return how much of a session is done at each trial, 0 to 1."""
    return np.arange(trials) / max(trials - 1, 1)
