import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from pdpsych.experiments.tasks.instructions import FIELDS, Instructions
from pdpsych.experiments.tasks.languages.languages import LANGUAGES
from pdpsych.experiments.tasks.registry import TASKS
from pdpsych.experiments.tasks.two_interval import TwoInterval


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_every_text_is_there_in_english_and_can_be_filled_in(task, reference):
    texts = Instructions().complete(TASKS[task], reference).model_dump()
    assert texts.keys() == FIELDS.keys()
    for name, fields in FIELDS.items():
        filled = texts[name].format(**{field: f"<{field}>" for field in fields})
        assert "{" not in filled
        assert len(filled) >= 5
    for position in TASKS[task].positions:
        assert f": the {position}" in texts["welcome"]
    assert ("a picture, and then" in texts["welcome"]) == reference


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_every_language_says_all_that_english_says(language, task, reference):
    english = Instructions().complete(TASKS[task], reference)
    texts = Instructions(language=language).complete(TASKS[task], reference)
    for name, fields in FIELDS.items():
        filled = getattr(texts, name).format(**{field: f"<{field}>" for field in fields})
        wanted = getattr(english, name).format(**{field: f"<{field}>" for field in fields})
        assert sorted(re.findall("<.*?>", filled)) == sorted(re.findall("<.*?>", wanted))
        assert (filled == wanted) == (language == "en")
        assert filled.count("\n") == wanted.count("\n")


def test_a_language_without_words_for_a_task_is_refused_unless_there_are_own_ones():
    class Alternating(TwoInterval):
        """A task that only says in English what it is."""

    with refused(field="instructions.language", value="de", remedy="instructions.welcome"):
        Instructions(language="de").complete(Alternating(), False)
    own = Instructions(language="de", welcome="Los!").complete(Alternating(), False)
    assert (own.welcome, own.right) == ("Los!", "Richtig")
    assert Instructions().complete(Alternating(), False).welcome.startswith("Each trial")


def test_how_texts_are_written_is_recorded_where_it_is_not_as_ever():
    assert Instructions().model_dump().keys() == FIELDS.keys()
    written = Instructions(font="DejaVu Serif", letter_deg=1.0).complete(TASKS["spatial"], False)
    assert written.model_dump()["font"] == "DejaVu Serif"
    assert written.letter_deg == 1.0


def test_own_texts_stand_in_for_the_english_ones():
    texts = Instructions(question="{first} oder {second}?").complete(TASKS["spatial"], False)
    assert texts.question == "{first} oder {second}?"
    assert texts.end.startswith("That was the last trial")


@given(text=st.text(max_size=30))
def test_a_text_that_is_taken_can_be_filled_in(text):
    try:
        taken = Instructions(rest=text)
    except ValueError:
        return
    taken.rest.format(**dict.fromkeys(FIELDS["rest"], "x"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rest", "{don} of {total}", r'rest: {don} cannot .*did you mean "done"\?'),
        ("right", "{done}", "right: {done} cannot be filled in, got .*; allowed: no braces"),
        ("question", "{first} or {", r"question: .*write {{ and }}"),
        ("question", "{} or {second}", r"question: {} cannot be filled in"),
        ("question", "{first.__class__}", r"question: {first.__class__} cannot be"),
        ("question", "{first:>9}", "question: {first} takes neither a format"),
        ("question", "{first!r}", "question: {first} takes neither a format"),
        ("pause", "{done:{total}}", "pause: {done} takes neither a format"),
    ],
)
def test_texts_that_cannot_be_filled_in_are_refused(name, text, message):
    with pytest.raises(ValueError, match=message):
        Instructions(**{name: text})


def test_braces_themselves_are_doubled():
    assert Instructions(right="{{:-)}}").right.format() == "{:-)}"
