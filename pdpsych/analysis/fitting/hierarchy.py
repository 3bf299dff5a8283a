"""Thresholds of one participant together, and where what they share is most probable.

log τ of each condition ~ N(μ_g, σ²), g its group: the conditions that are the same distortion of
different images, of which some are seen far better than others by design. With one mean for all,
thresholds of u and of v would be drawn together and their log ratios with them; with one exponent
for u and v, of which one is often seen to grow faster, ratios are biased. Lapse λ, learning s (the
change of every log τ from the first trial to the last; τ is the threshold half-way) and what moves
answers towards a position are the same in all conditions. What is shared, φ of
:class:`pdpsych.analysis.fitting.shared.Shared`, has weak priors.

Here φ is put at the maximum of its posterior with every log τ integrated out, by quadrature centred
and scaled to each condition (after Naylor & Smith 1982). With the nodes held fixed, gradient and
Hessian of the integral are exact (the identities of Fisher and of Louis 1982). Both are where
:mod:`pdpsych.analysis.fitting.integration` begins to integrate φ out.

Trials may be placed by earlier answers, as every adaptive method does: that is in the likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pdpsych.analysis.fitting.likelihood import expansions, log_likelihood
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.prior import Exponents, Prior
from pdpsych.analysis.fitting.shared import (
    OF_TRIALS,
    OWN,
    OWN_MEAN,
    OWN_SPREAD,
    Shared,
    gathered,
    spread_out,
)
from pdpsych.analysis.names import Floats
from pdpsych.common.packing import packed, unpacked

# Nodes of the first look, and of each condition's own quadrature: reach in nats and in standard
# deviations. Equal spacing is more accurate than Gauss–Hermite where a posterior is lopsided, as
# that of a condition with only correct answers.
_FIRST = np.linspace(-4.0, 4.0, 25)
_OWN = np.linspace(-5.0, 5.0, 11)
# The search begins at the most probable of these: people who guess often, or whose d′ grows fast,
# are not found from far away.
_FIRST_LAPSES, _FIRST_EXPONENTS = (0.025, 0.25), (1.0, 3.0)
# What a step may still promise of the log posterior: φ is then within 0.03 of its posterior
# standard deviation of the maximum.
_TOLERANCE = 1e-3
# Moving the nodes for ever may end in a cycle; held fixed they make the maximum a definite one.
_CENTRINGS = 8
# Ten steps are usual; trials without any signal take some dozens.
_MAX_ITERATIONS = 100
# Of a step, until it is too short to be worth anything.
_MOST_HALVINGS = 12
# Nodes are no closer than this, nats, even where a posterior is a spike.
_LEAST_UNIT = 1e-3
# The curvature of the log posterior along a direction in which it is flat.
_LEAST_CURVATURE = 1e-3
_ARRAYS = ("covariance", "mean", "sd")


class Mode(NamedTuple):
    """Where φ is most probable.

    Attributes
    ----------
    shared, covariance
        φ, and the covariance of the Gaussian with the curvature there, (F, F).
    mean, sd
        Mean and standard deviation of each log τ given φ, (C,).
    prior
        The prior of φ.
    converged
        Whether the maximum was found to tolerance.
    """

    shared: Shared
    covariance: Floats
    mean: Floats
    sd: Floats
    prior: Prior
    converged: bool

    def to_plain(self) -> dict[str, Any]:
        """Return the mode for JSON, its arrays as text."""
        arrays = {name: packed(getattr(self, name)) for name in _ARRAYS}
        shared, prior = packed(self.shared.values), self.prior.to_plain()
        return {"shared": shared, **arrays, "prior": prior, "converged": self.converged}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Mode:
        """Return the mode of :meth:`to_plain`."""
        arrays = {name: unpacked(plain[name]) for name in _ARRAYS}
        shared, prior = Shared(unpacked(plain["shared"])), Prior.from_plain(plain["prior"])
        return cls(shared, **arrays, prior=prior, converged=plain["converged"])


@dataclass(frozen=True)
class Quadrature:
    """Nodes over log τ and the logarithms of their weights, (C, K) and (C, 1)."""

    log_threshold: Floats
    log_weight: Floats

    @classmethod
    def around(cls, centre: Floats, unit: Floats, nodes: Floats) -> Quadrature:
        """Equally spaced ``nodes``, in a unit of each condition from a centre of its own."""
        unit = unit[:, None]
        return cls(centre[:, None] + unit * nodes, np.log(unit * (nodes[1] - nodes[0])))


@dataclass(frozen=True)
class Marginal:
    """Log posterior of φ with thresholds integrated out, and the thresholds given φ.

    Attributes
    ----------
    value, gradient, hessian
        Log posterior density of φ, F numbers, up to a constant; (F,); (F, F).
    mean, sd
        Mean and standard deviation of log τ given φ, (C,).
    """

    value: float
    gradient: Floats
    hessian: Floats
    mean: Floats
    sd: Floats


def marginal(
    observations: Observations, shared: Shared, nodes: Quadrature, prior: Prior
) -> Marginal:
    """Integrate thresholds out at φ = ``shared``."""
    places = nodes.log_threshold
    before = shared.log_prior_of(places, observations.group) + nodes.log_weight
    precision = np.exp(-shared.log_spread)
    apart = (places - shared.means[observations.group, None]) * precision
    value, mean, sd = np.empty((3, len(places)))
    scores, bends = np.empty((len(places), OWN)), np.zeros((len(places), OWN, OWN))
    for part in expansions(observations, places, shared):
        own = part.conditions
        joint = part.value + before[own]
        top = joint.max(axis=1, keepdims=True)
        weight = np.exp(joint - top)
        total = weight.sum(axis=1, keepdims=True)
        weight /= total
        value[own] = (np.log(total) + top)[:, 0]
        mean[own] = np.einsum("ck,ck->c", weight, places[own])
        off = places[own] - mean[own, None]
        sd[own] = np.sqrt(np.einsum("ck,ck,ck->c", weight, off, off))
        score = np.empty((OWN, *weight.shape))
        score[OF_TRIALS] = part.first
        score[OWN_SPREAD], score[OWN_MEAN] = apart[own] ** 2 - 1, apart[own] * precision
        scores[own] = expected = np.einsum("ck,ack->ca", weight, score)
        bend = _expected_curvature(part.second(weight), apart[own], weight, precision)
        flat = score.transpose(1, 0, 2)
        bend += (flat * weight[:, None]) @ flat.transpose(0, 2, 1)
        bends[own] = bend - expected[:, :, None] * expected[:, None, :]
    member = observations.membership
    known = prior.at(shared)
    return Marginal(
        float(observations.together * value.sum() + known.value),
        observations.together * spread_out(scores, member) + known.gradient,
        observations.together * gathered(bends, member) + known.hessian,
        mean,
        sd,
    )


def find_mode(observations: Observations, exponents: Exponents | None = None) -> Mode:
    """Find the maximum: Newton's method in φ, quadrature re-centred at each step.

    A step goes uphill along every eigenvector of the Hessian, moves no number by more than 1
    and is halved until the log posterior does not fall.

    Parameters
    ----------
    exponents
        The prior of log b, by default that of somebody of whom nothing is known.
    """
    centres = observations.centres()
    prior = Prior(
        float(centres.mean()), exponents or Exponents.of_anybody(observations.membership.shape[1])
    )
    first = Quadrature.around(centres, np.ones_like(centres), _FIRST)
    shared = _first(observations, first, prior)
    nodes = _recentred(marginal(observations, shared, first, prior))
    state = marginal(observations, shared, nodes, prior)
    for iteration in range(_MAX_ITERATIONS):
        step = _newton_step(state)
        if step @ state.gradient < _TOLERANCE and iteration > 1:
            break
        if iteration < _CENTRINGS:
            nodes = _recentred(state)
        shared, state = _uphill(observations, shared, step, nodes, prior, state)
    converged = bool(_newton_step(state) @ state.gradient < _TOLERANCE)
    covariance = np.asarray(np.linalg.inv(_positive(-state.hessian)), dtype=np.float64)
    return Mode(shared, covariance, state.mean, state.sd, prior, converged)


def _first(observations: Observations, nodes: Quadrature, prior: Prior) -> Shared:
    """Return the most probable of some φ, from which the search begins."""
    means = observations.centres() @ observations.membership / np.bincount(observations.group)
    starts = [
        Shared.of(exponent=b, lapse=lapse, means=means)
        for lapse in _FIRST_LAPSES
        for b in _FIRST_EXPONENTS
    ]

    def height(shared: Shared) -> float:
        joint = shared.log_prior_of(nodes.log_threshold, observations.group)
        joint += log_likelihood(observations, nodes.log_threshold, shared)
        top = joint.max(axis=1)
        found = np.log(np.exp(joint - top[:, None]).sum(axis=1)) + top
        return float(observations.together * found.sum() + prior.at(shared).value)

    return max(starts, key=height)


def _uphill(
    observations: Observations,
    shared: Shared,
    step: Floats,
    nodes: Quadrature,
    prior: Prior,
    state: Marginal,
) -> tuple[Shared, Marginal]:
    """Halve the step until the log posterior does not fall."""
    floor = state.value - _TOLERANCE * (1 + abs(state.value)) * 1e-3
    for halving in range(_MOST_HALVINGS):
        moved = shared.moved(step * 0.5**halving)
        trial = marginal(observations, moved, nodes, prior)
        if trial.value >= floor:
            break
    return moved, trial


def _recentred(state: Marginal) -> Quadrature:
    return Quadrature.around(state.mean, np.maximum(state.sd, _LEAST_UNIT), _OWN)


def _newton_step(state: Marginal) -> Floats:
    step = np.linalg.solve(_positive(-state.hessian), state.gradient)
    return np.asarray(step / max(1.0, float(np.abs(step).max())))


def _positive(matrix: Floats) -> Floats:
    """Return the matrix with its eigenvalues made positive."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(np.abs(values), _LEAST_CURVATURE)) @ vectors.T)


def _expected_curvature(second: Floats, apart: Floats, weight: Floats, precision: Floats) -> Floats:
    """Return the posterior mean, (C, 8, 8), of each condition's Hessian in φ given log τ."""
    curvature = np.zeros((len(apart), OWN, OWN))
    curvature[np.ix_(range(len(apart)), OF_TRIALS, OF_TRIALS)] = second
    curvature[:, OWN_SPREAD, OWN_SPREAD] = -2 * np.sum(weight * apart**2, axis=1)
    mixed = -2 * np.sum(weight * apart, axis=1) * precision
    curvature[:, OWN_SPREAD, OWN_MEAN] = curvature[:, OWN_MEAN, OWN_SPREAD] = mixed
    curvature[:, OWN_MEAN, OWN_MEAN] = -(precision**2)
    return curvature
