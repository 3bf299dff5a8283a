"""Edits of results are noticed, and nothing else is taken for one."""

import json

import pytest
from refusals import refused

from pdpsych.analysis.written import EDITED, FILE, check_written, edited, record_written

TEXTS = {
    "fit.json": '{"a": [1.5, 2], "b": {"c": "x"}}\n',
    "thresholds.csv": "participant,threshold\n01,0.25\n02,0.5\n",
    "report.html": "<p>0.31 nats</p>\n<p>of 12 trials</p>\n",
    "methods.md": "With 12 trials.\n",
}


@pytest.fixture
def results(tmp_path):
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text)
    record_written(tmp_path, [tmp_path / name for name in TEXTS])
    return tmp_path


def test_every_digit_counts(results):
    for name, text in TEXTS.items():
        for place, character in enumerate(text):
            if character.isdigit():
                other = str((int(character) + 1) % 10)
                (results / name).write_text(text[:place] + other + text[place + 1 :])
                assert list(edited(results)) == [name]
                with refused(problem=EDITED, file=results / name):
                    check_written(results / name)
        (results / name).write_text(text)
    assert not edited(results)


def test_line_ends_and_the_order_of_keys_do_not(results):
    for name, text in TEXTS.items():
        (results / name).write_bytes(text.replace("\n", "\r\n").encode())
    (results / "fit.json").write_text(json.dumps({"b": {"c": "x"}, "a": [1.5, 2.0]}, indent=3))
    assert not edited(results)


def test_what_is_gone_or_no_longer_to_be_read_is_told(results):
    (results / "thresholds.csv").unlink()
    (results / "fit.json").write_text("{")
    found = edited(results)
    assert found.keys() == {"fit.json", "thresholds.csv"}
    assert found["thresholds.csv"] == "gone"


def test_results_without_a_record_are_taken_as_they_are(results):
    (results / FILE).unlink()
    (results / "fit.json").write_text("{}")
    assert not edited(results)
    check_written(results / "fit.json")


def test_a_changed_record_is_noticed_and_the_next_result_mends_it(results):
    record = results / FILE
    digit = record.read_text().rindex("1")
    text = record.read_text()
    record.write_text(text[:digit] + "0" + text[digit + 1 :])
    assert edited(results)
    record.write_text("{")
    with refused(file=record):
        edited(results)
    (results / "fit.json").write_text('{"a": 3}')
    record_written(results, [results / "fit.json"])
    assert not edited(results)
