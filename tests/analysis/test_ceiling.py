import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis.ceiling import ceiling, individual_distance
from pdpsych.analysis.human import HumanRatios


def ratios(estimate, images=None, kinds=None):
    """Ratios without noise of (P, K) estimates."""
    people, pairs = estimate.shape
    images = images or [f"i{k}" for k in range(pairs)]
    kinds = kinds or ["principal"] * pairs
    table = pd.DataFrame({"image": images, "pair": [f"p{k}" for k in range(pairs)], "kind": kinds})
    return HumanRatios(table, [f"{p:02}" for p in range(people)], np.tile(estimate, (3, 1, 1)))


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
    row = ceiling(ratios(estimate)).iloc[0]
    assert [row["everyone"], row["others"]] == pytest.approx(slow(estimate))
    assert row["everyone"] < row["others"]
    assert row["images"] == (6 if missing else 7)


def test_a_model_that_is_the_mean_of_people_is_at_the_bound():
    estimate = np.random.default_rng(1).normal(0, 1, (4, 6))
    row = ceiling(ratios(estimate)).iloc[0]
    names = np.array([f"i{k}" for k in range(6)], dtype=object)
    distance = individual_distance(estimate.mean(axis=0)[None], estimate, names)
    assert distance[0] == pytest.approx(row["everyone"])


def test_one_participant_has_no_ceiling():
    assert ceiling(ratios(np.ones((1, 3)))).empty


def test_kinds_have_rows_of_their_own_and_pairs_of_an_image_count_as_one():
    estimate = np.array([[0.0, 0.0, 0.0, 5.0], [2.0, 2.0, 4.0, 5.0]])
    kinds = ["principal"] * 3 + ["random"]
    table = ceiling(ratios(estimate, ["a", "a", "b", "a"], kinds)).set_index("kind")
    # Half the distance between two people: images a and b have 1 and 2.
    assert table.loc["principal", "everyone"] == pytest.approx(1.5)
    assert table.loc["principal", "others"] == pytest.approx(3.0)
    assert table.loc["random", "others"] == 0.0
    assert table["participants"].tolist() == [2, 2]
