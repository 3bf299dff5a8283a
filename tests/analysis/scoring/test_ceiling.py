from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych.analysis.scoring.ceiling import ceiling, individual_distance
from pdpsych.analysis.scoring.human import HumanRatios
from pdpsych.analysis.scoring.mean_score import Distances
from pdpsych.analysis.scoring.pooling import pool


def ratios(estimate, images=None, kinds=None):
    """Ratios without noise of (P, K) estimates."""
    people, pairs = estimate.shape
    images = images or [f"i{k}" for k in range(pairs)]
    kinds = kinds or ["principal"] * pairs
    table = pd.DataFrame({"image": images, "pair": [f"p{k}" for k in range(pairs)], "kind": kinds})
    names = [f"{p:02}" for p in range(people)]
    return HumanRatios(table, names, np.tile(estimate, (3, 1, 1)), estimate, estimate)


def slow(estimate):
    """Both bounds with loops; every image has one pair."""
    both = []
    for leave_out in (False, True):
        distances = [[] for _ in range(estimate.shape[1])]
        for k in range(estimate.shape[1]):
            present = [p for p in range(len(estimate)) if not np.isnan(estimate[p, k])]
            for p in present:
                others = [q for q in present if q != p or not leave_out]
                if len(present) > 1:
                    predicted = np.mean([estimate[q, k] for q in others])
                    distances[k].append(abs(estimate[p, k] - predicted))
        both.append(np.mean([np.mean(d) for d in distances if d]))
    return both


@pytest.mark.parametrize("missing", [0, 5])
def test_bounds_are_those_of_the_obvious_loops(missing):
    rng = np.random.default_rng(0)
    estimate = rng.normal(0, 1, (5, 7))
    estimate.ravel()[rng.choice(35, missing, replace=False)] = np.nan
    estimate[1:, 6] = np.nan if missing else estimate[1:, 6]
    row = ceiling(ratios(estimate), 0.95).iloc[0]
    assert [row["everyone"], row["others"]] == pytest.approx(slow(estimate))
    assert row["everyone"] < row["others"]
    assert row["images"] == (6 if missing else 7)


def test_a_model_that_is_the_mean_of_people_is_at_the_bound():
    estimate = np.random.default_rng(1).normal(0, 1, (4, 6))
    row = ceiling(ratios(estimate), 0.95).iloc[0]
    names = np.array([f"i{k}" for k in range(6)], dtype=object)
    human = pool(estimate[None], np.random.default_rng(0))
    mean = Distances(["mean"], names, estimate.mean(axis=0)[None], human)
    distance = individual_distance(mean, estimate, estimate)
    assert distance[0] == pytest.approx(row["everyone"])


def test_one_participant_has_no_ceiling():
    assert ceiling(ratios(np.ones((1, 3))), 0.95).empty


def test_kinds_have_rows_of_their_own_and_pairs_of_an_image_count_as_one():
    estimate = np.array([[0.0, 0.0, 0.0, 5.0], [2.0, 2.0, 4.0, 5.0]])
    kinds = ["principal"] * 3 + ["random"]
    table = ceiling(ratios(estimate, ["a", "a", "b", "a"], kinds), 0.95).set_index("kind")
    # Half the distance between two people: images a and b have 1 and 2.
    assert table.loc["principal", "everyone"] == pytest.approx(1.5)
    assert table.loc["principal", "others"] == pytest.approx(3.0)
    assert table.loc["random", "others"] == 0.0
    assert table["participants"].tolist() == [2, 2]


def studies(people, images, person, seed, number=300):
    """Ratios of studies whose images differ in difficulty and people in noise and in bias."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        noise = 0.4 * np.exp(0.3 * rng.standard_normal(images) + rng.normal(0, 0.2, (people, 1)))
        bias = person * rng.standard_normal((people, 1))
        yield bias + noise * rng.standard_normal((people, images))


@pytest.mark.parametrize("bound", ["everyone", "others"])
@pytest.mark.parametrize(
    ("people", "images", "person"), [(4, 10, 0.15), (4, 40, 0.15), (8, 6, 0.0), (8, 30, 0.2)]
)
def test_intervals_hold_what_other_participants_and_images_would_give(
    people, images, person, bound
):
    found = pd.concat(
        [ceiling(ratios(x), 0.95) for x in studies(people, images, person, 3)], ignore_index=True
    )
    truth = found[bound].mean()
    assert found["determined"].mean() > 0.93
    found = found[found["determined"]]
    low, high = found[f"{bound}_low"], found[f"{bound}_high"]
    assert ((low <= found[bound]) & (found[bound] <= high)).all()
    # 300 studies: a standard error of 0.013. With few participants it errs on the wide side.
    assert 0.92 <= ((low < truth) & (truth < high)).mean() <= 1.0 - 0.005 * (people > 4)
    # The width is of use: what varies is not drowned.
    assert np.log(high / low).median() < 9 * np.log(found[bound]).std()


@pytest.mark.parametrize(("people", "images"), [(2, 1), (2, 5), (3, 1), (3, 2), (5, 1)])
def test_few_participants_or_images_have_an_interval_or_none_that_says_nothing(people, images):
    rng = np.random.default_rng(people * images)
    made = ratios(rng.normal(0, 1, (people, images)))
    samples = made.samples[0] + rng.normal(0, 0.1, (200, people, images))
    row = ceiling(replace(made, samples=samples), 0.95).iloc[0]
    for bound in ("everyone", "others"):
        low, high = row[f"{bound}_low"], row[f"{bound}_high"]
        if row["determined"]:
            assert 0 < low < row[bound] < high <= 10 * low
        else:
            assert np.isnan([low, high]).all()


def test_a_ceiling_of_two_people_and_two_unlike_images_is_not_determined():
    row = ceiling(ratios(np.array([[0.0, 0.0], [0.05, 1.4]])), 0.95).iloc[0]
    assert not row["determined"]
    assert row["everyone"] == pytest.approx(0.3625)
    assert np.isnan(
        row[["everyone_low", "everyone_high", "others_low", "others_high"]].tolist()
    ).all()


def test_distances_to_participants_of_whom_there_are_bounds_are_at_least():
    names = np.array(["a", "b"], dtype=object)
    human = pool(np.zeros((1, 2, 2)), np.random.default_rng(0))
    distances = Distances(["m"], names, np.array([[1.0, 0.0]]), human)
    low, high = np.array([[2.0, 0.5], [3.0, -np.inf]]), np.array([[2.0, 0.5], [np.inf, np.inf]])
    assert individual_distance(distances, low, high).tolist() == [(1.5 + 0.5) / 2]


def test_participants_without_noise_who_agree_have_a_ceiling_of_0():
    row = ceiling(ratios(np.ones((4, 3))), 0.95).iloc[0]
    assert row[3:].tolist() == [0.0] * 6 + [True]


@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100))
@settings(max_examples=20)
def test_intervals_scale_with_the_ratios_and_not_with_their_order(seed, scale):
    rng = np.random.default_rng(seed)
    estimate = rng.normal(0, 1, (5, 4))
    estimate[rng.integers(5), rng.integers(4)] = np.nan
    plain = ceiling(ratios(estimate), 0.9).iloc[0, 3:9].to_numpy(float)
    moved = (scale * estimate + rng.normal(size=4))[rng.permutation(5)]
    other = ceiling(ratios(moved), 0.9).iloc[0, 3:9].to_numpy(float)
    np.testing.assert_allclose(other, scale * plain, rtol=1e-9)
