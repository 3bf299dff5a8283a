import numpy as np
import pytest

from pdpsych.analysis.fitting.hierarchy import solve
from pdpsych.analysis.fitting.likelihood import Observations, expected_correct, signal
from pdpsych.analysis.fitting.prediction import predicted_signal
from pdpsych.experiments.placement.psychometric import proportion_correct


def test_a_trial_is_predicted_by_those_before_it_alone(simulate):
    observations = simulate(np.random.default_rng(8), 3, 30)[1]
    posterior = solve(observations)
    predicted = predicted_signal(observations, posterior)
    trial = 40  # the eleventh of the second condition
    turned = observations.sign.copy()
    turned[trial] *= -1
    other = predicted_signal(
        Observations(**{**vars(observations), "sign": turned}),
        posterior,
    )
    changed = np.flatnonzero(other != predicted)
    assert changed.min() == trial + 1
    assert changed.max() < observations.starts[2]


def test_prediction_is_the_mean_of_a_posterior_on_a_grid(simulate):
    observations = simulate(np.random.default_rng(9), 2, 12)[1]
    posterior = solve(observations)
    x, y, _, w, mean = posterior.shared
    grid = mean + np.linspace(-4, 4, 65)
    density = np.exp(-(((grid - mean) / max(np.exp(w), 0.5)) ** 2) / 2)
    expected = []
    for log_amplitude, sign in zip(
        observations.log_amplitude[:12], observations.sign, strict=False
    ):
        threshold = density @ grid / density.sum()
        expected.append(np.exp(np.exp(x) * (log_amplitude - threshold)))
        lapse = 0.5 / (1 + np.exp(-y))
        p = proportion_correct(np.exp(log_amplitude), np.exp(grid), np.exp(x), lapse)
        density = density * (p if sign > 0 else 1 - p)
    np.testing.assert_allclose(predicted_signal(observations, posterior)[:12], expected, rtol=1e-9)


def test_sorted_by_it_adaptive_answers_are_as_good_as_expected(simulate):
    # By the d′ of the fit, answers are too bad where it is small and too good where it is large.
    rng = np.random.default_rng(2)
    off = {"fit": [], "trials before": []}
    for _ in range(25):
        observations = simulate(rng, 24, 40)[1]
        posterior = solve(observations)
        expected = expected_correct(observations, posterior.mean, posterior.shared)
        residual = (observations.sign + 1) / 2 - expected
        small = {
            "fit": signal(observations, posterior.mean, posterior.shared) < 1.25,
            "trials before": predicted_signal(observations, posterior) < 1.25,
        }
        for name, which in small.items():
            off[name].append(residual[which].mean() - residual[~which].mean())
    assert np.mean(off["fit"]) < -0.03
    assert np.mean(off["trials before"]) == pytest.approx(0, abs=0.015)
