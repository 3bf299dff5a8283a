"""On whose side people are: what it is without noise, and that it seldom errs with noise."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdpsych.analysis.scoring.human import HumanRatios
from pdpsych.analysis.scoring.sides import (
    LEAST_IMAGES,
    compare,
    declared,
    distance,
    locate,
    nearest,
    side_of,
    sides,
)
from pdpsych.analysis.turned import against

LEVEL, NOISE = 0.95, 0.28


def found(people, a, b, noise=1e-6):
    """Side of people, (P, I), measured with noise of a known sd."""
    people = np.atleast_2d(people)
    points = noise * np.sqrt(people.size) * np.eye(people.size)
    samples = people + np.concatenate([points, -points]).reshape(-1, *people.shape)
    located = locate(people, people, samples)
    names = np.array([f"i{k:02}" for k in range(people.shape[1])], dtype=object)
    known = [(ends, ends) for ends in (np.asarray(a, float), np.asarray(b, float))]
    return side_of(compare(located, *known, names), LEVEL)


def human(ratios, sd=0.1, kinds=None, seed=0):
    """Log ratios of people, (P, K), with draws of noise."""
    rng = np.random.default_rng(seed)
    names = [f"i{k:02}" for k in range(ratios.shape[1])]
    pairs = pd.DataFrame({"image": names, "pair": "p", "kind": kinds or "principal"})
    draws = ratios + sd * rng.standard_normal((500, *ratios.shape))
    middle = draws.mean(axis=0)
    return HumanRatios(pairs, [str(p) for p in range(len(ratios))], draws, middle, middle)


gaps = st.lists(st.floats(0.1, 5.0), min_size=3, max_size=9)


@given(gaps=gaps, share=st.floats(-2, 3))
def test_along_the_line_between_two_models_the_side_is_linear_and_ends_at_one(gaps, share):
    a, b = np.array(gaps), np.zeros(len(gaps))
    side = found(share * a, a, b).side
    assert side == pytest.approx(np.clip(2 * share - 1, -1, 1), abs=1e-3)


@given(gaps=gaps, off=st.lists(st.floats(-3, 3), min_size=9, max_size=9))
def test_the_side_is_the_difference_of_scores_over_the_distance_of_models(gaps, off):
    a, b = np.array(gaps), -np.array(gaps) / 2
    y = np.array(off[: len(gaps)])
    scores = np.abs(y - b).sum() - np.abs(y - a).sum()
    one, other = found(y, a, b), found(y, b, a)
    assert one.side == pytest.approx(scores / np.abs(a - b).sum(), abs=1e-3)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.p_value == pytest.approx(other.p_value)


def test_unequal_gaps_are_no_error_where_people_are_at_a_model():
    a, b = np.array([0.1, 0.3, 1.0, 2.0, 5.0, 8.0]), np.zeros(6)
    side = found(a, a, b)
    assert side.side == pytest.approx(1.0, abs=1e-4)
    assert side.low > 0


def test_images_that_agree_by_chance_leave_a_width():
    side = found(np.full(2, 3.0), np.ones(2), np.zeros(2))
    assert side.high - side.low > 1


def test_corrected_distances_are_right_on_average_but_where_a_model_is_right():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(200_000)
    for true in (0.0, 0.5, 1.0, 3.0):
        seen = distance(true + noise, np.ones(noise.size)).mean()
        plain = np.abs(true + noise).mean()
        assert abs(seen - true) < 0.6 * abs(plain - true) + 0.03
    bias = (2 - np.sqrt(2)) * np.sqrt(2 / np.pi)
    assert distance(noise, np.ones(noise.size)).mean() == pytest.approx(bias, abs=0.01)


def test_of_bounds_the_ends_that_face_each_other_count():
    inf = np.inf
    a, b = nearest(
        np.array([2.0, 2.0, -inf, 1.0]),
        np.array([2.0, inf, -1.0, 3.0]),
        np.array([0.0, -inf, 0.0, 2.0]),
        np.array([0.0, 0.5, inf, 2.0]),
    )
    assert (a - b).tolist() == [2.0, 1.5, -1.0, 0.0]


def test_images_that_nobody_can_tell_apart_do_not_count():
    a = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    assert found(a, a, np.zeros(5)).images == 3
    nothing = found(a, a, a)
    assert (nothing.side, nothing.images, nothing.p_value) == (0.0, 0, 1.0)
    assert np.isnan(nothing.low)


def test_missing_ratios_of_a_person_leave_the_others():
    people = np.tile(np.linspace(0.5, 2, 6), (3, 1))
    full = found(people, people[0], np.zeros(6), NOISE)
    people[0, 2] = np.nan
    assert found(people, people[1], np.zeros(6), NOISE).side == pytest.approx(full.side, abs=0.02)


def wrong(made, studies=300, noise=NOISE):
    """Share of studies in which somebody is declared of two."""
    results = [found(*made(), noise) for _ in range(studies)]
    return np.mean([side.low > 0 or side.high < 0 for side in results])


@pytest.mark.parametrize("images", [5, 8, 24])
def test_people_half_way_have_no_winner(images):
    rng = np.random.default_rng(images)

    def made():
        a = rng.normal(0, 0.6, images)
        return 0.42 * rng.standard_normal(images) + NOISE * rng.standard_normal(images), a, -a

    # 5 %, and three standard errors.
    assert wrong(made) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


@pytest.mark.parametrize(
    ("people", "images", "most"), [(1, 48, 0.08), (2, 24, 0.06), (4, 48, 0.06)]
)
def test_models_of_equal_score_but_other_shape_have_no_winner(people, images, most):
    rng = np.random.default_rng(people)

    def made():
        sign = rng.choice([-1.0, 1.0], (2, images))
        half = np.arange(images) % 2
        return NOISE * rng.standard_normal((people, images)), 0.4 * sign[0], 0.8 * sign[1] * half

    assert wrong(made) < most + 2 * np.sqrt(most * (1 - most) / 300)


@pytest.mark.parametrize("people", [2, 3, 4])
def test_people_spread_between_two_models_seldom_have_a_winner(people):
    rng = np.random.default_rng(people)

    def made():
        a = 0.8 * rng.choice([-1.0, 1.0], 12)
        seen = np.outer(rng.uniform(-1, 1, people), a)
        return seen + NOISE * rng.standard_normal(seen.shape), a, -a

    assert wrong(made) < 0.09 + 2 * np.sqrt(0.09 * 0.91 / 300)


def test_people_like_a_model_are_found():
    rng = np.random.default_rng(0)
    hit = []
    for _ in range(100):
        a, b = rng.normal(0, 1, (2, 24))
        seen = a + 0.42 * rng.standard_normal(24) + NOISE * rng.standard_normal(24)
        hit.append(found(seen, a, b, NOISE).low > 0)
    assert np.mean(hit) > 0.9


def test_the_table_has_every_pair_of_models_by_the_ratios_that_are_trusted_most():
    truth = np.linspace(-2, 2, 8)
    local = {"A": (truth, truth), "B": (truth + 1, truth + 1), "C": (truth + 3, truth + 3)}
    better = {"B": local["A"], "A": local["B"]}
    table = sides(human(np.tile(truth, (2, 1))), [better, local], LEVEL)
    assert len(table) == 3
    assert table["other"].tolist().count("C") == 2
    assert against(table, "B").set_index("other").loc["A", "side"] == pytest.approx(1, abs=0.1)
    assert against(table, "A").set_index("other").loc["B", "side"] == pytest.approx(-1, abs=0.1)
    assert against(table, "A").set_index("other").loc["C", "separated"]


def test_only_the_first_of_the_ranking_is_declared_and_from_five_images_on():
    for images in (LEAST_IMAGES - 1, LEAST_IMAGES):
        truth = np.linspace(-2, 2, images)
        known = {m: (truth + x, truth + x) for m, x in (("A", 0.0), ("B", 2.0), ("C", 4.0))}
        table = sides(human(truth[None], 0.05), [known], LEVEL)
        assert declared(table, ["A", "B", "C"]) == ("A" if images == LEAST_IMAGES else "")
        assert declared(table, ["B", "A", "C"]) == ""
    assert declared(table[:0], ["A"]) == ""


def test_noise_that_images_share_widens_a_side():
    a, b = np.full(9, 1.0), np.zeros(9)
    y = 0.5 + 0.02 * np.arange(-4, 5)[None]
    draws = np.random.default_rng(0).standard_normal((4000, 1, 9))
    names = np.array([f"i{k}" for k in range(9)], dtype=object)
    apart, alike = 0.1 * draws, 0.1 * np.repeat(draws[..., :1], 9, axis=2)
    widths = []
    for noise in (apart, alike):
        located = locate(y, y, y + noise - noise.mean(axis=0))
        side = side_of(compare(located, (a, a), (b, b), names), LEVEL)
        widths.append(side.high - side.low)
    # The mean of nine ratios is off by a ninth of the sum, 0.1 nat: a side by twice that.
    assert widths[0] < 0.25
    assert widths[1] == pytest.approx(4 * 1.96 * 0.1, rel=0.15)


def test_short_of_a_bound_people_are_no_nearer_to_that_model():
    names = np.array([f"i{k}" for k in range(9)], dtype=object)
    b, least = np.zeros(9), np.ones(9)
    bound, known = (least, np.full(9, np.inf)), (b, b)

    def side(y):
        people = np.full((1, 9), y)
        return side_of(compare(locate(people, people, people[None]), bound, known, names), LEVEL)

    assert [side(y).side for y in (-0.5, 0.2, 0.8, 1.0, 3.0)] == pytest.approx([-1, -0.6, 0, 1, 1])
    turned = side_of(
        compare(locate(*[np.full((1, 9), 0.8)] * 2, np.full((1, 1, 9), 0.8)), known, bound, names),
        LEVEL,
    )
    assert turned.side == 0


def test_models_that_are_nowhere_apart_have_no_side():
    people = np.array([[0.3, -0.2, 0.1, 0.0, 0.4]])
    located = locate(people, people, people + np.random.default_rng(0).normal(0, 0.1, (50, 1, 5)))
    same = (np.zeros(5), np.zeros(5))
    found = side_of(compare(located, same, same, np.array(list("abcde"), dtype=object)), 0.95)
    assert found.images == 0
    assert found.side == 0
    assert np.isnan(found.low)
