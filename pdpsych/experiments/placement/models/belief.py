"""Which model people are nearest to, after the trials so far, and what a trial would tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from pdpsych.experiments.placement.adaptive import AdaptivePlacement
from pdpsych.experiments.placement.models.classes import SideClasses
from pdpsych.experiments.placement.models.lattice import SPREADS, Lattice
from pdpsych.experiments.placement.models.pair_evidence import PairEvidence, pair_evidence
from pdpsych.experiments.placement.psychometric import Floats

PairName = tuple[str, str]
"""Image and pair."""

# Efficiencies of images differ at least so much, nats.
_LEAST_SD = 0.7
# What the prior of thresholds weighs beside conditions that were measured.
_OWN_WEIGHT = 0.5
# Groups less probable do not count in what a trial tells.
_NEGLIGIBLE = 1e-3


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
        self.classes = SideClasses.of(tuple(models))
        self._lattice, self._predictions, self._sd = lattice, predictions, sd
        self._groups = self.classes.groups
        self._steps = {
            pair: lattice.steps_of(self.classes.between(known.log_ratios))
            for pair, known in predictions.items()
        }
        # Of each pair: mean and weight of its conditions; what is known of it; that by class.
        self._located: dict[PairName, Floats] = {}
        self._known: dict[PairName, tuple[NDArray[np.intp], PairEvidence]] = {}
        self._log_evidence: dict[PairName, Floats] = {}
        self._prior = np.tile(self.classes.prior / len(SPREADS), (len(SPREADS), 1))
        self._posterior = self._prior
        # How much more classes and spreads count in what a trial tells than in what is believed.
        self._expected = np.tile(self.classes.asked_by / self.classes.prior, (len(SPREADS), 1))

    def learn(self, pair: PairName, placements: Sequence[AdaptivePlacement]) -> None:
        """Take in that a pair has new answers, which the placements of u and v know."""
        mean, sd = self._middle(pair)
        self._located = self._located | {pair: self._locate(pair, placements)}
        steps = self._steps[pair][:, self._place(pair)]
        ratios, which = np.unique(steps, return_inverse=True)
        found = pair_evidence(self._lattice, placements, ratios, mean, sd)
        with np.errstate(divide="ignore"):
            logs = np.log(found.evidence)
        self._known = self._known | {pair: (which, found)}
        self._log_evidence = self._log_evidence | {pair: logs[:, which]}
        self._posterior = _shares(self.log_evidence + np.log(self._prior))

    def expect(self, people: Sequence[Belief]) -> None:
        """Take in what is believed of earlier participants: where answers are expected to tell.

        What the answers say, :attr:`groups`, is not changed by it.
        """
        if people:
            height = sum((one.log_evidence for one in people), np.log(self._prior))
            self._expected = self._expected * (1 + _shares(height) / self._prior) / 2

    @property
    def log_evidence(self) -> Floats:
        """Log probability of all answers by spread and class, (S, H), but for a common number."""
        return np.asarray(sum(self._log_evidence.values(), np.zeros_like(self._prior)))

    @property
    def groups(self) -> Floats:
        """Probability that each model is the nearest, and that none is, (M + 1,)."""
        return self._by_group(self._posterior)

    def information(self, pair: PairName) -> tuple[Floats, Floats]:
        """Return what an answer is expected to tell of the nearest model, in nats.

        H(Σ_g p_g r_g) − Σ_g p_g H(r_g) over groups g, r the probability of a correct answer: at
        each candidate amplitude of u, and of v.
        """
        which, found = self._known[pair]
        weight = self._posterior * self._expected
        weight = weight / weight.sum()
        chance, weight = self._by_group(weight), self._by_ratio(weight, which, found)
        likely = chance > _NEGLIGIBLE
        few = weight[likely].astype(np.float32)
        u, v = (_told(chance[likely], few @ one) for one in found.correct)
        return u, v

    def _by_group(self, weight: Floats) -> Floats:
        """Return the sum of weights, (S, H), over the classes nearest to each model, (M + 1,)."""
        size, of_classes = len(self.classes.models) + 1, weight.sum(axis=0)
        return np.asarray(np.bincount(self._groups, of_classes, minlength=size), dtype=np.float64)

    def _by_ratio(self, weight: Floats, which: NDArray[np.intp], found: PairEvidence) -> Floats:
        """Return the probability of group, spread and log ratio of a pair, (M + 1, S·R)."""
        spreads, ratios = found.evidence.shape
        groups = len(self.classes.models) + 1
        cell = self._groups * spreads * ratios + which + np.arange(spreads)[:, None] * ratios
        size = groups * spreads * ratios
        total = np.bincount(cell.ravel(), weight.ravel(), minlength=size)
        return np.asarray(total.reshape(groups, -1), dtype=np.float64)

    def _locate(self, pair: PairName, placements: Sequence[AdaptivePlacement]) -> Floats:
        """Return mean and weight of each condition of a pair, (2, 2).

        A condition weighs as much as trials have taken off the variance of its prior.
        """
        centre, found = self._predictions[pair].centre, [one.estimate() for one in placements]
        rows = [(e.log_threshold - centre, max(1 - (e.sd / self._sd) ** 2, 0.0)) for e in found]
        return np.array(rows)

    def _place(self, pair: PairName) -> int:
        """Return where on the lattice the middle of a pair's log thresholds seems to be."""
        middle = self._located[pair][:, 0].mean()
        return int(np.argmin(np.abs(self._lattice.offsets - middle)))

    def _middle(self, pair: PairName) -> tuple[float, float]:
        """Return mean and sd of the prior of a pair's middle: what other conditions were found at.

        The prior of thresholds is one of them.
        """
        others = [rows for other, rows in self._located.items() if other != pair]
        places, weights = np.concatenate([[(0.0, _OWN_WEIGHT)], *others]).T
        mean = float(np.average(places, weights=weights))
        spread = (places - mean) ** 2
        spread[0] = self._sd**2
        return mean, float(max(np.sqrt(np.average(spread, weights=weights)), _LEAST_SD))


def _shares(heights: Floats) -> Floats:
    """Return exp of heights, in proportion, so that they sum to 1."""
    weight = np.exp(heights - heights.max())
    return np.asarray(weight / weight.sum())


def _told(chance: Floats, joint: NDArray[np.float32]) -> Floats:
    """Return the information of a correct answer about groups, (A,): of p_g and p_g r_g."""
    rate = np.clip(joint / chance[:, None], 0.0, 1.0)
    share = chance / chance.sum()
    return np.asarray(_entropy(share @ rate) - share @ _entropy(rate))


def _entropy(chance: Floats) -> Floats:
    return np.asarray(scipy.special.entr(chance) + scipy.special.entr(1 - chance))
