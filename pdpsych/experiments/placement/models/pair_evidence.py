"""What the trials of one pair of distortions say of its log ratio, and what the next would say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdpsych.experiments.placement.adaptive import AdaptivePlacement
from pdpsych.experiments.placement.models.lattice import Lattice
from pdpsych.experiments.placement.psychometric import Floats


@dataclass(frozen=True)
class PairEvidence:
    """The evidence of a pair by spread σ and log ratio r, S and R of them.

    Attributes
    ----------
    evidence
        Probability of the answers to the pair, but for a factor that all have in common, (S, R).
    correct
        Probability that the next answer to u, to v is correct at each of its A candidate
        amplitudes: two of (S·R, A).
    """

    evidence: Floats
    correct: tuple[NDArray[np.float32], NDArray[np.float32]]


def pair_evidence(
    lattice: Lattice,
    placements: Sequence[AdaptivePlacement],
    ratios: NDArray[np.intp],
    mean: float,
    sd: float,
) -> PairEvidence:
    """Return what is known of a pair.

    With Λ(t) the likelihood of log threshold t by a condition's trials, exponent and lapse rate
    integrated out, Z(μ, σ) = Σ_t N(t; μ, σ) Λ(t) is that of a predicted place. The place of u is
    the pair's efficiency, integrated out; that of v is r further on:
    evidence(r, σ) = Σ_μ p(μ) Z_u(μ, σ) Z_v(μ + r, σ).

    Parameters
    ----------
    placements
        Of u and v.
    ratios
        Log ratios in steps of the lattice, (R,).
    mean, sd
        Of the prior of the middle of both log thresholds.
    """
    scatter, likely = lattice.scatter, [_likelihood(placement) for placement in placements]
    place_u, place_v = (scatter @ one for one in likely)
    # What the other condition and the prior say, by place of u, and by place of v.
    of_u = lattice.shifted(place_v, ratios) * lattice.middle(ratios, mean, sd)
    of_v = lattice.shifted(place_u, -ratios) * lattice.middle(-ratios, mean, sd)
    evidence = (of_u @ place_u[:, :, None])[:, :, 0]
    correct_u, correct_v = (
        (weight @ _by_place(scatter, placement, one) / evidence[:, :, None]).astype(np.float32)
        for placement, one, weight in zip(placements, likely, (of_u, of_v), strict=True)
    )
    size = evidence.size
    return PairEvidence(evidence, (correct_u.reshape(size, -1), correct_v.reshape(size, -1)))


def _likelihood(placement: AdaptivePlacement) -> Floats:
    """Return Λ(t), 1 at its largest, (T,)."""
    posterior = placement.posterior
    found = posterior.joint.sum(axis=1) / posterior.prior
    return np.asarray(found / found.max())


def _by_place(scatter: Floats, placement: AdaptivePlacement, likely: Floats) -> Floats:
    """Return the likelihood of a place with one more answer, a correct one, (S, T, A)."""
    known = np.maximum(placement.posterior.joint.sum(axis=1), np.finfo(float).tiny)
    given = placement.correct_with_threshold() / known
    return np.asarray(scatter @ (given * likely).T)
