import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from pdpsych.experiments.logs.hash_chain import KEY, seal, unseal

LOG = Path("sub-01_ses-01.jsonl")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT)
RECORDS = st.dictionaries(TEXT.filter(lambda name: name != KEY), VALUES, min_size=1)


def write(records):
    lines, digest = [], ""
    for record in records:
        line, digest = seal(record, digest)
        lines.append(line)
    return lines


def read(lines):
    links = []
    for line in lines:
        before = links[-1].digest if links else ""
        links.append(unseal(line, before, LOG, len(links) + 1))
    return links


@given(st.lists(RECORDS, max_size=5))
def test_what_is_sealed_is_read_and_fits(records):
    links = read(write(records))
    assert [link.record for link in links] == records
    assert all(link.fits for link in links)


@given(st.lists(RECORDS, min_size=2, max_size=5, unique_by=json.dumps), st.data())
def test_a_line_changed_put_elsewhere_or_left_out_is_noticed(records, data):
    lines = write(records)
    i = data.draw(st.integers(0, len(lines) - 2))
    swapped = [*lines[:i], lines[i + 1], lines[i], *lines[i + 2 :]]
    assert not all(link.fits for link in read(swapped))
    assert not all(link.fits for link in read(lines[:i] + lines[i + 1 :]))
    changed = {**records[i], "new": 1} if "new" not in records[i] else {}
    edited = json.dumps({**changed, KEY: json.loads(lines[i])[KEY]}, ensure_ascii=False)
    links = read([*lines[:i], edited, *lines[i + 1 :]])
    assert [link.fits for link in links] == [j != i for j in range(len(lines))]


@pytest.mark.parametrize("line", ['{"a": 1}', '{"sha256": 3}', "[1]", '{"sha256": "0", "a": 1}'])
def test_a_line_without_a_chain_does_not_fit(line):
    assert not unseal(line, "", LOG, 1).fits


def test_numbers_that_json_has_no_words_for_are_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        seal({"a": float("nan")}, "")


@pytest.mark.parametrize(
    "line", [r'{"a": "\ud800"}', r'{"a": [{"\uDFFF": 1}]}', '{"a": 1, "a": 2}', '{"a": NaN}', ""]
)
def test_what_is_not_strict_json_is_refused(line):
    with refused(file=LOG, line=7):
        unseal(line, "", LOG, 7)


def test_a_whole_character_in_escapes_is_read():
    assert unseal(r'{"a": "\ud83d\ude00 \u00e9"}', "", LOG, 1).record == {"a": "😀 é"}
