"""Which model people are nearest to, after the trials so far, and what a trial would tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from pdpsych.experiments.placement.adaptive import AdaptivePlacement
from pdpsych.experiments.placement.models.classes import SideClasses
from pdpsych.experiments.placement.models.lattice import SPREADS, Lattice
from pdpsych.experiments.placement.models.pair_evidence import PairEvidence, pair_evidence
from pdpsych.experiments.placement.psychometric import Floats

PairName = tuple[str, str]
"""Image and pair."""

# Of the places of pairs besides that of which trials tell, nats: efficiencies of images differ.
import os
_LEAST_SD = float(os.environ.get('LSD','0.7'))
# What the prior of thresholds weighs beside conditions that were measured.
_OWN_WEIGHT = 0.5


class Predictions(NamedTuple):
    """The log ratios that models predict for a pair, (M, T), by the middle of its log thresholds.

    ``centre`` is the log threshold, in model units, at which the lattice has 0.
    """

    centre: float
    log_ratios: Floats


class Belief:
    """Probabilities of side classes and spreads, by the answers to all pairs.

    p(h, σ) ∝ p(h) Π_i evidence_i(r_i(h), σ). The ratio that a model predicts for a pair is taken
    where the middle of the pair's thresholds seems to be; the prior of that middle is what other
    pairs were found at, whatever the models.

    Answers never change an object that it holds, so that a shallow copy goes its own way.

    Parameters
    ----------
    models
        Names.
    predictions
        Of each pair.
    lattice
        Of log thresholds.
    sd
        Of the prior of a log threshold.
    """

    def __init__(
        self,
        models: Sequence[str],
        predictions: Mapping[PairName, Predictions],
        lattice: Lattice,
        sd: float,
    ) -> None:
        self._variance = sd**2
        self.classes = SideClasses.of(tuple(models))
        self._groups = self.classes.groups
        self._lattice, self._predictions = lattice, predictions
        self._steps = {
            pair: lattice.steps_of(self.classes.between(known.log_ratios))
            for pair, known in predictions.items()
        }
        self._log_evidence: dict[PairName, Floats] = {}
        self._known: dict[PairName, tuple[NDArray[np.intp], PairEvidence]] = {}
        prior = np.tile(self.classes.prior / len(SPREADS), (len(SPREADS), 1))
        self._log_prior = np.log(prior)
        self._posterior: Floats = prior

    def learn(
        self, pair: PairName, placements: Mapping[PairName, Sequence[AdaptivePlacement]]
    ) -> None:
        """Take in that a pair has new answers; the placements of u and v of all pairs know them."""
        mean, sd = self._middle(pair, placements)
        steps = self._steps[pair][:, self._place(pair, placements[pair])]
        ratios, which = np.unique(steps, return_inverse=True)
        found = pair_evidence(self._lattice, placements[pair], ratios, mean, sd)
        with np.errstate(divide="ignore"):
            logs = np.log(found.evidence)
        self._known = self._known | {pair: (which, found)}
        self._log_evidence = self._log_evidence | {pair: logs[:, which]}
        height = self._log_prior + sum(self._log_evidence.values())
        weight = np.exp(height - height.max())
        self._posterior = weight / weight.sum()

    @property
    def groups(self) -> Floats:
        """Probability that each model is the nearest, and that none is, (M + 1,)."""
        size = len(self.classes.models) + 1
        return np.bincount(self._groups, self._posterior.sum(axis=0), minlength=size)

    def information(self, pair: PairName) -> tuple[Floats, Floats]:
        """Return what an answer is expected to tell of the nearest model, in nats.

        H(Σ_g p_g r_g) − Σ_g p_g H(r_g) over groups g, r the probability of a correct answer: at
        each candidate amplitude of u, and of v.
        """
        which, found = self._known[pair]
        weight = self._by_ratio(which, found.evidence.shape[1])
        chance = self.groups
        likely = chance > _NEGLIGIBLE
        u, v = (
            _told(chance[likely], weight[likely] @ one.reshape(-1, one.shape[2]))
            for one in found.correct
        )
        return u, v

    def _by_ratio(self, which: NDArray[np.intp], ratios: int) -> Floats:
        """Return the probability of group, spread and log ratio of a pair, (M + 1, S·R)."""
        spreads, groups = len(SPREADS), len(self.classes.models) + 1
        cell = (self._groups * spreads * ratios + which) + np.arange(spreads)[:, None] * ratios
        total = np.bincount(cell.ravel(), self._posterior.ravel(), minlength=groups * spreads * ratios)
        return total.reshape(groups, spreads * ratios)

    def _place(self, pair: PairName, placements: Sequence[AdaptivePlacement]) -> int:
        """Return where on the lattice the middle of a pair's log thresholds seems to be."""
        known = np.mean([one.estimate().log_threshold for one in placements])
        away = self._lattice.offsets - (known - self._predictions[pair].centre)
        return int(np.argmin(np.abs(away)))

    def _middle(
        self, pair: PairName, placements: Mapping[PairName, Sequence[AdaptivePlacement]]
    ) -> tuple[float, float]:
        """Return mean and sd of the prior of a pair's middle: what other conditions were found at.

        A condition weighs as much as trials have taken off the variance of its prior.
        """
        centres, weights = [0.0], [_OWN_WEIGHT]
        sd = float(np.sqrt(self._variance))
        for other, both in placements.items():
            for one in both if other != pair else ():
                estimate = one.estimate()
                centres.append(estimate.log_threshold - self._predictions[other].centre)
                weights.append(max(1 - estimate.sd**2 / self._variance, 0.0))
        mean = float(np.average(centres, weights=weights))
        spread = (np.array(centres) - mean) ** 2
        spread[0] = sd**2
        return mean, float(max(np.sqrt(np.average(spread, weights=weights)), _LEAST_SD))


# Groups less probable do not count in what a trial tells.
_NEGLIGIBLE = 1e-4


def _told(chance: Floats, joint: Floats) -> Floats:
    """Return the information of a correct answer about groups, (A,): of p_g and p_g r_g."""
    rate = np.clip(joint / chance[:, None], 0.0, 1.0)
    share = chance / chance.sum()
    mixed = np.clip(share @ rate, 0.0, 1.0)
    return _entropy(mixed) - share @ _entropy(rate)


def _entropy(chance: Floats) -> Floats:
    return np.asarray(entr(chance) + entr(1 - chance))
