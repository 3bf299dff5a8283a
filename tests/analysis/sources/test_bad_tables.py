"""Tables from elsewhere that cannot be used: what is said of them."""

import numpy as np
import pandas as pd
import pytest
import yaml
from refusals import refused

from pdpsych.analysis import Analysis, read_trials
from pdpsych.analysis.sources.ratio_table import read_ratio_table
from pdpsych.analysis.sources.shown_pairs import ShownPairs
from pdpsych.analysis.sources.threshold_table import read_threshold_table
from pdpsych.analysis.sources.trial_table import read_trial_table

SHOWN = ShownPairs("of the stimulus set small", {"cat": ("principal", "random")}, {"cat": 16.0})
TRIALS = "participant,image,pair,distortion,amplitude,correct\n01,cat,principal,1,0.5,1\n"
COUNTS = "participant,image,pair,distortion,amplitude,right,total\n01,cat,principal,2,0.5,3,4\n"
THRESHOLDS = "participant,image,pair,distortion,log_threshold,sd,bound\n"
RATIOS = "image,pair,model,log_ratio\ncat,principal,LN,0.5\n"


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "lab.csv"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TRIALS.replace("amplitude", "contrast"), {"field": "amplitude", "line": 1}),
        (TRIALS.replace("1,0.5", "3,0.5"), {"field": "distortion", "value": "3", "line": 2}),
        (TRIALS.replace("cat", "cta"), {"field": "image", "value": "cta", "allowed": "cat"}),
        (TRIALS.replace("principal", "p"), {"field": "pair", "value": "p", "allowed": "random"}),
        (TRIALS.replace("0.5", "nan"), {"field": "amplitude", "value": "nan", "line": 2}),
        (TRIALS.replace("0.5", "-1"), {"field": "amplitude", "value": "-1"}),
        (TRIALS.replace("0.5", ""), {"field": "amplitude", "value": ""}),
        (TRIALS.replace("0.5", "17"), {"field": "amplitude", "remedy": "√D"}),
        (TRIALS.replace("5,1\n", "5,2\n"), {"field": "correct", "value": "2"}),
        (TRIALS.replace("01,cat", ",cat"), {"field": "participant", "value": ""}),
        (TRIALS.replace("01,cat", "all,cat"), {"field": "participant", "value": "all"}),
        (TRIALS.replace(",", ";"), {"line": 1, "remedy": "commas"}),
        (TRIALS + "01,cat\n", {"line": 3, "value": "01,cat"}),
        (TRIALS.partition("\n")[0], {"allowed": "a row for each value"}),
        (TRIALS.replace("correct", "pair"), {"field": "pair", "line": 1}),
        (COUNTS.replace("3,4", "5,4"), {"field": "right", "value": "5", "line": 2}),
        (COUNTS.replace("3,4", "1.5,4"), {"field": "right", "value": "1.5"}),
        (COUNTS.replace("3,4", "0,0"), {"field": "total", "value": "0"}),
        (COUNTS.replace("3,4", "3,1e9"), {"field": "total", "allowed": "10000000"}),
        (COUNTS.replace("total", "n"), {"field": "correct", "value": "right"}),
        (COUNTS.replace("right,total", "right,correct"), {"field": "correct"}),
        (COUNTS + COUNTS.splitlines()[1] + "\n", {"line": 3, "remedy": "add the counts up"}),
    ],
)
def test_trials(table, text, expected):
    path = table(text)
    with refused(file=path, **expected):
        read_trial_table(path, SHOWN)


