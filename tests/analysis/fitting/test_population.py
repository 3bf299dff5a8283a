import numpy as np
import pytest

from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.population import Told, exponents_by_others
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
