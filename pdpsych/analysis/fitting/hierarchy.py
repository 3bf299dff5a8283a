"""Thresholds of one participant together: shared exponent, lapse, and spread of thresholds.

log τ of each condition ~ N(μ_g, σ²), g its group: the conditions that are the same distortion of
different images, of which some are seen far better than others by design. With one mean for all,
thresholds of u and of v would be drawn together and their log ratios with them. Exponent b, lapse λ
and learning s, the change of every log τ from the first trial to the last, are the same in all
conditions; τ is the threshold half-way. What is shared, φ of
:class:`pdpsych.analysis.fitting.shared.Shared`, has weak priors. It is put at the maximum of its
posterior with every log τ integrated out, by quadrature centred and scaled to each condition (after
Naylor & Smith 1982). The maximum over thresholds and φ together would give exponents that are too
steep, because each threshold fits its own noise. With the nodes held fixed, gradient and Hessian of
the integral are exact (the identities of Fisher and of Louis 1982).

Trials may be placed by earlier answers, as every adaptive method does: that is in the likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdpsych.analysis.fitting.likelihood import LogLikelihood, Observations, log_likelihood
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.fitting.shared import (
    OF_TRIALS,
    OWN,
    OWN_MEAN,
    OWN_SPREAD,
    Shared,
    gathered,
    log_prior,
    spread_out,
)
from pdpsych.analysis.names import Floats

# Nodes of the first look, and of each condition's own quadrature: reach in nats and in standard
# deviations. Equal spacing is more accurate than Gauss–Hermite where a posterior is lopsided, as
# that of a condition with only correct answers.
_FIRST = np.linspace(-4.0, 4.0, 25)
_OWN = np.linspace(-5.0, 5.0, 15)
# What a step may still promise of the log posterior: φ is then within 0.001 of its posterior
# standard deviation of the maximum.
_TOLERANCE = 1e-6
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
    loadings
        Derivative of ``mean`` with respect to φ, (C, F).
    """

    value: float
    gradient: Floats
    hessian: Floats
    mean: Floats
    sd: Floats
    loadings: Floats


def marginal(
    observations: Observations, shared: Shared, nodes: Quadrature, centre: float
) -> Marginal:
    """Integrate thresholds out at φ = ``shared``; ``centre`` is the prior mean of m."""
    terms = log_likelihood(observations, nodes.log_threshold, shared)
    precision = np.exp(-shared.log_spread)
    apart = (nodes.log_threshold - shared.means[observations.group, None]) * precision
    joint = terms.value - apart**2 / 2 - shared.log_spread - np.log(2 * np.pi) / 2
    joint += nodes.log_weight
    top = joint.max(axis=1, keepdims=True)
    weight = np.exp(joint - top)
    total = weight.sum(axis=1, keepdims=True)
    weight /= total
    # Of each condition in its own numbers of φ.
    score = np.concatenate([terms.first, [apart**2 - 1, apart * precision]])
    mean = np.einsum("ck,ck->c", weight, nodes.log_threshold)
    off = nodes.log_threshold - mean[:, None]
    expected = np.einsum("ck,ack->ca", weight, score)
    bend = _expected_curvature(terms, apart, weight, precision)
    bend += np.einsum("ck,ack,bck->cab", weight, score, score)
    bend -= expected[:, :, None] * expected[:, None, :]
    member = observations.membership
    before = log_prior(shared, centre)
    return Marginal(
        float(np.sum(np.log(total) + top)) + before.value,
        spread_out(expected, member).sum(axis=0) + before.gradient,
        gathered(bend, member) + before.hessian,
        mean,
        np.sqrt(np.einsum("ck,ck->c", weight, off**2)),
        spread_out(np.einsum("ck,ck,ack->ca", weight, off, score), member),
    )


def solve(observations: Observations) -> Posterior:
    """Fit one participant: Newton's method in φ, quadrature re-centred at each step.

    A step goes uphill along every eigenvector of the Hessian, moves no number by more than 1
    and is halved until the log posterior does not fall.
    """
    centres = observations.centres()
    centre = float(centres.mean())
    means = centres @ observations.membership / np.bincount(observations.group)
    shared = Shared.of(means=means)
    first = Quadrature.around(centres, np.ones_like(centres), _FIRST)
    state = marginal(observations, shared, first, centre)
    nodes = _recentred(state)
    state = marginal(observations, shared, nodes, centre)
    for iteration in range(_MAX_ITERATIONS):
        step = _newton_step(state)
        if step @ state.gradient < _TOLERANCE and iteration > 1:
            break
        if iteration < _CENTRINGS:
            nodes = _recentred(state)
        shared, state = _uphill(observations, shared, step, nodes, centre, state)
    converged = bool(_newton_step(state) @ state.gradient < _TOLERANCE)
    covariance = np.asarray(np.linalg.inv(_positive(-state.hessian)), dtype=np.float64)
    return Posterior(
        state.mean, state.sd, state.loadings, observations.group, shared, covariance, converged
    )


def _uphill(
    observations: Observations,
    shared: Shared,
    step: Floats,
    nodes: Quadrature,
    centre: float,
    state: Marginal,
) -> tuple[Shared, Marginal]:
    """Halve the step until the log posterior does not fall."""
    floor = state.value - _TOLERANCE * (1 + abs(state.value))
    for halving in range(_MOST_HALVINGS):
        moved = shared.moved(step * 0.5**halving)
        trial = marginal(observations, moved, nodes, centre)
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


def _expected_curvature(
    terms: LogLikelihood, apart: Floats, weight: Floats, precision: Floats
) -> Floats:
    """Return the posterior mean, (C, 5, 5), of each condition's Hessian in φ given log τ."""
    curvature = np.zeros((len(apart), OWN, OWN))
    row, column = np.triu_indices(OF_TRIALS.stop)
    second = np.einsum("ck,ack->ca", weight, terms.second)
    curvature[:, row, column] = curvature[:, column, row] = second
    curvature[:, OWN_SPREAD, OWN_SPREAD] = -2 * np.sum(weight * apart**2, axis=1)
    mixed = -2 * np.sum(weight * apart, axis=1) * precision
    curvature[:, OWN_SPREAD, OWN_MEAN] = curvature[:, OWN_MEAN, OWN_SPREAD] = mixed
    curvature[:, OWN_MEAN, OWN_MEAN] = -(precision**2)
    return curvature
