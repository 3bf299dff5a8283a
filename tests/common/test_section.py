from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section, dump, load, validate
from pdpsych.stimuli import Recipe


class Inner(Section):
    depth: int = Field(1, ge=0)


class Outer(Section):
    name: str
    colour: Literal["grey", "rgb"] = "grey"
    parts: tuple[Inner, ...] = ()
    ratio: float = 0.5


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "outer.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_file_of_another_kind(tmp_path):
    path = _write(tmp_path, "images: [camel]\nstimulus_set: a\ndisplay: b\ntask: spatial")
    with pytest.raises(InputError) as raised:
        load(path, Recipe)
    assert "\n" not in str(raised.value)
    assert (
        "is not a recipe, stimuli/NAME.yaml: 3 of its 4 keys are unknown, "
        "stimulus_set, display, task, …; allowed: images, preprocess"
    ) in str(raised.value)
    # Two slips in a short file are told one by one.
    with pytest.raises(InputError, match='did you mean "models"'):
        load(_write(tmp_path, "image: [camel]\nmodel: [LN]"), Recipe)


def test_says_what_is_wanted_where_there_is_nothing(tmp_path):
    with pytest.raises(InputError, match=r"no such file; give a recipe, stimuli/NAME\.yaml"):
        load(tmp_path / "mine", Recipe)
    with pytest.raises(InputError, match=r"is a folder; give a recipe, stimuli/NAME\.yaml"):
        load(tmp_path, Recipe)


def test_round_trip(tmp_path):
    section = Outer(name="µ", parts=(Inner(depth=3),))
    dump(section, tmp_path / "outer.yaml")
    again = load(tmp_path / "outer.yaml", Outer)
    assert again.model_dump() == section.model_dump()
    assert again.stem == "outer"
    assert again.resolve("x/y") == tmp_path.resolve() / "x/y"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nmae: a", 'outer.yaml: nmae: unknown key "nmae"; did you mean "name"?'),
        (
            "name: a\nparts: [{dpeth: 1}]",
            'parts[0].dpeth: unknown key "dpeth"; did you mean "depth"',
        ),
        ("colour: blue\nname: a", "outer.yaml: colour: allowed: grey, rgb, got 'blue'"),
        ("colour: gray\nname: a", 'colour: did you mean "grey"?'),
        ("name: a\nparts: [{depth: -1}]", "parts[0].depth: input should be greater"),
        ("parts: []", "outer.yaml: name: field required"),
        ("name: a\nratio: .nan", "ratio: input should be a finite number"),
        ("", "expected a mapping of keys to values, got an empty file"),
        ("- a", "got a list"),
        ("name: [", "line 1: not valid YAML"),
        ("name: !!python/object/apply:os.system [echo]", "not valid YAML"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, text, message):
    with pytest.raises(InputError) as caught:
        load(_write(tmp_path, text), Outer)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)


class Labels(Section):
    names: tuple[str, ...] = Field(min_length=1)
    plain: bool = False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [01]", 'names[0]: should be text; write it in quotes, as in "01", got 1'),
        ("names: chance", "names: should be a list, as in [a, b], got 'chance'"),
        ("names: [a]\nplain: perhaps", "plain: should be true or false, got 'perhaps'"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_as_it_is_written_in_yaml(tmp_path, text, message):
    path = _write(tmp_path, text)
    with pytest.raises(InputError) as raised:
        load(path, Labels)
    assert str(raised.value) == f"{path}: {message}"


def test_all_problems_are_reported_at_once(tmp_path):
    with pytest.raises(InputError) as caught:
        load(_write(tmp_path, "nmae: a\ncolour: blue"), Outer)
    assert len(str(caught.value).splitlines()) == 3


def test_a_missing_file_gets_the_nearest(tmp_path):
    _write(tmp_path, "name: a")
    with pytest.raises(InputError, match=r'no such file; did you mean "outer.yaml"'):
        load(tmp_path / "outr.yaml", Outer)
    with pytest.raises(InputError, match="is a folder"):
        load(tmp_path, Outer)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"cannot be read|not valid YAML"):
        load(tmp_path / "x.yaml", Outer)


def _bomb() -> str:
    """Return eleven lines that stand for nine to the tenth values."""
    lines = ["a0: &a0 [x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_bomb(), "more than 100000 values"),
        ("name: &me [*me]", "more than 100000 values"),
        ("a: &a {x: 1}\nb: &b {<<: [*a, *a]}\nname: {<<: *b}", "unknown key"),
        ("[" * 10_000, "nested too deep"),
        ("!!python/object/apply:os.system ['touch pwned']", "could not determine a constructor"),
        ("name: 2001-99-99", "cannot be read: month must be in"),
        ("name: !!bool x", "cannot be read: .x"),
        (f"name: {'9' * 5000}", "cannot be read: Exceeds the limit"),
        (f"ratio: 0x{'f' * 9999}\nname: a", "ratio: .*a number that is too large"),
        (f"name: a\n{'x' * 900}: 1", r"unknown key \"x+… \(900 characters\)"),
        (f"name: a\nparts: [{'x, ' * 999}x]", "and 980 problems more"),
    ],
)
def test_hostile_yaml_is_refused_in_few_words(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as refused:
        load(_write(tmp_path, text), Outer)
    assert str(refused.value).startswith(str(tmp_path / "outer.yaml"))
    assert len(str(refused.value)) < 5000


@pytest.mark.parametrize("name", ["a\0b.yaml", "x" * 300 + ".yaml"])
def test_names_that_no_file_can_have_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / name, Outer)


def test_what_never_ends_is_not_read():
    with pytest.raises(InputError, match="/dev/zero: cannot be read: not a regular file"):
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
