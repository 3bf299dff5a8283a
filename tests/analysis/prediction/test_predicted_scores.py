"""Scores of a small study whose models are known at visible amplitudes."""

import json

import numpy as np
import pytest
from refusals import refused

from pdpsych.analysis import Scores, fit, read_trials, score
from pdpsych.analysis.prediction.columns import PREDICTION
from pdpsych.analysis.prediction.curves import predicted_curves
from pdpsych.analysis.prediction.evidence import Evidence
from pdpsych.analysis.prediction.threshold_score import predicted_ends


def test_linear_models_have_the_same_score_at_threshold_as_by_equation_1(study, fitted, known):
    scored = score(study, fit=fitted, write=False)
    for ours, local in (
        (scored.at_threshold, scored.scores),
        (scored.at_threshold_ranking, scored.ranking),
    ):
        assert ours["model"].tolist() == local["model"].tolist()
        # Means have noise taken off by random numbers of their own.
        column = "score" if ours is scored.at_threshold else "raw_score"
        assert ours[column].to_numpy() == pytest.approx(local[column].to_numpy(), abs=1e-6)
    assert set(scored.at_threshold["bound"]) == {"exact"}
    assert scored.at_threshold_ranking["identified"].all()


def test_the_model_that_people_see_like_predicts_them_best(study, fitted, known):
    scored = score(study, fit=fitted, write=False)
    rows = scored.predictive_ranking.query("kind == 'principal'")
    assert rows["model"].iloc[0] == "LGN"
    assert scored.deciding["model"].tolist() == rows["model"].tolist()
    assert (rows["log_probability"].diff().dropna() < 0).all()
    assert -np.log(2) < rows["log_probability"].iloc[0] < 0
    assert scored.conclusion.startswith("LGN is first (log probability of people's answers")
    assert "no model is declared the closest from 3 images" in scored.conclusion
    near = scored.sides.query("kind == 'principal'").set_index(["model", "other"])["side"]
    assert rows["side"].tolist()[1:] == [near["LGN", model] for model in rows["model"][1:]]
    assert "same order" in scored.conclusion
    images = scored.predictive.query("kind == 'principal'")
    mean = images.groupby("model")["log_probability"].mean()
    assert mean[rows["model"]].to_numpy() == pytest.approx(rows["log_probability"].to_numpy())
    limits = scored.predictive_ceiling.set_index("kind").loc["principal"]
    assert limits["others"] < limits["everyone"]
    assert rows["log_probability"].iloc[0] == pytest.approx(limits["everyone"], abs=0.02)


def test_all_columns_are_described_and_read_back(study, fitted, known, tmp_path):
    scored = score(study, fit=fitted, write=False)
    for name, columns in PREDICTION.items():
        found = getattr(scored, name)
        assert len(found)
        assert set(found.columns) <= set(columns)
    assert Scores.from_json(scored.to_json(tmp_path / "score.json")) == scored
    assert "predictive score on principal distortions" in scored.describe()


def test_a_model_that_does_not_reach_its_threshold_has_a_bound(study, fitted, known, response):
    for image in ("camel", "einstein", "parrot"):
        known[image, "principal", 2]["LN"] = response(0.001, largest=10.0)
    scored = score(study, fit=fitted, write=False)
    rows = scored.at_threshold.query("kind == 'principal' and model == 'LN'")
    assert rows["bound"].tolist() == ["at least"] * 3
    assert np.isfinite(rows[["log_ratio", "score"]].to_numpy()).all()
    ranking = scored.at_threshold_ranking.set_index(["kind", "model"])
    assert ranking.loc[("principal", "LN"), "bounds"] == 3
    assert "at least (3 bounds)" in scored.describe()


def test_bounds_of_predicted_ratios_are_open_at_one_end(study, fitted, known, response):
    known["camel", "principal", 2]["LN"] = response(0.001, largest=10.0)
    table = score(study, fit=fitted, write=False).at_threshold
    ends = predicted_ends(table)
    assert set(ends) == {"LN", "LG", "LGN"}
    low, high = ends["LN"]
    rows = table[table["model"] == "LN"]
    assert (high == np.inf).tolist() == (rows["bound"] == "at least").tolist()
    assert low == pytest.approx(rows["log_ratio"].to_numpy())


def test_scores_that_order_models_differently_are_said(study, fitted, known):
    for of in known.values():
        of["LN"], of["LGN"] = of["LGN"], of["LN"]
    scored = score(study, fit=fitted, write=False)
    assert scored.deciding["model"].iloc[0] == "LN"
    assert scored.ranking["model"].iloc[0] == "LGN"
    assert "order the models differently" in scored.conclusion


def test_models_that_are_not_known_at_visible_amplitudes_are_named(study, fitted, known):
    for of in known.values():
        del of["LG"]
    scored = score(study, fit=fitted, write=False)
    assert set(scored.predictive_ranking["model"]) == {"LN", "LGN"}
    assert set(scored.ranking["model"]) == {"LN", "LG", "LGN"}
    assert "not known what they see at visible amplitudes: LG." in scored.conclusion


def test_without_responses_scores_are_local_and_the_command_is_named(study, fitted):
    scored = score(study, fit=fitted, write=False)
    assert all(getattr(scored, name).empty for name in PREDICTION)
    assert scored.deciding["model"].iloc[0] == "LGN"
    assert "pdpsych respond" in scored.conclusion
    with refused(field="kind", remedy="pdpsych respond"):
        scored.plot_predictive()


def test_a_fit_of_other_trials_is_refused(study, fitted, known):
    other = fit(study, write=False)
    other.source["trials_sha256"] = "0" * 64
    with refused(field="fit", remedy="pdpsych fit"):
        score(study, fit=other, write=False)


def test_scores_of_older_versions_are_made_again(study, fitted, tmp_path):
    path = score(study, fit=fitted, write=False).to_json(tmp_path / "score.json")
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"schema_version": 4}))
    with refused(file="score.json", remedy="score again"):
        Scores.from_json(path)


def test_curves_are_what_models_predict_at_the_efficiency_of_the_image(study, fitted, known):
    trials = read_trials(study).table
    conditions = [("01", "camel", "principal", 1), ("02", "parrot", "random", 2)]
    curves = predicted_curves(fitted, Evidence(trials, known), ["LN", "LGN"], conditions)
    assert curves.groupby(["participant", "model"]).size().to_dict() == {
        (p, m): 120 for p in ("01", "02") for m in ("LN", "LGN")
    }
    own = curves.query("participant == '01' and model == 'LGN'")
    assert (own["correct"].diff().dropna() >= 0).all()
    human = fitted.thresholds.query("participant == '01' and image == 'camel' and distortion == 1")
    threshold = float(human.query("pair == 'principal'")["threshold"].iloc[0])
    near = float(np.interp(np.log(threshold), np.log(own["amplitude"]), own["correct"]))
    assert near == pytest.approx(0.76, abs=0.06)
