"""Thresholds of one participant together: shared exponent, lapse, and spread of thresholds.

log τ of each condition ~ N(μ_g, σ²), g its group: the conditions that are the same distortion of
different images, of which some are seen far better than others by design. With one mean for all,
thresholds of u and of v would be drawn together and their log ratios with them. Exponent b, lapse λ
and learning s, the change of every log τ from the first trial to the last, are the same in all
conditions; τ is the threshold half-way. The shared numbers φ = (log b, logit 2λ, s, log σ,
μ₁ … μ_G) have weak priors. They are put at the maximum of their posterior with every log τ
integrated out, by quadrature centred and scaled to each condition (after Naylor & Smith 1982). The
maximum over thresholds and φ together would give exponents that are too steep, because each
threshold fits its own noise. With the nodes held fixed, gradient and Hessian of the integral are
exact (the identities of Fisher and of Louis 1982).

Trials may be placed by earlier answers, as every adaptive method does: that is in the likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.fitting.likelihood import Floats, Observations, log_likelihood

# Prior of φ. log b ~ N(0, 0.3²): Fisher information predicts b = 1. 2λ ~ Beta(2, 25): mean lapse
# 0.037. s ~ N(0, 0.5²): people rarely become better or worse by more than a factor e. log σ ~
# N(0, 0.7²): thresholds spread over about a nat. μ_g ~ N(m, 1²) and m ~ N(mean log amplitude, 2²).
EXPONENT_SD = 0.3
GUESS_BETA = (2.0, 25.0)
LEARNING_SD = 0.5
SPREAD_SD = 0.7
GROUP_SD = 1.0
MEAN_SD = 2.0

# Nodes of the first look, and of each condition's own quadrature: reach in nats and in standard
# deviations. Equal spacing is more accurate than Gauss–Hermite where a posterior is lopsided, as
# that of a condition with only correct answers.
_FIRST = np.linspace(-4.0, 4.0, 25)
_OWN = np.linspace(-5.0, 5.0, 15)
_TOLERANCE = 1e-6
# Moving the nodes for ever may end in a cycle; held fixed they make the maximum a definite one.
_CENTRINGS = 8
_MAX_ITERATIONS = 100


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
        Log posterior density of φ, F = 4 + G numbers, up to a constant; (F,); (F, F).
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


@dataclass(frozen=True)
class Posterior:
    """Gaussian approximation of the posterior of one participant.

    log τ = mean + loadings·(φ − shared) + sd·ε: conditions are independent given φ.

    Attributes
    ----------
    mean, sd, loadings
        As in :class:`Marginal`, at the maximum in φ.
    group
        Number of the mean, among μ₁ … μ_G, that each condition's prior is around, (C,).
    shared, covariance
        φ = (log b, logit 2λ, s, log σ, μ₁ … μ_G) at its maximum, and its covariance.
    converged
        Whether the maximum was found to tolerance.
    """

    mean: Floats
    sd: Floats
    loadings: Floats
    group: NDArray[np.intp]
    shared: Floats
    covariance: Floats
    converged: bool

    def total_sd(self) -> Floats:
        """Return the standard deviation of each log τ, (C,)."""
        shared = np.einsum("ca,ab,cb->c", self.loadings, self.covariance, self.loadings)
        return np.sqrt(self.sd**2 + shared)

    def trial_sd(self) -> Floats:
        """Return the standard deviation of each log τ by its trials alone, prior taken off, (C,).

        Huge where the trials say nothing.
        """
        return np.asarray(self._trial_precision() ** -0.5)

    def draws(self, number: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return samples of log τ, (number, C), and of φ, (number, F)."""
        root = np.linalg.cholesky(self.covariance)
        moved = rng.standard_normal((number, root.shape[0])) @ root.T
        own = rng.standard_normal((number, self.mean.size)) * self.sd
        return self.mean + moved @ self.loadings.T + own, self.shared + moved

    def draws_by_trials(self, number: int, rng: np.random.Generator) -> Floats:
        """Return samples of log τ by the trials alone, the prior taken off, (number, C).

        The prior draws each condition towards the mean of its group, in the same direction in
        every participant: a mean over participants would keep that error and lose the noise that
        justifies it.
        """
        precision = self._trial_precision()
        # mean/sd² = precision · (what the trials say) + (prior mean)/σ²
        gain = 1 / (self.sd**2 * precision)
        mean = gain * self.mean + (1 - gain) * self.shared[4:][self.group]
        root = np.linalg.cholesky(self.covariance)
        moved = (rng.standard_normal((number, root.shape[0])) @ root.T)[:, :3]
        own = rng.standard_normal((number, self.mean.size)) * precision**-0.5
        return np.asarray(mean + gain * (moved @ self.loadings[:, :3].T) + own)

    def _trial_precision(self) -> Floats:
        precision = 1 / self.sd**2 - np.exp(-2 * self.shared[3])
        return np.asarray(np.maximum(precision, 1e-12))


