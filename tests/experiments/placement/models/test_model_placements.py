import copy

import numpy as np
import pytest
from model_world import IMAGES, METHOD, UNIT, answer, begin, conditions, person, responses

from pdpsych.experiments.placement.models.model_placements import ModelPlacements


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
    shown = asked(of, person(model, seed), 150)
    assert of.nearest[model] > 0.7
    assert all(shown[n].image != shown[n + 1].image for n in range(149))
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


def test_the_amplitude_chosen_tells_most_of_those_that_are_shown():
    of = placements()
    asked(of, person("A"), 20)
    condition = of.choose(conditions())
    placed = of.place(condition, False)
    assert placed.aim == "models"
    assert placed.information > 1e-4
    amplitudes = of[condition].amplitudes
    assert placed.amplitude in amplitudes
    assert amplitudes[-1] <= 0.5 * UNIT
    # Near where people's thresholds are, not at an end.
    threshold = METHOD.threshold_rms * UNIT
    assert 0.1 * threshold < placed.amplitude < 20 * threshold


def test_a_few_pairs_are_measured_at_a_time():
    observer = person("A")
    many = [(f"{image}-{k}", image) for image in IMAGES for k in range(3)]
    each = {c._replace(image=n): one for n, i in many for c, one in begin((i,)).items()}
    known = {c._replace(image=n): one for n, i in many for c, one in responses((i,)).items()}
    of = ModelPlacements(each, known, 0.2)
    shown = []
    for number in range(90):
        condition = of.choose(list(each))
        amplitude = of.place(condition, False).amplitude
        there = condition._replace(image=condition.image[:-2])
        of.update(condition, amplitude, answer(observer, there, number, amplitude), False)
        shown.append(condition.image)
    # Of 15 images those that were begun are gone on with, until they are known well.
    counts = {image: shown.count(image) for image in shown}
    assert len(counts) <= 8
    assert sorted(counts.values())[-5:][0] >= 10


def test_what_explores_is_shown_below_the_threshold():
    of, observer, found = placements(explore=1), person("A"), []
    for number in range(60):
        condition = of.choose(conditions())
        placed = of.place(condition, False)
        estimate = of[condition].estimate().log_threshold
        found.append(placed.amplitude / np.exp(estimate))
        correct = answer(observer, condition, number, placed.amplitude)
        of.update(condition, placed.amplitude, correct, False)
    assert np.allclose(found, 0.8)


def test_a_condition_without_its_partner_is_asked_for_its_threshold_alone():
    each = begin()
    alone = conditions()[0]
    rest = {c: p for c, p in each.items() if c[0] != alone.image or c == alone}
    of = ModelPlacements(rest, {c: responses()[c] for c in rest}, 0.2)
    assert of.place(alone, False).aim == "threshold"
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
