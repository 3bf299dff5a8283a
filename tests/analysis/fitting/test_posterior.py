import json

import numpy as np
import pytest

from pdpsych.analysis.fitting.bounds import trial_bounds
from pdpsych.analysis.fitting.integration import solve
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.posterior import Posterior


@pytest.fixture(scope="module")
def solved(simulate):
    return solve(simulate(np.random.default_rng(8), 6, 40)[1])


def test_draws_have_the_moments_and_quantiles_of_the_mixture(solved):
    drawn, shared = solved.draws(20_000, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.mean(axis=0), solved.mean, atol=0.02)
    np.testing.assert_allclose(drawn.std(axis=0), solved.sd, rtol=0.04)
    for share in (0.025, 0.5, 0.975):
        own = np.quantile(drawn, share, axis=0)
        np.testing.assert_allclose(own, solved.quantile(share), atol=0.05)
    mean, sd = solved.moments(solved.nodes.values)
    np.testing.assert_allclose(shared.values.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(shared.values.std(axis=0), sd, rtol=0.05)


def test_read_from_json_it_draws_the_same(solved):
    again = Posterior.from_plain(json.loads(json.dumps(solved.to_plain())))
    assert again == solved
    for one, same in zip(
        again.draws(50, np.random.default_rng(3)),
        solved.draws(50, np.random.default_rng(3)),
        strict=True,
    ):
        assert getattr(one, "values", one).tolist() == getattr(same, "values", same).tolist()
    by_trials = [each.draws_by_trials(50, np.random.default_rng(3)) for each in (again, solved)]
    assert by_trials[0].tolist() == by_trials[1].tolist()


def test_taking_the_prior_off_takes_its_pull_off(simulate):
    rng = np.random.default_rng(11)
    truth, found = simulate(rng, 200, 40)
    posterior = solve(found)
    known = np.array(trial_bounds(posterior, 0.95)["bound"]) == "exact"
    alone = np.median(posterior.draws_by_trials(400, rng), axis=0)

    def slope(estimate):
        return np.polyfit(truth[known], estimate[known], 1)[0]

    assert slope(posterior.mean) < 0.93
    assert slope(alone) == pytest.approx(1, abs=0.09)


def bound_of(amplitude, correct):
    """What trials of a condition bound, among others that are well known."""
    rng = np.random.default_rng(0)
    condition = np.append(np.repeat(np.arange(4), 60), np.full(len(amplitude), 4))
    others = np.exp(rng.normal(0.3, 0.6, 240))
    right = rng.random(240) < 0.55 + 0.4 * (others > 1)
    posterior = solve(
        Observations.build(
            condition, np.append(others, amplitude), np.append(right, correct), order=range(300)
        )
    )
    found = trial_bounds(posterior, 0.95)
    return found["bound"][-1], found["trials_low"][-1], found["trials_high"][-1], posterior


@pytest.mark.parametrize(
    ("amplitude", "correct", "bound"),
    [
        (np.geomspace(0.2, 5, 60), np.geomspace(0.2, 5, 60) > 0.8, "exact"),
        (np.full(60, 3.0), np.arange(60) % 2 == 0, "at least"),
        (np.full(60, 0.5), np.ones(60, bool), "at most"),
        (np.zeros(60), np.arange(60) % 2 == 0, "unknown"),
    ],
    ids=["seen from some amplitude on", "never seen", "always seen", "nothing shown"],
)
def test_bounds(amplitude, correct, bound):
    kind, low, high, posterior = bound_of(amplitude, correct)
    assert kind == bound
    assert np.isnan(low) == (bound in ("at most", "unknown"))
    assert np.isnan(high) == (bound in ("at least", "unknown"))
    drawn = posterior.draws_by_trials(2000, np.random.default_rng(0))[:, -1]
    assert np.isfinite(drawn).all()
    if bound == "exact":
        inside = (np.log(low) < drawn) & (drawn < np.log(high))
        assert inside.mean() == pytest.approx(0.95, abs=0.03)


def test_twenty_thousand_trials_of_a_condition_are_fitted():
    rng = np.random.default_rng(0)
    amplitude = 1e-12 * np.exp(rng.normal(0.3, 0.6, 20_000))
    correct = rng.random(20_000) < np.where(amplitude > 1e-12, 0.9, 0.6)
    found = solve(Observations.build(np.zeros(20_000, int), amplitude, correct))
    assert found.sd[0] < 0.1
    assert trial_bounds(found, 0.95)["bound"] == ["exact"]
