import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from pdpsych.analysis.fitting.hierarchy import Quadrature, marginal, solve
from pdpsych.analysis.fitting.likelihood import Observations, log_likelihood
from pdpsych.analysis.fitting.shared import EXPONENT_SD, GUESS_BETA, MEAN_SD, SPREAD_SD, Shared
from pdpsych.experiments.placement.psychometric import proportion_correct

NODES = np.linspace(-5, 5, 15)


@pytest.fixture(params=[1, 3], ids=["one group", "three groups"])
def observations(simulate, request):
    found = simulate(np.random.default_rng(8), 6, 40)[1]
    return replace(found, group=np.arange(6) % request.param)


def shared(observations):
    means = [0.3, -0.1, 0.6][: 1 + observations.group.max()]
    return Shared.of(exponent=1.2, lapse=0.04, learning=0.4, spread=0.7, means=means)


def near(observations):
    return Quadrature.around(observations.centres() - 0.35, np.full(6, 0.3), NODES)


def differences(function, point, h=1e-5):
    """Central differences of an array-valued function of φ, last axis the coordinate."""
    steps = np.eye(point.values.size) * h
    apart = [function(point.moved(step)) - function(point.moved(-step)) for step in steps]
    return np.stack(apart, -1) / (2 * h)


def test_gradient_and_hessian_match_finite_differences(observations):
    nodes = near(observations)
    here = marginal(observations, shared(observations), nodes, 0.1)
    gradient = differences(
        lambda p: marginal(observations, p, nodes, 0.1).value, shared(observations)
    )
    hessian = differences(
        lambda p: marginal(observations, p, nodes, 0.1).gradient, shared(observations)
    )
    np.testing.assert_allclose(here.gradient, gradient, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(here.hessian, hessian, rtol=1e-6, atol=1e-6)


def test_loadings_are_the_derivative_of_the_thresholds(observations):
    nodes = near(observations)
    numeric = differences(
        lambda p: marginal(observations, p, nodes, 0.1).mean, shared(observations)
    )
    loadings = marginal(observations, shared(observations), nodes, 0.1).loadings
    np.testing.assert_allclose(loadings, numeric, rtol=1e-6, atol=1e-8)


def test_quadrature_agrees_with_a_fine_grid(observations):
    centred = marginal(observations, shared(observations), near(observations), 0.1)
    for _ in range(3):
        nodes = Quadrature.around(centred.mean, centred.sd, NODES)
        centred = marginal(observations, shared(observations), nodes, 0.1)
    dense = Quadrature.around(np.zeros(6), np.ones(6), np.linspace(-8, 8, 8001))
    fine = marginal(observations, shared(observations), dense, 0.1)
    assert centred.value == pytest.approx(fine.value, abs=1e-3)
    np.testing.assert_allclose(centred.mean, fine.mean, atol=1e-3)
    np.testing.assert_allclose(centred.sd, fine.sd, rtol=5e-3)


def test_single_condition_agrees_with_a_grid_over_everything(simulate):
    observations = simulate(np.random.default_rng(11), 1, 120)[1]
    posterior = solve(observations)
    mean, sd = _grid_posterior(observations)
    assert posterior.mean[0] == pytest.approx(mean, abs=0.25 * sd)
    assert posterior.total_sd()[0] == pytest.approx(sd, rel=0.15)


def _grid_posterior(observations):
    """Posterior mean and sd of log τ: every number of the model on a grid, nothing Gaussian."""
    theta = np.linspace(-3, 3, 121)
    x, y = np.linspace(-1, 1, 41), np.linspace(-9, 1, 61)
    guess = 1 / (1 + np.exp(-y))
    log_post = -((x[:, None, None] / EXPONENT_SD) ** 2) / 2
    log_post = log_post + GUESS_BETA[0] * np.log(guess)[:, None]
    log_post = log_post + GUESS_BETA[1] * np.log(1 - guess)[:, None]

    def likely(log_exponent, guess_logit):
        shared = Shared(np.array([log_exponent, guess_logit, 0.0]))
        return log_likelihood(observations, theta[None], shared).value[0]

    log_post = log_post + np.array([[likely(b, g) for g in y] for b in x])
    # log τ | σ ~ N(centre, MEAN_SD² + σ²), log σ ~ N(0, SPREAD_SD²)
    w = np.linspace(-4, 4, 81) * SPREAD_SD
    variance = MEAN_SD**2 + np.exp(2 * w)[:, None]
    centre = observations.centres().mean()
    density = np.exp(-((theta - centre) ** 2) / (2 * variance)) / np.sqrt(variance)
    log_post = log_post + np.log(np.exp(-((w / SPREAD_SD) ** 2) / 2) @ density)
    weight = np.exp(log_post - log_post.max()).sum(axis=(0, 1))
    mean = weight @ theta / weight.sum()
    return mean, np.sqrt(weight @ (theta - mean) ** 2 / weight.sum())


@pytest.mark.parametrize(
    ("exponent", "lapse", "expected_sd"), [(1.0, 0.02, 0.20), (2.0, 0.02, 0.12), (1.0, 0.06, 0.24)]
)
def test_recovers_what_was_simulated(simulate, exponent, lapse, expected_sd):
    # 10 participants × 40 conditions of 100 adaptive trials: the standard error of the mean error
    # is 0.01 for thresholds, but all conditions share b and λ, so 0.06 is allowed; that of the
    # coverage of 400 intervals is 0.011.
    rng = np.random.default_rng(1)
    errors, covered, ratios, ratio_covered, exponents, lapses = [], [], [], [], [], []
    for _ in range(10):
        truth, trials = simulate(rng, 40, 100, exponent=exponent, lapse=lapse)
        posterior = solve(trials)
        assert posterior.converged
        error = posterior.mean - truth
        draws, _ = posterior.draws(1000, rng)
        errors.append(error)
        covered.append(np.abs(error) < 1.96 * posterior.total_sd())
        ratios.append(error[::2] - error[1::2])
        ratio_covered.append(
            np.abs(ratios[-1]) < 1.96 * (draws[:, ::2] - draws[:, 1::2]).std(axis=0)
        )
        exponents.append(posterior.shared.log_exponent - np.log(exponent))
        lapses.append(posterior.shared.lapse)
    assert abs(np.mean(errors)) < 0.06
    assert np.std(errors) == pytest.approx(expected_sd, rel=0.25)
    assert 0.91 < np.mean(covered) < 0.985
    assert abs(np.mean(ratios)) < 0.05
    assert 0.90 < np.mean(ratio_covered) < 0.99
    assert abs(np.mean(exponents)) < 0.10
    assert np.mean(lapses) == pytest.approx(lapse, abs=0.015)


def test_thresholds_of_different_distortions_are_not_drawn_together(simulate):
    # u is seen four times as well as v in all 6 images. With one mean for both, the log ratio
    # came out a tenth too small.
    rng = np.random.default_rng(2)
    found = {1: [], 2: []}
    for _ in range(12):
        truth, built = simulate(rng, 12, 60, 0.15, np.tile([-0.7, 0.7], 6))
        for groups, errors in found.items():
            error = solve(replace(built, group=np.arange(12) % groups)).mean - truth
            errors.append(np.mean(error[1::2] - error[::2]))
    assert abs(np.mean(found[2])) < 0.06
    assert np.mean(found[1]) < np.mean(found[2]) - 0.05


def test_agrees_with_psychopy_on_blocks():
    # A cumulative Gaussian of amplitude, by least squares; at small lapses much the same curve.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pytest.importorskip("psychopy.data")
    rng = np.random.default_rng(7)
    level = np.linspace(-1.4, 1.4, 8)
    correct = rng.binomial(200, proportion_correct(np.exp(level), 1.0, 1.0, 0.01))
    answers = np.concatenate([np.arange(200) < k for k in correct])
    amplitude = np.repeat(np.exp(level), 200)
    ours = solve(Observations.build(np.zeros(1600, int), amplitude, answers))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = data.FitCumNormal(np.exp(level), correct / 200, expectedMin=0.5)
    at_one = float(theirs.inverse(proportion_correct(1.0, 1.0)))
    assert np.exp(ours.mean[0]) == pytest.approx(at_one, rel=0.15)


def test_agrees_with_psignifit_on_blocks():
    # psignifit fits one condition, its shape fixed to d′ ∝ α; we learn the shape from 8.
    rng = np.random.default_rng(5)
    truth = rng.normal(0.0, 0.4, 8)
    level = np.linspace(-1.4, 1.8, 7)
    chance = proportion_correct(np.exp(level), np.exp(truth[:, None]), 1.0, 0.02)
    correct = rng.binomial(150, chance)
    condition = np.repeat(np.arange(8), 7 * 150)
    amplitude = np.tile(np.repeat(np.exp(level), 150), 8)
    answers = np.concatenate([np.arange(150) < k for k in correct.ravel()])
    ours = solve(Observations.build(condition, amplitude, answers))
    theirs = np.array([_psignifit(level, row) for row in correct])
    # Same trials; what differs is that psignifit has a lapse for each condition and knows b.
    assert np.abs(ours.mean - theirs).max() < 0.1
    assert abs(np.mean(ours.mean - theirs)) < 0.04


def _psignifit(level, correct):
    """Return log τ of one condition by psignifit with the half-normal sigmoid of d′ = α/τ."""
    psignifit = pytest.importorskip("psignifit")
    from psignifit.sigmoids import Sigmoid
    from scipy.special import erfinv

    def inverse(share):
        return np.log(2 * erfinv(share))

    class HalfNormal(Sigmoid):
        def _value(self, x, m, width):
            scale = (inverse(0.95) - inverse(0.05)) / width
            return erf(np.exp((x - m) * scale + inverse(0.5)) / 2)

        def _inverse(self, share, m, width):
            return m + (inverse(share) - inverse(0.5)) * width / (inverse(0.95) - inverse(0.05))

        def _slope(self, x, m, width):
            raise NotImplementedError

        def _standard_parameters(self, m, width):
            return m, width

    data = np.column_stack([level, correct, np.full(7, 150)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = psignifit.psignifit(
            data,
            sigmoid=HalfNormal(),
            experiment_type="2AFC",
            fixed_parameters={"width": float(inverse(0.95) - inverse(0.05)), "eta": 0.0},
        )
    # psignifit's threshold is where the sigmoid is ½; d′ is 2·erfinv(½) there.
    return result.parameter_estimate["threshold"] - inverse(0.5)


@pytest.mark.parametrize(
    ("amplitude", "correct"),
    [
        (np.full(50, 2.0), np.full(50, True)),
        (np.full(50, 2.0), np.full(50, False)),
        (np.array([1.0]), np.array([True])),
        (np.zeros(20), np.arange(20) % 2 == 0),
        (np.full(20, -1.0), np.full(20, True)),
        (np.geomspace(1e-12, 1e12, 49), np.arange(49) % 2 == 0),
    ],
    ids=["all correct", "all wrong", "one trial", "nothing shown", "negative", "absurd range"],
)
def test_poor_data_give_wide_intervals_not_errors(amplitude, correct):
    posterior = solve(Observations.build(np.zeros(len(amplitude), int), amplitude, correct))
    assert posterior.converged
    assert np.isfinite(posterior.mean).all()
    assert posterior.total_sd()[0] > 0.4


def test_all_correct_puts_the_threshold_below_and_all_wrong_above_what_was_shown():
    condition = np.repeat([0, 1, 2], 40)
    rng = np.random.default_rng(2)
    correct = np.concatenate([np.full(40, True), np.full(40, False), rng.random(40) < 0.76])
    posterior = solve(Observations.build(condition, np.ones(120), correct))
    assert posterior.mean[0] < -0.5 < 0.5 < posterior.mean[1]
    assert abs(posterior.mean[2]) < 0.5


@given(shift=st.floats(-8, 8), seed=st.integers(0, 1000))
@settings(max_examples=10)
def test_unit_of_amplitude_moves_thresholds_and_nothing_else(shift, seed):
    rng = np.random.default_rng(seed)
    condition, correct = np.repeat([0, 1, 2], 30), rng.random(90) < 0.8
    amplitude = np.exp(rng.normal(0, 1, 90))
    one = solve(Observations.build(condition, amplitude, correct))
    other = solve(Observations.build(condition, amplitude * np.exp(shift), correct))
    np.testing.assert_allclose(other.mean, one.mean + shift, atol=2e-3)
    np.testing.assert_allclose(other.total_sd(), one.total_sd(), rtol=5e-3)
    np.testing.assert_allclose(other.shared.exponent, one.shared.exponent, rtol=5e-3)
    np.testing.assert_allclose(other.shared.guess_logit, one.shared.guess_logit, atol=5e-3)


def test_draws_have_the_moments_of_the_posterior(observations):
    posterior = solve(observations)
    draws, shared = posterior.draws(40_000, np.random.default_rng(0))
    covariance = posterior.loadings @ posterior.covariance @ posterior.loadings.T
    covariance += np.diag(posterior.sd**2)
    np.testing.assert_allclose(draws.mean(axis=0), posterior.mean, atol=0.01)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.005)
    np.testing.assert_allclose(np.cov(shared.values.T), posterior.covariance, rtol=0.1, atol=0.01)


def test_taking_the_prior_off_takes_its_pull_off(simulate):
    rng = np.random.default_rng(11)
    truth, found = simulate(rng, 400, 40)
    posterior = solve(found)
    known = posterior.trial_sd() <= 1
    alone = posterior.draws_by_trials(400, rng).mean(axis=0)

    def slope(estimate):
        return np.polyfit(truth[known], estimate[known], 1)[0]

    assert slope(posterior.mean) < 0.93
    assert slope(alone) == pytest.approx(1, abs=0.07)


def test_without_a_prior_to_speak_of_taking_it_off_changes_nothing(simulate):
    rng = np.random.default_rng(12)
    solved = solve(simulate(rng, 5, 60)[1])
    wide = replace(solved, shared=Shared.of(spread=np.exp(20.0), means=[0.0]))
    drawn = wide.draws_by_trials(20_000, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.mean(axis=0), solved.mean, atol=0.01)
    own = solved.loadings[:, :3] @ solved.covariance[:3, :3] @ solved.loadings[:, :3].T
    expected = np.sqrt(solved.sd**2 + np.diag(own))
    np.testing.assert_allclose(drawn.std(axis=0), expected, rtol=0.03)


def test_learning_is_found_and_taken_out_of_thresholds():
    # Sessions end at amplitudes that the person could not see at their start.
    truth, progress = np.tile([-0.6, 0.6], 6), np.linspace(-0.5, 0.5, 1440)
    condition, group = np.tile(np.arange(12), 120), np.arange(12) % 2
    log_threshold = truth[condition] - 0.8 * progress
    found, told, untold = [], [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        amplitude = np.exp(log_threshold + rng.normal(0.3, 0.5, 1440))
        correct = rng.random(1440) < proportion_correct(amplitude, np.exp(log_threshold), 1.0, 0.02)
        trials = Observations.build(condition, amplitude, correct, group, np.arange(1440))
        solved = solve(trials)
        found.append(solved.shared.learning)
        told.append(solved.mean - truth)
        untold.append(solve(replace(trials, progress=np.zeros(1440))).mean - truth)
    # The prior takes about a tenth off.
    assert np.mean(found) == pytest.approx(-0.72, abs=0.15)
    assert np.std(told) < 0.75 * np.std(untold)


def test_without_an_order_no_learning_is_fitted(simulate):
    solved = solve(simulate(np.random.default_rng(4), 4, 40)[1])
    assert solved.shared.learning == pytest.approx(0, abs=1e-9)
