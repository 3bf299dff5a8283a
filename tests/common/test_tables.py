from __future__ import annotations

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdpsych.common.tables import (
    Column,
    from_plain,
    harmless,
    to_csv,
    to_plain,
    write_delimited,
    write_table,
)

SAME_FILE = [HealthCheck.function_scoped_fixture]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n-1", "\0=1", "  =1", "\u00a0@x"]
BREAKS = ["\0", "\n", "\r\n", "\t", "\v", "\f", "\x1c", "\x1e", "\x7f", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("text", [*FORMULAS, "\x01=1", "\x1b@x", "\u2028-1"])
def test_formulas_are_marked_as_text(text):
    assert harmless(text).startswith("'")


@given(st.text())
def test_any_text_is_one_line_that_no_spreadsheet_computes(text):
    cell = harmless(text)
    cell.encode()
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert len(cell.splitlines()) <= 1
    assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in cell)
    assert harmless(cell) == cell


@pytest.mark.parametrize("between", BREAKS)
def test_every_break_becomes_a_space(between):
    assert harmless(f"a{between}b") == "a b"


def test_names_stay_as_they_are():
    for text in ("LGN", "resnet50/layer3", "a-b", "1 = 1", "", "'"):
        assert harmless(text) == text


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_table_keeps_its_numbers_and_marks_text_and_header(texts):
    numbers = -np.arange(len(texts)) / 3
    table = pd.DataFrame({"=name": pd.Series(texts, dtype=object), "number": numbers, "true": True})
    head, *rows = list(csv.reader(io.StringIO(to_csv(table), newline="")))
    assert head == ["'=name", "number", "true"]
    assert [row[0] for row in rows] == [harmless(text) for text in texts]
    assert [float(row[1]) for row in rows] == pytest.approx(numbers)


def test_missing_text_is_empty():
    assert to_csv(pd.DataFrame({"a": ["x", None], "b": [1.0, None]})) == "a,b\nx,1.0\n,\n"


def test_a_table_has_a_data_dictionary(tmp_path):
    frame = pd.DataFrame({"easy": [True], "time": [0.5]})
    columns = {
        "easy": Column("whether it was easy", levels={"True": "yes"}),
        "time": ("when", "s"),
        "other": Column("not there"),
    }
    path = write_table(tmp_path / "new", "trials", frame, columns)
    assert path.read_bytes() == b"easy,time\nTrue,0.5\n"
    assert json.loads((tmp_path / "new" / "trials.json").read_text()) == {
        "easy": {
            "description": "whether it was easy",
            "units": "none",
            "levels": {"True": "yes"},
        },
        "time": {"description": "when", "units": "s"},
    }
    with pytest.raises(KeyError):
        write_table(tmp_path, "trials", frame, {})


def read(path, separator):
    with open(path, newline="", encoding="utf-8") as file:
        quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
        return list(csv.reader(file, delimiter=separator, quoting=quoting))


@pytest.mark.parametrize("separator", ["\t", ","])
@settings(suppress_health_check=SAME_FILE)
@given(
    texts=st.lists(st.text() | st.sampled_from(BREAKS), min_size=1, max_size=5),
    data=st.data(),
)
def test_text_stays_in_its_cell_and_is_never_a_formula(tmp_path, separator, texts, data):
    numbers = data.draw(
        st.lists(
            st.floats(allow_nan=False, allow_infinity=False),
            min_size=len(texts),
            max_size=len(texts),
        )
    )
    table = pd.DataFrame({"text": pd.Series(texts, dtype=object), "number": numbers})
    path = write_delimited(table, tmp_path / "table", separator, "n/a")
    head, *rows = read(path, separator)
    assert head == ["text", "number"]
    assert [float(number) for _, number in rows] == numbers
    assert [text for text, _ in rows] == [harmless(text) for text in texts]
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(texts) + 1


def test_missing_values_and_truth(tmp_path):
    table = pd.DataFrame({"a": [1.5, None], "b": [True, False], "c": ["x", None]})
    path = write_delimited(table, tmp_path / "new" / "table.tsv", "\t", "n/a")
    assert path.read_bytes() == b"a\tb\tc\n1.5\ttrue\tx\nn/a\tfalse\tn/a\n"


@pytest.mark.parametrize("missing", [[1.5, np.nan], [np.nan, np.nan]], ids=["some", "all"])
def test_a_table_comes_back_from_json(missing):
    table = pd.DataFrame({"name": ["a", "b"], "count": [1, 2], "seen": [True, False]})
    table["width"] = missing
    text = json.dumps(to_plain(table), allow_nan=False)
    pd.testing.assert_frame_equal(from_plain(json.loads(text)), table)


def test_an_empty_table_keeps_its_columns():
    assert list(from_plain({"a": [], "b": []}).columns) == ["a", "b"]
