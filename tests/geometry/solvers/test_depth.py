from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdpsych import models
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.solvers import disagreement
from pdpsych.geometry.solvers.budget import Budget
from pdpsych.geometry.solvers.climb import Problem
from pdpsych.geometry.solvers.depth import STRONG, leading, of_networks
from pdpsych.geometry.solvers.search import Search
from pdpsych.geometry.space import DistortionSpace

SIDE = 24
LAYERS = ["0", "2", "4", "6"]
ALONE = [[i] for i in range(8)]


def _chains(draw_sizes):
    """Return chains of shuffled numbers."""
    numbers = iter(np.random.default_rng(0).permutation(sum(draw_sizes)).tolist())
    return [[next(numbers) for _ in range(size)] for size in draw_sizes]


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4).flatmap(
        lambda sizes: st.tuples(
            st.just(_chains(sizes)),
            st.lists(st.floats(0, 10), min_size=sum(sizes), max_size=sum(sizes)),
        )
    )
)
def test_weights_go_to_the_first_strong_layer_of_their_network(case):
    chains, values = case
    weights = np.array(values)
    expected = np.zeros_like(weights)
    for chain in chains:
        largest, leader = max(weights[i] for i in chain), None
        for i in chain:
            if leader is None and weights[i] >= STRONG * largest:
                leader = i
            expected[i if leader is None else leader] += weights[i]
    np.testing.assert_allclose(leading(weights, chains), expected, atol=1e-12)


def test_layers_of_networks_of_their_own_keep_their_weights():
    weights = np.array([0.0, 3.0, 1.0])
    np.testing.assert_array_equal(leading(weights, [[0], [1], [2]]), weights)
    np.testing.assert_array_equal(leading(weights, []), weights)


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=5))
def test_the_contrast_of_networks_is_that_of_their_means(values):
    x, chains = np.array(values), [[3, 0], [1, 4, 2]]
    contrast = disagreement.contrast(range(5))
    means = np.empty(5)
    for chain in chains:
        means[chain] = x[chain].mean()
    coarse = of_networks(contrast, chains)
    assert disagreement.value(coarse, x) == pytest.approx(np.var(means), abs=1e-12)


@pytest.mark.parametrize(
    ("groups", "chains"),
    [
        (range(4), [[0], [1], [2], [3]]),
        (range(4), [[0, 1, 2, 3]]),
        (["early", "late", "early", "late"], [[0, 1], [2, 3]]),
    ],
    ids=["one layer each", "one network", "layers against layers"],
)
def test_networks_as_wholes_are_not_asked_about(groups, chains):
    assert of_networks(disagreement.contrast(groups), chains) is None


def _network(seed, slope):
    """Return a network whose every layer sees only what the one before it lets through."""
    torch.manual_seed(seed)
    parts, channels = [], 3
    for count in (12, 16, 24, 32):
        parts += [
            torch.nn.Conv2d(channels, count, 3, stride=1 + (channels > 3), padding=1),
            torch.nn.LeakyReLU(slope),
        ]
        channels = count
    return torch.nn.Sequential(*parts).eval()


def _geometry(layers=LAYERS, floor=0.03):
    image = torch.rand((3, SIDE, SIDE), generator=torch.Generator().manual_seed(1))
    both = [
        representation
        for seed, name in enumerate("ab")
        for representation in models.from_module(_network(seed, 0.1), layers, name)
    ]
    return LocalGeometry(both, image, floor=floor)


def test_chains_are_in_order_of_execution():
    geometry = _geometry(["4", "0", "6"])
    assert geometry.chains() == [[1, 0, 2], [4, 3, 5]]
    assert geometry.select([5, 0, 3]).chains() == [[1], [2, 0]]
    assert geometry.normalized().chains() == geometry.chains()


def test_of_networks_that_do_not_say_each_layer_is_alone(matrix_representations):
    matrices = np.random.default_rng(0).standard_normal((3, 6, 9))
    image = torch.full((1, 3, 3), 0.5, dtype=torch.float64)
    assert LocalGeometry(matrix_representations(*matrices), image).chains() == [[0], [1], [2]]


def _searched(chains, most, seed=0):
    """Return what a search of about ``most`` products finds."""
    geometry = _geometry()
    space = DistortionSpace(geometry.image)
    problem = Problem.at(geometry, space, disagreement.contrast(range(8)))
    problem = replace(problem, chains=chains or problem.chains)
    before = geometry.products

    def progress(*_):
        return geometry.products - before < most

    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((2, 3, SIDE, SIDE), generator=generator)
    return Search(problem, Budget(iterations=1000, progress=progress)).run([noise])


@pytest.mark.parametrize("seed", range(2))
def test_first_layers_that_stand_for_later_ones_climb_faster(seed):
    deep, alone = (_searched(chains, 125, seed) for chains in (None, ALONE))
    assert deep.products < 1.1 * alone.products
    assert deep.optima[0].objective > 1.05 * alone.optima[0].objective


def test_a_start_is_kept_where_noise_would_ask_about_networks_first():
    found = _searched(None, 125)
    geometry = _geometry()
    space = DistortionSpace(geometry.image)
    problem = Problem.at(geometry, space, disagreement.contrast(range(8)))
    pair = found.optima[0].climb.distortions
    again = Search(problem, Budget(iterations=1)).run([pair], survey=False)
    assert again.optima[0].objective >= found.optima[0].objective * (1 - 1e-6)
