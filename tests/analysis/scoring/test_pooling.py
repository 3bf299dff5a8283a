import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from statsmodels.stats.meta_analysis import combine_effects

from pdpsych.analysis.scoring.pooling import between_variance, pool


def study(rng, people, pairs, between, noise, samples=1500):
    """Posterior samples of people whose true ratios differ by ``between`` around 0."""
    estimate = between * rng.standard_normal((people, pairs))
    estimate += noise * rng.standard_normal((people, pairs))
    return estimate + noise * rng.standard_normal((samples, people, pairs))


def reml(estimate, variance):
    """τ² of one pair at the maximum of the restricted likelihood, the obvious slow way."""

    def loss(between):
        weight = 1 / (variance + between)
        middle = (weight * estimate).sum() / weight.sum()
        logs = np.log(variance + between).sum() + np.log(weight.sum())
        return logs + (weight * (estimate - middle) ** 2).sum()

    return minimize_scalar(loss, bounds=(0, 10), method="bounded", options={"xatol": 1e-9}).x


def random_effects(estimate, variance):
    """One pair by DerSimonian and Laird, as statsmodels has them."""
    # Of a negative τ² it takes a root for intervals that are not used here.
    with np.errstate(invalid="ignore"):
        return combine_effects(estimate, variance, method_re="dl")


@given(seed=st.integers(0, 500), people=st.integers(2, 9), between=st.floats(0, 2))
@settings(max_examples=60)
def test_variance_between_participants_of_one_pair_is_dersimonian_and_lairds(seed, people, between):
    rng = np.random.default_rng(seed)
    variance = rng.uniform(0.01, 0.5, people)
    estimate = rng.normal(0, np.sqrt(variance + between**2))
    found = between_variance(estimate[:, None], variance[:, None])
    theirs = random_effects(estimate, variance)
    assert found == pytest.approx(max(0.0, theirs.tau2), abs=1e-12)


def exactly(rng, estimate, variance, samples=400):
    """Samples of one pair, (samples, P, 1), that have these means and variances to rounding."""
    drawn = rng.normal(size=(samples, len(estimate)))
    drawn = np.linalg.qr(drawn - drawn.mean(axis=0))[0] * np.sqrt(samples)
    return (estimate + np.sqrt(variance) * drawn)[..., None]


@given(seed=st.integers(0, 500), people=st.integers(2, 9), between=st.floats(0, 2))
@settings(max_examples=60)
def test_one_pair_is_pooled_as_random_effects_are_elsewhere(seed, people, between):
    rng = np.random.default_rng(seed)
    variance = rng.uniform(0.01, 0.5, people)
    estimate = rng.normal(0, np.sqrt(variance + between**2))
    theirs = random_effects(estimate, variance)
    if theirs.tau2 < 0:
        # Ours counts none less than none.
        theirs.mean_effect_re, theirs.weights_re = theirs.mean_effect_fe, theirs.weights_fe
    samples = exactly(rng, estimate, variance)
    pooled = pool(samples, rng)
    assert pooled.estimate[0] == pytest.approx(theirs.mean_effect_re, abs=1e-9)
    # Trials of the pooled ratio are those of the participants by their weights.
    apart = samples[..., 0] - estimate
    weights = np.linalg.lstsq(apart, pooled.trials[:, 0], rcond=None)[0]
    np.testing.assert_allclose(weights, theirs.weights_re / theirs.weights_re.sum(), atol=1e-9)


def test_variance_between_participants_agrees_with_restricted_likelihood_on_average():
    rng = np.random.default_rng(0)
    variance = rng.uniform(0.02, 0.2, (8, 300))
    estimate = rng.normal(0, np.sqrt(variance + 0.3))
    slow = np.mean([reml(estimate[:, k], variance[:, k]) for k in range(300)])
    assert between_variance(estimate, variance) == pytest.approx(slow, rel=0.05)
    assert between_variance(estimate, variance) == pytest.approx(0.3, rel=0.1)


def test_a_noisy_participant_weighs_less():
    rng = np.random.default_rng(0)
    samples = rng.normal([0.0, 1.0], [0.1, 0.5], (4000, 2))[..., None]
    w = 1 / (samples.var(axis=0) + between_variance(samples.mean(axis=0), samples.var(axis=0)))
    expected = float((w * samples.mean(axis=0)).sum() / w.sum())
    assert pool(samples, rng).estimate[0] == pytest.approx(expected)
    assert expected < 0.45


def test_one_participant_is_pooled_as_is():
    samples = np.random.default_rng(0).normal(0, 0.2, (1000, 1, 3))
    pooled = pool(samples, np.random.default_rng(1))
    np.testing.assert_allclose(pooled.samples, samples[:, 0])
    np.testing.assert_allclose(pooled.wide_samples, samples[:, 0])


@pytest.mark.parametrize(("between", "noise"), [(0.0, 0.3), (0.5, 0.1), (0.3, 0.3)])
def test_pooled_variance_is_that_of_the_mean_over_participants(between, noise):
    # Mean over many pairs of the squared error of the pooled mean, against the variance claimed.
    rng = np.random.default_rng(3)
    people, pairs = 6, 400
    pooled = pool(study(rng, people, pairs, between, noise), rng)
    expected = (between**2 + noise**2) / people
    assert np.mean(pooled.estimate**2) == pytest.approx(expected, rel=0.25)
    assert pooled.samples.var(axis=0).mean() == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("between", [0.0, 0.4])
