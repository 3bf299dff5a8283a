import json
import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych.analysis import Scores, score
from pdpsych.analysis.scoring.score import score_ratios

MODELS = {"A": 1.0, "B": 0.0, "C": -2.0}


def model_ratios(ratios=MODELS, images=4, kind="principal"):
    rows = [(f"i{k}", kind, kind, m, x) for k in range(images) for m, x in ratios.items()]
    return pd.DataFrame(rows, columns=["image", "pair", "kind", "model", "log_ratio"])


def estimates(ratio=1.0, sd=0.1, images=4, people=2, kind="principal", seed=0):
    """Thresholds of people whose log ratio is ``ratio``, with the noise that sd claims."""
    rng = np.random.default_rng(seed)
    return {
        (f"{p:02}", f"i{k}", kind, n): (ratio * (n - 1.5) + sd * rng.standard_normal(), sd)
        for p in range(people)
        for k in range(images)
        for n in (1, 2)
    }


def test_scores_are_equation_1_on_the_mean_human_ratio(make_fit):
    scored = score_ratios(make_fit(estimates(sd=0.02)), model_ratios())
    human = scored.human.query("participant == 'all'").set_index("image")["log_ratio"]
    for row in scored.scores.itertuples():
        assert row.score == pytest.approx(abs(row.log_ratio - human[row.image]), abs=1e-12)
    assert (scored.scores["low"] <= scored.scores["score"]).all()
    assert (scored.scores["score"] <= scored.scores["high"]).all()


def test_the_model_that_is_right_ranks_first_at_its_expected_score(make_fit):
    scored = [score_ratios(make_fit(estimates(seed=s), 500), model_ratios()) for s in range(30)]
    assert all(s.ranking["model"].tolist() == ["A", "B", "C"] for s in scored)
    assert all(s.ranking["rank"].tolist() == [1, 2, 3] for s in scored)
    best = pd.DataFrame([s.ranking.iloc[0] for s in scored])
    # sd of the mean of two differences of thresholds: 0.1; mean absolute deviation √(2/π) of it.
    # Two people might lie further apart than these, which makes it up to a quarter more.
    expected = 0.1 * np.sqrt(2 / np.pi)
    assert expected < best["expected_perfect"].mean() < 1.25 * expected
    assert best["raw_score"].mean() == pytest.approx(expected, rel=0.2)
    assert (best["score"] <= best["raw_score"]).all()
    assert (best["low"] == 0).mean() > 0.9


def test_interval_of_a_difference_covers_the_truth(make_fit):
    # The human is between the models, at 3 from A and 5 from B, so that noise moves their scores
    # in opposite directions and never past 0.
    covered = []
    for seed in range(60):
        fitted = make_fit(estimates(ratio=4.0, sd=0.4, seed=seed), 400)
        row = score_ratios(fitted, model_ratios({"A": 1.0, "B": 9.0})).ranking.iloc[1]
        covered.append(row["difference_low"] < 2.0 < row["difference_high"])
    assert np.mean(covered) > 0.87


@given(
    ratios=st.lists(st.floats(-3, 3), min_size=2, max_size=4),
    seed=st.integers(0, 99),
)
@settings(max_examples=15)
def test_swapping_u_and_v_changes_no_score(make_fit, ratios, seed):
    named = {f"m{k}": x for k, x in enumerate(ratios)}
    given_ = estimates(ratio=0.7, seed=seed)
    swapped = {(p, i, pair, 3 - n): value for (p, i, pair, n), value in given_.items()}
    one = score_ratios(make_fit(given_, 300), model_ratios(named))
    flipped = {m: -x for m, x in named.items()}
    other = score_ratios(make_fit(swapped, 300), model_ratios(flipped))
    # Samples differ, being drawn in the order of conditions; estimates must not.
    np.testing.assert_allclose(other.scores["score"], one.scores["score"], atol=0.05)


@given(scale=st.floats(-20, 20), people=st.integers(1, 3))
@settings(max_examples=15)
def test_scale_of_sensitivities_does_not_matter(make_fit, scale, people):
    # d(u) and d(v) of a model times a constant: its ratio stays. Human thresholds likewise.
    given_ = estimates(people=people)
    moved = {key: (mean + scale, sd) for key, (mean, sd) in given_.items()}
    one = score_ratios(make_fit(given_, 300), model_ratios())
    other = score_ratios(make_fit(moved, 300), model_ratios())
    for column in ("score", "low", "high"):
        np.testing.assert_allclose(other.ranking[column], one.ranking[column], atol=1e-9)


