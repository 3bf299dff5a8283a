from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.common.files import atomic
from pdpsych.common.files.atomic import new_folder, replacing, unfinished, write_bytes, write_text

# Ends as a killed process does: nothing behind the last line happens.
KILLED = """
import os, signal, sys
from pathlib import Path
from pdpsych.common.files.atomic import new_folder, replacing
with replacing(sys.argv[1]) as part:
    part.write_text("half")
    with new_folder(sys.argv[2]) as folder:
        (folder / "deep").mkdir(parents=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""
# Write one place again and again; exit status 3 if that was refused.
WRITERS = """
import sys
from pathlib import Path
from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import new_folder, write_text
kind, path, mark = sys.argv[1:]
for number in range(100):
    if kind == "file":
        write_text(path, mark * 50_000)
        continue
    try:
        with new_folder(f"{path}-{number}") as part:
            for name in range(5):
                (part / str(name)).write_text(mark)
        print(number)
    except InputError:
        pass
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(path: Path, error: Exception) -> None:
    with replacing(path) as part:
        part.write_text("half")
        raise error


def test_a_file_is_there_only_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with replacing(path) as part:
        part.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(path.parent) == ["file.txt"]
    assert write_bytes(str(path), b"\r\n") == path
    assert path.read_bytes() == b"\r\n"
    assert write_text(path, "é\n") == path
    assert path.read_bytes() == "é\n".encode()


def test_what_goes_wrong_leaves_the_former_file_and_no_other(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("former")
    with pytest.raises(ZeroDivisionError):
        write_half(path, ZeroDivisionError())
    assert path.read_text() == "former"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "make room"), (errno.EROFS, "read-only"), (errno.EACCES, "permissions")],
)
def test_what_cannot_be_written_is_told_with_what_to_do(tmp_path, number, remedy):
    words = f"cannot be written: {os.strerror(number)}"
    with refused(file=tmp_path / "y.csv", problem=words, remedy=remedy):
        write_half(tmp_path / "y.csv", OSError(number, os.strerror(number)))
    assert names(tmp_path) == []


def test_a_folder_that_is_a_file_and_a_file_that_is_a_folder_are_told(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with refused(file="x.csv", remedy="a part of the path is a file"):
        write_text(tmp_path / "file" / "x.csv", "")
    with pytest.raises(InputError):
        write_text(tmp_path, "")
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_names_that_no_file_can_have_are_refused(tmp_path, name):
    for write in (lambda p: write_text(p, ""), lambda p: new_folder(p).__enter__()):
        with pytest.raises(InputError) as told:
            write(tmp_path / name)
        str(told.value).encode()
    with refused(file="file"):
        write_text(tmp_path / "file", "\ud800")
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127 + "x", "x" * 220 + ".yaml"])
def test_the_longest_names_can_be_written(tmp_path, name):
    write_text(tmp_path / name, "whole")
    with new_folder(tmp_path / "in" / name):
        pass
    assert names(tmp_path) == sorted(["in", name])
    with refused(file=name + "x" * 255):
        write_text(tmp_path / (name + "x" * 255), "")


@pytest.mark.skipif(os.name == "nt", reason="by age only on Windows")
def test_the_next_writer_takes_away_what_a_killed_one_left(tmp_path):
    file, folder = tmp_path / "file.txt", tmp_path / "folder"
    done = subprocess.run([sys.executable, "-c", KILLED, file, folder])
    assert done.returncode == -9
    assert len(names(tmp_path)) == 2
    assert all(name.endswith(".part") for name in names(tmp_path))
    write_text(tmp_path / "other", "")
    assert len(names(tmp_path)) == 3
    write_text(file, "again")
    with new_folder(folder) as part:
        (part / "x").write_text("again")
    assert names(tmp_path) == ["file.txt", "folder", "other"]
    assert file.read_text() == "again"


def test_what_another_computer_left_goes_after_a_day(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "_host", lambda: "0" * 6)
    with unfinished(tmp_path / "file") as part:
        part.write_text("half")
        monkeypatch.undo()
        write_text(tmp_path / "file", "")
        assert part.exists()
        day = time.time() - 90_000
        os.utime(part, (day, day))
        write_text(tmp_path / "file", "")
        assert not part.exists()


def test_writers_of_one_process_do_not_meet(tmp_path):
    with unfinished(tmp_path / "file") as one, unfinished(tmp_path / "file") as two:
        assert one != two
        one.write_text("one")
        write_text(tmp_path / "file", "three")
        assert one.read_text() == "one"


def _at_once(kind, path):
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITERS, kind, path, mark], stdout=subprocess.PIPE, text=True
        )
        for mark in "ab"
    ]


def test_two_processes_at_once_publish_whole_files(tmp_path):
    path, seen = tmp_path / "file", set()
    running = _at_once("file", path)
    while any(process.poll() is None for process in running):
        if path.exists():
            seen.add(path.read_text())
    assert {process.wait() for process in running} == {0}
    assert {process.communicate()[0] for process in running} == {""}
    assert seen <= {mark * 50_000 for mark in "ab"}
    assert names(tmp_path) == ["file"]


def test_of_two_processes_that_make_a_folder_one_does(tmp_path):
    out = [process.communicate()[0] for process in _at_once("folder", tmp_path / "folder")]
    won = [set(map(int, text.split())) for text in out]
    assert won[0] | won[1] == set(range(100))
    assert not won[0] & won[1]
    assert names(tmp_path) == sorted(f"folder-{number}" for number in range(100))
    for number in range(100):
        marks = {path.read_text() for path in (tmp_path / f"folder-{number}").iterdir()}
        assert marks == {"a" if number in won[0] else "b"}


def test_a_folder_is_there_only_when_it_is_whole(tmp_path):
    with new_folder(tmp_path / "deep" / "folder") as part:
        (part / "in").mkdir()
        (part / "in" / "file").write_text("x")
        assert not (tmp_path / "deep" / "folder").exists()
    assert names(tmp_path / "deep") == ["folder"]
    assert (tmp_path / "deep" / "folder" / "in" / "file").read_text() == "x"


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda p: p.symlink_to("nowhere")])
def test_what_is_there_is_no_new_folder(tmp_path, make):
    make(tmp_path / "folder")
    with refused(file="folder", problem="is there already"), new_folder(tmp_path / "folder"):
        pytest.fail("begun")
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("empty", [True, False])
def test_who_comes_second_is_refused_and_leaves_nothing(tmp_path, empty):
    path, both = tmp_path / "folder", threading.Barrier(2, timeout=30)
    ended = []

    def make(mark):
        try:
            with new_folder(path) as part:
                if not empty:
                    (part / mark).touch()
                both.wait()
            ended.append(mark)
        except InputError as error:
            ended.append(error.problem)

    threads = [threading.Thread(target=make, args=(mark,)) for mark in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (won,) = set(ended) - {"is there already"}
    assert len(ended) == 2
    assert names(path) == ([] if empty else [won])
    assert names(tmp_path) == ["folder"]


def test_what_goes_wrong_in_a_folder_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "folder") as part:
        (part / "file").write_text(str(1 / 0))
    assert names(tmp_path) == []
