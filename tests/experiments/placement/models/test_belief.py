"""The belief beside a slow oracle: sums over everything, one hypothesis after the other."""

import copy

import numpy as np
import pytest
from model_world import IMAGES, METHOD, RATIOS, UNIT, answer, begin, conditions, person, responses

from pdpsych.experiments.placement.models.belief import Belief, Predictions
from pdpsych.experiments.placement.models.classes import SHARES
from pdpsych.experiments.placement.models.lattice import SPREADS, Lattice
from pdpsych.experiments.placement.models.predicted_ratios import predicted_ratios
from pdpsych.experiments.placement.psychometric import proportion_correct

TWO = IMAGES[:2]
CENTRE = np.log(METHOD.threshold_rms * UNIT)
OFFSETS = np.arange(-4 * METHOD.sd, 4 * METHOD.sd, 0.1)


def middle_of(placements, own):
    """Mean and sd of what is known of a pair's middle by the other pairs."""
    centres, weights, squares = [0.0], [0.5], [METHOD.sd**2]
    for pair, both in placements.items():
        for placement in both if pair != own else ():
            mean, sd = placement.estimate()
            centres.append(mean - CENTRE)
            weights.append(max(1 - sd**2 / METHOD.sd**2, 0.0))
    mean = np.average(centres, weights=weights)
    squares += [(c - mean) ** 2 for c in centres[1:]]
    return mean, max(np.sqrt(np.average(squares, weights=weights)), 0.7)


class Oracle:
    """Says all that the belief says, from trials, with loops."""

    def __init__(self, trials, places, middles):
        self.trials, self.places, self.middles = trials, places, middles
        self.hypotheses = [(m, m, 0.0) for m in RATIOS]
        names = list(RATIOS)
        for i, a in enumerate(names):
            self.hypotheses += [(a, b, w) for b in names[i + 1 :] for w in SHARES]
        between = len(self.hypotheses) - len(RATIOS)
        self.ratios = {(image, m): self.ratio(image, m) for image in TWO for m in RATIOS}
        halves = sum(share == 0.5 for _, _, share in self.hypotheses)
        self.prior = [
            1 / 3 / (len(RATIOS) if a == b else halves if share == 0.5 else between - halves)
            for a, b, share in self.hypotheses
        ]

    def asking(self):
        """The same with what trials are chosen by: half-way counts like any other way."""
        later, between = copy.copy(self), len(self.hypotheses) - len(RATIOS)
        later.prior = [0.5 / (len(RATIOS) if a == b else between) for a, b, _ in self.hypotheses]
        return later

    def steps(self, image, hypothesis):
        a, b, share = hypothesis
        between = (1 - share) * self.ratios[image, a] + share * self.ratios[image, b]
        return round(between * 10)

    def ratio(self, image, model):
        """What a model predicts where the pair seems to be."""
        u, v = (responses(TWO)[c][model] for c in conditions((image,)))
        return float(predicted_ratios(u, v, np.array([self.places[image] + CENTRE]))[0])

    def likelihood(self, condition, extra=()):
        """Of each log threshold by all trials of a condition."""
        found = np.zeros(len(OFFSETS))
        for b, weight in METHOD.exponents.items():
            for lapse, w in METHOD.lapses.items():
                one = np.ones(len(OFFSETS))
                for c, alpha, correct in [*self.trials, *extra]:
                    if c == condition:
                        p = proportion_correct(alpha, np.exp(CENTRE + OFFSETS), b, lapse)
                        one *= p if correct else 1 - p
                found += weight * w * one
        return found

    def evidence(self, image, steps, spread, extra=()):
        mean, sd = self.middles[image]
        of_place = []
        for condition in conditions((image,)):
            likely = self.likelihood(condition, extra)
            scatter = np.exp(-(((OFFSETS[:, None] - OFFSETS) / spread) ** 2) / 2)
            of_place.append((scatter / scatter.sum(axis=1, keepdims=True)) @ likely)
        total = weight = 0.0
        for j in range(len(OFFSETS)):
            if 0 <= j + steps < len(OFFSETS):
                prior = np.exp(-(((OFFSETS[j] + steps * 0.05 - mean) / sd) ** 2) / 2)
                total += prior * of_place[0][j] * of_place[1][j + steps]
                weight += prior
        return total / weight

    def joint(self, extra=()):
        """Of hypotheses and spreads with all answers."""
        known = {}
        for image in TWO:
            for h in {self.steps(image, hyp) for hyp in self.hypotheses}:
                for spread in SPREADS:
                    known[image, h, spread] = self.evidence(image, h, spread, extra)
        return np.array(
            [
                [
                    p * np.prod([known[i, self.steps(i, h), s] for i in TWO])
                    for h, p in zip(self.hypotheses, self.prior, strict=True)
                ]
                for s in SPREADS
            ]
        )

    def groups(self, joint):
        names = list(RATIOS)
        found = np.zeros(len(names) + 1)
        for (a, b, share), p in zip(self.hypotheses, joint.sum(axis=0), strict=True):
            near = a if share < 0.5 else b
            found[len(names) if share == 0.5 else names.index(near)] += p
        return found


