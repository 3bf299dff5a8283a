"""Checkpoints as people have them: what is loaded, what has to be chosen, what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from refusals import refused

from pdpsych.models import load_weights
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources.state_dict import counts

from .kinds import KINDS, tiny

IMAGENET = InputFormat(3, None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
LOADED = [kind for kind in KINDS if not kind.refused]


def _named(kinds):
    return pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in kinds])


@_named(LOADED)
def test_what_is_loaded(kind, tmp_path):
    trained, other = tiny(0), tiny(1)
    path = kind.write(trained, tmp_path / f"w{kind.ending}")
    if kind.choose:
        before = {key: value.clone() for key, value in other.state_dict().items()}
        with refused(file=path, remedy=kind.choose) as told:
            load_weights(other, path)
        assert kind.choose in told.value.value
        assert all(torch.equal(other.state_dict()[k], v) for k, v in before.items())
    found = load_weights(other, path, part=kind.choose, takes=IMAGENET)
    assert (found.part, found.lacking) == (kind.part, kind.lacking)
    for key, value in trained.state_dict().items():
        here = other.state_dict()[key]
        if key in kind.lacking:
            assert here.isnan().all()
        elif not counts(key):
            assert torch.equal(here, value.half().float() if "half" in kind.name else value), key


@pytest.mark.filterwarnings("ignore:TypedStorage")
@_named([kind for kind in KINDS if kind.refused])
def test_what_is_refused(kind, tmp_path):
    network, other = tiny(0), tiny(1)
    path = kind.write(network, tmp_path / f"w{kind.ending}")
    before = {key: value.clone() for key, value in other.state_dict().items()}
    with refused(file=path, remedy=kind.remedy) as told:
        load_weights(other, path, takes=IMAGENET)
    assert told.value.problem.startswith(kind.refused)
    assert all(torch.equal(other.state_dict()[k], v) for k, v in before.items())


def test_the_table_in_the_documentation_is_this_one():
    page = Path(__file__).parents[3] / "docs" / "networks.md"
    table = page.read_text("utf-8").split("\n## ")[1]
    written = re.findall(r"^\| .*(?:loaded|from `|refused: ).*\|$", table, re.M)
    assert written == [kind.row for kind in KINDS]
    assert len(written) >= 60
