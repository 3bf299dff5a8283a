import numpy as np
import pytest
from scipy import stats

from pdpsych.analysis.fitting.shared import Shared, gathered, of_trials, spread_out

READ = {"lapse": 0.03, "learning": -0.2, "spread": 0.6}
CRITERIA = [0.1, -0.4, 0.2]


def example():
    return Shared.of(exponent=[1.4, 0.7], criteria=CRITERIA, means=[0.3, -0.7], **READ)


def test_numbers_as_people_read_them_come_back():
    shared = example()
    assert {name: float(getattr(shared, name)) for name in READ} == pytest.approx(READ)
    assert shared.guess == pytest.approx(2 * 0.03)
    assert shared.exponents == pytest.approx([1.4, 0.7])
    assert shared.exponent == pytest.approx(np.sqrt(1.4 * 0.7))
    assert shared.criteria.tolist() == CRITERIA
    assert shared.means.tolist() == [0.3, -0.7]


def test_files_have_the_numbers_in_this_order():
    # Those of fit.json, version 4.
    logit = np.log(0.06 / 0.94)
    expected = [logit, -0.2, *CRITERIA, np.log(0.6), np.log(1.4), np.log(0.7), 0.3, -0.7]
    assert example().values.tolist() == pytest.approx(expected)
    assert of_trials(2) == [0, 1, 2, 3, 4, 6, 7]


def test_samples_are_gone_through_and_cut():
    samples = Shared(np.arange(30.0).reshape(3, 10))
    assert samples.learning.tolist() == [1, 11, 21]
    assert [float(one.log_spread) for one in samples] == [5, 15, 25]
    assert samples[1:].means.tolist() == [[18, 19], [28, 29]]
    assert samples.log_exponents.tolist() == [[6, 7], [16, 17], [26, 27]]
    assert len(samples) == 3
    assert samples.moved(np.ones(10)).learning.tolist() == [2, 12, 22]


def test_the_prior_of_log_thresholds_is_normal_around_the_mean_of_the_group():
    shared, group = example(), np.array([0, 1, 0])
    values = np.random.default_rng(0).normal(size=(3, 4))
    expected = stats.norm.logpdf(values, np.array([0.3, -0.7, 0.3])[:, None], 0.6)
    np.testing.assert_allclose(shared.log_prior_of(values, group), expected)


def test_what_conditions_have_of_their_own_goes_to_their_group():
    rng = np.random.default_rng(0)
    group = np.array([0, 2, 1, 0])
    member = (group[:, None] == np.arange(3)).astype(float)
    columns, matrices = rng.normal(size=(4, 8)), rng.normal(size=(4, 8, 8))
    matrices = matrices + matrices.transpose(0, 2, 1)
    expected, total = np.zeros(12), np.zeros((12, 12))
    for condition, own in enumerate(group):
        places = [0, 1, 2, 3, 4, 5, 6 + own, 9 + own]
        expected[places] += columns[condition]
        total[np.ix_(places, places)] += matrices[condition]
    np.testing.assert_allclose(spread_out(columns, member), expected)
    np.testing.assert_allclose(gathered(matrices, member), total)
