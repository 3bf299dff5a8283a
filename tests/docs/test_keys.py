"""Every key of a file that users write has a meaning in its table, and no meaning is left over."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS / "_ext"))
import meanings  # noqa: E402

WRITTEN = re.findall(
    r"\{fields\} (\S+)",
    (DOCS / "files.md").read_text(encoding="utf-8").partition("## Stimulus set")[0],
)


def _schema(address):
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("address", WRITTEN)
def test_every_key_has_a_meaning(address):
    schema = _schema(address)
    missing = [key for key in schema.model_fields if not meanings.meaning_of(schema, key)]
    assert not missing, "describe it in the docstring, or in docs/_ext/meanings.py"


def test_no_meaning_is_left_over():
    schemas = {address.partition(":")[2]: _schema(address) for address in WRITTEN}
    assert meanings.PROSE.keys() <= schemas.keys()
    for name, told in meanings.PROSE.items():
        assert told.keys() <= schemas[name].model_fields.keys(), name


def test_docstrings_are_read():
    text = "A.\n\nParameters\n----------\na, b : int\n    Of :func:`x.y` or ``z``.\n\nc\n    D.\n"
    assert meanings._described(text) == {"a": "of `y` or `z`", "b": "of `y` or `z`", "c": "d"}


@pytest.mark.parametrize(
    ("address", "key", "unit"),
    [
        ("pdpsych.experiments.experiment:Timing", "image", "ms"),
        ("pdpsych.displays.display:Display", "distance_cm", "cm"),
        ("pdpsych.experiments.placement.adaptive:Adaptive", "sd", "nats"),
        ("pdpsych.stimuli.distortions:Principal", "amplitude_rms", "RMS contrast α/√D"),
    ],
)
def test_units(address, key, unit):
    assert meanings.unit_of(_schema(address), key) == unit
