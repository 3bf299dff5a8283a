from dataclasses import replace

import numpy as np
import pytest
from scipy.special import chdtrc

from pdpsych.analysis.fitting.checks.curve import curve_p, predicted
from pdpsych.analysis.fitting.columns import EDGES
from pdpsych.analysis.fitting.hierarchy import find_mode
from pdpsych.analysis.fitting.integration import solve
from pdpsych.analysis.fitting.likelihood import expected_correct, log_likelihood, signal
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.shared import Shared


def p_of(posterior):
    found = predicted(posterior.observations, posterior.mode.shared)
    return curve_p(posterior, found.chance, levels(found))


def levels(found):
    return np.searchsorted(EDGES, found.signal, side="right")


def in_any_order(simulate, rng, conditions, trials):
    """Trials with learning and positions, a condition's in the order in which they came."""
    found = simulate(rng, conditions, trials)[1]
    size = conditions * trials
    return Observations.build(
        found.condition, np.exp(found.log_amplitude), found.sign > 0,
        np.arange(conditions) % 2, np.arange(size), rng.integers(1, 3, size),
    )  # fmt: skip


def test_predictions_multiplied_are_the_likelihood_of_what_is_shared(simulate):
    observations = in_any_order(simulate, np.random.default_rng(3), 4, 30)
    shared = Shared.of(
        exponent=[1.3, 0.8], lapse=0.04, learning=0.5, criteria=[0.3, -0.7, 0.2],
        spread=0.6, means=[0.1, -0.2],
    )  # fmt: skip
    chance = predicted(observations, shared).chance
    told = np.log(np.where(observations.sign > 0, chance, 1 - chance))
    grid = np.linspace(-6, 6, 4001)
    places = shared.means[observations.group][:, None] + grid
    before = shared.log_prior_of(places, observations.group)
    joint = before + log_likelihood(observations, places, shared)
    whole = np.log(np.exp(joint).sum(axis=1) * (grid[1] - grid[0]))
    np.testing.assert_allclose(np.add.reduceat(told, observations.starts), whole, atol=1e-3)


def test_it_is_the_chi_squared_of_counts_with_what_was_fitted_taken_off(simulate):
    posterior = solve(in_any_order(simulate, np.random.default_rng(8), 6, 80))
    observations, mode = posterior.observations, posterior.mode
    found = predicted(observations, mode.shared)
    p, h = found.chance, 1e-3
    steps = h * np.eye(mode.shared.values.size)
    jacobian = np.stack(
        [
            predicted(observations, mode.shared.moved(s)).chance
            - predicted(observations, mode.shared.moved(-s)).chance
            for s in steps
        ],
        axis=1,
    ) / (2 * h)
    information = (jacobian / (p * (1 - p))[:, None]).T @ jacobian
    information -= mode.prior.at(mode.shared).hessian
    member = (levels(found)[:, None] == np.arange(8)).astype(float)
    member = member[:, (p * (1 - p)) @ member > 1]
    off = member.T @ ((observations.sign + 1) / 2 - p)
    binomial = (p * (1 - p)) @ member
    slopes = member.T @ jacobian
    covariance = np.diag(binomial) - slopes @ np.linalg.solve(information, slopes.T)
    scale = np.sqrt(binomial)
    share, axes = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = share > 0.05
    squared = ((axes.T @ (off / scale)) ** 2 / share)[kept].sum()
    assert p_of(posterior) == pytest.approx(chdtrc(kept.sum(), squared), rel=1e-2)


@pytest.mark.parametrize(
    ("conditions", "trials", "studies"), [(16, 50, 40), (300, 50, 8)], ids=["few", "many"]
)
def test_p_values_are_uniform_where_the_model_holds_and_trials_are_placed_by_answers(
    simulate, conditions, trials, studies
):
    rng = np.random.default_rng(2)
    values = []
    for _ in range(studies):
        posterior = Found(simulate(rng, conditions, trials)[1])
        values.append(p_of(posterior))
    # Three standard errors of a mean of uniform numbers; so many below 0.05 come once in 1000.
    assert np.mean(values) == pytest.approx(0.5, abs=3 * (12 * studies) ** -0.5)
    assert (np.array(values) < 0.05).sum() < {40: 8, 8: 4}[studies]


class Found:
    """What the check takes of a posterior."""

    def __init__(self, observations):
        self.observations, self.mode = observations, find_mode(observations)


def test_nothing_shown_tells_nothing():
    observations = Observations.build(np.zeros(30, int), np.zeros(30), np.arange(30) % 2 == 0)
    assert p_of(solve(observations)) > 0.5


def test_a_trial_is_predicted_by_those_before_it_alone(simulate):
    observations = simulate(np.random.default_rng(8), 3, 30)[1]
    # What is shared stays as it was.
    shared = find_mode(observations).shared
    before = predicted(observations, shared)
    trial = 40  # the eleventh of the second condition
    turned = observations.sign.copy()
    turned[trial] *= -1
    after = predicted(replace(observations, sign=turned), shared)
    for one, other in zip(before, after, strict=True):
        changed = np.flatnonzero(one != other)
        assert changed.min() == trial + 1
        assert changed.max() < observations.starts[2]


def test_sorted_by_it_adaptive_answers_are_as_good_as_expected(simulate):
    # By the d′ of the fit, answers are too bad where it is small and too good where it is large.
    rng = np.random.default_rng(2)
    off = {"fit": [], "trials before": []}
    for _ in range(25):
        observations = simulate(rng, 24, 40)[1]
        mode = find_mode(observations)
        found = predicted(observations, mode.shared)
        expected = expected_correct(observations, mode.mean, mode.shared)
        right = (observations.sign + 1) / 2
        of_fit = signal(observations, mode.mean, mode.shared)
        for name, chance, size in (
            ("fit", expected, of_fit),
            ("trials before", found.chance, found.signal),
        ):
            small, residual = size < 1.25, right - chance
            off[name].append(residual[small].mean() - residual[~small].mean())
    assert np.mean(off["fit"]) < -0.03
    assert np.mean(off["trials before"]) == pytest.approx(0, abs=0.015)
