import copy

import numpy as np
from model_world import UNIT, answer, begin, conditions, person, responses

from pdpsych.experiments.placement.models.earlier import Answer, expected_of_next, measured_by
from pdpsych.experiments.placement.models.model_placements import ModelPlacements


def answers_of(model: str, seed: int, each: int = 20) -> list[Answer]:
    """What somebody answers who is asked about every condition by the adaptive method."""
    placements, observer, found = begin(), person(model, seed), []
    for number in range(each * len(placements)):
        condition = conditions()[number % len(placements)]
        amplitude = placements[condition].next_amplitude()
        correct = answer(observer, condition, number, amplitude)
        placements[condition].update(amplitude, correct, False)
        found.append(Answer(condition, amplitude, correct, False))
    return found


def test_thresholds_are_expected_near_those_of_people_before():
    each = begin()
    people = [measured_by(each, answers_of("A", seed)) for seed in (1, 2)]
    expected = expected_of_next(each, people)
    for condition, placement in expected.items():
        theirs = np.mean([one[condition].estimate().log_threshold for one in people])
        known = placement.estimate()
        assert abs(known.log_threshold - theirs) < 0.4
        # Less is known than of them, more than of anybody.
        assert people[0][condition].estimate().sd < known.sd < each[condition].estimate().sd
        # Nowhere less than a tenth as likely as before: people may be unlike all others.
        assert (placement.posterior.prior > 0.099 * each[condition].posterior.prior).all()
    assert all(one.estimate() == begin()[c].estimate() for c, one in each.items())


def test_answers_to_other_conditions_do_not_count():
    other = Answer(("nowhere", "principal", 1), UNIT, True, False)
    found = measured_by(begin(), [other])
    assert all(one.estimate() == begin()[c].estimate() for c, one in found.items())


def test_a_session_asks_by_people_before_but_believes_its_own_answers():
    after = [answers_of("B", seed) for seed in (1, 2)]
    alone = ModelPlacements(begin(), responses(), 0.2)
    later = ModelPlacements(begin(), responses(), 0.2, after)
    # Nothing was answered: each model is as likely the nearest as it was.
    assert np.allclose(list(alone.nearest.values()), list(later.nearest.values()), atol=0.05)
    told = {c: (one.place(c, False).information for one in (alone, later)) for c in conditions()}
    assert any(a != b for a, b in told.values())
    observer = person("A", seed=3)
    for number in range(120):
        condition = later.choose(conditions())
        amplitude = later.place(condition, False).amplitude
        later.update(condition, amplitude, answer(observer, condition, number, amplitude), False)
    assert later.nearest["A"] > 0.5
    same = copy.copy(later)
    assert same.nearest == later.nearest
