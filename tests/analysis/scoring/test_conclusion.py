import pandas as pd
import pytest

from pdpsych.analysis.scoring.conclusion import basis, caution, conclude, deciding_kind
from pdpsych.analysis.scoring.separation import gain_over_random


def ranking(low, models=("A", "B", "C"), kind="principal"):
    rows = [
        {"kind": kind, "model": m, "score": 0.2 + k, "low": 0.1, "high": 0.3, "images": 4}
        | {"expected_perfect": 0.1, "difference": float(k), "difference_high": 9.0}
        | {"difference_low": low[k]}
        for k, m in enumerate(models)
    ]
    return pd.DataFrame(rows)


def local(rows, level):
    """Conclude where nothing is known at visible amplitudes."""
    nothing = pd.DataFrame(columns=["kind", "model"])
    return conclude(rows, nothing, nothing, level)


def predicted(low, models=("A", "B", "C")):
    rows = ranking(low, models).assign(log_probability=[-0.5 - 0.1 * k for k in range(len(models))])
    return rows.drop(columns=["score", "expected_perfect"]).assign(trials=100, beyond=0)


def test_where_answers_are_predicted_that_decides():
    rows = ranking([0, 0.1, 0.2]).assign(bounds=0)
    won = conclude(rows, predicted([0, 0.1, 0.2]), rows, 0.95)
    assert won.startswith("A predicts people's answers best: log probability -0.5000 nats a trial")
    assert "The next, B predicts them worse by 1.0000 [0.1000, 9.0000] nats a trial" in won
    assert won.endswith("The other two scores have the models in the same order.")
    tied = conclude(rows, predicted([0, -0.1, 0.2]), rows, 0.95)
    assert "with these data it cannot be separated from B: B predicts them worse" in tied


def test_other_orders_by_the_scores_that_are_trusted_less_are_said():
    other = ranking([0, 0.1, 0.2], ("B", "A", "C"))
    text = conclude(other, predicted([0, 0.1, 0.2]), other.assign(bounds=2), 0.95)
    assert "The scores order the models differently" in text
    assert "by the thresholds that models predict B is first (at least 0.20 nats)" in text
    assert "by their local sensitivities (equation 1) B is first (0.20 nats)" in text


def test_answers_of_which_too_few_are_known_do_not_decide():
    rows = ranking([0, 0.1, 0.2]).assign(bounds=0)
    few = predicted([0, 0.1, 0.2], ("B", "A", "C")).assign(beyond=[101] * 3)
    text = conclude(rows, few, rows, 0.95)
    assert text.startswith("A is closest to the human: mean score 0.20")
    assert "The predictive score is of 100 of 201 trials, which is why it does not decide" in text
    many = conclude(rows, few.assign(beyond=100), rows, 0.95)
    assert many.startswith("B predicts people's answers best")
    assert "The predictive score is of 100 of 200 trials: the others showed more" in many


def test_models_of_which_most_thresholds_are_bounds_have_no_place_in_their_order():
    other = ranking([0, 0.1, 0.2], ("B", "A", "C")).assign(bounds=[3, 0, 0])
    same = ranking([0, 0.1, 0.2])
    text = conclude(same, predicted([0, 0.1, 0.2]), other, 0.95)
    assert "The other two scores have the models in the same order" in text
    assert "At threshold most ratios of B are bounds" in text
    assert "B is first" in conclude(same, predicted([0, 0.1, 0.2]), other.assign(bounds=2), 0.95)
    none = conclude(same, predicted([0, 0.1, 0.2]), other.assign(bounds=4), 0.95)
    assert "The local score has the models in the same order" in none


def test_the_winner_is_named_only_if_all_others_are_separated():
    won = local(ranking([0, 0.1, 0.2]), 0.95)
    assert won.startswith("A is closest to the human: mean score 0.20 [0.10, 0.30] nats")
    assert "95 % interval simultaneous over all pairs of models" in won
    tied = local(ranking([0, 0.1, -0.2]), 0.95)
    assert "but with these data it cannot be separated from C: C is further away by 2.00" in tied
    assert "[-0.20, 9.00] nats" in tied
    assert tied.endswith("which includes 0.")


def test_a_difference_of_rounding_is_none():
    assert "cannot be separated" in local(ranking([0, 1e-9, 0.2]), 0.95)


def test_two_models_need_no_allowance_for_others():
    assert "simultaneous" not in local(ranking([0, 0.1], ("A", "B")), 0.95)
    assert local(ranking([0], ("A",)), 0.95).startswith("A is the only model")


def test_many_tied_models_are_counted():
    names = [f"m{k}" for k in range(9)]
    text = local(ranking([0.0] * 9, names), 0.95)
    assert "it cannot be separated from m1, m2, m3, m4, m5 and 3 others: m1 is" in text


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
