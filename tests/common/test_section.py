from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, field_validator
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import MissingFile
from pdpsych.common.section import Section, dump, load, one_of, validate
from pdpsych.stimuli import Recipe


class Inner(Section):
    depth: int = Field(1, ge=0)


class Outer(Section):
    name: str
    colour: Literal["grey", "rgb"] = "grey"
    parts: tuple[Inner, ...] = ()
    ratio: float = 0.5
    task: Annotated[str, one_of(["two-interval", "spatial"])] = "spatial"


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "outer.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_file_of_another_kind(tmp_path):
    path = _write(tmp_path, "images: [camel]\nstimulus_set: a\ndisplay: b\ntask: spatial")
    with refused(file=path) as told:
        load(path, Recipe)
    assert told.value.problem == (
        "is not a recipe, stimuli/NAME.yaml: 3 of its 4 keys are unknown, "
        "stimulus_set, display, task, …"
    )
    assert told.value.allowed.startswith("images, preprocess")
    # Two slips in a short file are told one by one.
    with pytest.raises(InputError) as told:
        load(_write(tmp_path, "image: [camel]\nmodel: [LN]"), Recipe)
    assert {"image", "model"} <= {problem.field for problem in told.value.problems}


def test_says_what_is_wanted_where_there_is_nothing(tmp_path):
    with refused(problem="no such file", remedy="give a recipe, stimuli/NAME.yaml"):
        load(tmp_path / "mine", Recipe)
    with refused(problem="is a folder", remedy="give a recipe, stimuli/NAME.yaml"):
        load(tmp_path, Recipe)


def test_round_trip(tmp_path):
    section = Outer(name="µ", parts=(Inner(depth=3),))
    dump(section, tmp_path / "outer.yaml")
    again = load(tmp_path / "outer.yaml", Outer)
    assert again.model_dump() == section.model_dump()
    assert again.stem == "outer"
    assert again.resolve("x/y") == tmp_path.resolve() / "x/y"
    assert load(again, Outer) is again


@pytest.mark.parametrize("name", ["1e3", "010", "no", "0o17", "12:30", "~", "", "a\u2028b"])
def test_text_that_looks_like_something_else_stays_text(tmp_path, name):
    dump(Outer(name=name), tmp_path / "outer.yaml")
    assert load(tmp_path / "outer.yaml", Outer).name == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nmae: a\nname: a", {"field": "nmae", "value": "nmae", "allowed": "name", "line": 1}),
        (
            "name: a\nparts:\n- {depth: 1}\n- {dpeth: 1}",
            {"field": "parts[1].dpeth", "value": "dpeth", "allowed": "depth", "line": 4},
        ),
        ("name: a\ncolour: blue", {"field": "colour", "value": "blue", "line": 2}),
        ("name: a\ncolour: blue", {"allowed": "grey"}),
        (
            "name: a\nparts: [{depth: -1}]",
            {"field": "parts[0].depth", "value": -1, "allowed": "at least 0", "line": 2},
        ),
        ("name: a\nratio: .nan", {"field": "ratio", "allowed": "a finite number"}),
        ("parts: []", {"field": "name", "problem": "field required", "has_value": False}),
        ("task: b\nname: a", {"field": "task", "value": "b", "allowed": "spatial"}),
        ("name: a\nname: b", {"field": "name", "line": 2}),
        ("", {"field": "", "problem": "expected a mapping of keys to values, got an empty file"}),
        ("- a", {"field": "", "problem": "expected a mapping of keys to values, got a list"}),
        ("name: [", {"line": 1}),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, text, expected):
    path = _write(tmp_path, text)
    with refused(file=path, **expected):
        load(path, Outer)


def test_a_problem_is_one_line_to_read(tmp_path):
    path = _write(tmp_path, "name: a\nparts: [{dpeth: 1}]")
    with pytest.raises(InputError) as told:
        load(path, Outer)
    assert str(told.value) == (
        f'{path}: line 2: parts[0].dpeth: unknown key, got "dpeth"; did you mean "depth"? '
        "allowed: depth"
    )


class Values(Section):
    names: tuple[str, ...] = ()
    plain: bool = False
    seed: int = 0
    floor: float = 0.0
    pair: float | tuple[float, float] = 0.0
    weights: dict[float, float] = Field({1.0: 1.0})
    date: datetime.date | None = None
    file: Path | None = None
    sign: Literal[1, -1] = 1
    inner: Inner = Inner()


@pytest.mark.parametrize(
    ("text", "field", "value", "allowed"),
    [
        ("names: [1]", "names[0]", 1, 'text; write it in quotes, as in "01"'),
        ("names: chance", "names", "chance", "a list, as in [a, b]"),
        ("plain: perhaps", "plain", "perhaps", "true or false"),
        ("plain: no", "plain", "no", "true or false"),
        ("plain: 1", "plain", 1, "true or false"),
        ('seed: "010"', "seed", "010", "a whole number"),
        ("seed: 010", "seed", "010", "a whole number"),
        ("seed: 12:30", "seed", "12:30", "a whole number"),
        ("seed: 1_000", "seed", "1_000", "a whole number"),
        ("seed: 1.5", "seed", 1.5, "a whole number"),
        ("seed: true", "seed", True, "a whole number"),
        ("floor: no", "floor", "no", "a number"),
        ("floor: yes", "floor", "yes", "a number"),
        ("floor: true", "floor", True, "a number"),
        ("floor: '1'", "floor", "1", "a number"),
        ("weights: {1: yes}", "weights[1]", "yes", "a number"),
        ("date: tomorrow", "date", "tomorrow", "a date, as in 2026-01-31"),
        ("file: 3", "file", 3, "a path"),
        ("inner: 3", "inner", 3, "keys with values"),
        ("inner: {depth: '3'}", "inner.depth", "3", "a whole number"),
        ("sign: 2", "sign", 2, "-1"),
    ],
)
def test_text_is_not_taken_for_a_number_or_a_truth(tmp_path, text, field, value, allowed):
    path = _write(tmp_path, text)
    with refused(file=path, line=1, field=field, value=value, allowed=allowed):
        load(path, Values)


