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
from pdpsych.experiments.placement.models.stop import MEASURED
from pdpsych.experiments.placement.placements import Aim, Key, Placed, Placements
from pdpsych.experiments.placement.psychometric import Floats
from pdpsych.stimuli.responses.finite_response import FiniteResponse

# What is declared of people rests on thresholds that trials bound from both sides, and that needs
# trials far apart, which tell how steeply people improve: so the first are faint or clear, by the
# side from which those before bound the threshold less. Between such multiples of thresholds.
_FAINT, _CLEAR = (0.25, 0.35), (2.0, 3.0)
# By how many nats the log likelihood of a threshold falls to either side where trials bound it
# safely, and where the next pair begins.
_SAFE, _WELL = 4.0, 16.0
# Once a model is the nearest with this probability, what is declared wants thresholds alone.
_SURE = 0.95
# It rests on five images or more: some twenty trials of a distortion on few images get there sooner
# than ten on many. Some more, since some are out of reach, of people or of what models predict.
_TOGETHER = 8
# Sums differ in their last digits between machines; choices shall not.
_DIGITS = 9


class ModelPlacements(Placements[Key], Generic[Key]):
    """Asks about the pairs that tell most of the nearest model, where it bounds their thresholds.

    A few pairs are measured at a time: those that have most answers so far, and of those that have
    as many the ones that tell most, until both thresholds are known well. Of their thresholds that
    is next which the trials bound least, at an amplitude that bounds it from the weaker side; once
    all are bounded, that of which an answer tells most, at the amplitude where it does, as long as
    no model is surely the nearest.

    Parameters
    ----------
    each
        By image, pair and number of the distortion.
    responses
        D of each model in each condition.
    explore
        Share of the trials that go to the threshold bounded least of all pairs.
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
        self._pairs = pairs_of(each)
        # What the answers say of exponent and lapse rate, which distortions of a number share.
        self._shapes = {
            number: sum(one.posterior.log_shapes for key, one in each.items() if key[2] == number)
            for number in {key[2] for key in each}
        }
        # Placements in which they share it, until the next answer.
        self._as_shared: dict[Key, AdaptivePlacement] = {}
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

    @property
    def nearest(self) -> dict[str, float]:
        """Probability of each model that it is the nearest."""
        return dict(zip(self._belief.classes.models, self._belief.groups.tolist(), strict=False))

    @property
    def measured(self) -> bool:
        """Whether trials bound every threshold from both sides, or from below what is shown."""
        return all(self._bounded(key) >= MEASURED for key in self._adaptive)

    def choose(self, conditions: Sequence[Key]) -> Key:
        """Return the condition to ask next; never one of the last image, if there is another."""
        others = [key for key in conditions if key[0] != self._last_image] or list(conditions)
        going = () if self._exploring else self._going(conditions)
        among = [key for key in others if key[:2] in going] or others
        known = {key: round(self._bounded(key), _DIGITS) for key in among}
        if self._sure:
            return min(among, key=lambda key: known[key])
        return min(among, key=lambda key: (min(known[key], _SAFE), -self._most(key)))

    def _going(self, conditions: Sequence[Key]) -> list[PairName]:
        """Return the pairs to measure now, by what conditions that may be next tell."""
        most: dict[PairName, float] = {}
        for key in conditions:
            most[key[:2]] = max(self._most(key), most.get(key[:2], 0.0))
        open_ = {key[:2] for key in self._adaptive if self._bounded(key) < _WELL}
        ranked = sorted(open_ & most.keys(), key=lambda p: (-self._shown[p], -most[p], p))
        return ranked[:_TOGETHER]

    def place(self, condition: Key, easy: bool) -> Placed:
        """Return the amplitude of a condition's next trial."""
        one = self._shared(condition)
        if easy:
            return Placed(self[condition].place(True), "easy")
        aim: Aim = "threshold" if self._exploring else "models"
        below, above = self._falls(condition)
        ends = (0.0, np.inf)
        if self._sure or min(below, above) < _SAFE:
            low, high = _FAINT if below < above else _CLEAR
            ends = one.multiple(low), one.multiple(high)
        first, last = np.searchsorted(one.amplitudes, ends)
        told = np.round(self._told(condition)[first:last], _DIGITS)
        if not told.size:
            return Placed(ends[0], aim)
        best = int(np.argmax(told))
        return Placed(float(one.amplitudes[first + best]), aim, float(told[best]))

    def _falls(self, condition: Key) -> tuple[float, float]:
        """Return by how much the log likelihood of a threshold falls below and above it, in nats.

        Above, it is of no account where the threshold seems to be beyond what can be shown.
        """
        one = self._shared(condition)
        below, above = one.posterior.falls()
        beyond = one.estimate().log_threshold > np.log(one.amplitudes[-1])
        return below, np.inf if beyond else above

    def _bounded(self, condition: Key) -> float:
        """Return by how much the log likelihood falls on the side where it falls less."""
        return min(self._falls(condition))

    def update(self, condition: Key, amplitude: float, correct: bool, easy: bool) -> None:
        """Take in an answer to a realised amplitude."""
        own = self._adaptive[condition].posterior.log_shapes
        super().update(condition, amplitude, correct, easy)
        later = self._adaptive[condition].posterior.log_shapes
        number = condition[2]
        self._shapes = self._shapes | {number: self._shapes[number] + later - own}
        self._as_shared = {}
        self._answered += 1
        self._last_image = condition[0]
        self._shown = self._shown | {condition[:2]: self._shown[condition[:2]] + 1}
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
        self._belief.learn(pair, (self._shared(u), self._shared(v)))

    def _shared(self, condition: Key) -> AdaptivePlacement:
        """Return a placement where exponent and lapse rate are as the same distortions say."""
        if condition not in self._as_shared:
            one = copy.copy(self._adaptive[condition])
            others = self._shapes[condition[2]] - one.posterior.log_shapes
            one.posterior = one.posterior.shaped(others)
            self._as_shared[condition] = one
        return self._as_shared[condition]

    @property
    def _sure(self) -> bool:
        """Whether one model is surely the nearest."""
        return max(self.nearest.values()) >= _SURE

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
