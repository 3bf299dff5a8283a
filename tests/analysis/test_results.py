"""Results are values: they print in a line, describe and draw themselves, and read back."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from refusals import refused

from pdpsych.analysis import Plan, fit, read_trials, score
from pdpsych.analysis.planning.plan import size_table


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=30, participants=("01",))


@pytest.fixture(scope="module")
def fitted(study):
    return fit(study)


@pytest.fixture(scope="module")
def scores(study, fitted):
    return score(study, fit=fitted)


@pytest.fixture
def plan():
    sizes = [(p, i, t) for p in (1, 2) for i in (5, 10) for t in (40, 60)]
    studies = [
        {"participants": p, "images": i, "trials": t, "study": n, "truth": truth}
        | {"closest": truth if n or p == 2 else "", "score_width": 1 / p, "ratio_width": 0.5}
        for p, i, t in sizes
        for n, truth in enumerate(("LN", "LG"))
    ]
    table = pd.DataFrame(studies)
    return Plan(
        "early", "principal", {"model": "LN, LG", "spread": 0.2}, table, size_table(table, 2)
    )


def _repeated(table, times):
    return pd.concat([table] * times, ignore_index=True)


def test_a_fit_draws_the_thresholds_of_its_set(study, fitted):
    opened = read_trials(study).stimulus_set
    ax = fitted.plot(opened)
    drawn = np.exp(fitted.thresholds["log_threshold"]) / 16
    assert ax.images[0].get_array().max() == pytest.approx(drawn.max())
    assert "RMS contrast" in ax.figure.axes[1].get_ylabel()


def test_scores_draw_the_kind_that_decides(scores):
    ax = scores.plot()
    assert "principal" in ax.get_title()
    assert "nat" in ax.get_xlabel()
    assert len(ax.get_yticklabels()) == 3
    assert "random" in scores.plot(kind="random").get_title()


def test_a_set_draws_a_pair(study):
    opened = read_trials(study).stimulus_set
    assert len(opened.plot("camel", "principal").images) == 5


def test_a_plan_draws_power_and_widths(plan):
    axes = plan.plot().axes
    assert len(axes) == 4
    assert "nat" in axes[2].get_ylabel()
    powers = [line.get_ydata() for line in axes[0].lines if len(line.get_ydata()) == 2]
    assert [0.5, 0.5] in [list(power) for power in powers[1:]]


def test_a_plan_reads_back_the_same(plan, tmp_path):
    again = Plan.from_json(plan.to_json(tmp_path / "planned.json"))
    assert again == plan
    assert hash(again) == hash(plan)
    assert again.describe() == plan.describe()
    pd.testing.assert_frame_equal(again.cells, plan.cells)
    pd.testing.assert_frame_equal(again.studies, plan.studies)
    (tmp_path / "planned.json").write_text('{"schema_version": 3}')
    with refused(file="planned.json", field="schema_version", value=3):
        Plan.from_json(tmp_path / "planned.json")


def test_results_print_in_a_line_and_describe_themselves_in_a_few(fitted, scores, plan, study):
    many = dataclasses.replace(fitted, participants=_repeated(fitted.participants, 100))
    long = dataclasses.replace(scores, ranking=_repeated(scores.ranking, 20))
    for result in (fitted, scores, plan, many, long, read_trials(study)):
        assert repr(result) == str(result)
        assert len(repr(result)) < 100
        assert "\n" not in repr(result)
        assert 2 <= len(result.describe().splitlines()) <= 25
        assert result._repr_html_().startswith("<pre ")
    assert "and 82 more, in participants.csv" in many.describe()
    assert "more, in ranking.csv" in long.describe()


def test_results_with_other_numbers_are_others(fitted, scores, plan):
    for result, table, column in (
        (fitted, "thresholds", "sd"),
        (scores, "human", "high"),
        (plan, "cells", "power"),
    ):
        changed = getattr(result, table).copy()
        changed.loc[0, column] += 1e-9
        other = dataclasses.replace(result, **{table: changed})
        assert other != result
        assert len({result, other, dataclasses.replace(result)}) == 2
    assert fitted != scores
