import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm

from pdpsych.analysis.inference.censoring import completed, pooled_bounds


def ends(*rows):
    """Ends of ratios, (P, 1) each."""
    return tuple(np.array(rows, float).T[..., None])


def test_somebody_whose_ratio_is_known_makes_the_mean_more_than_a_bound():
    low, high = pooled_bounds(*ends((1, 1), (2, np.inf)), 0.2)
    assert low == high


def test_the_bound_of_one_person_is_that_of_the_mean():
    low, high = pooled_bounds(*ends((1.5, np.inf)), 0.2)
    assert (low, high) == (1.5, np.inf)
    low, high = pooled_bounds(*ends((-np.inf, 1.5)), 0.2)
    assert (low, high) == (-np.inf, 1.5)


@pytest.mark.parametrize("people", [2, 4, 20])
def test_a_pooled_bound_is_where_the_likelihood_has_fallen(people):
    bounds = np.linspace(0.8, 1.2, people)
    low, high = pooled_bounds(bounds[:, None], np.full((people, 1), np.inf), 0.3)
    assert norm.logcdf((low - bounds) / 0.3).sum() == pytest.approx(-1.92, abs=1e-6)
    assert np.isinf(high)
    # From above it is the same turned round.
    turned = pooled_bounds(np.full((people, 1), -np.inf), -bounds[:, None], 0.3)
    assert turned[1] == pytest.approx(-low)


def test_bounds_from_both_sides_alone_or_from_none_say_nothing():
    for rows in (((1, np.inf), (-np.inf, 2)), ((-np.inf, np.inf),)):
        low, high = pooled_bounds(*ends(*rows), 0.2)
        assert (low, high) == (-np.inf, np.inf)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("sd", "bound"), [(0.3, 0.25), (0.03, -3.0), (0.02, 0.5)])
def test_imputed_values_have_the_distribution_that_integration_gives(side, sd, bound):
    rng = np.random.default_rng(0)
    size, noise = 20_000, 0.2
    own = np.array([0.1, -0.2, 0.3])
    samples = np.full((size, 5, 1), np.nan)
    samples[:, :3, 0] = side * own + noise * rng.standard_normal((size, 3))
    low, high = np.full((5, 1), np.nan), np.full((5, 1), np.nan)
    low[:3, 0] = high[:3, 0] = side * own
    low[3], high[3] = (bound, np.inf) if side > 0 else (-np.inf, -bound)
    filled, imputed = completed(samples, low, high, np.zeros(1, bool), sd, rng)
    assert imputed[:, 0].tolist() == [False, False, False, True, False]
    assert (side * filled[:, 3, 0] >= bound).all()
    assert np.isnan(filled[:, 4]).all()
    # x | μ, truncated, over the posterior of μ.
    mu = np.linspace(-1.5, 1.5, 12_001)
    density = norm.pdf(mu, own.mean(), np.hypot(sd, noise) / np.sqrt(3))
    density *= norm.cdf((mu - bound) / sd)
    density /= trapezoid(density, mu)
    z = (bound - mu) / sd
    truncated = mu + sd * np.exp(norm.logpdf(z) - norm.logsf(z))
    mean = trapezoid(density * truncated, mu)
    assert side * filled[:, 3, 0].mean() == pytest.approx(mean, abs=0.01)
