import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdpsych.analysis.definition import Analysis
from pdpsych.analysis.fitting.exclusion import describe_excluded, exclude

RULES = {"exclude_timing": True, "max_clipped": 0.1, "min_response_time": 0.2,
         "max_response_time": 3.0}  # fmt: skip


def trials(**columns):
    number = max(len(values) for values in columns.values())
    usual = {"participant": "01", "practice": False, "off": False, "clipped": 0.0,
             "response_time": 0.5, "trial": range(1, number + 1), "image": "a", "pair": "p",
             "distortion": 1, "amplitude": 1.0, "dither_seed": range(number),
             "time": "t"}  # fmt: skip
    return pd.DataFrame(usual | columns, index=range(number))


def counts(excluded):
    return {(p, r): n for p, r, n in excluded.itertuples(index=False) if n}


def test_nothing_but_practice_goes_by_default():
    rows = trials(practice=[True, False, False, False], off=[False, True, False, False],
                  clipped=[0, 0, 0.5, 0], response_time=[0.5, 0.5, 0.5, 60.0])  # fmt: skip
    kept, excluded = exclude(rows, Analysis(experiment="x"))
    assert kept["trial"].tolist() == [2, 3, 4]
    assert excluded["reason"].tolist() == ["practice", "in another log too"]
    assert counts(excluded) == {("01", "practice"): 1}


def test_every_rule_leaves_out_its_trials_and_says_so():
    rows = trials(off=[True, False, False, False, False], clipped=[0, 0.2, 0.1, 0, 0],
                  response_time=[0.5, 0.5, 0.2, 0.1, 4.0])  # fmt: skip
    kept, excluded = exclude(rows, Analysis(experiment="x", **RULES))
    assert kept["trial"].tolist() == [3]
    assert counts(excluded) == {
        ("01", "timing off by more than a frame"): 1, ("01", "clipped share above 0.1"): 1,
        ("01", "answered within 0.2 s"): 1, ("01", "answered after 3 s"): 1,
    }  # fmt: skip
    assert "1 clipped share above 0.1" in describe_excluded(excluded)


def test_trials_shown_before_go_only_where_that_is_asked_for():
    rows = trials(presented=[1.0, 2.0, None])
    assert len(exclude(rows, Analysis(experiment="x"))[0]) == 3
    kept, excluded = exclude(rows, Analysis(experiment="x", exclude_again=True))
    assert kept["trial"].tolist() == [1, 3]
    assert counts(excluded) == {("01", "shown before, when it was interrupted"): 1}
    unknown = rows.drop(columns="presented")
    assert len(exclude(unknown, Analysis(experiment="x", exclude_again=True))[0]) == 3
    assert "exclude_again" not in Analysis(experiment="x").settings
    assert Analysis(experiment="x", exclude_again=True).settings["exclude_again"]


def test_untimed_answers_and_frames_stay():
    rows = trials(response_time=[None, 0.5]).drop(columns="off").astype({"response_time": float})
    kept, _ = exclude(rows, Analysis(experiment="x", **RULES))
    assert len(kept) == 2


@pytest.mark.parametrize("who", [("01", "01"), ("01", "02")])
def test_trials_of_a_copied_log_count_once(who):
    rows = trials(participant=list(who), trial=[4, 4], dither_seed=[7, 7])
    kept, excluded = exclude(rows, Analysis(experiment="x"))
    assert kept["participant"].tolist() == ["01"]
    assert counts(excluded) == {(who[1], "in another log too"): 1}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["01", "02", "03"]),
            st.booleans(),
            st.booleans(),
            st.floats(0, 0.3),
            st.floats(0, 5),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_each_trial_is_kept_or_counted_once(rows):
    columns = dict(zip(("participant", "practice", "off", "clipped", "response_time"),
                       map(list, zip(*rows, strict=True)), strict=True))  # fmt: skip
    kept, excluded = exclude(trials(**columns), Analysis(experiment="x", **RULES))
    assert len(kept) + excluded["count"].sum() == len(rows)
    for who, lost in excluded.groupby("participant")["count"].sum().items():
        assert lost == columns["participant"].count(who) - (kept["participant"] == who).sum()
