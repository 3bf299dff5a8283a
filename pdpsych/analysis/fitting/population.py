"""Exponents of a participant, as far as those of others tell.

log b of a group, the same distortion of different images, is β_g + δ_g in a participant: β is the
same in all people and has the wide prior of
:func:`pdpsych.analysis.fitting.prior.of_people`, δ that of how people differ. What somebody's
trials tell of log b is taken for a Gaussian likelihood, that with the posterior's mode and
curvature, so that β given the trials of all others is Gaussian, and with δ it is the prior of log b
of the one who is left out: what others tell, and nothing twice.

So the errors of people have β in common, and do not average out over them: samples of all people
are drawn given the same samples of β.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.hierarchy import find_mode
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.prior import Exponents, of_people, of_person
from pdpsych.analysis.fitting.shared import COMMON
from pdpsych.analysis.names import Floats

# Information, in nats⁻², that trials have of a direction at least, or it is left out: where they
# leave log b with an sd above one, their likelihood is nothing like Gaussian.
_LEAST_INFORMATION = 1.0
# Rounds of proportional fitting.
_FITTED = 4


@dataclass(frozen=True, eq=False)
class Told:
    """What the trials of a participant tell of β, a Gaussian likelihood.

    Attributes
    ----------
    names
        What the groups are called, the same in all people, G of them.
    precision, pull
        Its precision, (G, G), and that times its middle, (G,).
    """

    names: Sequence[Hashable]
    precision: Floats
    pull: Floats

    @classmethod
    def by(cls, observations: Observations, names: Sequence[Hashable]) -> Told:
        """Return what trials tell."""
        mode = find_mode(observations)
        log_exponents, groups = mode.shared.log_exponents, mode.shared.groups
        own = slice(COMMON, COMMON + groups)
        posterior = np.linalg.inv(mode.covariance[own, own])
        before = mode.prior.exponents.at(log_exponents)
        values, axes = np.linalg.eigh(posterior + before.hessian)
        # Curvature and gradient of the prior are taken off: what is left is the likelihood's.
        told = values > _LEAST_INFORMATION
        axes = axes[:, told]
        information = (axes * values[told]) @ axes.T
        weight = information @ log_exponents - axes @ (axes.T @ before.gradient)
        # (I⁻¹ + S)⁻¹ = I − I (S⁻¹ + I)⁻¹ I, also where I has directions of which it tells nothing.
        spread = np.linalg.inv(of_person(groups)) + information
        precision = information - information @ np.linalg.solve(spread, information)
        pull = weight - information @ np.linalg.solve(spread, weight)
        return cls(names, np.asarray(precision), np.asarray(pull))

    def among(self, names: Sequence[Hashable]) -> tuple[Floats, Floats]:
        """Return precision and pull of all groups of anybody, of which these are some."""
        place = [names.index(name) for name in self.names]
        precision, pull = np.zeros((len(names), len(names))), np.zeros(len(names))
        precision[np.ix_(place, place)], pull[place] = self.precision, self.pull
        return precision, pull


def exponents_by_others(people: Sequence[Told]) -> Iterator[Exponents]:
    """Yield the prior of log b of each participant by what the trials of all others tell.

    Parameters
    ----------
    people
        What the trials of each tell; of one alone, what is known of anybody.
    """
    names = sorted({name for one in people for name in one.names}, key=str)
    told = [one.among(names) for one in people]
    before = np.linalg.inv(of_people(len(names)))
    precision = before + sum(one for one, _ in told)
    pull = sum((one for _, one in told), np.zeros(len(names)))
    for one, (own_precision, own_pull) in zip(people, told, strict=True):
        covariance = np.linalg.inv(precision - own_precision)
        middle = covariance @ (pull - own_pull)
        place = [names.index(name) for name in one.names]
        scale = covariance[np.ix_(place, place)] + of_person(len(place))
        yield Exponents(middle[place], scale)


def given_people(
    log_exponents: Floats, weight: Floats, before: Exponents, people: Floats
) -> Floats:
    """Return the probabilities of values of log b of a participant given samples of β, (n, S).

    They are those without β times p(β | log b): with Σ the covariance of β before the trials of
    this participant, of which ``before`` has the scale Σ + S, a normal distribution with the mean
    D log b, D = Σ (Σ + S)⁻¹, up to a constant, and the covariance R = Σ − D Σ. On average over the
    samples of β they are again those without it: exactly where log b is normal, and else by
    proportional fitting (Deming & Stephan 1940).

    Parameters
    ----------
    log_exponents, weight
        Its values, (S, G), and their probabilities, (S,).
    before
        Its prior by what others tell.
    people
        Of β, (n, G): standard normal, the same for all participants.
    """
    middle = weight @ log_exponents
    off = log_exponents - middle
    covariance = (off * weight[:, None]).T @ off
    known = before.scale - of_person(before.middle.size)
    slope = known @ np.linalg.inv(before.scale)
    left = known - slope @ known
    beta = people @ np.linalg.cholesky(slope @ covariance @ slope.T + left).T
    expected = off @ slope.T
    pull = expected @ np.linalg.inv(left)
    # log p(β | log b), but for what is the same for all log b.
    height = beta @ pull.T - np.sum(pull * expected, axis=1) / 2
    height += np.log(np.maximum(weight, np.finfo(float).tiny))
    probability = np.exp(height - height.max(axis=1, keepdims=True))
    for _ in range(_FITTED):
        probability /= probability.sum(axis=1, keepdims=True)
        probability *= weight / np.maximum(probability.mean(axis=0), np.finfo(float).tiny)
    return np.asarray(probability / probability.sum(axis=1, keepdims=True))


def samples_of_people(
    thresholds: pd.DataFrame, number: int, rng: np.random.Generator
) -> dict[str, Floats | None]:
    """Return what :func:`given_people` takes of each participant; nothing of one alone.

    Parameters
    ----------
    thresholds
        participant, pair and distortion, a row a condition.
    number
        How many samples.
    rng
        What they are drawn with.
    """
    group = ["pair", "distortion"]
    numbers = thresholds.groupby(group, sort=True).ngroup()
    drawn = rng.standard_normal((number, numbers.max() + 1))
    own = numbers.groupby(thresholds["participant"]).unique()
    alone = len(own) == 1
    return {str(who): None if alone else drawn[:, np.sort(some)] for who, some in own.items()}
