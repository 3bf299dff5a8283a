from dataclasses import replace

import numpy as np
import pytest
from scipy.special import chdtrc

from pdpsych.analysis.fitting.checks.curve import curve_p, predicted_signal
from pdpsych.analysis.fitting.columns import EDGES
from pdpsych.analysis.fitting.integration import solve
from pdpsych.analysis.fitting.likelihood import expected_correct, signal
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.shared import of_trials
from pdpsych.experiments.placement.psychometric import proportion_correct


def levels(posterior):
    return np.searchsorted(EDGES, predicted_signal(posterior), side="right")


def derivatives(posterior, h=1e-5):
    """Central differences of P(correct) in every log τ and in what trials depend on of φ."""
    observations, place = posterior.observations, of_trials(posterior.observations.groups)
    count = posterior.mode.mean.size

    def at(step):
        moved = np.zeros(posterior.mode.shared.values.size)
        moved[place] = step[count:]
        return expected_correct(
            observations, posterior.mode.mean + step[:count], posterior.mode.shared.moved(moved)
        )

    steps = h * np.eye(count + len(place))
    return np.stack([(at(s) - at(-s)) / (2 * h) for s in steps], axis=1)


def test_it_is_the_chi_squared_of_counts_with_what_was_fitted_taken_off(simulate):
    rng = np.random.default_rng(8)
    found = simulate(rng, 6, 80)[1]
    observations = Observations.build(
        found.condition,
        np.exp(found.log_amplitude),
        found.sign > 0,
        np.arange(6) % 2,
        rng.permutation(480),
        rng.integers(1, 3, 480),
    )
    posterior = solve(observations)
    level = levels(posterior)
    p = expected_correct(observations, posterior.mode.mean, posterior.mode.shared)
    jacobian = derivatives(posterior)
    place = of_trials(2)
    prior = np.zeros((13, 13))
    prior[:6, :6] = np.eye(6) / posterior.mode.shared.spread**2
    prior[6:, 6:] = -posterior.mode.prior.at(posterior.mode.shared).hessian[np.ix_(place, place)]
    information = jacobian.T @ (jacobian / (p * (1 - p))[:, None]) + prior
    member = (level[:, None] == np.arange(8)).astype(float)
    member = member[:, (p * (1 - p)) @ member > 1]
    off = member.T @ ((observations.sign + 1) / 2 - p)
    binomial = (p * (1 - p)) @ member
    slopes = member.T @ jacobian
    covariance = np.diag(binomial) - slopes @ np.linalg.solve(information, slopes.T)
    scale = np.sqrt(binomial)
    share, axes = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = share > 0.05
    squared = ((axes.T @ (off / scale)) ** 2 / share)[kept].sum()
    assert curve_p(posterior, level) == pytest.approx(chdtrc(kept.sum(), squared), rel=1e-4)


def test_p_values_are_uniform_where_the_model_holds_and_trials_are_placed_by_answers(simulate):
    rng = np.random.default_rng(2)
    values = []
    for _ in range(40):
        observations = simulate(rng, 16, 50)[1]
        posterior = solve(observations)
        values.append(curve_p(posterior, levels(posterior)))
    # The mean of 40 uniform numbers has a standard error of 0.046; 8 or more of 40 lie below
    # 0.05 once in 1000 times.
    assert np.mean(values) == pytest.approx(0.5, abs=0.14)
    assert (np.array(values) < 0.05).sum() < 8


def test_nothing_shown_tells_nothing():
    observations = Observations.build(np.zeros(30, int), np.zeros(30), np.arange(30) % 2 == 0)
    posterior = solve(observations)
    assert curve_p(posterior, levels(posterior)) > 0.5


def test_a_trial_is_predicted_by_those_before_it_alone(simulate):
    observations = simulate(np.random.default_rng(8), 3, 30)[1]
    posterior = solve(observations)
    predicted = predicted_signal(posterior)
    trial = 40  # the eleventh of the second condition
    turned = observations.sign.copy()
    turned[trial] *= -1
    given = replace(posterior.given, observations=replace(observations, sign=turned))
    # What is shared stays as it was.
    other = predicted_signal(replace(posterior, given=given))
    changed = np.flatnonzero(other != predicted)
    assert changed.min() == trial + 1
    assert changed.max() < observations.starts[2]


def test_prediction_is_the_mean_of_a_posterior_on_a_grid(simulate):
    observations = simulate(np.random.default_rng(9), 2, 12)[1]
    posterior = solve(observations)
    shared, (mean,) = posterior.mode.shared, posterior.mode.shared.means
    grid = mean + np.linspace(-4, 4, 65)
    density = np.exp(-(((grid - mean) / max(shared.spread, 0.5)) ** 2) / 2)
    expected = []
    for log_amplitude, sign in zip(
        observations.log_amplitude[:12], observations.sign, strict=False
    ):
        threshold = density @ grid / density.sum()
        expected.append(np.exp(shared.exponent * (log_amplitude - threshold)))
        shown = np.exp(log_amplitude)
        p = proportion_correct(shown, np.exp(grid), shared.exponent, shared.lapse)
        density = density * (p if sign > 0 else 1 - p)
    np.testing.assert_allclose(predicted_signal(posterior)[:12], expected, rtol=1e-9)


def test_sorted_by_it_adaptive_answers_are_as_good_as_expected(simulate):
    # By the d′ of the fit, answers are too bad where it is small and too good where it is large.
    rng = np.random.default_rng(2)
    off = {"fit": [], "trials before": []}
    for _ in range(25):
        observations = simulate(rng, 24, 40)[1]
        posterior = solve(observations)
        expected = expected_correct(observations, posterior.mode.mean, posterior.mode.shared)
        residual = (observations.sign + 1) / 2 - expected
        small = {
            "fit": signal(observations, posterior.mode.mean, posterior.mode.shared) < 1.25,
            "trials before": predicted_signal(posterior) < 1.25,
        }
        for name, which in small.items():
            off[name].append(residual[which].mean() - residual[~which].mean())
    assert np.mean(off["fit"]) < -0.03
    assert np.mean(off["trials before"]) == pytest.approx(0, abs=0.015)
