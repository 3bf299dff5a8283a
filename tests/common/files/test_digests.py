from __future__ import annotations

import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from pdpsych.common.files.digests import digest, file_sha1, file_sha256, seed_of
from pdpsych.common.files.parsing import parse_json, parse_yaml

NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(PLAIN)
def test_data_have_one_digest_however_they_are_written(data):
    for options in ({"indent": 1}, {"sort_keys": True}, {"ensure_ascii": False}):
        assert digest(json.loads(json.dumps(data, **options))) == digest(data)
    assert digest([data]) == digest((data,))


def test_ends_of_lines_order_and_spelling_make_no_difference():
    first = parse_json('{"a": 1, "b": [1.0, 1e-3, 0]}', "x")
    second = parse_json('\r\n{"b": [1, 0.001, -0.0],\r\n"a": 1e0}\r\n', "x")
    third = parse_yaml("b:\n- 1\n- 1e-3\n- 0.0\na: 1.0", "x")
    assert digest(first) == digest(second) == digest(third)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True), (0, None), ("1", 1), ([], {}), ([1, [2]], [[1], 2]), (0.1, 0.1 + 2**-56),
        ({"a": 1}, {"b": 1}), (2**53, 2**53 + 1), ([1, 2], [2, 1]), ("é", "e\u0301"),
    ],
)  # fmt: skip
def test_different_data_have_different_digests(one, other):
    assert digest(one) != digest(other)


def test_what_is_no_plain_data_has_none():
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest([float("nan")])
    for data in ({1: 2}, {1, 2}, b"x"):
        with pytest.raises(TypeError):
            digest(data)


def test_a_file_is_known_by_its_bytes(tmp_path):
    data = os.urandom(3 << 20)
    (tmp_path / "file").write_bytes(data)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(data).hexdigest()
    assert file_sha1(tmp_path / "file") == hashlib.sha1(data).hexdigest()
    with refused(problem="is a folder"):
        file_sha256(tmp_path)


def test_seeds_are_those_of_every_version():
    assert seed_of(3, "01", "x", 7) == 7557408045857801
    assert seed_of("é") == 7633925594018856
