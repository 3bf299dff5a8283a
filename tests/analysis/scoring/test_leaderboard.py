import csv
import io
import json
import multiprocessing
from dataclasses import replace

import pandas as pd
import pytest
from refusals import refused

from pdpsych.analysis import add_to_leaderboard, digests, read_leaderboard, score
from pdpsych.analysis.scoring import leaderboard


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=20)


@pytest.fixture(scope="module")
def scores(study):
    return score(study)


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_an_entry_has_a_row_for_each_kind_and_model(study, scores, tmp_path):
    path = add_to_leaderboard(study, scores, tmp_path / "new")
    found = rows(path)
    assert list(found[0]) == list(leaderboard.COLUMNS)
    assert len(found) == len(scores.ranking) == 6
    assert {row["took_part"] for row in found} == {"True"}
    assert {row["stimulus_set_sha256"] for row in found} == {scores.source["set"]["sha256"]}
    assert {len(row["trials_sha256"]) for row in found} == {64}
    assert [float(row["score"]) for row in found] == scores.ranking["score"].tolist()
    assert list(json.loads(path.with_suffix(".json").read_text())) == list(leaderboard.COLUMNS)


def test_the_same_scores_are_there_once_and_others_beside_them(study, scores, tmp_path):
    path = add_to_leaderboard(study, scores, tmp_path)
    before = path.read_bytes()
    add_to_leaderboard(study, scores, tmp_path)
    assert path.read_bytes() == before
    other = replace(scores, ranking=scores.ranking.assign(score=scores.ranking["score"] + 1))
    add_to_leaderboard(study, other, tmp_path)
    assert path.read_bytes().startswith(before)
    assert len(rows(path)) == 12
    assert len({row["entry"] for row in rows(path)}) == 2


@pytest.mark.parametrize("cut", [1, 30, 400])
def test_what_an_interrupted_call_left_out_is_written_by_the_next(study, scores, tmp_path, cut):
    path = add_to_leaderboard(study, scores, tmp_path)
    # When a row was added is in its hash.
    later = {"added": "", "row_sha256": ""}
    whole = [row | later for row in rows(path)]
    path.write_bytes(path.read_bytes()[:-cut])
    add_to_leaderboard(study, scores, tmp_path)
    assert [row | later for row in rows(path)] == whole


def _append(study, scores, folder, number):
    moved = replace(scores, ranking=scores.ranking.assign(score=scores.ranking["score"] + number))
    for _ in range(3):
        add_to_leaderboard(study, moved, folder)


def test_several_processes_at_once_lose_and_mix_nothing(study, scores, tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_append, args=(study, scores, tmp_path, number))
        for number in range(6)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found = rows(tmp_path / leaderboard.FILE)
    assert len(found) == 36
    assert {row["rank"] for row in found} == {"1", "2", "3"}
    assert len({row["entry"] for row in found}) == 6


@pytest.mark.parametrize("name", ["=1+1", "@sum(a)", "+1", "-1", " =1", "\t=1", "\r\n=1"])
def test_no_name_becomes_a_formula(study, scores, tmp_path, name):
    named = scores.ranking.replace({"model": {"LGN": name}})
    models = scores.source["models"] | {name: scores.source["models"]["LGN"]}
    moved = replace(scores, ranking=named, source=scores.source | {"models": models})
    path = add_to_leaderboard(study, moved, tmp_path)
    for row in rows(path):
        assert not row["model"].lstrip().startswith(("=", "+", "-", "@"))
    assert sum(row["model"].startswith("'") for row in rows(path)) == 2
    add_to_leaderboard(study, moved, tmp_path)
    assert len(rows(path)) == 6


def test_other_files_of_that_name_are_left_alone(study, scores, tmp_path):
    path = tmp_path / leaderboard.FILE
    for text in ("a,b\n1,2\n", "\xff\n"):
        path.write_text(text, encoding="latin-1")
        with refused(file=path, remedy="choose another folder"):
            add_to_leaderboard(study, scores, tmp_path)
        assert path.read_text(encoding="latin-1") == text