def test_what_means_the_same_is_taken(tmp_path):
    text = (
        "names: ['1', b]\nplain: true\nseed: 3\nfloor: 1\npair: [1, 2]\nweights: {1: 2, 0.5: 1}\n"
        "date: 2026-01-31\nfile: a/b\nsign: -1\ninner: {depth: 2}\n"
    )
    read = load(_write(tmp_path, text), Values)
    same = Values(
        names=("1", "b"), plain=True, seed=3, floor=1.0, pair=(1.0, 2.0), sign=-1,
        weights={1.0: 2.0, 0.5: 1.0}, date=datetime.date(2026, 1, 31), file=Path("a/b"),
        inner=Inner(depth=2),
    )  # fmt: skip
    assert read.model_dump() == same.model_dump()
    assert type(read.floor) is float
    # As JSON has it, where keys are text.
    again = validate(json.loads(json.dumps(read.model_dump(mode="json"))), Values, "values.json")
    assert again.model_dump() == read.model_dump()


def test_parts_are_hashed_by_content():
    one, same = (Values(weights={1.0: 1.0, 2.0: 1.0}, inner=Inner(depth=2)) for _ in range(2))
    assert one == same
    assert len({one, same, Values(), Inner(), Inner(depth=3)}) == 4
    assert hash(Labels(any={"x": [1, {"y": {2}}]})) == hash(Labels(any={"x": [1, {"y": {2}}]}))


class Labels(Section):
    any: dict[str, Any]


def test_keys_of_any_name_are_told_and_members_of_unions_are_not():
    class Groups(Section):
        groups: dict[str, list[str] | Inner]
        both: tuple[int, int]

    data = {"groups": {"Control": [1], "str": {"depth": "x", "float": 2}}, "both": [1]}
    with pytest.raises(InputError) as caught:
        validate(data, Groups, "a.yaml")
    fields = {problem.field for problem in caught.value.problems}
    own = {"groups.Control[0]", "groups.str.depth", "groups.str.float", "both[1]"}
    assert own <= fields <= {*own, "groups.Control", "groups.str"}


def test_an_error_of_a_validator_keeps_what_it_tells():
    class Checked(Section):
        model: str

        @field_validator("model")
        @classmethod
        def _known(cls, model: str) -> str:
            raise InputError("unknown model", field="name", value=model, allowed=["LN"])

    with refused(file="a.yaml", field="model.name", value="LM", allowed="LN"):
        validate({"model": "LM"}, Checked, "a.yaml")


def test_all_problems_are_reported_at_once(tmp_path):
    with pytest.raises(InputError) as caught:
        load(_write(tmp_path, "nmae: a\ncolour: blue"), Outer)
    assert [problem.field for problem in caught.value.problems] == ["name", "colour", "nmae"]
    assert len(str(caught.value).splitlines()) == 3


def test_a_missing_file_gets_the_nearest(tmp_path):
    _write(tmp_path, "name: a")
    with pytest.raises(MissingFile) as told:
        load(tmp_path / "outr.yaml", Outer)
    assert told.value.remedy.startswith('did you mean "outer.yaml"?')


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (f"name: a\n{'x' * 900}: 1", "x" * 200),
        (f"name: a\nparts: [{'x, ' * 999}x]", "parts[0]"),
        (f"name: a\nratio: 1e{'9' * 200}", "ratio"),
    ],
)
def test_hostile_data_are_refused_in_few_words(tmp_path, text, field):
    with pytest.raises(InputError) as told:
        load(_write(tmp_path, text), Outer)
    assert told.value.field.startswith(field)
    assert len(str(told.value)) < 5000


def test_of_very_many_problems_the_first_are_told(tmp_path):
    with refused(remedy="and 980 problems more") as told:
        load(_write(tmp_path, f"name: a\nparts: [{'x, ' * 999}x]"), Outer)
    assert len(told.value.problems) == 20


def test_what_never_ends_is_not_read():
    with refused(file="/dev/zero", problem="is not a regular file"):
        load("/dev/zero", Outer)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["images", "models", "distortions", "kind", "sample", "x"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_any_data_gives_a_recipe_or_an_input_error(data):
    problem = None
    try:
        validate(data, Recipe, "recipe.yaml")
    except InputError as error:
        problem = str(error)
    assert problem is None or problem.startswith("recipe.yaml: ")


def test_the_reference_study_is_valid():
    root = Path(__file__).parents[2]
    recipes = sorted((root / "stimuli").glob("*.yaml"))
    assert recipes
    for recipe in recipes:
        load(recipe, Recipe)
