import csv

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pdpsych.common.delimited import write_delimited

SAME_FILE = [HealthCheck.function_scoped_fixture]


def read(path, separator):
    with open(path, newline="", encoding="utf-8") as file:
        quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
        return list(csv.reader(file, delimiter=separator, quoting=quoting))


@pytest.mark.parametrize("separator", ["\t", ","])
@settings(suppress_health_check=SAME_FILE)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5),
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
    table = pd.DataFrame({"text": texts, "number": numbers})
    path = write_delimited(table, tmp_path / "table", separator, "n/a")
    head, *rows = read(path, separator)
    assert head == ["text", "number"]
    assert [float(number) for _, number in rows] == numbers
    assert not any(text.startswith(("=", "+", "-", "@")) for text, _ in rows)
    assert [text.removeprefix("'").split() for text, _ in rows] == [
        text.removeprefix("'").split() for text in texts
    ]


def test_missing_values_and_truth(tmp_path):
    table = pd.DataFrame({"a": [1.5, None], "b": [True, False], "c": ["x", None]})
    path = write_delimited(table, tmp_path / "new" / "table.tsv", "\t", "n/a")
    assert path.read_bytes() == b"a\tb\tc\n1.5\ttrue\tx\nn/a\tfalse\tn/a\n"
