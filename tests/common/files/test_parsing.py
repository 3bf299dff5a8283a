from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.common.files.parsing import (
    parse_json,
    parse_yaml,
    read_json,
    to_yaml,
)
from pdpsych.common.files.reading import STUDY_FILE, read_text
from pdpsych.common.files.yaml_nodes import compose, line_in

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
KEYS = TEXT.filter(lambda text: text != "<<")
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(PLAIN)
def test_json_that_was_written_is_read(data):
    for ascii_only in (True, False):
        text = json.dumps(data, ensure_ascii=ascii_only, indent=1)
        assert parse_json(text, "file") == data


@given(PLAIN)
def test_yaml_that_was_written_means_the_same_in_both_versions(data):
    text = to_yaml(data)
    assert parse_yaml(text, "file") == data
    assert yaml.safe_load(text) == data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("no", "no"), ("yes", "yes"), ("on", "on"), ("y", "y"),
        ("~", None), ("null", None), ("", None), ("0", 0), ("-12", -12), ("+1", 1), ("010", "010"),
        ("0x1F", 31), ("0o17", 15), ("0b1", "0b1"), ("12:30", "12:30"), ("1_000", "1_000"),
        ("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1.5E-3", 0.0015),
        ("2001-01-01", "2001-01-01"), ("=", "="), ("'1'", "1"), ("!!str 1", "1"),
        ("!!int 1", 1), ("{a: 1, 2: b}", {"a": 1, 2: "b"}), ('{"<<": 1}', {"<<": 1}),
    ],
)  # fmt: skip
def test_scalars_of_yaml_are_those_of_version_1_2(text, value):
    found = parse_yaml(text, "file")
    assert found == value
    assert type(found) is type(value)


def test_what_is_not_finite_in_yaml_is_left_to_the_schema():
    assert parse_yaml("[.inf, -.INF]", "file") == [float("inf"), -float("inf")]


@pytest.mark.parametrize(
    ("parse", "text", "line", "column", "field"),
    [
        (parse_json, '{"a": 1,\n "b": 2,\n "a": 3}', 3, 2, "a"),
        (parse_json, '[{"a": 1}, {"a": 2},\n{"b": 1, "\\u0062": 2}]', 2, 10, "b"),
        (parse_yaml, "a: 1\nb: 2\na: 3", 3, 1, "a"),
        (parse_yaml, "x:\n  - {a: 1,\n     'a': 3}", 3, 6, "a"),
        (parse_yaml, "1: a\n1.0: b", 2, 1, "1.0"),
    ],
)
def test_a_key_that_is_given_twice_is_refused_with_both_lines(parse, text, line, column, field):
    with refused(file="file", line=line, column=column, field=field) as told:
        parse(text, "file")
    first = 1 if "\n " not in text or text.startswith("{") else 2
    assert f"first in line {first if field != 'b' else 2}" in told.value.problem


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("[1,", 1, 4),
        ('{"a": 1}\n{"a": 1}', 2, 1),
        ("[\nNaN]", 2, 1),
        ("[-Infinity]", 1, 2),
        ("[1, 1e999]", 1, 5),
        ("-1" + 400 * "0" + ".0", 1, 1),
        ("9" * 5000, 1, 1),
        ('["\\u0000"]', 1, 2),
        ('{"\\ud800": 1}', 1, 2),
        ('["\\udc00\\ud800"]', 1, 2),
        ('"\ud800"', 1, 1),
        ('"\0"', 1, 2),
        ("[" * 65 + "]" * 65, 1, 65),
        ("[" * 200_000, 1, 65),
        ('{"a":' * 65 + "1" + "}" * 65, 1, 321),
        ("'a'", 1, 1),
        ("[01]", 1, 3),
    ],
)
def test_other_than_strict_json_is_refused_with_its_place(text, line, column):
    with refused(file="file", line=line, column=column):
        parse_json(text, "file")


def test_what_only_looks_suspicious_in_json_is_read():
    data = {"\\u0000": "\U0001f600", "NaN": "1e999", "hex": "1e123" * 9, "[": ["{{{{"] * 70}
    assert parse_json(json.dumps(data), "file") == data
    assert parse_json("[" * 64 + "]" * 64, "file")
    assert parse_json('{"a": "b", "c": "a"}', "file") == {"a": "b", "c": "a"}
    assert parse_json("9" * 309, "file") == int("9" * 309)


def test_a_line_of_a_log_knows_its_number():
    with refused(line=7, column=5):
        parse_json("[1, x]", "log", line=7)


def _bomb() -> str:
    """Return eleven lines that stand for nine to the tenth values."""
    lines = ["a0: &a0 [x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (_bomb(), 6),
        ("name: &me [*me]", 1),
        ("a: &a {x: 1}\nb: {<<: *a}", 2),
        ("[" * 10_000, 1),
        ("a: [\n", 2),
        ("a: 1\n--- \nb: 1", 2),
        ("a:\n\t- 1", 2),
        ("a\n\0", 2),
        ("\ud800", 1),
        ('x: 1\na: "\\0"', 2),
        ('x: 1\na: "\\ud800"', 2),
        ("'\\ud800", 1),
        (f"x: 1\nname: {'9' * 5000}", 2),
        (f"x: 1\nratio: 0x{'f' * 9999}", 2),
        ("x: 1\nname: !!bool x", 2),
        ("!!int '010'", 1),
        ("!!python/object/apply:os.system ['touch pwned']", 1),
        ("!!timestamp 2001-01-01", 1),
        ("!mine x", 1),
        ("? [a]\n: b", 1),
    ],
)
def test_hostile_yaml_is_refused_in_few_words_with_its_line(text, line):
    with refused(file="file", line=line) as told:
        parse_yaml(text, "file")
    assert len(str(told.value)) < 500


@given(st.text())
def test_any_text_is_data_or_refused(text):
    for parse in (parse_json, parse_yaml):
        line: int | None = 1
        try:
            parse(text, "file")
        except InputError as error:
            line = error.line
        assert line is not None


def test_aliases_are_read():
    assert parse_yaml("a: &x [1]\nb: *x", "file") == {"a": [1], "b": [1]}


def test_files_of_windows_are_read(tmp_path):
    (tmp_path / "a.json").write_bytes('\ufeff{"a":\r\n1}\r\n'.encode())
    (tmp_path / "a.yaml").write_bytes("\ufeffa:\r\n- 1\r\n".encode())
    assert read_json(tmp_path / "a.json") == {"a": 1}
    text = read_text(tmp_path / "a.yaml", STUDY_FILE)
    assert parse_yaml(text, "a.yaml") == {"a": [1]}


def test_a_location_has_a_line():
    text = "name: a\nparts:\n- depth: 1\n- depth: 2\n"
    assert line_in(compose(text), ("parts", 1, "depth")) == 4
    assert line_in(compose(text), ("parts", 0)) == 3
    assert line_in(compose(text), ("parts", "Inner", 1, "missing")) == 4
    assert line_in(compose(text), ("other",)) is None
