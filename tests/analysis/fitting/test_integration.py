import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from pdpsych.analysis.fitting.integration import solve
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.experiments.placement.psychometric import proportion_correct


@pytest.mark.parametrize(
    ("exponent", "lapse", "expected_sd"), [(1.0, 0.02, 0.20), (2.0, 0.02, 0.12), (1.0, 0.06, 0.24)]
)
def test_recovers_what_was_simulated(simulate, exponent, lapse, expected_sd):
    # 6 participants × 40 conditions of 100 adaptive trials: the standard error of the mean error
    # is 0.01 for thresholds, but all conditions share b and λ, so 0.06 is allowed; that of the
    # coverage of 240 intervals is 0.014.
    rng = np.random.default_rng(1)
    errors, covered, ratios, ratio_covered, exponents, lapses = [], [], [], [], [], []
    for _ in range(6):
        truth, trials = simulate(rng, 40, 100, exponent=exponent, lapse=lapse)
        posterior = solve(trials)
        assert posterior.mode.converged
        error = posterior.mean - truth
        draws, _ = posterior.draws(1000, rng)
        errors.append(error)
        covered.append(np.abs(error) < 1.96 * posterior.sd)
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
    assert 0.90 < np.mean(ratio_covered) < 0.999
    assert abs(np.mean(exponents)) < 0.10
    assert np.mean(lapses) == pytest.approx(lapse, abs=0.015)


def test_thresholds_of_different_distortions_are_not_drawn_together(simulate):
    # u is seen four times as well as v in all 6 images. With one mean for both, the log ratio
    # came out a tenth too small.
    rng = np.random.default_rng(2)
    found = {1: [], 2: []}
    for _ in range(8):
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
        (np.geomspace(1e-12, 1e12, 49), np.arange(49) % 2 == 0),
    ],
    ids=["all correct", "all wrong", "one trial", "nothing shown", "absurd range"],
)
def test_poor_data_give_wide_intervals_not_errors(amplitude, correct):
    posterior = solve(Observations.build(np.zeros(len(amplitude), int), amplitude, correct))
    assert posterior.mode.converged
    assert np.isfinite(posterior.mean).all()
    assert posterior.sd[0] > 0.4


def test_all_correct_puts_the_threshold_below_and_all_wrong_above_what_was_shown():
    condition = np.repeat([0, 1, 2], 40)
    rng = np.random.default_rng(2)
    correct = np.concatenate([np.full(40, True), np.full(40, False), rng.random(40) < 0.76])
    posterior = solve(Observations.build(condition, np.ones(120), correct))
    assert posterior.mean[0] < -0.5 < 0.5 < posterior.mean[1]
    assert abs(posterior.mean[2]) < 0.5


@given(shift=st.floats(-8, 8), seed=st.integers(0, 1000))
@settings(max_examples=4)
def test_unit_of_amplitude_moves_thresholds_and_nothing_else(shift, seed):
    rng = np.random.default_rng(seed)
    condition, correct = np.repeat([0, 1, 2], 30), rng.random(90) < 0.8
    amplitude = np.exp(rng.normal(0, 1, 90))
    one = solve(Observations.build(condition, amplitude, correct))
    other = solve(Observations.build(condition, amplitude * np.exp(shift), correct))
    np.testing.assert_allclose(other.mean, one.mean + shift, atol=2e-3)
    np.testing.assert_allclose(other.sd, one.sd, rtol=5e-3)
    np.testing.assert_allclose(other.shared.exponent, one.shared.exponent, rtol=5e-3)
    np.testing.assert_allclose(other.shared.guess_logit, one.shared.guess_logit, atol=5e-3)


def test_learning_is_found_and_taken_out_of_thresholds():
    # Sessions end at amplitudes that the person could not see at their start.
    truth, progress = np.tile([-0.6, 0.6], 6), np.linspace(-0.5, 0.5, 1440)
    condition, group = np.tile(np.arange(12), 120), np.arange(12) % 2
    log_threshold = truth[condition] - 0.8 * progress
    found, told, untold = [], [], []
    for seed in range(5):
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
    assert np.std(told) < 0.85 * np.std(untold)


def test_without_an_order_no_learning_is_fitted(simulate):
    solved = solve(simulate(np.random.default_rng(4), 4, 40)[1])
    assert solved.shared.learning == pytest.approx(0, abs=0.02)
