from __future__ import annotations

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy
from refusals import refused

from pdpsych.common.files.arrays import read_archive, read_array, read_sole_array

GIGABYTES = 10 * 2**30


def _claiming(shape, dtype="<f4", holding=b""):
    """Return a ``.npy`` file's content that says it has a shape."""
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + holding


def _archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_archive_reads_back(tmp_path, order):
    array = np.asarray(np.random.default_rng(0).random((3, 4)), np.float32, order=order)
    np.savez(tmp_path / "a.npz", image=array)
    found = read_archive(tmp_path / "a.npz", {"image": (3, 4)})["image"]
    np.testing.assert_array_equal(found, array)
    assert not found.flags.writeable


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (_claiming((GIGABYTES,)), {"field": "image", "value": "float32 (10737418240,)"}),
        (_claiming((2**62, 2**62)), {"field": "image", "allowed": "float32 (4, 4)"}),
        (_claiming((4, 4), "<f8", bytes(128)), {"field": "image", "value": "float64 (4, 4)"}),
        (_claiming((4, 4), "|O", b"\x80\x04."), {"field": "image", "value": "object (4, 4)"}),
        (_claiming((4, 4), holding=bytes(60)), {"field": "image"}),
        # More than it says, as a bomb holds.
        (_claiming((4, 4), holding=bytes(2**24)), {"field": "image"}),
        (b"\x80\x04N.", {}),
        (b"", {}),
    ],
)
def test_what_is_not_expected_is_refused_before_it_takes_memory(tmp_path, content, told):
    path = _archive(tmp_path / "a.npz", image=content)
    tracemalloc.start()
    try:
        with refused(file="a.npz", **told):
            read_archive(path, {"image": (4, 4)})
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_what_is_no_archive_or_lacks_the_array_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK")
    np.savez(tmp_path / "b.npz", other=np.zeros(3, np.float32))
    np.save(tmp_path / "c.npy", np.zeros(3, np.float32))
    os.mkfifo(tmp_path / "d.npz")
    for path in (*sorted(tmp_path.iterdir()), tmp_path / "none.npz"):
        with refused(file=path):
            read_archive(path, {"image": (3,)})


def test_an_array_that_says_more_than_it_has_is_refused():
    with pytest.raises(ValueError, match=f"says that it has {4 * GIGABYTES} bytes, and has 0"):
        read_array(_claiming((GIGABYTES,)))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_array(_claiming((1,), "|O", bytes(64)))
    np.testing.assert_array_equal(read_array(_claiming((2,), "<f8", bytes(16))), [0, 0])


@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_one_array_reads_back_from_either_kind_of_file(tmp_path, save):
    array = np.random.default_rng(0).random((3, 4))
    with (tmp_path / "a").open("wb") as file:
        save(file, array)
    np.testing.assert_array_equal(read_sole_array((tmp_path / "a").read_bytes()), array)


@pytest.mark.parametrize(
    "members",
    [{}, {"a": _claiming((2,), holding=bytes(8)), "b": _claiming((0,))}],
)
def test_an_archive_of_more_or_less_than_one_array_is_refused(tmp_path, members):
    with refused(value=", ".join(f"{name}.npy" for name in members)):
        read_sole_array(_archive(tmp_path / "a.npz", **members).read_bytes())


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"text", _claiming((2**40,)), _claiming((1,), "|O", b"N.")]
)
def test_what_is_no_array_is_refused(tmp_path, content):
    with refused():
        read_sole_array(content)
    with refused():
        read_sole_array(_archive(tmp_path / "a.npz", a=content).read_bytes())


def test_an_array_that_is_compressed_into_next_to_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("pdpsych.common.files.arrays.ARRAYS", 2**20)
    bomb = _archive(tmp_path / "a.npz", a=_claiming((2**20,), "|u1", bytes(2**20)))
    with refused(problem="is larger than a file of arrays may be"):
        read_sole_array(bomb.read_bytes())
