"""Conditions and amplitudes chosen together, by what an answer would tell of the nearest model."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Generic

import numpy as np

from pdpsych.experiments.placement.adaptive import AdaptivePlacement
from pdpsych.experiments.placement.models.belief import Belief, PairName, Predictions
from pdpsych.experiments.placement.models.earlier import Answer, expected_of_next, measured_by
from pdpsych.experiments.placement.models.lattice import Lattice
from pdpsych.experiments.placement.models.predicted_ratios import pairs_of, predicted_ratios
from pdpsych.experiments.placement.placements import Key, Placed, Placements
from pdpsych.experiments.placement.psychometric import Floats
from pdpsych.stimuli.responses.finite_response import FiniteResponse

# What tells less of the nearest model, in nats, is asked for the sake of the threshold.
_LEAST = 1e-4
# A threshold is measured that is known as well as by some ten trials, in nats, or that one more
# would tell next to nothing of.
_MEASURED_SD, _LEAST_GAIN = 0.8, 0.02
# What is declared of people rests on five images or more that are measured well: some thirty trials
# of a distortion on few images tell it sooner than ten on many. One more, since some are out of
# reach; and what counts as well, in nats.
_TOGETHER, _WELL_SD = 6, 0.45
# Most trials are above thresholds, which fits then reach by a slope that these tell little of, and
# all ratios are off together. What explores is shown below, in thresholds.
_BELOW = 0.8
# Sums differ in their last digits between machines; choices shall not.
_DIGITS = 9


class ModelPlacements(Placements[Key], Generic[Key]):
    """Asks where an answer tells most of the nearest model, and now and then of a threshold.

    A few pairs are measured at a time: those that have most answers so far, and of those that have
    as many the ones that tell most, until both thresholds are known well.

    Parameters
    ----------
    each
        By image, pair and number of the distortion.
    responses
        D of each model in each condition.
    explore
        Share of the trials that go to the condition whose threshold they tell most of.
    after
        What each of some earlier participants answered.
    """

    def __init__(
        self,
        each: Mapping[Key, AdaptivePlacement],
        responses: Mapping[Key, Mapping[str, FiniteResponse]],
        explore: float,
        after: Sequence[Sequence[Answer]] = (),
    ) -> None:
        people = [measured_by(each, answers) for answers in after]
        adaptive = expected_of_next(each, people) if people else dict(each)
        super().__init__(adaptive)
        self._adaptive: dict[Key, AdaptivePlacement] = {
            key: one for key, one in self._each.items() if isinstance(one, AdaptivePlacement)
        }
        self._explore, self._answered, self._last_image = explore, 0, ""
        self._shown = dict.fromkeys([key[:2] for key in each], 0)
        self._information: dict[Key, Floats] = {}
        self._gains: dict[Key, float] = {}
        self._pairs = pairs_of(each)
        first = next(iter(each.values())).posterior
        offsets = first.log_thresholds - first.median
        centre = {key: one.posterior.median for key, one in each.items()}
        models = list(next(iter(responses.values())))
        predictions = {
            pair: Predictions(
                centre[u],
                np.stack(
                    [
                        predicted_ratios(responses[u][m], responses[v][m], offsets + centre[u])
                        for m in models
                    ]
                ),
            )
            for pair, (u, v) in self._pairs.items()
        }
        before = Belief(models, predictions, Lattice(offsets), first.sd)
        self._belief = copy.copy(before)
        self._belief.expect([self._after(before, one) for one in people])
        for pair in self._pairs:
            self._learn(pair)
        # All at once they would take longer than the gap before a trial should.
        for key in self._adaptive:
            self._gain(key)

    @property
    def nearest(self) -> dict[str, float]:
        """Probability of each model that it is the nearest."""
        return dict(zip(self._belief.classes.models, self._belief.groups.tolist(), strict=False))

    @property
    def measured(self) -> bool:
        """Whether every threshold is known about as well as it may be in a session."""
        return all(self._known(key, _MEASURED_SD) for key in self._adaptive)

    def _known(self, condition: Key, sd: float) -> bool:
        """Whether a threshold is known so well, or one more answer tells next to nothing of it."""
        known = self._adaptive[condition].estimate().sd <= sd
        return known or self._gain(condition) < _LEAST_GAIN

    def choose(self, conditions: Sequence[Key]) -> Key:
        """Return the condition to ask next; never one of the last image, if there is another."""
        told = {key: self._most(key) for key in conditions}
        others = [key for key in conditions if key[0] != self._last_image] or list(conditions)
        going = self._going(told)
        told = {key: told[key] for key in others if key[:2] in going} or {
            key: told[key] for key in others
        }
        if self._exploring or max(told.values()) < _LEAST:
            told = {key: self._gain(key) for key in told}
        return max(told, key=lambda key: told[key])

    def _going(self, told: Mapping[Key, float]) -> list[PairName]:
        """Return the pairs to measure now, by what conditions that may be next tell."""
        most: dict[PairName, float] = {}
        for key, information in told.items():
            most[key[:2]] = max(information, most.get(key[:2], 0.0))
        open_ = {key[:2] for key in self._adaptive if not self._known(key, _WELL_SD)}
        ranked = sorted(open_ & most.keys(), key=lambda p: (-self._shown[p], -most[p], p))
        return ranked[:_TOGETHER]

    def place(self, condition: Key, easy: bool) -> Placed:
        """Return the amplitude of a condition's next trial."""
        if easy:
            return Placed(self[condition].place(True), "easy")
        told = self._most(condition)
        if self._exploring:
            return Placed(self[condition].multiple(_BELOW), "threshold", told)
        if told < _LEAST:
            return Placed(self[condition].next_amplitude(), "threshold", told)
        best = int(np.argmax(np.round(self._told(condition), _DIGITS)))
        return Placed(float(self._adaptive[condition].amplitudes[best]), "models", told)

    def update(self, condition: Key, amplitude: float, correct: bool, easy: bool) -> None:
        """Take in an answer to a realised amplitude."""
        super().update(condition, amplitude, correct, easy)
        self._answered += 1
        self._last_image = condition[0]
        self._shown = self._shown | {condition[:2]: self._shown[condition[:2]] + 1}
        self._gains.pop(condition, None)
        pair = condition[:2]
        if pair in self._pairs:
            self._learn(pair)
            self._information = {}

    def _after(self, before: Belief, person: Mapping[Key, AdaptivePlacement]) -> Belief:
        """Return what is believed of an earlier participant."""
        found = copy.copy(before)
        for pair, (u, v) in self._pairs.items():
            found.learn(pair, (person[u], person[v]))
        return found

    def _learn(self, pair: tuple[str, str]) -> None:
        u, v = self._pairs[pair]
        self._belief.learn(pair, (self._adaptive[u], self._adaptive[v]))

    @property
    def _exploring(self) -> bool:
        """Whether the next trial is for the condition measured least well."""
        number = self._answered + 1
        return int(number * self._explore) > int((number - 1) * self._explore)

    def _told(self, condition: Key) -> Floats:
        """Return what an answer is expected to tell of the nearest model, by amplitude."""
        pair = condition[:2]
        if pair not in self._pairs:
            return np.zeros(len(self._adaptive[condition].amplitudes))
        if condition not in self._information:
            told = self._belief.information(pair)
            self._information |= dict(zip(self._pairs[pair], told, strict=True))
        return self._information[condition]

    def _most(self, condition: Key) -> float:
        return round(float(self._told(condition).max()), _DIGITS)

    def _gain(self, condition: Key) -> float:
        """Return the entropy of log threshold that one more answer is expected to take away."""
        if condition not in self._gains:
            self._gains[condition] = self._adaptive[condition].expected_gain()
        return self._gains[condition]
