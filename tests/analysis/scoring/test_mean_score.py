import numpy as np
import pytest
from scipy.stats import t

from pdpsych.analysis.scoring.differences import differences
from pdpsych.analysis.scoring.mean_score import Distances, mean_interval, mean_scores
from pdpsych.analysis.scoring.pooling import Stretch, pool

LEVEL = 0.95


def study(rng, images, people, models, noise=0.25, between=0.15, common=0.1, samples=300):
    """Distances of models that are all equally good, over images drawn anew."""
    truth = rng.normal(0, 1, images)
    seen = truth + between * rng.standard_normal((people, images))
    seen += common * rng.standard_normal((people, 1)) + noise * rng.standard_normal(seen.shape)
    drawn = seen + noise * rng.standard_normal((samples, people, images))
    ratios = truth + rng.normal(0, 1, (models, images))
    names = np.array([f"i{k:02}" for k in range(images)], dtype=object)
    return Distances([f"m{m}" for m in range(models)], names, ratios, pool(drawn, rng))


@pytest.mark.parametrize(("images", "people"), [(4, 3), (8, 1), (20, 6)])
def test_intervals_of_mean_scores_cover_the_truth_also_over_few_images(images, people):
    rng = np.random.default_rng(7)
    expected = np.sqrt(2 / np.pi)
    covered = []
    for _ in range(200):
        distances = study(
            rng,
            images,
            people,
            2,
            between=0.15 if people > 1 else 0,
            common=0.1 if people > 1 else 0,
        )
        low, high = mean_interval(mean_scores(distances, rng), LEVEL)
        covered.append((low < expected) & (expected < high))
    # 400 intervals, the standard error of the share is 0.011.
    assert 0.92 < np.mean(covered) < 0.985


def test_differences_are_those_of_the_means_with_the_best_first():
    rng = np.random.default_rng(0)
    distances = study(rng, 12, 4, 3)
    means = mean_scores(distances, rng)
    table = differences(distances.models, "k", means, LEVEL)
    mean = dict(zip(distances.models, means.mean, strict=True))
    for row in table.itertuples():
        assert row.difference == pytest.approx(mean[row.other] - mean[row.model])
        assert row.low < row.difference < row.high
        # Student's t over images is wider than the normal.
        assert row.high - row.low > 2 * 1.96 * row.standard_error
    assert (table["difference"] >= 0).all()


def test_the_same_model_twice_does_not_differ():
    rng = np.random.default_rng(0)
    one = study(rng, 5, 2, 1)
    ratios = np.concatenate([one.log_ratios, one.log_ratios])
    twins = Distances(["a", "b"], one.images, ratios, one.human)
    table = differences(twins.models, "k", mean_scores(twins, rng), LEVEL)
    np.testing.assert_allclose(table[["difference", "low", "high"]], 0.0, atol=1e-8)


def test_what_participants_share_on_all_images_does_not_average_out():
    rng = np.random.default_rng(4)
    images, people = 60, 5
    truth = rng.normal(0, 1, images)
    widths = []
    for common in (0.0, 0.3):
        seen = truth + common * np.linspace(-1, 1, people)[:, None] + np.zeros((people, images))
        drawn = seen + 0.05 * rng.standard_normal((400, people, images))
        names = np.array([f"i{k:02}" for k in range(images)], dtype=object)
        distances = Distances(["a"], names, truth[None] + 2.0, pool(drawn, rng))
        low, high = mean_interval(mean_scores(distances, rng), LEVEL)
        widths.append(float(high[0] - low[0]))
    sd = 0.3 * np.linspace(-1, 1, people).std(ddof=1) / np.sqrt(people)
    assert widths[0] < 0.05
    assert widths[1] > 2 * 1.96 * sd * 0.9


def test_one_image_carries_its_trials():
    rng = np.random.default_rng(0)
    drawn = 0.2 * rng.standard_normal((4000, 1, 1))
    distances = Distances(["a"], np.array(["i"], dtype=object), np.array([[2.0]]), pool(drawn, rng))
    low, high = mean_interval(mean_scores(distances, rng), LEVEL)
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * 0.2, rel=0.1)


