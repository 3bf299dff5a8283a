from __future__ import annotations

import copy
import copyreg
import pickle

from tblib import pickling_support

from pdpsych.common.errors import InputError

ERRORS = (
    InputError("unknown model", file="a.yaml", field="models", value="LGM", allowed=["LGN"]),
    InputError("must be above 0", file="a.yaml", line=3, field="size", value=None),
)


def test_several_are_told_where_a_library_has_its_own_way_to_copy_exceptions(monkeypatch):
    # So does dask when it is imported.
    monkeypatch.setitem(copyreg.dispatch_table, InputError, pickling_support.pickle_exception)
    whole = InputError.of(ERRORS)
    assert str(whole) == "\n".join(map(str, ERRORS))
    assert ERRORS[0].problems == ()
    outer = whole.within(field="x")
    assert [problem.field for problem in outer.problems] == ["x.models", "x.size"]
    assert ERRORS[0].field == "models"


def test_a_copy_says_the_same_and_shares_nothing():
    for error in ERRORS:
        for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert str(twin) == str(error)
            assert vars(twin) == vars(error)
            assert vars(twin) is not vars(error)