def test_a_text_without_a_line_end_is_no_leaderboard_to_cut(study, scores, tmp_path):
    path = tmp_path / leaderboard.FILE
    path.write_text("notes of mine")
    with refused(file=path, value="notes of mine", remedy="choose another folder"):
        add_to_leaderboard(study, scores, tmp_path)
    assert path.read_text() == "notes of mine"


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [*lines[:2], lines[2].replace(b"LG", b"LX"), *lines[3:]],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [*lines, b"\n"],
        lambda lines: [*lines, lines[1]],
        lambda lines: [*lines[:3], lines[3].replace(b",", b";", 1), *lines[4:]],
        lambda lines: [*lines[:3], b"\xff\x00" + lines[3], *lines[4:]],
    ],
    ids=["cell", "removed", "swapped", "empty", "repeated", "split", "bytes"],
)
def test_a_leaderboard_that_was_changed_is_refused_and_left_alone(study, scores, tmp_path, change):
    path = add_to_leaderboard(study, scores, tmp_path)
    changed = b"".join(change(path.read_bytes().splitlines(keepends=True)))
    path.write_bytes(changed)
    for refuse in (
        lambda: read_leaderboard(tmp_path),
        lambda: add_to_leaderboard(study, scores, tmp_path),
    ):
        with refused(file=path, remedy="choose another folder") as told:
            refuse()
        assert told.value.line or told.value.value.startswith("entry,")
    assert path.read_bytes() == changed


def test_other_line_ends_change_nothing(study, scores, tmp_path):
    path = add_to_leaderboard(study, scores, tmp_path)
    before = read_leaderboard(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    pd.testing.assert_frame_equal(read_leaderboard(tmp_path), before)
    add_to_leaderboard(study, scores, tmp_path)
    assert len(read_leaderboard(tmp_path)) == len(before)
    moved = replace(scores, ranking=scores.ranking.assign(score=scores.ranking["score"] + 1))
    add_to_leaderboard(study, moved, tmp_path)
    assert len(read_leaderboard(tmp_path)) == 2 * len(before)


def test_a_leaderboard_can_be_read_before_there_is_anything_to_add(study, scores, tmp_path):
    none = read_leaderboard(tmp_path / "none")
    assert list(none) == list(leaderboard.COLUMNS)
    assert none.empty
    assert not (tmp_path / "none").exists()
    path = add_to_leaderboard(study, scores, tmp_path)
    with refused(file=path, remedy="give the folder"):
        read_leaderboard(path)


def test_it_reads_back_with_its_types(study, scores, tmp_path):
    add_to_leaderboard(study, scores, tmp_path)
    table = read_leaderboard(tmp_path)
    for column in ("kind", "model", "rank", "took_part", "score", "images"):
        assert table[column].tolist() == scores.ranking[column].tolist()
    assert (table["entry"].str.len() == 16).all()
    assert not table["simulated"].any()
    assert (table["level"] == 0.95).all()


def test_digests_are_those_of_version_0_1_0():
    # An entry that was added then is known as the same now.
    assert digests.json_sha256({"b": [1.5, None], "a": "é"}).startswith("be94d3921aebe4cd")
    table = pd.DataFrame({"participant": ["01"], "amplitude": [0.25], "correct": [True]})
    assert digests.table_sha256(table).startswith("9c1e3a1ea1667cbb")


def test_a_leaderboard_of_0_1_0_is_read_and_grows_no_further(study, scores, tmp_path, monkeypatch):
    first = leaderboard._FIRST
    old_scores = replace(scores, ranking=scores.ranking.assign(probability_closest=0.5))
    with monkeypatch.context() as old:
        old.setattr(leaderboard, "COLUMNS", dict.fromkeys(first, leaderboard.COLUMNS["kind"]))
        old.setattr(leaderboard, "_FIRST", [])
        path = add_to_leaderboard(study, old_scores, tmp_path)
    before = path.read_bytes()
    assert before.splitlines()[0] == ",".join(first).encode()
    with refused(file=path, remedy="choose another folder"):
        add_to_leaderboard(study, replace(scores, level=0.9), tmp_path)
    assert path.read_bytes() == before
    found = read_leaderboard(tmp_path)
    assert found["score"].tolist() == scores.ranking["score"].tolist()
    assert found["log_probability"].isna().all()
    assert found["raw_score"].isna().all()


def test_what_models_predict_is_there(study, scores, tmp_path):
    rows = scores.ranking[["kind", "model", "rank"]]
    predicted = rows.assign(log_probability=-0.5, score=0.25, bounds=1)
    known = replace(scores, predictive_ranking=predicted, at_threshold_ranking=predicted)
    add_to_leaderboard(study, known, tmp_path)
    found = read_leaderboard(tmp_path)
    assert found["predictive_rank"].tolist() == scores.ranking["rank"].tolist()
    assert set(found["log_probability"]) == {-0.5}
    assert set(found["score_at_threshold"]) == {0.25}
    assert set(found["bounds"]) == {1}
