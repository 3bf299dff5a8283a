from __future__ import annotations

import io
import shlex
import subprocess
import sys
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdpsych.common import terminal
from pdpsych.common.errors import InputError
from pdpsych.common.terminal import escaped, progress_bar, quoted, say, speaking


@given(st.text())
def test_no_text_moves_the_cursor_or_turns_what_follows(text):
    shown = escaped(text)
    shown.encode()
    assert all(c in "\t\n" or (c >= " " and not "\x7f" <= c <= "\x9f") for c in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert escaped(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\r\n", "\\x1b[31mred\\x0d\n"),
        ("a\0b\x9b1m", "a\\x00b\\x9b1m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("é\tא µ 図 😀", "é\tא µ 図 😀"),
    ],
)
def test_what_a_terminal_obeys_is_written_out(text, shown):
    assert escaped(text) == shown


def test_text_goes_where_it_belongs(capsys):
    say("one\x1b")
    say("two", error=True)
    assert capsys.readouterr() == ("one\\x1b\n", "two\n")


def test_an_encoding_that_lacks_a_character_is_survived(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    say("α = 1")
    assert raw.getvalue() == b"\\u03b1 = 1\n"


def test_nobody_who_listens_is_survived(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    say("one")
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    say("two")
    code = (
        "from pdpsych.common.terminal import say\n"
        "for _ in range(100000): say('x' * 100)\n"
        "say('done', error=True)"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b"done\n"
        assert process.wait() == 0


def test_a_disk_that_is_full_is_told(monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OSError, match="No space"):
            say("one")
        monkeypatch.undo()
        terminal._silence(full)


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_descriptions_of_bars_are_escaped(monkeypatch):
    monkeypatch.setattr(sys, "stderr", _Screen())
    with progress_bar(2, "image", shown=True, description="a\x1b") as bar:
        bar.set_description("b\x1b")
        bar.update()
    assert "b\\x1b: " in sys.stderr.getvalue()
    assert "b\x1b" not in sys.stderr.getvalue()


def test_without_a_terminal_a_line_comes_now_and_then(monkeypatch, capsys):
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: float(next(clock)))
    with progress_bar(9, "image", shown=True, initial=1) as bar:
        bar.set_description("cat\x1b")
        for _ in range(4):
            bar.update()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "image 3 of 9, cat\\x1b, 0:01:00 so far, about 0:03:00 left"
    assert len(lines) == 2
    assert not any("\r" in line for line in lines)


def test_the_last_line_is_not_said_twice(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_SECONDS_BETWEEN_LINES", 0.0)
    with progress_bar(2, "image", shown=True) as bar:
        bar.update()
        bar.update()
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["image 1 of 2", "image 2 of 2"]


@pytest.mark.parametrize(("shown", "progress"), [(False, True), (True, False)])
def test_progress_that_nobody_wants_is_not_shown(monkeypatch, capsys, shown, progress):
    monkeypatch.setattr(terminal, "_SECONDS_BETWEEN_LINES", 0.0)
    with speaking(progress=progress), progress_bar(2, "image", shown=shown) as bar:
        bar.update()
    assert capsys.readouterr() == ("", "")


def test_what_is_said_is_in_the_log_also_when_quiet(tmp_path, capsys):
    log = tmp_path / "log.txt"
    for _ in range(2):
        with speaking(text=False, log=log):
            say("one\n\ntwo\x1b")
            say("wrong", error=True)
    say("three")
    assert capsys.readouterr() == ("three\n", "wrong\nwrong\n")
    lines = log.read_text(encoding="utf-8").splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["one", "two\\x1b", "wrong"] * 2
    assert all(datetime.fromisoformat(line.partition(" ")[0]).tzinfo for line in lines)


def test_a_log_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(InputError) as told, speaking(log=tmp_path):
        pass
    assert (told.value.file, told.value.field) == (str(tmp_path), "log")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_quoted_path_is_one_word_of_a_shell(path):
    assert shlex.split(f"pdpsych check {quoted(path)}") == ["pdpsych", "check", path]


def test_windows_has_its_own_quotes(monkeypatch):
    monkeypatch.setattr(terminal.os, "name", "nt")
    assert quoted(r"C:\my study\a.yaml") == r'"C:\my study\a.yaml"'
    assert quoted(r"C:\study") == r"C:\study"