def marginal(
    observations: Observations, shared: Floats, nodes: Quadrature, centre: float
) -> Marginal:
    """Integrate thresholds out at φ = ``shared``; ``centre`` is the prior mean of m."""
    terms = log_likelihood(observations, nodes.log_threshold, shared)
    precision = np.exp(-shared[3])
    apart = (nodes.log_threshold - shared[4:][observations.group, None]) * precision
    joint = terms[0] - apart**2 / 2 - shared[3] - np.log(2 * np.pi) / 2 + nodes.log_weight
    top = joint.max(axis=1, keepdims=True)
    weight = np.exp(joint - top)
    total = weight.sum(axis=1, keepdims=True)
    weight /= total
    # Of each condition in log b, logit 2λ, s, log σ and the mean of its own group.
    score = np.concatenate([terms[1:4], [apart**2 - 1, apart * precision]])
    mean = np.einsum("ck,ck->c", weight, nodes.log_threshold)
    off = nodes.log_threshold - mean[:, None]
    expected = np.einsum("ck,ack->ca", weight, score)
    bend = _expected_curvature(terms, apart, weight, precision)
    bend += np.einsum("ck,ack,bck->cab", weight, score, score)
    bend -= expected[:, :, None] * expected[:, None, :]
    member = observations.membership
    prior_value, prior_gradient, prior_hessian = _prior(shared, centre)
    return Marginal(
        float(np.sum(np.log(total) + top)) + prior_value,
        _spread_out(expected, member).sum(axis=0) + prior_gradient,
        _gathered(bend, member) + prior_hessian,
        mean,
        np.sqrt(np.einsum("ck,ck->c", weight, off**2)),
        _spread_out(np.einsum("ck,ck,ack->ca", weight, off, score), member),
    )


def solve(observations: Observations) -> Posterior:
    """Fit one participant: Newton's method in φ, quadrature re-centred at each step.

    A step goes uphill along every eigenvector of the Hessian, moves no number by more than 1
    and is halved until the log posterior does not fall.
    """
    centres = observations.centres()
    centre = float(centres.mean())
    means = centres @ observations.membership / np.bincount(observations.group)
    shared = np.concatenate([[0.0, np.log(0.05 / 0.95), 0.0, 0.0], means])
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
    shared: Floats,
    step: Floats,
    nodes: Quadrature,
    centre: float,
    state: Marginal,
) -> tuple[Floats, Marginal]:
    """Halve the step until the log posterior does not fall."""
    floor = state.value - _TOLERANCE * (1 + abs(state.value))
    for halving in range(12):
        moved = shared + step * 0.5**halving
        trial = marginal(observations, moved, nodes, centre)
        if trial.value >= floor:
            break
    return moved, trial


def _recentred(state: Marginal) -> Quadrature:
    return Quadrature.around(state.mean, np.maximum(state.sd, 1e-3), _OWN)


def _newton_step(state: Marginal) -> Floats:
    step = np.linalg.solve(_positive(-state.hessian), state.gradient)
    return np.asarray(step / max(1.0, float(np.abs(step).max())))


def _positive(matrix: Floats) -> Floats:
    """Return the matrix with its eigenvalues made positive."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(np.abs(values), 1e-3)) @ vectors.T)


def _spread_out(columns: Floats, member: Floats) -> Floats:
    """Put the last of five columns into that of the condition's group, (C, 5) to (C, F)."""
    return np.concatenate([columns[:, :4], columns[:, 4:] * member], axis=1)


def _gathered(matrices: Floats, member: Floats) -> Floats:
    """Sum (C, 5, 5) over conditions, the last row and column into those of its group: (F, F)."""
    groups = member.shape[1]
    total = np.zeros((4 + groups, 4 + groups))
    total[:4, :4] = matrices[:, :4, :4].sum(axis=0)
    total[:4, 4:] = matrices[:, :4, 4].T @ member
    total[4:, :4] = total[:4, 4:].T
    total[4:, 4:] = np.diag(matrices[:, 4, 4] @ member)
    return total


def _prior(shared: Floats, centre: float) -> tuple[float, Floats, Floats]:
    """Return the log prior density of φ, its gradient and Hessian."""
    groups = shared.size - 4
    precision = np.zeros((shared.size, shared.size))
    precision[0, 0], precision[2, 2] = EXPONENT_SD**-2, LEARNING_SD**-2
    precision[3, 3] = SPREAD_SD**-2
    precision[4:, 4:] = np.linalg.inv(GROUP_SD**2 * np.eye(groups) + MEAN_SD**2)
    off = shared - np.concatenate([np.zeros(4), np.full(groups, centre)])
    one, other = GUESS_BETA
    guess = 1 / (1 + np.exp(-shared[1]))
    value = -off @ precision @ off / 2 + one * np.log(guess) + other * np.log1p(-guess)
    gradient, hessian = -precision @ off, -precision
    gradient[1] = one - (one + other) * guess
    hessian[1, 1] = -(one + other) * guess * (1 - guess)
    return float(value), gradient, hessian


def _expected_curvature(terms: Floats, apart: Floats, weight: Floats, precision: float) -> Floats:
    """Return the posterior mean, (C, 5, 5), of each condition's Hessian in φ given log τ."""
    curvature = np.zeros((len(apart), 5, 5))
    second = np.einsum("ck,ack->ca", weight, terms[4:])
    row, column = np.triu_indices(3)
    curvature[:, row, column] = curvature[:, column, row] = second
    curvature[:, 3, 3] = -2 * np.sum(weight * apart**2, axis=1)
    mixed = -2 * np.sum(weight * apart, axis=1) * precision
    curvature[:, 3, 4] = curvature[:, 4, 3] = mixed
    curvature[:, 4, 4] = -(precision**2)
    return curvature