def test_triangle_inequality_between_models(make_fit):
    scored = score_ratios(make_fit(estimates(sd=0.5)), model_ratios())
    wide = scored.scores.pivot(index="image", columns="model", values="score")
    for a, b in (("A", "B"), ("B", "C"), ("A", "C")):
        assert ((wide[a] - wide[b]).abs() <= abs(MODELS[a] - MODELS[b]) + 1e-12).all()


def test_pairs_of_one_image_count_as_one_image(make_fit):
    first = model_ratios({"A": 1.0, "B": 0.0}, 2, "random")
    second = first.assign(pair="again").query("image == 'i0'")
    thresholds = estimates(images=2, kind="random")
    thresholds |= {("00", "i0", "again", 1): (0.0, 0.1), ("00", "i0", "again", 2): (0.0, 0.1)}
    scored = score_ratios(make_fit(thresholds), pd.concat([first, second]))
    scores = scored.scores.query("model == 'A'").groupby("image")["score"].mean()
    row = scored.ranking.query("model == 'A'").iloc[0]
    assert row["images"] == 2
    assert row["raw_score"] == pytest.approx(scores.mean())


def test_images_widen_the_interval(make_fit):
    varied = model_ratios({"A": 1.0, "B": 0.0})
    varied["log_ratio"] += varied["image"].str[1:].astype(float)
    steady = score_ratios(make_fit(estimates(sd=0.01)), model_ratios({"A": 1.0, "B": 0.0}))
    spread = score_ratios(make_fit(estimates(sd=0.01)), varied)
    width = [(s.ranking["high"] - s.ranking["low"]).max() for s in (steady, spread)]
    assert width[1] > 10 * width[0]


def test_conclusion_names_the_winner_where_the_data_can_tell(make_fit):
    fitted = make_fit(estimates(sd=0.05, images=5))
    text = score_ratios(fitted, model_ratios(images=5)).conclusion
    assert re.match(r"A is closest to the human: mean score 0\.0\d \[.*\] nats over 5 images", text)
    assert "on its side against every other model, least surely against" in text
    assert "noise taken off" in text
    assert "cannot be separated" not in text


def test_conclusion_says_when_the_data_cannot_tell(make_fit):
    ratios = model_ratios({"A": 1.0, "B": 1.05, "C": -3.0}, images=6)
    text = score_ratios(make_fit(estimates(sd=0.3, images=6)), ratios).conclusion
    assert re.search(r"cannot be separated from (A|B): people are (on the side of|between)", text)


def test_conclusion_is_about_principal_distortions(make_fit):
    ratios = pd.concat([model_ratios({"A": 0.0, "B": 1.0}, kind="random"), model_ratios()])
    thresholds = estimates(ratio=1.0) | estimates(ratio=1.0, kind="random")
    fitted = make_fit(dict(sorted(thresholds.items())))
    scored = score_ratios(fitted, ratios.query("model != 'C'"))
    assert set(scored.ranking["kind"]) == {"principal", "random"}
    assert scored.conclusion.startswith("A is first (mean score")
    assert "over 4 images of principal distortions" in scored.conclusion
    assert (
        "no model is declared the closest from 4 images on which models differ" in scored.conclusion
    )
    assert scored.closest == ""


def unseen(fitted, image):
    """Let nobody see v of an image, up to three times the threshold there was."""
    rows = (fitted.thresholds["image"] == image) & (fitted.thresholds["distortion"] == 2)
    ends = 3 * fitted.thresholds.loc[rows, "trials_high"]
    fitted.thresholds.loc[rows, ["bound", "trials_low", "trials_high"]] = pd.DataFrame(
        {"bound": "at least", "trials_low": ends, "trials_high": np.nan}
    )
    return fitted


