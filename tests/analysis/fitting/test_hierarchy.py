from dataclasses import replace

import numpy as np
import pytest

from pdpsych.analysis.fitting.hierarchy import Quadrature, find_mode, marginal
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.prior import Exponents, Prior
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.experiments.placement.psychometric import proportion_correct

NODES = np.linspace(-5, 5, 15)


@pytest.fixture(params=[1, 3], ids=["one group", "three groups"])
def observations(simulate, request):
    rng = np.random.default_rng(8)
    found = simulate(rng, 6, 40)[1]
    return replace(
        found,
        group=np.arange(6) % request.param,
        progress=rng.uniform(-0.5, 0.5, 240),
        position=rng.choice([-1.0, 1.0], 240),
        previous=rng.choice([-1.0, 0.0, 1.0], 240),
        power=0.8,
        together=0.7,
    )


def shared(observations):
    some = slice(observations.groups)
    return Shared.of(
        exponent=[1.2, 0.8, 1.5][some],
        lapse=0.04,
        learning=0.4,
        criteria=[0.2, -0.5, 0.1],
        spread=0.7,
        means=[0.3, -0.1, 0.6][some],
    )


def prior(observations):
    return Prior(0.1, Exponents.of_anybody(observations.groups))


def near(observations):
    return Quadrature.around(observations.centres() - 0.35, np.full(6, 0.3), NODES)


def differences(function, point, h=1e-5):
    """Central differences of an array-valued function of φ, last axis the coordinate."""
    steps = np.eye(point.values.size) * h
    apart = [function(point.moved(step)) - function(point.moved(-step)) for step in steps]
    return np.stack(apart, -1) / (2 * h)


def test_gradient_and_hessian_match_finite_differences(observations):
    nodes = near(observations)
    here = marginal(observations, shared(observations), nodes, prior(observations))
    gradient = differences(
        lambda p: marginal(observations, p, nodes, prior(observations)).value, shared(observations)
    )
    hessian = differences(
        lambda p: marginal(observations, p, nodes, prior(observations)).gradient,
        shared(observations),
    )
    np.testing.assert_allclose(here.gradient, gradient, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(here.hessian, hessian, rtol=1e-6, atol=1e-6)


def test_quadrature_agrees_with_a_fine_grid(observations):
    centred = marginal(observations, shared(observations), near(observations), prior(observations))
    for _ in range(3):
        nodes = Quadrature.around(centred.mean, centred.sd, NODES)
        centred = marginal(observations, shared(observations), nodes, prior(observations))
    dense = Quadrature.around(np.zeros(6), np.ones(6), np.linspace(-8, 8, 8001))
    fine = marginal(observations, shared(observations), dense, prior(observations))
    assert centred.value == pytest.approx(fine.value, abs=1e-3)
    np.testing.assert_allclose(centred.mean, fine.mean, atol=1e-3)
    np.testing.assert_allclose(centred.sd, fine.sd, rtol=5e-3)


def test_the_mode_is_where_the_gradient_vanishes(observations):
    mode = find_mode(observations)
    assert mode.converged
    nodes = Quadrature.around(mode.mean, mode.sd, NODES)
    here = marginal(observations, mode.shared, nodes, mode.prior)
    step = mode.covariance @ here.gradient
    assert (np.abs(step) < 0.1 * np.sqrt(np.diag(mode.covariance))).all()
    np.testing.assert_allclose(np.linalg.inv(-here.hessian), mode.covariance, rtol=0.1, atol=0.01)


@pytest.mark.parametrize(("exponent", "lapse"), [(4.0, 0.02), (1.0, 0.3), (0.4, 0.02)])
def test_the_mode_is_found_from_far_away(exponent, lapse):
    rng = np.random.default_rng(0)
    truth, condition = rng.normal(0, 0.4, 12), np.tile(np.arange(12), 60)
    amplitude = np.exp(truth[condition] + rng.normal(0.2, 0.6, 720))
    chance = proportion_correct(amplitude, np.exp(truth[condition]), exponent, lapse)
    mode = find_mode(Observations.build(condition, amplitude, rng.random(720) < chance))
    assert mode.converged
    assert mode.shared.exponent == pytest.approx(exponent, rel=0.45)
    assert mode.shared.lapse == pytest.approx(lapse, abs=0.06)
