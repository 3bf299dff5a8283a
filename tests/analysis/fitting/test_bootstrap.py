import numpy as np
import pytest

from pdpsych.analysis.fitting.bootstrap import bootstrap, bootstrap_interval
from pdpsych.analysis.fitting.integration import solve


@pytest.fixture(scope="module")
def fitted(simulate):
    observations = simulate(np.random.default_rng(4), 12, 60)[1]
    posterior = solve(observations)
    return posterior, bootstrap(posterior, 120, np.random.default_rng(0))


def test_errors_are_as_large_as_the_posterior_says(fitted):
    posterior, errors = fitted
    assert errors.shape == (120, 12)
    # Amplitudes that real answers placed bias errors, see bootstrap_interval; not by much.
    assert abs(errors.mean()) < 0.75 * posterior.sd.mean()
    np.testing.assert_allclose(errors.std(axis=0).mean(), posterior.sd.mean(), rtol=0.2)


def test_errors_of_conditions_are_correlated_by_what_they_share(fitted):
    posterior, errors = fitted
    drawn = posterior.draws(4000, np.random.default_rng(1))[0]
    own = np.cov(drawn.T)[~np.eye(12, dtype=bool)].mean()
    off = np.cov(errors.T)[~np.eye(12, dtype=bool)].mean()
    assert 0.3 * own < off < 3 * own


def test_interval_is_as_wide_as_errors_are_large():
    errors = np.linspace(-1.0, 3.0, 401)[:, None]
    low, high = bootstrap_interval(np.array([10.0]), errors, 0.95)
    assert (low[0], high[0]) == pytest.approx((10 - 2.8, 10 + 2.8))


@pytest.mark.parametrize("jobs", [2, 3])
def test_the_number_of_processes_changes_nothing(simulate, jobs):
    observations = simulate(np.random.default_rng(1), 3, 20)[1]
    posterior = solve(observations)
    # Not a whole number of blocks.
    alone, spread = (
        bootstrap(posterior, 50, np.random.default_rng(5), count) for count in (1, jobs)
    )
    assert alone.shape == (50, 3)
    assert spread.tolist() == alone.tolist()


def test_blocks_have_draws_of_their_own(simulate):
    observations = simulate(np.random.default_rng(1), 3, 20)[1]
    errors = bootstrap(solve(observations), 60, np.random.default_rng(5), 1)
    assert len(np.unique(errors[:, 0])) == 60
