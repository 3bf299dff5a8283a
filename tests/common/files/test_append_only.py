from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import closing

import pytest
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.common.files import append_only, locks
from pdpsych.common.files.append_only import AppendOnlyFile, torn_path
from pdpsych.common.files.locks import Busy

HOLDER = """
import sys
from pdpsych.common.files.append_only import AppendOnlyFile
file = AppendOnlyFile(sys.argv[1], doing="an example runs")
print("open", flush=True)
sys.stdin.readline()
"""
WRITER = """
import sys
from pdpsych.common.files.append_only import AppendOnlyFile
for number in range(100):
    file = AppendOnlyFile(sys.argv[1], doing="an example runs", wait=60)
    file.append(f"{sys.argv[2]} {number}")
    file.close()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "log.txt"


@pytest.fixture
def file(path):
    file = AppendOnlyFile(path, doing="a test runs")
    file.append("one")
    yield file
    os.close(file._handle)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_line_is_on_disk_when_append_returns(path):
    with closing(AppendOnlyFile(path, doing="a test runs")) as file:
        assert (file.size, file.contents) == (0, b"")
        file.append("é")
        assert path.read_bytes() == file.contents == "é\n".encode()
        file.append("two\nthree")
        assert file.size == path.stat().st_size
        assert file.events == []
    with closing(AppendOnlyFile(path, doing="a test runs")) as file:
        assert file.contents == "é\ntwo\nthree\n".encode()


def test_an_empty_file_goes_away(path):
    AppendOnlyFile(path, doing="a test runs").close()
    assert names(path.parent) == []


def test_a_finished_file_is_read_only(path, monkeypatch):
    with closing(AppendOnlyFile(path, doing="a test runs")) as file:
        file.append("one")
        file.finish()
    assert not path.stat().st_mode & 0o222
    monkeypatch.setattr(append_only.os, "access", lambda *_: False)
    with closing(AppendOnlyFile(path, doing="a test runs")) as file:
        assert not file.writable
        assert file.contents == b"one\n"


def test_what_was_cut_off_is_kept_beside(path, file):
    for number in range(2):
        with open(path, "ab") as other:
            other.write(b"half %d" % number)
        file.set_aside(4)
    assert path.read_bytes() == b"one\n"
    assert torn_path(path).read_bytes() == b"half 0\nhalf 1\n"
    file.set_aside(4)
    file.append("two")
    assert path.read_bytes() == b"one\ntwo\n"


def _fifo(path):
    os.mkfifo(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("make", [_fifo, lambda p: p.symlink_to("/dev/full"), lambda p: p.mkdir()])
def test_what_is_no_regular_file_is_refused(path, make):
    path.parent.mkdir()
    make(path)
    with refused(file=path):
        AppendOnlyFile(path, doing="a test runs")
    assert names(path.parent) == ["log.txt"]


def test_a_place_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for name in ("file/log", "a\0b", "\ud800"):
        with pytest.raises(InputError) as told:
            AppendOnlyFile(tmp_path / name, doing="a test runs")
        str(told.value).encode()
    assert names(tmp_path) == ["file"]


# Locks.


def test_another_process_is_told(path):
    command, pipe = [sys.executable, "-c", HOLDER, path], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(Busy) as told:
            AppendOnlyFile(path, doing="a test runs")
        assert told.value.problem == "another process is at work: a test runs"
        assert names(path.parent) == ["log.txt"]
        process.kill()
    AppendOnlyFile(path, doing="a test runs").close()


def test_two_processes_that_wait_lose_no_line(path):
    command = [sys.executable, "-c", WRITER, path]
    running = [subprocess.Popen([*command, name]) for name in "ab"]
    assert [process.wait() for process in running] == [0, 0]
    lines = path.read_text().splitlines()
    assert sorted(lines) == sorted(f"{name} {number}" for name in "ab" for number in range(100))


@pytest.mark.skipif(os.name == "nt", reason="flock is none of Windows")
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOLCK, "no locks"),
        (errno.EOPNOTSUPP, "no locks"),
        (errno.EROFS, "cannot be written"),
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_a_lock_that_fails_leaves_no_empty_file(path, monkeypatch, number, words, there):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    if there:
        path.parent.mkdir()
        path.touch()
    monkeypatch.setattr(locks.fcntl, "flock", fail)
    with pytest.raises(InputError) as told:
        AppendOnlyFile(path, doing="a test runs")
    assert words in told.value.problem
    assert names(path.parent) == (["log.txt"] if there else [])


# A full disk.


@pytest.mark.parametrize("written", [0, 2])
def test_a_full_disk_costs_the_line_at_hand_only(path, file, monkeypatch, written):
    write = os.write

    def fail(handle, data):
        if len(data) <= 4 - written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, data[:written])

    monkeypatch.setattr(append_only.os, "write", fail)
    with refused(file=path, remedy="make room") as told:
        file.append("two", "trial 2")
    assert told.value.problem.startswith(f"trial 2 could not be saved ({os.strerror(28)})")
    monkeypatch.undo()
    assert path.read_bytes() == b"one\n"
    file.append("two")
    assert path.read_bytes() == b"one\ntwo\n"


# A file that is moved, deleted or replaced while it is open.


def _move(path):
    path.rename(path.with_name("moved"))


def _delete(path):
    path.unlink()


def _move_folder(path):
    path.parent.rename(path.parent.with_name("elsewhere"))


def _delete_folder(path):
    shutil.rmtree(path.parent)


GONE = [_move, _delete, _move_folder, _delete_folder]


@pytest.mark.parametrize("go", GONE)
def test_a_file_that_is_gone_is_saved_anew_with_every_line(path, file, go):
    file.append("two")
    go(path)
    file.append("three")
    assert path.read_bytes() == file.contents == b"one\ntwo\nthree\n"
    file.append("four")
    assert path.read_bytes() == b"one\ntwo\nthree\nfour\n"
    assert len(file.events) == 1
    assert ("deleted" if "delete" in go.__name__ else "moved") in file.events[0]
    with pytest.raises(Busy):
        AppendOnlyFile(path, doing="a test runs")


@pytest.mark.parametrize("go", GONE)
@pytest.mark.parametrize("end", ["close", "finish"])
def test_a_file_that_is_gone_at_the_end_is_saved_anew(path, go, end):
    file = AppendOnlyFile(path, doing="a test runs")
    file.append("one")
    go(path)
    if end == "finish":
        file.finish()
        assert not path.stat().st_mode & 0o222
    file.close()
    assert path.read_bytes() == b"one\n"


@pytest.mark.parametrize("taken", [False, True])
def test_lines_whose_file_s_name_another_took_are_saved_beside_it(path, file, taken):
    saved = path.with_name("log.txt.saved1" if taken else "log.txt.saved")
    if taken:
        path.with_name("log.txt.saved").write_text("former")
    path.with_name("other").write_text("another")
    path.with_name("other").replace(path)
    with refused(file=path, remedy="compare the two") as told:
        file.append("two")
    assert path.read_text() == "another"
    assert file.path == saved
    assert str(saved) in told.value.problem
    assert len(file.events) == 1
    file.append("three")
    assert saved.read_bytes() == b"one\ntwo\nthree\n"


def test_a_copy_in_the_file_s_place_is_another_file(path, file):
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)
    with refused(file=path):
        file.append("two")
    assert path.read_bytes() == b"one\n"
    assert path.with_name("log.txt.saved").read_bytes() == b"one\ntwo\n"


def test_where_the_folder_cannot_be_made_again_lines_go_to_the_temporary_folder(
    path, file, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    shutil.rmtree(path.parent)
    path.parent.write_text("a file")
    with refused(file=path, remedy="move it back") as told:
        file.append("two")
    saved = tmp_path / "tmp" / "log.txt.saved"
    assert saved.read_bytes() == b"one\ntwo\n"
    assert str(saved) in told.value.problem


@pytest.mark.skipif(not hasattr(os, "link"), reason="needs links to be without them")
def test_file_systems_without_links_lose_nothing(path, file, monkeypatch):
    def fail(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(append_only.os, "link", fail)
    path.unlink()
    file.append("two")
    assert path.read_bytes() == b"one\ntwo\n"
    path.unlink()
    path.write_text("another")
    with refused(file=path):
        file.append("three")
    assert path.read_text() == "another"
    assert path.with_name("log.txt.saved").read_bytes() == b"one\ntwo\nthree\n"
    assert all(stat.S_ISREG(p.stat().st_mode) for p in path.parent.iterdir())
    assert names(path.parent) == ["log.txt", "log.txt.saved"]
