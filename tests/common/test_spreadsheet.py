from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pdpsych.common.spreadsheet import harmless, to_csv

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n-1", "\0=1", "  =1", "\u00a0@x"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_marked_as_text(text):
    assert harmless(text).startswith("'")


@given(st.text())
def test_any_text_is_one_line_that_no_spreadsheet_computes(text):
    cell = harmless(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert not set("\0\t\r\n") & set(cell)
    assert harmless(cell) == cell


def test_names_stay_as_they_are():
    for text in ("LGN", "resnet50/layer3", "a-b", "1 = 1", "", "'"):
        assert harmless(text) == text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_a_table_keeps_its_numbers_and_marks_text_and_header(texts):
    numbers = -np.arange(len(texts)) / 3
    table = pd.DataFrame({"=name": texts, "number": numbers, "true": True})
    head, *rows = list(csv.reader(io.StringIO(to_csv(table), newline="")))
    assert head == ["'=name", "number", "true"]
    assert [row[0] for row in rows] == [harmless(text) for text in texts]
    assert [float(row[1]) for row in rows] == pytest.approx(numbers)


def test_missing_text_is_empty():
    assert to_csv(pd.DataFrame({"a": ["x", None], "b": [1.0, None]})) == "a,b\nx,1.0\n,\n"
