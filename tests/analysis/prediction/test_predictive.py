import numpy as np
import pytest
from scipy.special import logsumexp, ndtr
from scipy.stats import norm

from pdpsych.analysis.fitting.prior import EXPONENT_SD
from pdpsych.analysis.prediction.efficiency_tables import Answers, EfficiencyTables
from pdpsych.analysis.prediction.predictive import IMAGE_SDS, SPREADS, log_probabilities


def observer(rng, images=12, trials=40, exponent=1.0, spread=0.0, lapse=0.02):
    """Log D of an observer's trials, (N,), log α of each, and the answers."""
    conditions = 2 * images
    condition = np.repeat(np.arange(conditions), trials)
    log_d = rng.normal(0, 1, conditions)
    threshold = (
        -log_d + rng.normal(0, spread, conditions) + np.repeat(rng.normal(0, 0.3, images), 2)
    )
    log_amplitude = threshold[condition] + rng.normal(0.2, 0.6, condition.size)
    signal = np.exp(exponent * (log_amplitude - threshold[condition]))
    chance = lapse + (1 - 2 * lapse) * ndtr(signal / np.sqrt(2))
    answers = Answers(
        condition, rng.random(condition.size) < chance, np.repeat(np.arange(images), 2), lapse
    )
    return log_amplitude + log_d[condition], log_amplitude, answers


def by_sums(x, answers, log_exponents, step=0.08, reach=8.0):
    """The same by plain sums over fine grids."""
    grid = np.arange(-reach, reach + step / 2, step)
    images, sds = answers.image.max() + 1, len(IMAGE_SDS)
    of_images = np.zeros((len(log_exponents), len(SPREADS) * sds, images, grid.size))
    blurs = [norm.pdf(grid[:, None] - grid, scale=s) * step for s in (*SPREADS, *IMAGE_SDS)]
    blurs = [blur / blur.sum(axis=1, keepdims=True) for blur in blurs]
    for e, log_exponent in enumerate(log_exponents):
        for s, blur in enumerate(blurs[:-sds]):
            of_image = np.zeros((images, grid.size))
            for c, image in enumerate(answers.image):
                own = answers.condition == c
                signal = np.exp(np.exp(log_exponent) * (grid[:, None] + x[own])) / np.sqrt(2)
                chance = answers.lapse + (1 - 2 * answers.lapse) * ndtr(signal)
                likely = np.where(answers.correct[own], chance, 1 - chance).prod(axis=1)
                of_image[image] += np.log(blur @ likely)
            for i, between in enumerate(blurs[-sds:]):
                of_images[e, s * sds + i] = np.log(np.exp(of_image) @ between.T)
    joint = of_images.sum(axis=2) - (log_exponents[:, None, None] / EXPONENT_SD) ** 2 / 2
    return logsumexp(joint) - logsumexp(joint[:, :, None] - of_images, axis=(0, 1, 3))


@pytest.mark.parametrize(("exponent", "spread"), [(1.0, 0.0), (1.5, 0.6)])
def test_probabilities_are_those_of_plain_sums(exponent, spread):
    rng = np.random.default_rng(1)
    x, log_amplitude, answers = observer(rng, images=5, exponent=exponent, spread=spread)
    wrong = log_amplitude + rng.normal(0, 1, 10)[answers.condition]
    fast = log_probabilities(np.stack([x, wrong]), answers)
    for found, model in zip(fast, (x, wrong), strict=True):
        slow = by_sums(model, answers, np.linspace(-1, 1, 21))
        assert found == pytest.approx(slow, abs=0.03)


def test_the_model_that_is_the_observer_predicts_best():
    rng = np.random.default_rng(2)
    x, _, answers = observer(rng, spread=0.1)
    others = x + rng.normal(0, 0.7, (3, 24))[:, answers.condition]
    found = log_probabilities(np.vstack([others, x]), answers).sum(axis=1)
    assert found.argmax() == 3
    assert found[3] - found[:3].max() > 3


def test_what_an_image_has_in_common_costs_less_than_ratios():
    rng = np.random.default_rng(3)
    x, _, answers = observer(rng)
    image = answers.image[answers.condition]
    for size in (0.5, 1.0):
        off = size * rng.normal(0, 1, 12)[image]
        turned = x + off * np.where(answers.condition % 2, 1, -1)
        same, moved, other = log_probabilities(np.stack([x, x + off, turned]), answers).sum(axis=1)
        assert same - moved < (same - other) / 2


def test_the_unit_of_a_model_does_not_matter():
    x, _, answers = observer(np.random.default_rng(4), images=4)
    one, other = log_probabilities(np.stack([x, x + 7.3]), answers)
    assert one == pytest.approx(other, abs=1e-6)


def test_what_nobody_sees_is_answered_by_chance():
    x, _, answers = observer(np.random.default_rng(5), images=4, trials=20)
    blind = np.where(answers.condition == 3, -np.inf, x)
    found = log_probabilities(np.stack([x, blind]), answers)
    assert np.isfinite(found).all()
    assert found[1, 1] < found[0, 1]


def test_no_number_falls_off_the_lattice():
    x, _, answers = observer(np.random.default_rng(6), images=2, trials=5)
    for shift in np.linspace(-3, 3, 200):
        assert np.isfinite(EfficiencyTables.build(x + shift, answers).counts).all()
