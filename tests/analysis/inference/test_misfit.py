import numpy as np
import pytest
from scipy.stats import norm

from pdpsych.analysis.inference.misfit import _OFFSETS, _SPREADS, Misfit, Noise, noise_of

SAMPLES = 20_000


def misfit(variance, common=0.0, seed=0):
    noise = Noise(np.asarray(variance, float), common, np.ones(SAMPLES))
    return Misfit(noise, np.random.default_rng(seed))


def test_without_noise_errors_are_what_was_seen():
    seen = np.array([0.3, -1.2, 0.0, 2.0])
    found = misfit(np.zeros(4)).draw(seen)
    np.testing.assert_allclose(found.pairs, np.tile(np.abs(seen), (SAMPLES, 1)), atol=1e-9)


@pytest.mark.parametrize("common", [0.0, 0.04])
def test_draws_have_the_means_of_the_posterior_by_summation(common):
    # Everything is normal given both standard deviations: sum over their grids.
    seen, variance = np.array([0.5, -0.1, 0.2, 0.4, 0.9]), np.array([0.04, 0.09, 0.02, 0.05, 0.1])
    found = misfit(variance, common).draw(seen)
    logs, means = [], []
    for k, spread in enumerate(_SPREADS):
        for j, offset in enumerate(_OFFSETS):
            shared = np.full((5, 5), offset**2)
            own = shared + spread**2 * np.eye(5)
            total = own + common + np.diag(variance)
            step = [
                grid[1] if n == 0 else grid[n] * np.log(grid[2] / grid[1])
                for grid, n in ((_SPREADS, k), (_OFFSETS, j))
            ]
            prior = np.log(step).sum() - np.log1p([(spread / 0.5) ** 2, (offset / 0.5) ** 2]).sum()
            chosen = np.linalg.slogdet(total)[1] + seen @ np.linalg.solve(total, seen)
            logs.append(prior - chosen / 2)
            mean = own @ np.linalg.solve(total, seen)
            sd = np.sqrt(np.maximum(np.diag(own - own @ np.linalg.solve(total, own)), 1e-12))
            folded = 2 * sd * norm.pdf(mean / sd) + mean * (1 - 2 * norm.cdf(-mean / sd))
            means.append(folded)
    weight = np.exp(np.array(logs) - max(logs))
    expected = weight @ np.array(means) / weight.sum()
    np.testing.assert_allclose(found.pairs.mean(axis=0), expected, atol=0.01)


def test_noise_is_taken_apart():
    rng = np.random.default_rng(1)
    shared = 0.2 * rng.standard_normal((SAMPLES, 1)) + 0.3 * rng.standard_normal((SAMPLES, 30))
    found = noise_of(np.full(30, 0.13), shared, np.ones(SAMPLES))
    assert found.common == pytest.approx(0.04, rel=0.05)
    np.testing.assert_allclose(found.variance, 0.09, rtol=0.05)
    assert noise_of(np.array([0.1]), shared[:, :1], np.ones(SAMPLES)).common == 0.0


def test_pairs_without_a_value_have_none_and_do_not_count():
    seen = np.array([0.3, np.nan, -0.2])
    found = misfit([0.04, 0.0, 0.04]).draw(seen)
    assert np.isnan(found.pairs[:, 1]).all()
    assert not np.isnan(found.pairs[:, [0, 2]]).any()
    nothing = misfit([0.04]).draw(np.array([np.nan]))
    assert np.isfinite(nothing.another).all()
