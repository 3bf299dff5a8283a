"""The posterior of one participant: what conditions share integrated out by importance sampling.

φ is drawn around its most probable value from a Student t distribution with the curvature there;
each draw is a node whose weight is the posterior density of φ, thresholds integrated out on a grid,
over the density of the draw. Draws come in opposite pairs with the covariance of the distribution
(Genz & Monahan 1998 place them alike), so that some dozens suffice where the posterior is nearly
Gaussian, which it is where trials are many. Where weights are too unequal, φ is drawn again from a
distribution with the mean and covariance found, and all draws count together as those of a mixture
(Cornuet et al. 2012). Weights are truncated (Ionides 2008): no node has them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from pdpsych.analysis.fitting import places
from pdpsych.analysis.fitting.hierarchy import Mode, find_mode
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.posterior import Conditionals, Posterior
from pdpsych.analysis.fitting.prior import Exponents, Prior
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import Floats

# Nodes times trials: the more trials, the nearer to Gaussian and the narrower is what they share.
_WORK = 1 << 17
_FEWEST, _MOST = 32, 2048
# Degrees of freedom of what φ is drawn from, and its scale, in standard deviations: where trials
# are few the posterior has long tails, and nodes are many enough to reach them.
_FREEDOM = 5.0
_SCALE, _SCALE_BY_DOUBLING = 1.0, 0.1
# Nodes of equal weight that the nodes are worth, as a share of those of the first round; until then
# φ is drawn again.
_ENOUGH = 0.4
_ROUNDS = 3
# Log τ is known at values this much below and above the amplitudes shown, nats, and this many
# standard deviations around where it is.
_BEYOND = 6.0
_REACH = 8.0
# How much wider than the threshold given φ the densities are that the values are to serve.
_WIDER = 1.2


@dataclass(frozen=True)
class Proposal:
    """Student t distribution that φ is drawn from: its middle, (F,), and root of scale, (F, F)."""

    middle: Floats
    root: Floats

    @classmethod
    def of(cls, middle: Floats, squared_scale: Floats) -> Proposal:
        """Return the distribution around a middle with this matrix for the square of its scale."""
        return cls(middle, np.asarray(np.linalg.cholesky(squared_scale), np.float64))

    def draw(self, number: int) -> Floats:
        """Return draws of φ, (number, F); always the same.

        Half of them are the other half mirrored, and were they normal they would have the
        distribution's covariance exactly.
        """
        rng, size = np.random.default_rng(0), self.middle.size
        half = rng.standard_normal((number // 2, size))
        whitening = np.linalg.cholesky(half.T @ half / len(half))
        half = np.linalg.solve(whitening, half.T).T
        share = (rng.permutation(len(half)) + 0.5) / len(half)
        half *= np.sqrt(_FREEDOM / (2 * scipy.special.gammaincinv(_FREEDOM / 2, share)))[:, None]
        return np.asarray(self.middle + np.concatenate([half, -half]) @ self.root.T)

    def log_density(self, nodes: Floats) -> Floats:
        """Return the log density at values of φ, (S, F), up to a constant common to all."""
        apart = np.linalg.solve(self.root, (nodes - self.middle).T)
        reach = np.log1p(np.sum(apart**2, axis=0) / _FREEDOM)
        scale = np.sum(np.log(np.diag(self.root)))
        return np.asarray(-(_FREEDOM + self.middle.size) / 2 * reach - scale)


def solve(
    observations: Observations, nodes: int | None = None, exponents: Exponents | None = None
) -> Posterior:
    """Fit one participant.

    Parameters
    ----------
    observations
        The trials.
    nodes
        Values of φ in a round, an even number; by default as many as the trials ask for.
    exponents
        The prior of log b, by default that of somebody of whom nothing is known.
    """
    mode = find_mode(observations, exponents)
    log_threshold = _values(observations, mode)
    number = nodes or _number(observations.sign.size, mode.shared.values.size)
    scale = _SCALE + _SCALE_BY_DOUBLING * np.log2(number / _FEWEST)
    proposals = [Proposal.of(mode.shared.values, scale**2 * mode.covariance)]
    rounds: list[Conditionals] = []
    while True:
        drawn = Shared(proposals[-1].draw(number))
        rounds.append(Conditionals(observations, log_threshold, drawn))
        weight = _weights(rounds, proposals, mode.prior)
        worth = float(1 / np.sum(weight**2))
        if worth >= _ENOUGH * number or len(rounds) == _ROUNDS:
            break
        proposals.append(_adapted(proposals[-1], _every(rounds), weight, worth, scale))
    given = rounds[0]
    if len(rounds) > 1:
        given = Conditionals.joined(rounds)
    return Posterior(given, weight, mode)


def _every(rounds: list[Conditionals]) -> Floats:
    """Return φ of all rounds, (S, F)."""
    return np.concatenate([one.nodes.values for one in rounds])


def _weights(rounds: list[Conditionals], proposals: list[Proposal], prior: Prior) -> Floats:
    """Return the probabilities of φ of all rounds, drawn from a mixture of proposals."""
    nodes = _every(rounds)
    evidence = np.concatenate([one.log_evidence.sum(axis=1) for one in rounds])
    evidence *= rounds[0].observations.together
    drawn = np.logaddexp.reduce([proposal.log_density(nodes) for proposal in proposals])
    return _truncated(evidence + prior.at(Shared(nodes)).value - drawn)


def _number(trials: int, size: int) -> int:
    """Return how many nodes there are: a power of two, at least two for each number of φ."""
    wanted = np.clip(_WORK / trials, max(_FEWEST, 3 * size), _MOST)
    return int(1 << round(np.log2(wanted)))


def _values(observations: Observations, mode: Mode) -> Floats:
    """Return the values of log τ at which all is known, (C, K)."""
    least, most = observations.ends()
    unit = _WIDER * mode.sd
    reach = np.maximum(mode.mean - least, most - mode.mean) + _BEYOND
    return places.spaced(mode.mean, unit, np.maximum(reach, _REACH * unit))


def _truncated(log_weight: Floats) -> Floats:
    """Return weights of sum 1, none of them more than √S times the mean."""
    weight = np.exp(log_weight - log_weight.max())
    weight = np.minimum(weight, weight.mean() * np.sqrt(weight.size))
    return np.asarray(weight / weight.sum())


def _adapted(
    proposal: Proposal, nodes: Floats, weight: Floats, worth: float, scale: float
) -> Proposal:
    """Return a proposal with the moments found, as far as the nodes are worth it."""
    middle = weight @ nodes
    off = nodes - middle
    covariance = (off * weight[:, None]).T @ off
    trust = worth / (worth + middle.size)
    before = proposal.root @ proposal.root.T
    return Proposal.of(middle, trust * scale**2 * covariance + (1 - trust) * before)
