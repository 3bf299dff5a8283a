from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis.scoring.conclusion import (
    basis,
    caution,
    conclude,
    curve_doubt,
    deciding_kind,
)
from pdpsych.analysis.scoring.separation import gain_over_random


def ranking(models=("A", "B", "C"), kind="principal"):
    rows = [
        {"kind": kind, "model": m, "score": 0.2 + k, "low": 0.1, "high": 0.3, "images": 6}
        | {"expected_perfect": 0.1}
        for k, m in enumerate(models)
    ]
    return pd.DataFrame(rows)


def sides(*rows, kind="principal", images=6):
    """Rows (model, other, side, low, high)."""
    table = pd.DataFrame(rows, columns=["model", "other", "side", "low", "high"])
    leaves_out = (table["low"] > 0) | (table["high"] < 0)
    return table.assign(kind=kind, images=images, separated=leaves_out & (images >= 5))


WON = sides(("A", "B", 0.8, 0.1, 1.5), ("A", "C", 0.9, 0.6, 1.2), ("B", "C", 0.1, -0.5, 0.7))


def local(rows, near, level=0.95):
    """Conclude where nothing is known at visible amplitudes."""
    nothing = pd.DataFrame(columns=["kind", "model"])
    return conclude(rows, nothing, nothing, near, level)


def predicted(models=("A", "B", "C")):
    rows = ranking(models).assign(log_probability=[-0.5 - 0.1 * k for k in range(len(models))])
    return rows.drop(columns=["score", "expected_perfect"]).assign(trials=100, beyond=0)


def test_where_answers_are_predicted_that_says_who_is_first():
    rows = ranking().assign(bounds=0)
    won = conclude(rows, predicted(), rows, WON, 0.95)
    assert won.startswith("A is closest to the human: log probability of people's answers −0.5000")
    assert "least surely against B: side 0.80 [0.10, 1.50] (1 at A, 0 half-way" in won
    assert won.endswith("The other two scores have the models in the same order.")
    other = conclude(rows, predicted(("B", "A", "C")), rows, WON, 0.95)
    assert "B is first" in other
    assert "it cannot be separated from A and C: people are on the side of A, side -0.80" in other


def test_other_orders_by_the_scores_that_are_trusted_less_are_said():
    other = ranking(("B", "A", "C"))
    text = conclude(other, predicted(), other.assign(bounds=2), WON, 0.95)
    assert "The scores order the models differently" in text
    assert (
        "by the thresholds that models predict B is first (at least (2 bounds) 0.20 nats)" in text
    )
    assert "by their local sensitivities (equation 1) B is first (0.20 nats)" in text


def test_answers_of_which_too_few_are_known_do_not_decide():
    rows = ranking().assign(bounds=0)
    few = predicted(("B", "A", "C")).assign(beyond=[101] * 3)
    text = conclude(rows, few, rows, WON, 0.95)
    assert text.startswith("A is closest to the human: mean score 0.20")
    assert "The predictive score is of 100 of 201 trials, which is why it does not decide" in text
    many = conclude(rows, few.assign(beyond=100), rows, WON, 0.95)
    assert many.startswith("B is first")
    assert "The predictive score is of 100 of 200 trials: the others showed more" in many


def test_models_of_which_most_thresholds_are_bounds_have_no_place_in_their_order():
    other = ranking(("B", "A", "C")).assign(bounds=[4, 0, 0])
    text = conclude(ranking(), predicted(), other, WON, 0.95)
    assert "The other two scores have the models in the same order" in text
    assert "At threshold most ratios of B are bounds" in text
    assert "B is first" in conclude(ranking(), predicted(), other.assign(bounds=2), WON, 0.95)
    none = conclude(ranking(), predicted(), other.assign(bounds=5), WON, 0.95)
    assert "The local score has the models in the same order" in none


def test_a_model_is_declared_only_if_people_are_on_its_side_against_every_other():
    won = local(ranking(), WON)
    assert won.startswith("A is closest to the human: mean score 0.20 [0.10, 0.30] nats")
    assert "\N{MINUS SIGN}1 at B; 95 % interval)" in won
    tied = local(ranking(), WON.assign(low=[0.1, -0.2, -0.5], separated=[True, False, False]))
    assert "but with these data it cannot be separated from C: people are on the side of" in tied
    assert "side 0.90 [-0.20, 1.20] (1 at A" in tied


