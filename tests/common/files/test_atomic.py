from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import replacing, unfinished

# Ends as a killed process does: nothing behind the last line happens.
KILLED = """
import os, signal, sys
from pathlib import Path
from pdpsych.common.files.atomic import replacing, unfinished
with replacing(Path(sys.argv[1])) as part:
    part.write_text("half")
    with unfinished(Path(sys.argv[2])) as folder:
        (folder / "deep").mkdir(parents=True)
        os.kill(os.getpid(), signal.SIGKILL)
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


def test_what_goes_wrong_leaves_the_former_file_and_no_other(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("former")
    with pytest.raises(ZeroDivisionError):
        write_half(path, ZeroDivisionError())
    assert path.read_text() == "former"
    assert names(tmp_path) == ["file.txt"]


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=r"file/x\.csv: cannot be written: "):
        write_half(tmp_path / "file" / "x.csv", AssertionError())
    with pytest.raises(InputError, match=r"y\.csv: cannot be written: No space"):
        write_half(tmp_path / "y.csv", OSError(28, os.strerror(28)))
    assert names(tmp_path) == ["file"]


def test_the_next_process_takes_away_what_a_killed_one_left(tmp_path):
    file, folder = tmp_path / "file.txt", tmp_path / "folder"
    done = subprocess.run([sys.executable, "-c", KILLED, file, folder])
    assert done.returncode == -9
    assert names(tmp_path) == [".file.txt.part", ".folder.part"]
    with replacing(file) as part:
        assert not part.exists()
        part.write_text("again")
    with unfinished(folder) as part:
        assert not part.exists()
    assert names(tmp_path) == ["file.txt"]
    assert file.read_text() == "again"
