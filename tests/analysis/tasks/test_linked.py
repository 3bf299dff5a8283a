"""The likelihood of other tasks, against the plain sum and against finite differences."""

from dataclasses import replace

import numpy as np
import pytest

from pdpsych.analysis.fitting import likelihood
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.tasks import linked
from pdpsych.analysis.tasks.links import LINKS, TWO

NODES = np.random.default_rng(5).normal(0, 0.8, (3, 4))
SHARED = Shared.of(exponent=[1.3, 0.8], lapse=0.04, learning=0.4, means=[0.0, 0.0])


def trials(link, number=90):
    """Constant stimuli, some of them nothing, in an order; three conditions of two groups."""
    rng = np.random.default_rng(3)
    return Observations.build(
        np.arange(number) % 3,
        rng.choice([0.0, 0.4, 0.8, 1.6, 3.2], number),
        rng.random(number) < 0.7,
        [0, 1, 1],
        rng.integers(0, 4, number),
        link=link,
    )


@pytest.mark.parametrize("name", ["3afc", "4afc", "oddity"])
def test_is_the_sum_over_trials(name):
    built = trials(LINKS[name])
    expected = np.zeros((3, 4))
    for k, c in enumerate(built.condition):
        b = [1.3, 0.8, 0.8][c]
        reach = built.log_amplitude[k] - 0.4 * built.progress[k] - NODES[c]
        share = built.link.correct(np.exp(b * reach))
        p = 0.08 * built.link.chance + 0.92 * share
        expected[c] += np.log(p if built.sign[k] > 0 else 1 - p)
    found = likelihood.log_likelihood(built, NODES, SHARED)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    several = Shared(np.stack([SHARED.values, SHARED.values + 0.1]))
    both = likelihood.log_likelihood(built, NODES, several)
    assert both.shape == (2, 3, 4)
    np.testing.assert_array_equal(both[0], found)
    p = likelihood.expected_correct(built, NODES[:, 0], SHARED)
    whole = np.log(np.where(built.sign > 0, p, 1 - p)).sum()
    assert found[:, 0].sum() == pytest.approx(whole)


def test_two_alternatives_without_positions_are_a_case_of_it():
    built = trials(TWO)
    np.testing.assert_allclose(
        linked.log_likelihood(built, NODES, SHARED),
        likelihood.log_likelihood(built, NODES, SHARED),
        rtol=1e-11,
    )
    (ours,) = linked.expansions(built, NODES, SHARED)
    weight = np.random.default_rng(6).random(NODES.shape)
    parts = list(likelihood.expansions(built, NODES, SHARED))
    np.testing.assert_allclose(
        ours.first[[0, 1, 5]], np.concatenate([p.first for p in parts], axis=1)[[0, 1, 5]],
        rtol=1e-9, atol=1e-12,
    )  # fmt: skip
    theirs = np.concatenate([p.second(weight[p.conditions]) for p in parts])
    kept = np.ix_([0, 1, 2], [0, 1, 5], [0, 1, 5])
    np.testing.assert_allclose(ours.second(weight)[kept], theirs[kept], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["3afc", "oddity"])
def test_derivatives(name):
    built = replace(trials(LINKS[name]), power=0.7)
    weight = np.random.default_rng(7).random(NODES.shape)

    def at(step):
        (found,) = likelihood.expansions(built, NODES, SHARED.moved(step))
        return found

    here, h = at(np.zeros(10)), 1e-5
    # Places in φ of what trials depend on; exponents are of each group.
    for place, number in ((0, 0), (1, 1), (2, 2), (6, 5), (7, 5)):
        step = np.zeros(10)
        step[place] = h
        up, down = at(step), at(-step)
        own = {6: [0], 7: [1, 2]}.get(place, [0, 1, 2])
        np.testing.assert_allclose(
            here.first[number][own], ((up.value - down.value) / (2 * h))[own], rtol=1e-6, atol=1e-7
        )
        slope = np.einsum("ack,ck->ca", (up.first - down.first) / (2 * h), weight)
        np.testing.assert_allclose(
            here.second(weight)[own, number], slope[own], rtol=1e-5, atol=1e-6
        )


def test_growth_is_the_derivative_in_the_logarithm_of_the_signal():
    for link in LINKS.values():
        built, h = trials(link), 1e-6
        plain = Shared.of(exponent=[1.0, 1.0], lapse=0.04, means=[0.0, 0.0])
        low, high = (
            likelihood.expected_correct(built, NODES[:, 0] + s * h, plain) for s in (1, -1)
        )
        found = likelihood.growth(built, NODES[:, 0], plain)
        np.testing.assert_allclose(found, (high - low) / (2 * h), atol=1e-8)