def test_copies_are_known_by_their_order(table):
    row = "01,cat,principal,1,0.5,1,7\n"
    path = table("participant,image,pair,distortion,amplitude,correct,order\n" + row + row)
    with refused(file=path, field="participant, order", value="01/7", line=3):
        read_trial_table(path, SHOWN)
    with refused(file=path, field="order"):
        read_trial_table(
            table(COUNTS.replace("total", "total,order").replace("4\n", "4,1\n")), SHOWN
        )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("0.5,nan,exact", {"field": "sd", "value": "nan"}),
        ("0.5,,exact", {"field": "sd", "value": ""}),
        ("0.5,-1,exact", {"field": "sd", "value": "-1"}),
        (",0.1,exact", {"field": "log_threshold", "value": ""}),
        (",,at least", {"field": "log_threshold", "value": ""}),
        ("0.5,0.1,exactly", {"field": "bound", "value": "exactly", "allowed": "at least"}),
        ("0.5,0.1,exact\n01,cat,principal,1,0.5,0.1,exact", {"line": 3}),
    ],
)
def test_thresholds(table, row, expected):
    path = table(f"{THRESHOLDS}01,cat,principal,1,{row}\n")
    with refused(file=path, **expected):
        read_threshold_table(path, SHOWN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RATIOS.replace("0.5", "inf"), {"field": "log_ratio", "value": "inf"}),
        (RATIOS + RATIOS.splitlines()[1], {"line": 3, "value": "cat/principal/LN"}),
        (RATIOS + "cat,random,LN,1\ncat,random,LG,1\n", {"field": "model", "value": "LG"}),
        (RATIOS.replace("model", "Model"), {"field": "model", "line": 1}),
    ],
)
def test_ratios(table, text, expected):
    path = table(text)
    with refused(file=path, **expected):
        read_ratio_table(path)


def test_cells_are_read_as_programs_write_them(table):
    text = COUNTS.replace("amplitude", "Level").replace("\n", "\r\n")
    text += '"02, a",cat,random,1,1e-1,0,2\r\n\r\n'
    path = table("\ufeff" + text)
    found = read_trial_table(path, SHOWN, {"amplitude": "Level"})
    assert found.columns["amplitude"] == "Level"
    trials = found.trials.sort_values(["participant", "correct"])
    assert trials["participant"].tolist() == ["01"] * 4 + ["02, a"] * 2
    assert trials["correct"].tolist() == [False, True, True, True, False, False]
    assert trials["amplitude"].tolist() == [0.5] * 4 + [0.1] * 2
    assert trials["order"].isna().all()
    with refused(file=path, field="columns", value="level", allowed="amplitude"):
        read_trial_table(path, SHOWN, {"level": "Level"})


def test_counts_are_in_an_order_that_says_nothing(table):
    many = COUNTS.replace("3,4", "300,400")
    correct = read_trial_table(table(many), SHOWN).trials["correct"].to_numpy()
    assert correct.sum() == 300
    assert 0.6 < correct[:200].mean() < 0.9
    np.testing.assert_array_equal(correct, read_trial_table(table(many), SHOWN).trials["correct"])


def test_ends_of_bounds_are_those_of_a_fit(table):
    text = THRESHOLDS.replace("\n", ",trials_low,trials_high\n")
    text += "01,cat,principal,1,0.4,0.2,at least,2.0,\n01,cat,principal,2,0.4,0.2,at most,,3.0\n"
    found = read_threshold_table(table(text), SHOWN).thresholds
    np.testing.assert_allclose(found["log_threshold"], np.log([2.0, 3.0]))
    assert found["sd"].isna().all()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "experiment"),
        ({"experiment": "a.yaml", "trials": "b.csv", "set": "c"}, "trials"),
        ({"experiment": "a.yaml", "set": "c"}, "set"),
        ({"experiment": "a.yaml", "alternatives": 3}, "alternatives"),
        ({"trials": "b.csv"}, "set"),
        ({"trials": "b.csv", "set": "c", "ratios": "d.csv"}, "set"),
        ({"trials": "b.csv", "set": "c", "max_clipped": 0.1}, "max_clipped"),
        ({"trials": "b.csv", "set": "c", "task": "oddity", "alternatives": 3}, "alternatives"),
        ({"thresholds": "b.csv", "set": "c", "alternatives": 3}, "alternatives"),
        ({"thresholds": "b.csv", "set": "c", "bootstrap": 300}, "bootstrap"),
    ],
)
def test_an_analysis_has_one_source(tmp_path, settings, field):
    path = tmp_path / "main.yaml"
    path.write_text(yaml.safe_dump(settings))
    with refused(file=path, field=field):
        read_trials(path)


def test_what_is_not_given_is_not_recorded():
    assert "trials" not in Analysis(experiment="a.yaml").settings
    assert Analysis(experiment="a.yaml").settings["experiment"] == "a.yaml"
    several = Analysis(experiment=("a.yaml", "b.yaml"))
    assert several.settings["experiment"] == ["a.yaml", "b.yaml"]
    assert len(several.experiments) == 2
    assert pd.isna(Analysis(trials="a.csv", set="b").settings.get("columns"))
