from __future__ import annotations

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdpsych.common import terminal
from pdpsych.common.terminal import escaped, progress_bar, say


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


def test_descriptions_of_bars_are_escaped(capsys):
    with progress_bar(2, "image", shown=True, description="a\x1b") as bar:
        bar.set_description("b\x1b")
        bar.update()
    err = capsys.readouterr().err
    assert "\x1b[31m" not in err
    assert "b\\x1b" in err
    with progress_bar(2, "image", shown=False) as bar:
        bar.update()
    assert capsys.readouterr() == ("", "")
