from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from stimulus_sets import write_set

from pdpsych.geometry.solvers.disagreement import contrast, value
from pdpsych.stimuli import Question, StimulusSet, plot_scree

# Sensitivities of four models, log ratios 3, 1, −1, −1 on one pair and 1, 0, 1, 0 on the next.
FIRST = {"A": (np.e**3, 1.0), "B": (np.e, 1.0), "C": (1.0, np.e), "D": (1.0, np.e)}
SECOND = {"A": (np.e, 1.0), "B": (2.0, 2.0), "C": (np.e, 1.0), "D": (1.0, 1.0)}
GROUPS = {"x": ("A", "C"), "y": ("B", "D")}


def _asked(number=1, groups=None, models="ABCD", name="principal"):
    return Question(name=name, models=tuple(models), groups=groups or {}, number=number)


@given(st.lists(st.tuples(st.floats(-5, 5), st.sampled_from("xyz")), min_size=2, max_size=9))
def test_the_objective_is_that_of_the_solver(rows):
    x, groups = np.array([row[0] for row in rows]), [row[1] for row in rows]
    names = [f"m{n}" for n in range(len(rows))]
    found = {n: (float(np.exp(value)), 1.0) for n, value in zip(names, x, strict=True)}
    lists = {g: tuple(n for n, o in zip(names, groups, strict=True) if o == g) for g in groups}
    grouped = Question(name="q", models=tuple(names), groups=lists).answered(found)
    assert grouped.objective == pytest.approx(value(contrast(groups), x), abs=1e-12)
    alone = Question(name="q", models=tuple(names)).answered(found)
    assert alone.objective == pytest.approx(value(contrast(names), x), abs=1e-12)


def test_an_objective_is_that_of_some_models_and_may_be_infinite():
    assert _asked(models="CD").answered(FIRST).objective == 0
    assert _asked(models="AB").answered(FIRST).objective == pytest.approx(1)
    assert _asked().answered(FIRST | {"A": (1.0, 0.0)}).objective is None


def test_groups_are_of_all_models_each_once():
    for groups in ({"x": ("A",), "y": ("B",)}, {"x": ("A", "B"), "y": ("B", "C", "D")}):
        with pytest.raises(ValueError, match="each once"):
            _asked(groups=groups)


@pytest.fixture
def several(tmp_path):
    """A set of two images with two pairs of one question, one of groups, and a random one."""
    pairs = {"principal": FIRST, "principal-2": SECOND, "groups": FIRST, "random-1": SECOND}
    folder = write_set(tmp_path / "set", contents={"cat": pairs, "dog": pairs})
    questions = {
        "principal": _asked(),
        "principal-2": _asked(2),
        "groups": _asked(groups=GROUPS, name="groups"),
    }
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for entry in manifest["images"]:
        for pair in entry["pairs"]:
            question = questions.get(pair["name"])
            pair["kind"] = "principal" if question else "random"
            if question:
                found = question.answered(pair["sensitivities"])
                pair["question"] = found.model_dump(mode="json")
    manifest |= {"models": list("ABCD"), "representations": [], "schema_version": 3}
    path.write_text(json.dumps(manifest))
    return StimulusSet.open(folder)


def test_a_set_tells_the_objective_of_each_pair(several):
    scree = several.scree()
    assert scree["question"].tolist() == ["principal", "principal", "groups"] * 2
    assert scree["number"].tolist() == [1, 2, 1] * 2
    # Means of groups are 1 and 0.
    np.testing.assert_allclose(scree["objective"], [2.75, 0.25, 0.25] * 2)
    assert several["dog"]["groups"].question.groups == GROUPS
    assert several["dog"]["random-1"].question is None
    assert "variance over A, B, C, D: 2.75" in several["dog"]["principal"].describe()
    kinds = several.log_ratios().drop_duplicates("pair").set_index("pair")["kind"]
    assert kinds.to_dict() == {
        "principal": "principal",
        "principal-2": "principal",
        "groups": "groups",
        "random-1": "random",
    }


def test_inspection_prints_the_scree(several):
    lines = several.describe().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("objective F"))
    assert lines[start + 1 : start + 6] == [
        "  principal: variance over A, B, C, D",
        "    1  2.75 [2.75, 2.75]",
        "    2  0.25 [0.25, 0.25]",
        "  groups: variance of the means of x (A, C), y (B, D)",
        "    1  0.25 [0.25, 0.25]",
    ]


def test_a_later_pair_that_is_better_shows_that_the_first_is_no_optimum(several):
    data = json.loads((several.path / "manifest.json").read_text())
    for pair in data["images"][0]["pairs"]:
        if pair["name"] == "principal-2":
            pair["question"]["objective"] = 3.0
    (several.path / "manifest.json").write_text(json.dumps(data))
    told = StimulusSet.open(several.path).describe()
    assert "pair 1 is not the best at 1 of 2 images" in told


def test_the_scree_is_drawn_by_question(several):
    ax = plot_scree(several.scree())
    means = [line for line in ax.lines if line.get_linewidth() > 1]
    assert [line.get_label() for line in means] == ["principal", "groups"]
    np.testing.assert_allclose(means[0].get_xydata(), [[1, 2.75], [2, 0.25]])
    assert len(ax.lines) == 2 + 2 * 2


def test_a_question_of_unknown_models_is_refused(several):
    data = json.loads((several.path / "manifest.json").read_text())
    data["images"][1]["pairs"][0]["question"]["models"].append("E")
    (several.path / "manifest.json").write_text(json.dumps(data))
    with refused(field="images[1].pairs[0].question.models", value="E", allowed="D"):
        StimulusSet.open(several.path)


def test_pairs_without_a_question_that_have_one_number_are_no_obstacle(several):
    data = json.loads((several.path / "manifest.json").read_text())
    for entry in data["images"]:
        for pair in entry["pairs"]:
            pair.pop("question", None)
    (several.path / "manifest.json").write_text(json.dumps(data | {"schema_version": 2}))
    opened = StimulusSet.open(several.path)
    assert opened.scree()["number"].tolist() == [1] * 6
    assert "principal: variance over A, B, C, D" in opened.describe()
    assert len(plot_scree(opened.scree()).lines) == 3
