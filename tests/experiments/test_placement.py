import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych.experiments.placement import EXPONENTS, LAPSES, Placement
from pdpsych.experiments.psychometric import proportion_correct


def brute_force(placement: Placement, prior: np.ndarray, answers) -> np.ndarray:
    """Return the joint posterior by one multiplication per grid point and answer."""
    posterior = prior.copy()
    shapes = [(b, lapse) for b in EXPONENTS for lapse in LAPSES]
    for amplitude, correct in answers:
        for i, log_threshold in enumerate(placement.log_thresholds):
            for j, (exponent, lapse) in enumerate(shapes):
                p = float(proportion_correct(amplitude, np.exp(log_threshold), exponent, lapse))
                posterior[i, j] *= p if correct else 1 - p
    return posterior / posterior.sum()


def entropy(weights: np.ndarray) -> float:
    return -sum(float(w) * float(np.log(w)) for w in weights if w > 0)


answers = st.lists(st.tuples(st.floats(-0.1, 5.0), st.booleans()), max_size=4)


@settings(max_examples=10, deadline=None)
@given(answers=answers)
def test_posterior_is_bayes_rule(answers):
    placement = Placement(0.5, 0.5, 0.1, 3.0)
    prior = placement.posterior.copy()
    for amplitude, correct in answers:
        placement.update(amplitude, correct)
    expected = brute_force(placement, prior, answers)
    np.testing.assert_allclose(placement.posterior, expected, rtol=1e-9, atol=1e-15)
    weight = expected.sum(axis=1)
    mean = float((weight * placement.log_thresholds).sum())
    sd = float(np.sqrt((weight * (placement.log_thresholds - mean) ** 2).sum()))
    assert placement.estimate() == pytest.approx((mean, sd))


def test_expected_entropy_is_that_of_trying_both_answers():
    placement = Placement(0.5, 0.7, 0.1, 3.0)
    placement.update(0.6, True)
    placement.update(0.4, False)
    fast = placement.expected_entropies()
    for amplitude, expected in list(zip(placement.amplitudes, fast, strict=True))[::8]:
        total = 0.0
        for correct in (True, False):
            after = Placement(0.5, 0.7, 0.1, 3.0)
            after.posterior = placement.posterior.copy()
            shapes = np.array([(b, lapse) for b in EXPONENTS for lapse in LAPSES]).T
            p = proportion_correct(amplitude, np.exp(placement.log_thresholds)[:, None], *shapes)
            chance = float((placement.posterior * (p if correct else 1 - p)).sum())
            after.update(amplitude, correct)
            total += chance * entropy(after.posterior.sum(axis=1))
        assert expected == pytest.approx(total)
    assert placement.next_amplitude() == placement.amplitudes[np.argmin(fast)]


@given(most=st.floats(0.01, 100), truth=st.floats(0.001, 1000))
@settings(max_examples=15, deadline=None)
def test_amplitudes_stay_in_range(most, truth):
    rng = np.random.default_rng(0)
    placement = Placement(1.0, 1.5, most / 50, most)
    for _ in range(8):
        amplitude = placement.next_amplitude()
        assert most / 50 * 0.999 <= amplitude <= most * 1.001
        placement.update(amplitude, bool(rng.random() < proportion_correct(amplitude, truth)))
    assert np.isfinite(placement.posterior).all()


def recover(truth: float, trials: int, seed: int, exponent: float = 1.0) -> tuple[float, float]:
    """Return error and claimed sd of the log threshold after simulated trials."""
    rng = np.random.default_rng(seed)
    placement = Placement(1.0, 1.5, 0.01, 40.0)
    for _ in range(trials):
        amplitude = placement.next_amplitude()
        p = proportion_correct(amplitude, truth, exponent, 0.02)
        placement.update(amplitude, bool(rng.random() < p))
    estimate = placement.estimate()
    return estimate.log_threshold - np.log(truth), estimate.sd


@pytest.mark.parametrize("truth", [0.3, 3.0])
def test_thresholds_are_recovered(truth):
    errors, sds = np.array([recover(truth, 100, seed) for seed in range(60)]).T
    # QUEST+ with as many free shapes has a bias of .06 and an sd of .22 nats (0.097 log10)
    # after 100 trials; the standard error of the bias here is .03.
    assert abs(errors.mean()) < 0.12
    assert errors.std() < 0.30
    assert np.mean(np.abs(errors) < 2 * sds) > 0.85