@pytest.mark.parametrize("freedom", [1, 2, 5, 30])
def test_stretch_makes_normal_draws_those_of_students_t(freedom):
    rng = np.random.default_rng(0)
    for stretch in (Stretch(freedom), Stretch(freedom, 1e4)):
        draws = np.abs(rng.standard_normal(200_000) * stretch.draw(200_000, rng))
        for level in (0.5, 0.9, 0.95):
            assert np.mean(draws < t.ppf((1 + level) / 2, freedom)) == pytest.approx(
                level, abs=5e-3
            )


def test_a_prior_keeps_a_single_degree_of_freedom_from_saying_anything_goes():
    rng = np.random.default_rng(0)
    factors = Stretch(1, 3.0).draw(100_000, rng)
    assert np.quantile(factors, 0.999) < 3.0 * 3.5
    assert np.quantile(Stretch(1).draw(100_000, rng), 0.999) > 100
    assert (Stretch(0).draw(5, rng) == 1).all()


def of_quality(rng, images, people, sds, noise=0.35, samples=200):
    """Distances of models whose errors have these sds over images."""
    spread = 0.2 if people > 1 else 0.0
    seen = np.hypot(noise, spread) * rng.standard_normal((people, images))
    drawn = seen + noise * rng.standard_normal((samples, people, images))
    names = np.array([f"i{k:02}" for k in range(images)], dtype=object)
    errors = np.asarray(sds)[:, None] * rng.standard_normal((len(sds), images))
    return Distances([f"m{m}" for m in range(len(sds))], names, errors, pool(drawn, rng))


@pytest.mark.parametrize(("people", "images"), [(1, 8), (1, 24), (4, 24)])
def test_intervals_cover_the_truth_for_good_models_too(people, images):
    rng = np.random.default_rng(people + images)
    sds = np.array([0.0, 0.05, 0.1, 0.2, 0.4, 1.3])
    covered, raw = [], []
    for _ in range(100):
        means = mean_scores(of_quality(rng, images, people, sds), rng)
        low, high = mean_interval(means, LEVEL)
        truth = np.sqrt(2 / np.pi) * sds
        covered.append((low <= truth) & (truth <= high))
        raw.append(means.raw)
        assert (means.mean <= means.raw).all()
    # 100 studies: a standard error of 0.022.
    assert (np.mean(covered, axis=0) > 0.95 - 3 * 0.022).all()
    assert np.mean(covered) < 0.995
    assert np.mean(raw, axis=0)[0] > 0.12


def test_a_score_with_bounds_is_at_least_and_has_no_upper_end():
    rng = np.random.default_rng(0)
    drawn = 0.1 * rng.standard_normal((500, 2, 3))
    drawn[:, :, 2] = np.nan
    low, high = drawn.mean(axis=0), drawn.mean(axis=0)
    low[:, 2], high[:, 2] = 2.0, np.inf
    human = pool(drawn, rng, low, high)
    names = np.array(["a", "b", "c"], dtype=object)
    distances = Distances(["m", "n"], names, np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 9.0]]), human)
    assert distances.score[:, 2] == pytest.approx([human.low[2] - 0.5, 0.0])
    means = mean_scores(distances, rng)
    low, high = mean_interval(means, LEVEL)
    assert means.bounds.tolist() == [1, 1]
    assert np.isnan(high).all()
    assert low[0] > low[1] + 0.3
    assert means.mean[0] == pytest.approx(means.mean[1] + (human.low[2] - 0.5) / 3, abs=0.1)


def test_two_images_that_agree_by_chance_leave_an_interval():
    rng = np.random.default_rng(0)
    drawn = 0.3 + 0.02 * rng.standard_normal((2000, 1, 2))
    names = np.array(["a", "b"], dtype=object)
    human = pool(drawn, rng)
    distances = Distances(["m"], names, human.estimate[None] + 0.5, human)
    low, high = mean_interval(mean_scores(distances, rng), LEVEL)
    assert high[0] - low[0] > 0.2
