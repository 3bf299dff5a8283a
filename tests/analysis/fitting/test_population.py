import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.population import (
    Told,
    exponents_by_others,
    given_people,
    samples_of_people,
)
from pdpsych.analysis.fitting.prior import Exponents, of_people, of_person
from pdpsych.experiments.placement.psychometric import proportion_correct

U, V, W = ("principal", 1), ("principal", 2), ("third", 1)


def told(names, precision, middle):
    """What trials tell of log b, as Told has it of the mean of all people."""
    wide = np.linalg.inv(np.linalg.inv(precision) + of_person(len(names)))
    return Told(names, wide, wide @ middle)


def by_hand(own, people, names):
    """Mean and covariance of the own log b by a joint normal distribution of all that is told."""
    size = len(names)
    mean, covariance = np.zeros(size), of_people(size)
    for place, precision, middle in people:
        # One observation of β after the other.
        taken = np.eye(size)[place]
        noise = np.linalg.inv(precision) + of_person(len(place))
        gain = covariance @ taken.T @ np.linalg.inv(taken @ covariance @ taken.T + noise)
        mean = mean + gain @ (middle - taken @ mean)
        covariance = covariance - gain @ taken @ covariance
    return mean[own], covariance[np.ix_(own, own)] + of_person(len(own))


def test_one_alone_is_anybody():
    (found,) = exponents_by_others([told([U, V], np.diag([9.0, 4.0]), [0.5, -0.2])])
    expected = Exponents.of_anybody(2)
    np.testing.assert_allclose(found.middle, expected.middle, atol=1e-12)
    np.testing.assert_allclose(found.scale, expected.scale, atol=1e-12)


def test_each_has_what_all_others_tell_and_nothing_of_its_own():
    rng = np.random.default_rng(0)
    names, places = [U, V, W], ([0, 1], [1, 2], [0, 1, 2], [2])
    people = []
    for place in places:
        root = rng.normal(size=(len(place), len(place)))
        people.append((place, root @ root.T + np.eye(len(place)), rng.normal(size=len(place))))
    given = [told([names[k] for k in place], *rest) for place, *rest in people]
    for number, found in enumerate(exponents_by_others(given)):
        others = people[:number] + people[number + 1 :]
        middle, scale = by_hand(places[number], others, names)
        np.testing.assert_allclose(found.middle, middle, atol=1e-12)
        np.testing.assert_allclose(found.scale, scale, atol=1e-12)


@pytest.mark.parametrize("exponents", [(0.7, 1.7), (2.5, 2.5)])
def test_trials_tell_the_exponents_without_their_prior(exponents):
    rng = np.random.default_rng(1)
    truth, condition = rng.normal(0, 0.4, 12), np.tile(np.arange(12), 300)
    exponent = np.array(exponents)[condition % 2]
    amplitude = np.exp(truth[condition] + rng.normal(0.2, 0.6, 3600))
    chance = proportion_correct(amplitude, np.exp(truth[condition]), exponent, 0.02)
    trials = Observations.build(condition, amplitude, rng.random(3600) < chance, np.arange(12) % 2)
    found = Told.by(trials, [U, V])
    middle = np.linalg.solve(found.precision, found.pull)
    sd = np.sqrt(np.diag(np.linalg.inv(found.precision) - of_person(2)))
    assert (sd < 0.2).all()
    assert (np.abs(middle - np.log(exponents)) < 3 * sd).all()


def test_who_guesses_tells_nothing():
    rng = np.random.default_rng(2)
    trials = Observations.build(
        np.tile(np.arange(4), 40), np.ones(160), rng.random(160) < 0.5, np.arange(4) % 2
    )
    (one, _) = exponents_by_others([told([U, V], np.eye(2), [0.5, 0.5]), Told.by(trials, [U, V])])
    expected = Exponents.of_anybody(2)
    np.testing.assert_allclose(one.middle, expected.middle, atol=1e-12)
    np.testing.assert_allclose(one.scale, expected.scale, atol=1e-12)


def test_samples_of_people_have_the_covariance_of_the_joint_posterior():
    rng, people, groups = np.random.default_rng(3), 3, 2
    precisions = [np.diag([6.0, 9.0]), np.array([[8.0, 3.0], [3.0, 5.0]]), np.diag([4.0, 12.0])]
    middles = rng.normal(0, 0.4, (people, groups))
    # log b of all people: β + δ, and what the trials of each tell.
    prior = np.tile(of_people(groups), (people, people))
    prior += np.kron(np.eye(people), of_person(groups))
    told_of_all = np.zeros_like(prior)
    for number, precision in enumerate(precisions):
        own = slice(number * groups, (number + 1) * groups)
        told_of_all[own, own] = precision
    covariance = np.linalg.inv(np.linalg.inv(prior) + told_of_all)
    mean = covariance @ told_of_all @ middles.ravel()

    given = [told([U, V], *one) for one in zip(precisions, middles, strict=True)]
    common = rng.standard_normal((20_000, groups))
    drawn = []
    for number, before in enumerate(exponents_by_others(given)):
        own = slice(number * groups, (number + 1) * groups)
        nodes = rng.multivariate_normal(mean[own], covariance[own, own], 400)
        weight = rng.dirichlet(np.full(400, 5.0))
        probability = given_people(nodes, weight, before, common)
        np.testing.assert_allclose(probability.mean(axis=0), weight, atol=0.003)
        chosen = (np.cumsum(probability, axis=1) < rng.random((20_000, 1))).sum(axis=1)
        drawn.append(nodes[chosen])
    found = np.cov(np.concatenate(drawn, axis=1).T)
    np.testing.assert_allclose(found, covariance, atol=0.15 * np.diag(covariance).max())
    # Without what is common, people would not vary together.
    assert found[:2, 2:4].trace() > 0.8 * covariance[:2, 2:4].trace() > 0.01


def test_each_draws_its_groups_and_nobody_alone_any():
    rows = [("01", "p", 1), ("01", "p", 2), ("01", "p", 1), ("02", "p", 2), ("02", "q", 1)]
    table = pd.DataFrame(rows, columns=["participant", "pair", "distortion"])
    found = samples_of_people(table, 50, np.random.default_rng(0))
    assert found["01"].shape == found["02"].shape == (50, 2)
    np.testing.assert_array_equal(found["01"][:, 1], found["02"][:, 0])
    assert samples_of_people(table[:3], 50, np.random.default_rng(0)) == {"01": None}
