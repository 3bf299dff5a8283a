from __future__ import annotations

import sys
from pathlib import Path

import pytest
from refusals import refused

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import MissingFile
from pdpsych.geometry import PrincipalDistortions


def _add_unit(data):
    return data | {"schema_version": 2, "unit": "cm"}


def _metres(data):
    return data | {"schema_version": 3, "unit": "m", "length": data["length"] / 100}


RULER = Schema("ruler", 3, "measure again", {1: _add_unit, 2: _metres})
BROKEN = Schema("ruler", 3, "measure again", {1: _add_unit})


@pytest.mark.parametrize(
    "data",
    [
        {"schema_version": 1, "length": 30},
        {"schema_version": 2, "length": 30, "unit": "cm"},
        {"schema_version": 3, "length": 0.3, "unit": "m"},
    ],
    ids=["1", "2", "3"],
)
def test_every_version_becomes_the_present_one(data):
    before = dict(data)
    version = RULER.version_of(data, "ruler.json")
    assert RULER.upgrade(data, version) == {"schema_version": 3, "length": 0.3, "unit": "m"}
    assert data == before


@pytest.mark.parametrize(
    ("schema", "version", "allowed", "remedy"),
    [
        (RULER, 4, "up to 3", "install a newer pdpsych"),
        (BROKEN, 2, "", "measure again"),
        (BROKEN, 1, "", "measure again"),
        (RULER, 0, "", "measure again"),
        (RULER, "1", "", "measure again"),
        (RULER, True, "", "measure again"),
        (RULER, None, "", "measure again"),
    ],
)
def test_other_versions_are_refused_with_what_to_do(schema, version, allowed, remedy):
    with refused(
        file="ruler.json",
        line=3,
        field="schema_version",
        value=version,
        allowed=allowed,
        remedy=remedy,
    ):
        schema.version_of({"schema_version": version}, "ruler.json", line=3)


@pytest.mark.parametrize("data", [[], None, "1", 1])
def test_what_is_no_mapping_is_refused(data):
    with refused(file="ruler.json", remedy="measure again"):
        RULER.version_of(data, "ruler.json")


def test_a_document_comes_back_with_its_version(tmp_path):
    path = RULER.write(tmp_path / "new" / "ruler.json", {"length": 0.3, "name": "é"})
    assert (
        path.read_bytes() == '{\n "schema_version": 3,\n "length": 0.3,\n "name": "é"\n}\n'.encode()
    )
    assert RULER.read(path) == {"schema_version": 3, "length": 0.3, "name": "é"}
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        RULER.write(path, {"length": float("nan")})
    assert path.read_bytes() == before


def test_an_older_document_is_read_as_the_present_one(tmp_path):
    (tmp_path / "ruler.json").write_text('{"schema_version": 1, "length": 30}')
    assert RULER.read(tmp_path / "ruler.json")["length"] == 0.3


def test_a_missing_document_is_told_as_such(tmp_path):
    with pytest.raises(MissingFile) as told:
        RULER.read(tmp_path / "ruler.json")
    assert told.value.remedy == "give a ruler; or measure again"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"schema_version": 1}',
        '{"schema_version": 2, "length": "30", "unit": "cm"}',
        '{"schema_version": 3, "schema_version": 3}',
        '{"schema_version": 3, "length": NaN}',
        '{"schema_version": 3, "name": "\\ud800"}',
    ],
)
def test_damaged_documents_are_refused_with_what_to_do(tmp_path, text):
    (tmp_path / "ruler.json").write_text(text)
    with refused(file=tmp_path / "ruler.json", remedy="measure again"):
        RULER.read(tmp_path / "ruler.json")


def test_what_a_reader_cannot_use_is_damaged(tmp_path):
    path = RULER.write(tmp_path / "ruler.json", {"length": 0.3})
    with refused(file=path, remedy="measure again") as told, RULER.reading(path) as data:
        data["width"]
    assert "KeyError" in told.value.problem
    with refused(field="mine"), RULER.reading(path):
        raise InputError("no", field="mine")


def test_the_page_on_upgrading_names_the_present_versions():
    from pdpsych.analysis import Scores, fit, plan
    from pdpsych.experiments.logs import records
    from pdpsych.stimuli import manifest
    from pdpsych.stimuli.calibration import calibration
    from pdpsych.stimuli.responses import response_file

    page = (Path(__file__).parents[2] / "docs" / "upgrading.md").read_text(encoding="utf-8")
    table = page.partition("\n\n**Sets")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("|")]
    named = {file.strip(): version.strip() for file, version in rows[2:]}
    modules = {
        "stimulus set, `manifest.json`": manifest,
        "trial log, `sub-*_ses-*.jsonl`": records,
        "calibration, `calibration.json`": calibration,
        "responses by amplitude, `responses/IMAGE.json`": response_file,
        "fit, `fit.json`": sys.modules[fit.__module__],
        "scores, `score.json`": sys.modules[Scores.__module__],
        "plan, `planned.json`": sys.modules[plan.__module__],
        "principal and eigen-distortions, by `to_json`": PrincipalDistortions,
    }
    assert named == {file: str(module.SCHEMA.version) for file, module in modules.items()}