def test_ratios_the_trials_bound_from_one_side_stay_as_bounds(make_fit):
    scored = score_ratios(unseen(make_fit(estimates()), "i1"), model_ratios())
    everyone = scored.human.query("participant == 'all'").set_index("image")
    assert everyone["bound"].to_dict() == {k: "exact" for k in ("i0", "i2", "i3")} | {
        "i1": "at least"
    }
    assert everyone.loc["i1", "log_ratio"] == everyone.loc["i1", "low"] > 1.5
    assert np.isnan(everyone.loc["i1", "high"])
    rows = scored.scores.query("image == 'i1'").set_index("model")
    assert (rows["bound"] == "at least").all()
    assert rows["high"].isna().all()
    for model, ratio in MODELS.items():
        assert rows.loc[model, "score"] == pytest.approx(everyone.loc["i1", "low"] - ratio)
    # v is too visible to all models, by how much is open: their order is not.
    assert rows["overrates"].tolist() == ["v"] * 3
    ranking = scored.ranking
    assert ranking["bounds"].tolist() == [1, 1, 1]
    assert ranking["rank"].tolist() == ranking["rank_high"].tolist() == [1, 2, 3]
    assert ranking["high"].isna().all()
    assert "2 of 8 human ratios are no more than bounds" in scored.conclusion
    assert "bounds" not in score_ratios(make_fit(estimates()), model_ratios()).conclusion


def test_a_place_that_a_bound_leaves_open_is_open(make_fit):
    # People are at least as far as 1.5 or so from 0: who predicts 9 may be right there or wrong.
    ratios = model_ratios({"A": 1.0, "B": 0.9, "C": 1.05})
    ratios.loc[(ratios["model"] == "C") & (ratios["image"] == "i1"), "log_ratio"] = 9.0
    ranking = score_ratios(unseen(make_fit(estimates(sd=0.02)), "i1"), ratios).ranking
    places = ranking.set_index("model")[["rank", "rank_high"]].T.to_dict("list")
    assert places == {"A": [1, 2], "B": [2, 3], "C": [1, 3]}


def test_a_zero_sensitivity_is_refused(make_fit):
    ratios = model_ratios({"A": 1.0, "B": -np.inf})
    with refused(field="i0/principal", value=-np.inf, remedy="a floor above 0") as told:
        score_ratios(make_fit(estimates()), ratios)
    assert "model B" in told.value.problem


def test_json_reads_back_and_tables_are_described(write_study):
    study = write_study(trials=30)
    scored = score(study)
    folder = study / "analysis/results/main"
    again = Scores.from_json(folder / "score.json")
    for name in ("human", "scores", "ranking", "sides", "ceiling", "separation"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(scored, name))
        described = json.loads((folder / f"{name}.json").read_text())
        header = (folder / f"{name}.csv").read_text().split("\n")[0]
        assert list(described) == header.split(",")
    assert again.conclusion == scored.conclusion


def test_the_observer_who_sees_like_lgn_is_found(write_study):
    scored = score(write_study(trials=60))
    principal = scored.ranking.query("kind == 'principal'")
    assert principal["model"].tolist() == ["LGN", "LG", "LN"]
    assert scored.conclusion.startswith("LGN is first")


def test_signed_error_says_which_distortion_a_model_over_rates(make_fit):
    scored = score_ratios(make_fit(estimates(ratio=0.0, sd=0.05)), model_ratios())
    over = scored.scores.groupby("model")["overrates"].unique().map(list).to_dict()
    assert over == {"A": ["u"], "B": ["neither"], "C": ["v"]}
    human = scored.human.query("participant == 'all'").set_index("image")["log_ratio"]
    for row in scored.scores.itertuples():
        assert row.error == pytest.approx(row.log_ratio - human[row.image])
        assert row.error_low < row.error < row.error_high
        assert row.score == pytest.approx(abs(row.error))


def test_all_pairs_of_models_have_a_side_in_the_order_of_the_ranking(make_fit):
    scored = score_ratios(make_fit(estimates(sd=0.1)), model_ratios())
    rows = list(scored.sides[["model", "other"]].itertuples(index=False, name=None))
    assert rows == list(combinations(scored.ranking["model"], 2))
    assert (scored.sides["side"] > 0.5).all()


def test_median_is_beside_the_mean_and_does_not_follow_an_outlier(make_fit):
    ratios = model_ratios({"A": 1.0, "B": 0.0}, images=7)
    ratios.loc[(ratios["model"] == "A") & (ratios["image"] == "i0"), "log_ratio"] = 30.0
    row = score_ratios(make_fit(estimates(images=7)), ratios).ranking.set_index("model").loc["A"]
    assert row["score"] > 4
    assert row["median"] < 0.3
    assert row["median_low"] <= row["median"] <= row["median_high"]


