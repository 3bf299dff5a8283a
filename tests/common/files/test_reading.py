from __future__ import annotations

import os
import socket
import threading

import pytest
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.common.files import reading
from pdpsych.common.files.reading import MissingFile, open_regular, read_bytes, read_text, text_of


def _fifo(folder):
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _socket(folder):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
    return folder / "s"


@pytest.mark.parametrize(
    "make",
    [_fifo, _socket, lambda _: "/dev/zero", lambda _: "/dev/full"],
    ids=["fifo", "socket", "zero", "full"],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_what_never_ends_or_waits_is_refused(tmp_path, make):
    with refused(problem="is not a regular file"):
        read_bytes(make(tmp_path), 100)


def test_a_pipe_behind_a_link_is_refused(tmp_path):
    (tmp_path / "manifest.json").symlink_to(_fifo(tmp_path))
    with refused(problem="is not a regular file", file=tmp_path / "manifest.json"):
        read_bytes(tmp_path / "manifest.json", 100)


def test_a_pipe_that_takes_a_file_s_place_in_between_is_refused(tmp_path, monkeypatch):
    there = tmp_path / "file"
    there.write_text("x")
    regular = os.stat(there)
    monkeypatch.setattr(reading.os, "stat", lambda *_, **__: regular)
    with refused(problem="is not a regular file"):
        open_regular(_fifo(tmp_path))


def test_a_folder_is_told_as_such(tmp_path):
    with refused(problem="is a folder", file=tmp_path, remedy="give a recipe"):
        read_bytes(tmp_path, 100, known_as="a recipe")


def test_a_missing_file_is_told_with_those_that_are_there(tmp_path):
    with pytest.raises(MissingFile) as told:
        read_bytes(tmp_path / "lob.yaml", 100, known_as="a display")
    assert told.value.remedy == "give a display"
    for name in ("lab.yaml", "other.yaml", "lab.csv"):
        (tmp_path / name).touch()
    with pytest.raises(MissingFile) as told:
        read_bytes(tmp_path / "lob.yaml", 100, known_as="a display")
    assert told.value.remedy == 'did you mean "lab.yaml"? allowed: lab.yaml, other.yaml'


def test_of_many_files_those_are_told_that_are_named_most_alike(tmp_path):
    for number in range(100):
        (tmp_path / f"other-{number}.csv").touch()
    (tmp_path / "lab.csv").touch()
    with pytest.raises(MissingFile) as told:
        read_bytes(tmp_path / "lob.csv", 100)
    assert told.value.remedy.startswith('did you mean "lab.csv"?')
    assert told.value.remedy.endswith(", …")
    assert len(told.value.remedy) < 300


@pytest.mark.parametrize("name", ["a\0b", "\ud800.yaml", "x" * 300])
def test_names_that_no_file_can_have_are_refused(tmp_path, name):
    with pytest.raises(InputError) as told:
        read_bytes(tmp_path / name, 100)
    str(told.value).encode()
    assert not isinstance(told.value, MissingFile)


def test_no_more_is_read_than_a_file_of_its_kind_has(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert len(read_bytes(path, 100)) == 100
    with pytest.raises(InputError) as told:
        read_bytes(path, 99)
    assert "larger" in told.value.problem
    with open(path, "rb+") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError):
        read_bytes(path, 1 << 30)


def test_a_file_that_grows_while_it_is_read_is_read_whole_or_refused(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    stat, grown = os.fstat, threading.Event()

    def fstat(handle):
        found = stat(handle)
        if grown.is_set():
            with open(path, "ab") as file:
                file.write(b"y" * 10)
        grown.set()
        return found

    monkeypatch.setattr(reading.os, "fstat", fstat)
    assert read_bytes(path, 100) == b"x" * 10 + b"y" * 10
    path.write_bytes(b"x" * 10)
    grown.clear()
    with pytest.raises(InputError):
        read_bytes(path, 15)


def test_what_the_disk_cannot_give_is_refused(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(5, os.strerror(5))

    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(reading, "_read", fail)
    with refused(problem=f"cannot be read: {os.strerror(5)}", file=tmp_path / "file"):
        read_bytes(tmp_path / "file", 100)


def test_text_is_utf_8_with_lines_of_one_kind(tmp_path):
    (tmp_path / "file").write_bytes("\ufeffé\r\nb\rc\n".encode())
    assert read_text(tmp_path / "file", 100) == "é\nb\nc\n"


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"a\nb\n\xff", 3), (b"a\nb\0", 2), ("a\n".encode("utf-16"), 1), (b"\n\xed\xa0\x80", 2)],
    ids=["latin", "NUL", "utf-16", "surrogate"],
)
def test_what_is_no_text_is_refused_with_its_line(data, line):
    with refused(file="log.csv", line=line):
        text_of(data, "log.csv")