def test_intervals_of_the_pooled_mean_cover_the_truth_with_few_participants(between):
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(150):
        low, high = np.quantile(
            pool(study(rng, 4, 8, between, 0.2, 400), rng).wide_samples, [0.025, 0.975], axis=0
        )
        covered.append((low < 0) & (high > 0))
    assert 0.92 < np.mean(covered) < 0.985


def test_participants_are_drawn_whole():
    # All differences lie between participants and are the same in both pairs, so must the
    # uncertainty be.
    samples = np.random.default_rng(0).normal(0, 1e-3, (3000, 4, 2))
    samples += np.array([-1.0, -0.5, 0.5, 1.0])[:, None]
    pooled = pool(samples, np.random.default_rng(1))
    assert np.corrcoef(pooled.samples.T)[0, 1] > 0.999


def test_what_participants_have_in_common_is_not_taken_for_noise():
    # Noise of one pair hides what a participant is like, noise of all 60 does not.
    rng = np.random.default_rng(2)
    truth, claimed = 0.2, []
    for _ in range(30):
        samples = study(rng, 8, 60, 0.0, 0.5, 300) + truth * rng.standard_normal((8, 1))
        claimed.append(pool(samples, rng).spread.mean(axis=1).var())
    assert np.mean(claimed) == pytest.approx((truth**2 + 0.5**2 / 60) / 8, rel=0.25)


def test_a_missing_pair_of_one_participant_is_left_to_the_others():
    samples = np.random.default_rng(0).normal(0, 0.01, (2000, 3, 2))
    samples += np.array([1.0, 2.0, 3.0])[:, None]
    samples[:, 2, 1] = np.nan
    pooled = pool(samples, np.random.default_rng(1))
    np.testing.assert_allclose(pooled.estimate, [2.0, 1.5], atol=0.05)
    assert (pooled.samples.std(axis=0) > 0.3).all()


def test_a_pair_of_one_participant_alone_is_as_uncertain_as_people_differ():
    samples = np.random.default_rng(0).normal(0, 0.01, (4000, 3, 2))
    samples += np.array([-1.0, 0.0, 1.0])[:, None]
    samples[:, 1:, 1] = np.nan
    pooled = pool(samples, np.random.default_rng(1))
    assert pooled.estimate[1] == pytest.approx(-1.0, abs=0.01)
    assert pooled.samples[:, 1].std() == pytest.approx(1.0, rel=0.15)


def censored_study(rng, people, pairs, between, noise, limit, samples=300):
    """Samples and ends of people whose ratios above a limit are only known to be above it."""
    truth = rng.normal(0, 1, pairs)
    own = truth + between * rng.standard_normal((people, pairs))
    seen = own + noise * rng.standard_normal((people, pairs))
    drawn = seen + noise * rng.standard_normal((samples, people, pairs))
    drawn[:, own > limit] = np.nan
    low = np.where(own > limit, limit, drawn.mean(axis=0))
    return truth, pool(drawn, rng, low, np.where(own > limit, np.inf, low))


@pytest.mark.parametrize("people", [2, 4, 8])
def test_intervals_cover_the_truth_where_some_ratios_are_bounds(people):
    rng = np.random.default_rng(people)
    covered, bounds, errors = [], [], []
    for _ in range(60):
        truth, pooled = censored_study(rng, people, 12, 0.3, 0.2, 0.7)
        low, high = np.quantile(pooled.wide_samples, [0.025, 0.975], axis=0)
        exact = pooled.exact
        covered += ((low < truth) & (truth < high))[exact].tolist()
        errors += (pooled.estimate - truth)[exact].tolist()
        bounds += (pooled.low < truth)[~exact].tolist()
    assert 0.92 < np.mean(covered) < 0.985
    assert np.mean(bounds) > 0.93
    # Leaving them out would pull the ratios beside them down.
    assert abs(np.mean(errors)) < 0.04


def test_a_ratio_nobody_is_known_beyond_is_a_bound_without_noise():
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.1, (500, 3, 2))
    samples[:, :, 1] = np.nan
    low, high = samples.mean(axis=0), samples.mean(axis=0)
    low[:, 1], high[:, 1] = [1.0, 1.1, 1.2], np.inf
    pooled = pool(samples, rng, low, high)
    assert pooled.exact.tolist() == [True, False]
    assert 1.0 < pooled.low[1] < 1.4
    assert np.isinf(pooled.high[1])
    assert (pooled.samples[:, 1] == pooled.estimate[1]).all()


def test_two_people_who_agree_by_chance_have_not_shown_that_all_do():
    rng = np.random.default_rng(0)
    pooled = pool(rng.normal(0.5, 0.01, (2000, 2, 1)), rng)
    low, high = np.quantile(pooled.wide_samples[:, 0], [0.025, 0.975])
    assert 0.2 < high - low < 4
