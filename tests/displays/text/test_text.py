"""Fonts hold every letter, lines fit, pages hold every word, and scripts run as they are read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from refusals import refused

from pdpsych.displays.text import direction, fonts
from pdpsych.displays.text.fonts import DEFAULT, check_letters, font_file
from pdpsych.displays.text.typeface import Typeface

FACE = Typeface(None, 20)
ARABIC, HEBREW, CHINESE = "أُنجزت معدّلة 120 space", "שלום 12 abc", "每次试验中"
WORDS = st.text(
    st.sampled_from([*"abcdefg .,", "\n", *"ابتث", *"אבגד", "ä", "中", "文", "，"]), max_size=300
)


def squeezed(text):
    return "".join(text.replace("\u200f", "").split())


@given(text=WORDS, width=st.integers(30, 300), height=st.integers(25, 200))
def test_pages_hold_every_letter_in_order_and_fit(text, width, height):
    pages = FACE.pages(text, width, height)
    assert squeezed("".join(pages)) == squeezed(text)
    for page in pages:
        lines = page.split("\n")
        assert len(lines) <= max(height // FACE.line, 1)
        assert max(map(FACE.width, lines)) <= width
        drawn = FACE.drawn(page, width)
        assert drawn.shape[0] == FACE.line * len(lines)
        assert drawn.shape[1] <= width + 1


def test_pages_end_between_paragraphs_where_they_can():
    text = "\n".join(["one", "two", "", "three", "four", "", "five", "six", "seven"])
    assert FACE.pages(text, 500, 6 * FACE.line) == [
        "one\ntwo\n\nthree\nfour",
        "five\nsix\nseven",
    ]
    assert FACE.pages("one\ntwo", 500, 6 * FACE.line) == ["one\ntwo"]


def test_lines_end_between_words_and_between_chinese_letters():
    width = FACE.width("a word and")
    assert FACE.lines("a word and another", width) == ["a word and", "another"]
    # Punctuation does not begin a line.
    lines = FACE.lines("中文，字中文，字", FACE.width("中文，"))
    assert len(lines) > 2
    assert not any(line.startswith("，") for line in lines)


def ink(text, size=40):
    return Typeface(None, size).drawn(text, 10_000)


def test_hebrew_and_arabic_run_from_the_right():
    # The first letter is the rightmost, a number and a Latin word are read from the left.
    for first, word in (("ש", "שא"), ("א", "אב")):
        alone, both = ink(first), ink(word)
        width = np.flatnonzero(alone.any(axis=0))
        span = alone[:, width[0] : width[-1] + 1]
        right = np.flatnonzero(both.any(axis=0))[-1] + 1
        np.testing.assert_allclose(both[:, right - span.shape[1] : right], span, atol=0.5)
    numbers = ink("א12")
    left = np.flatnonzero(numbers.any(axis=0))[0]
    twelve = ink("12")
    start = np.flatnonzero(twelve.any(axis=0))[0]
    np.testing.assert_allclose(
        numbers[:, left : left + 25], twelve[:, start : start + 25], atol=0.5
    )


def test_arabic_letters_are_joined():
    # Isolated, the letters have gaps between them; joined, one stroke.
    joined = ink("بتب").any(axis=0)
    apart = ink("ب ت ب").any(axis=0)
    inside = joined[np.argmax(joined) : len(joined) - np.argmax(joined[::-1])]
    assert inside.all()
    inside = apart[np.argmax(apart) : len(apart) - np.argmax(apart[::-1])]
    assert not inside.all()


def test_without_raqm_scripts_run_and_join_all_the_same(monkeypatch):
    pytest.importorskip("arabic_reshaper")
    with_it = ink("بتب"), ink("שלום 12")
    monkeypatch.setattr("pdpsych.displays.text.typeface.is_shaped", lambda: False)
    for one, other in zip(with_it, (ink("بتب"), ink("שלום 12")), strict=True):
        assert abs(one.shape[1] - other.shape[1]) <= 2
        width = min(one.shape[1], other.shape[1])
        assert np.corrcoef(one[:, :width].ravel(), other[:, :width].ravel())[0, 1] > 0.9
    assert direction.visual(CHINESE) == CHINESE
    assert direction.visual(HEBREW) == "abc 12 םולש"


def test_a_line_broken_off_keeps_its_paragraphs_direction():
    lines = FACE.lines("שלום שלום abc def ghi", FACE.width("שלום שלום"))
    assert len(lines) > 1
    assert all(direction.runs_right_to_left(line) for line in lines)


@pytest.mark.parametrize("text", ["plain ASCII", "Grüße, ça va? ñ", ARABIC, HEBREW, "×→ %"])
def test_the_default_font_holds_these(text):
    check_letters(font_file(DEFAULT), DEFAULT, [text])


@pytest.mark.parametrize("shaped", [True, False])
def test_missing_letters_are_named_with_fonts_that_have_them(monkeypatch, tmp_path, shaped):
    monkeypatch.setattr(fonts, "is_shaped", lambda: shaped)
    with refused(value=DEFAULT) as told:
        check_letters(font_file(DEFAULT), DEFAULT, [CHINESE + " and more"])
    assert told.value.problem == "has no " + " ".join(sorted(CHINESE))
    # STIX lacks Hebrew, which others have.
    lacking = font_file("STIXGeneral")
    with refused(value="STIXGeneral", allowed="DejaVu Sans"):
        check_letters(lacking, "STIXGeneral", [HEBREW])


def test_the_default_font_is_that_of_matplotlib_whatever_is_installed(monkeypatch):
    import matplotlib as mpl

    monkeypatch.setattr(fonts, "_installed", dict)
    own = font_file(DEFAULT)
    assert own.is_relative_to(mpl.get_data_path())
    assert ImageFont.truetype(own).getname()[0] == DEFAULT


def test_fonts_are_found_by_name_and_by_file(tmp_path):
    own = tmp_path / "own.ttf"
    own.write_bytes(font_file(DEFAULT).read_bytes())
    assert font_file("own.ttf", tmp_path) == own
    with refused(value="DejaVu Sanss", allowed="DejaVu Sans"):
        font_file("DejaVu Sanss")
    with refused(value="other.ttf"):
        font_file("other.ttf", tmp_path)


def test_letters_are_as_high_as_the_fonts_own():
    font = ImageFont.truetype(str(font_file(DEFAULT)), 30)
    picture = Image.new("L", (200, 60))
    ImageDraw.Draw(picture).text((10, 0), "Hx", fill=255, font=font)
    rows = np.flatnonzero((np.asarray(picture) > 128).any(axis=1))
    drawn = np.flatnonzero((ink("Hx", 30) > 0.5).any(axis=1))
    assert np.ptp(rows) == np.ptp(drawn)
