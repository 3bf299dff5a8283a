import copy

import numpy as np
import pytest
from model_world import IMAGES, METHOD, UNIT, answer, begin, conditions, person, responses

from pdpsych.experiments.placement.models.model_placements import ModelPlacements
from pdpsych.experiments.placement.models.stop import LEAST_TRIALS, MEASURED
from pdpsych.experiments.placement.placement import Showable


def placements(explore=0.2, images=None):
    some = {} if images is None else {"images": images}
    return ModelPlacements(begin(**some), responses(**some), explore)


def asked(of, observer, trials):
    """Go on with a session; return the conditions asked and the surest model."""
    shown = []
    for number in range(trials):
        condition = of.choose(conditions())
        amplitude = of.place(condition, False).amplitude
        of.update(condition, amplitude, answer(observer, condition, number, amplitude), False)
        shown.append(condition)
    return shown


@pytest.mark.parametrize(("model", "seed"), [("A", 2), ("B", 3), ("C", 3)])
def test_the_model_that_people_are_like_is_found(model, seed):
    of = placements()
    shown = asked(of, person(model, seed), 300)
    assert of.nearest[model] > 0.7
    assert all(shown[n].image != shown[n + 1].image for n in range(299))
    assert len(set(shown)) == 10
    assert sum(of.nearest.values()) < 1


def test_the_choice_is_a_function_of_the_answers():
    one, other = placements(), placements()
    observer = person("B")
    assert asked(one, observer, 30) == asked(other, observer, 30)
    assert one.nearest == other.nearest
    before = one.nearest
    later = copy.copy(one)
    condition = conditions()[0]
    assert later.place(condition, False) == one.place(condition, False)
    assert one.nearest == before


def test_a_threshold_is_asked_for_as_often_as_stated():
    of, observer, aims = placements(explore=0.25), person("A"), []
    for number in range(40):
        condition = of.choose(conditions())
        placed = of.place(condition, False)
        aims.append(placed.aim)
        correct = answer(observer, condition, number, placed.amplitude)
        of.update(condition, placed.amplitude, correct, False)
    assert aims.count("threshold") == 10
    assert of.place(conditions()[0], True).aim == "easy"
    assert of.place(conditions()[0], True).amplitude > 0


def test_amplitudes_are_far_apart_and_tell_most_there():
    of, observer, multiples = placements(explore=0), person("A"), []
    for number in range(100):
        condition = of.choose(conditions())
        one, placed = of._shared(condition), of.place(condition, False)
        assert placed.aim == "models"
        assert placed.amplitude in one.amplitudes
        multiples.append(placed.amplitude / np.exp(one.estimate().log_threshold))
        correct = answer(observer, condition, number, placed.amplitude)
        of.update(condition, placed.amplitude, correct, False)
    faint, clear = (np.array(multiples) < 0.36, np.array(multiples) > 1.99)
    assert (faint | clear).all()
    # A faint trial tells twice as much of its side.
    assert 0.2 < faint.mean() < 0.5
    assert placed.information > 1e-4


def test_what_the_same_distortions_say_of_slopes_is_shared():
    of, observer = placements(), person("A")
    asked(of, observer, 60)
    first, second, third = (of[c].posterior for c in conditions(IMAGES[:3])[::2])
    few = ModelPlacements(
        {c: of[c] for c in conditions(IMAGES[:3])}, responses(IMAGES[:3]), explore=0.1
    )
    # p(t₁, s | all) by summing over t₂ and t₃, with one prior of s in place of three.
    others = second.joint.sum(axis=0) * third.joint.sum(axis=0) / first.shapes**2
    wanted = first.joint * others
    shared = few._shared(conditions()[0]).posterior
    assert np.allclose(shared.joint, wanted / wanted.sum(), rtol=1e-9, atol=0)


def test_a_few_pairs_are_measured_at_a_time():
    observer = person("A")
    many = [(f"{image}-{k}", image) for image in IMAGES for k in range(3)]
    each = {c._replace(image=n): one for n, i in many for c, one in begin((i,)).items()}
    known = {c._replace(image=n): one for n, i in many for c, one in responses((i,)).items()}
    of = ModelPlacements(each, known, 0.1)
    shown = []
    for number in range(90):
        condition = of.choose(list(each))
        amplitude = of.place(condition, False).amplitude
        there = condition._replace(image=condition.image[:-2])
        of.update(condition, amplitude, answer(observer, there, number, amplitude), False)
        shown.append(condition.image)
    # Of 15 images those that were begun are gone on with, until they are known well; besides,
    # one trial in ten is of what is known least.
    counts = {image: shown.count(image) for image in shown}
    assert len(counts) <= 11
    assert sorted(counts.values())[-7:][0] >= 8


def test_what_is_bounded_least_is_asked_when_exploring():
    of, observer = placements(explore=1), person("A")
    asked(of, observer, 30)
    others = [c for c in conditions() if c.image != of._last_image]
    assert of._bounded(of.choose(conditions())) == min(map(of._bounded, others))


def test_a_condition_without_its_partner_tells_nothing_of_models():
    each = begin()
    alone = conditions()[0]
    rest = {c: p for c, p in each.items() if c[0] != alone.image or c == alone}
    of = ModelPlacements(rest, {c: responses()[c] for c in rest}, 0.2)
    assert of.place(alone, False).information == 0
    of.update(alone, 0.1, True, False)
    assert of.choose(list(rest)).image != alone.image


def test_all_is_measured_in_the_end():
    of = placements()
    assert not of.measured
    observer = person("C")
    for number in range(200):
        condition = conditions()[number % 10]
        amplitude = of[condition].next_amplitude()
        of.update(condition, amplitude, answer(observer, condition, number, amplitude), False)
    assert of.measured
    assert np.isfinite(list(of.nearest.values())).all()


def test_fewer_trials_than_a_stop_asks_for_measure_nothing():
    def best(trials):
        known = METHOD.begin(Showable("any", 0.0, 0.5 * UNIT, UNIT), 0).posterior
        for _ in range(trials - 1):
            known = known.after(0.5 * UNIT, correct=True)
        # As though lapses were known to be as rare as may be.
        rare = np.tile(np.where(known.lapses == known.lapses.min(), 0.0, -50), len(known.exponents))
        wrong = [known.after(a, correct=False) for a in UNIT * np.geomspace(1e-4, 0.5, 40)]
        return max(min(one.shaped(rare).falls()) for one in wrong)

    assert best(LEAST_TRIALS - 1) < MEASURED < best(LEAST_TRIALS) + 0.1