@pytest.fixture(scope="module")
def learned():
    """A belief after some trials, and the oracle of them."""
    placements, observer = begin(TWO), person("A")
    both = {(c.image, c.pair): [] for c in placements}
    for c, placement in placements.items():
        both[c.image, c.pair].append(placement)
    predictions = {}
    for image in TWO:
        u, v = (responses(TWO)[c] for c in conditions((image,)))
        rows = [predicted_ratios(u[m], v[m], OFFSETS + CENTRE) for m in RATIOS]
        predictions[image, "principal"] = Predictions(CENTRE, np.stack(rows))
    belief = Belief(list(RATIOS), predictions, Lattice(OFFSETS), METHOD.sd)
    trials, places, middles = [], {}, {}
    order = [c for _ in range(6) for c in conditions(TWO)]
    for number, condition in enumerate(order):
        amplitude = 0.1 * (1 + number % 3)
        correct = answer(observer, condition, number, amplitude)
        placements[condition].update(amplitude, correct, False)
        trials.append((condition, amplitude, correct))
        pair = condition[:2]
        middles[condition.image] = middle_of(both, pair)
        belief.learn(pair, both[pair])
        known = np.mean([p.estimate().log_threshold for p in both[pair]]) - CENTRE
        places[condition.image] = OFFSETS[np.argmin(np.abs(OFFSETS - known))]
    return belief, Oracle(trials, places, middles), placements


def test_side_probabilities_are_those_of_sums_over_everything(learned):
    belief, oracle, _ = learned
    joint = oracle.groups(oracle.joint())
    np.testing.assert_allclose(belief.groups, joint / joint.sum(), rtol=2e-3)
    assert belief.groups.argmax() == 0


def test_what_a_trial_tells_is_the_mutual_information(learned):
    belief, oracle, placements = learned
    oracle = oracle.asking()
    condition = conditions(TWO)[2]
    told = belief.information(condition[:2])[0]
    amplitudes = placements[condition].amplitudes
    now = oracle.groups(oracle.joint())
    for place in (20, 30):
        after = [(condition, amplitudes[place], correct) for correct in (True, False)]
        right, wrong = (oracle.groups(oracle.joint([one])) / now.sum() for one in after)

        def entropy(p):
            return float(-(p[p > 0] * np.log(p[p > 0])).sum())

        chance = right.sum(), wrong.sum()
        expected = entropy(now / now.sum()) - sum(
            c * entropy(p / c) for c, p in zip(chance, (right, wrong), strict=True)
        )
        assert told[place] == pytest.approx(expected, rel=0.02, abs=2e-6)
        assert expected > 1e-4


def test_without_answers_nothing_is_believed():
    placements = begin()
    pairs = {(c.image, c.pair): [] for c in placements}
    for c, placement in placements.items():
        pairs[c.image, c.pair].append(placement)
    flat = Predictions(CENTRE, np.tile([[1.0], [-1.0], [0.0]], len(OFFSETS)))
    belief = Belief(list("ABC"), dict.fromkeys(pairs, flat), Lattice(OFFSETS), METHOD.sd)
    before = belief.groups
    for pair in pairs:
        belief.learn(pair, pairs[pair])
    np.testing.assert_allclose(belief.groups, before, rtol=1e-12)
    assert before[:3].tolist() == pytest.approx([2 / 9] * 3)
    assert before.sum() == pytest.approx(1)