def test_people_between_two_models_at_neither_are_said_to_be():
    near = sides(("A", "B", 0.1, -0.3, 0.5), ("A", "C", 0.9, 0.6, 1.2), ("B", "C", 0.9, 0.6, 1.2))
    assert "people are between A and B, at neither, side 0.10" in local(ranking(), near)
    wide = near.assign(low=[-0.3, 0.6, 0.6], high=[1.5, 1.2, 1.2])
    assert "people are on the side of A or of B" in local(ranking(), wide)


def test_few_images_declare_nobody():
    near = WON.assign(images=4, separated=False)
    text = local(ranking(), near)
    assert "but no model is declared the closest from 4 images on which models differ" in text
    mixed = WON.assign(images=[3, 6, 6], separated=[False, True, True])
    assert "people are on the side of A, but 3 images are too few" in local(ranking(), mixed)
    alone = mixed.assign(images=[1, 6, 6], low=[np.nan, 0.6, 0.6], high=[np.nan, 1.2, 1.2])
    assert "no more than 1 image can tell them apart" in local(ranking(), alone)


def test_bounds_among_the_ratios_are_said():
    text = local(ranking().assign(bounds=[2, 0, 0]), WON)
    assert text.startswith("A is closest to the human: mean score at least (2 bounds) 0.20")


def test_one_model_alone_is_not_declared():
    assert local(ranking(("A",)), sides()).startswith("A is the only model")


def test_many_tied_models_are_counted():
    names = [f"m{k}" for k in range(9)]
    near = sides(*((a, b, 0.1, -0.9, 1.1) for a, b in combinations(names, 2)))
    text = local(ranking(names), near)
    assert "it cannot be separated from m1, m2, m3, m4, m5 and 3 others: people are" in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((0, 8, 2, 4), ""),
        ((2, 8, 2, 4), " 2 of 8 human ratios are no more than bounds"),
        ((0, 8, 1, 4), " With one participant this does not extend to others."),
        ((0, 8, 1, 1), " With one participant and one image this does not extend to others."),
    ],
)
def test_caution_says_what_the_result_does_not_carry(given, said):
    assert caution(*given).startswith(said)
    assert bool(caution(*given)) == bool(said)


def test_the_display_is_named_where_models_are_asked_for_what_it_showed():
    assert basis(None) == ""
    assert "what the display lab showed" in basis("lab")


def test_a_curve_that_is_known_badly_is_said():
    assert curve_doubt(0.0) == curve_doubt(0.02) == ""
    assert "up to 0.07 nat (a standard error), which the intervals do not" in curve_doubt(0.07)


def test_what_principal_distortions_gain_is_said_beside_random_ones():
    columns = ["kind", "images", "predicted", "difference", "standard_error", "separated"]
    rows = [("principal", 4, 1.0, 0.8, 0.1, 3), ("random", 4, 0.1, 0.05, 0.1, 0)]
    table = pd.DataFrame(rows, columns=columns).assign(comparisons=3)
    assert "separate 3 of 3 pairs of models, random ones 0" in gain_over_random(table)
    assert gain_over_random(table.query("kind == 'principal'")) == ""


@pytest.mark.parametrize(
    ("kinds", "decides"),
    [
        (["random", "principal-training", "principal"], "principal"),
        (["random", "eigen", "trainings", "layers"], "trainings"),
        (["random", "eigen"], "random"),
        (["handmade"], "handmade"),
    ],
)
def test_principal_pairs_of_all_models_decide_then_those_of_the_first_question(kinds, decides):
    assert deciding_kind(kinds) == decides


def test_the_gain_is_that_of_the_pairs_that_decide():
    row = {"difference": 2.0, "standard_error": 0.1, "separated": 3, "comparisons": 3}
    rows = pd.DataFrame([row | {"kind": "random", "difference": 0.5}, row | {"kind": "LN-LGN"}])
    assert gain_over_random(rows).startswith("LN-LGN distortions put models 2.00 nats apart")
    assert gain_over_random(rows.assign(kind=["random", "eigen"])) == ""
    assert gain_over_random(rows.assign(kind=["handmade", "LN-LGN"])) == ""