def test_separation_shows_what_principal_distortions_bought(make_fit):
    small = {m: 0.02 * x for m, x in MODELS.items()}
    ratios = pd.concat([model_ratios(images=8), model_ratios(small, 8, "random")])
    given_ = estimates(people=4, images=8)
    given_ |= estimates(ratio=0.0, people=4, images=8, kind="random")
    # A fit has the conditions of a participant together.
    scored = score_ratios(make_fit(dict(sorted(given_.items()))), ratios)
    table = scored.separation.set_index("kind")
    assert table.loc["principal", "predicted"] == pytest.approx(np.std(list(MODELS.values())))
    assert table.loc["random", "predicted"] == pytest.approx(0.02 * np.std(list(MODELS.values())))
    assert table.loc["principal", "separated"] == 3
    assert table.loc["random", "difference"] < 0.05 * table.loc["principal", "difference"]
    assert "they separate 3 of 3 pairs of models, random ones" in scored.describe()


@pytest.mark.parametrize(
    ("people", "images", "models"), [(1, 1, 1), (1, 4, 2), (2, 1, 2), (3, 4, 1)]
)
def test_little_is_scored_and_said(make_fit, tmp_path, people, images, models):
    ratios = model_ratios(dict(list(MODELS.items())[:models]), images)
    scored = score_ratios(make_fit(estimates(images=images, people=people)), ratios)
    assert ("one participant" in scored.conclusion) == (people == 1)
    assert ("one image" in scored.conclusion) == (images == 1)
    assert ("only model" in scored.conclusion) == (models == 1)
    assert len(scored.ceiling) == (people > 1)
    assert (len(scored.sides) > 0) == (len(scored.separation) > 0) == (models > 1)
    again = Scores.from_json(scored.to_json(tmp_path / "score.json"))
    assert again == scored
    assert hash(again) == hash(scored)
    assert again.describe() == scored.describe()
    scored.put_into(tmp_path)


def test_thresholds_of_an_image_the_set_lacks_are_refused(make_fit):
    with refused(field="fit.thresholds", value="i3/principal", allowed="i0/principal"):
        score_ratios(make_fit(estimates(images=4)), model_ratios(images=3))


def test_a_model_without_sensitivities_on_an_image_is_named(make_fit):
    ratios = model_ratios().query("not (model == 'B' and image == 'i2')")
    with refused(field="i2/principal", remedy="with all models") as told:
        score_ratios(make_fit(estimates()), ratios)
    assert "model B" in told.value.problem


def test_scores_of_another_shape_are_refused(make_fit, tmp_path):
    path = score_ratios(make_fit(estimates()), model_ratios()).to_json(tmp_path / "score.json")
    for damage in ({"human": {"image": [1], "pair": []}}, {"ranking": 3}, {"nobody": 1}):
        damaged = json.loads(path.read_text()) | damage
        (tmp_path / "damaged.json").write_text(json.dumps(damaged))
        with refused(file="damaged.json", remedy="score again"):
            Scores.from_json(tmp_path / "damaged.json")


def test_questions_are_scored_apart_and_say_which_models_their_pairs_were_chosen_by(make_fit):
    people = estimates() | estimates(kind="some", seed=1) | estimates(kind="some-2", seed=2)
    some = pd.concat([model_ratios(kind=name).assign(kind="some") for name in ("some", "some-2")])
    some["took_part"] = some["model"] != "B"
    ratios = pd.concat([model_ratios().assign(took_part=True), some], ignore_index=True)
    scored = score_ratios(make_fit(people), ratios)
    assert scored.ranking["kind"].unique().tolist() == ["principal", "some"]
    part = scored.ranking.set_index(["kind", "model"])["took_part"]
    assert part["some"].to_dict() == {"A": True, "B": False, "C": True}
    assert part["principal"].all()
    rows = scored.scores.set_index(["pair", "model"]).sort_index()["took_part"]
    assert not rows["some-2", "B"].any()
    assert rows["some-2", "C"].all()
    # Both pairs of an image count as one.
    by_image = scored.scores.query("kind == 'some'").groupby(["model", "image"])["score"].mean()
    means = scored.ranking.query("kind == 'some'").set_index("model")["raw_score"]
    for model in MODELS:
        assert means[model] == pytest.approx(by_image[model].mean())
    assert "distortions" in scored.conclusion
    assert scored.describe().count("(took no part)") == 2
