from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError


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
    ("schema", "version", "message"),
    [
        (RULER, 4, "ruler.json: schema_version: the ruler has 4, this pdpsych reads up to 3; "),
        (BROKEN, 2, "the ruler has 2, which is read no more.*writes 3; measure again"),
        (BROKEN, 1, "the ruler has 1, which is read no more"),
        (RULER, 0, "expected the version of the ruler.*got 0; measure again"),
        (RULER, "1", "got '1'"),
        (RULER, True, "got True"),
        (RULER, None, "got None"),
    ],
)
def test_other_versions_are_refused_with_what_to_do(schema, version, message):
    with pytest.raises(InputError, match=message):
        schema.version_of({"schema_version": version}, "ruler.json")


@pytest.mark.parametrize("data", [[], None, "1", 1])
def test_what_is_no_mapping_is_refused(data):
    with pytest.raises(InputError, match="expected a mapping"):
        RULER.version_of(data, "ruler.json")


def test_the_page_on_upgrading_names_the_present_versions():
    from pdpsych.analysis import fit, plan, score
    from pdpsych.experiments.logs import records
    from pdpsych.stimuli import stimulus_set
    from pdpsych.stimuli.calibration import calibration

    page = (Path(__file__).parents[2] / "docs" / "upgrading.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("|")]
    named = {file.strip(): version.strip() for file, version in rows[2:]}
    modules = {
        "stimulus set, `manifest.json`": stimulus_set,
        "trial log, `sub-*_ses-*.jsonl`": records,
        "calibration, `calibration.json`": calibration,
        "fit, `fit.json`": sys.modules[fit.__module__],
        "scores, `score.json`": sys.modules[score.__module__],
        "plan, `planned.json`": sys.modules[plan.__module__],
    }
    assert named == {file: str(module.SCHEMA.version) for file, module in modules.items()}
