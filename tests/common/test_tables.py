import numpy as np
import pandas as pd
import pytest

from pdpsych.common import tables


@pytest.mark.parametrize("missing", [[1.5, np.nan], [np.nan, np.nan]], ids=["some", "all"])
def test_a_table_comes_back_from_json(tmp_path, missing):
    table = pd.DataFrame({"name": ["a", "b"], "count": [1, 2], "seen": [True, False]})
    table["width"] = missing
    text = tables.to_json({"table": tables.to_plain(table)})
    assert "NaN" not in text
    path = tables.write_text(tmp_path / "table.json", text)
    back = tables.from_plain(pd.read_json(path, typ="series", dtype=False)["table"])
    pd.testing.assert_frame_equal(back, table)


def test_an_empty_table_keeps_its_columns():
    assert list(tables.from_plain({"a": [], "b": []}).columns) == ["a", "b"]
