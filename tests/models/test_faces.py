"""The faces of geometry and models show all names, and load nothing before one is used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

FACES = ("pdpsych.geometry", "pdpsych.models")


@pytest.mark.parametrize("face", FACES)
def test_names_are_seen_without_torch(face):
    code = (
        f"import sys, {face} as face\n"
        "assert set(dir(face)) >= set(face.__all__) and len(face.__all__) > 10\n"
        "assert not {'torch', 'torchvision', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("face", FACES)
def test_every_name_is_there_and_says_what_it_is(face):
    package = importlib.import_module(face)
    for name in package.__all__:
        value = getattr(package, name)
        if callable(value):
            assert ">>> " in value.__doc__, name


@pytest.mark.parametrize("face", FACES)
def test_no_module_is_hidden_by_a_name(face):
    package = importlib.import_module(face)
    folder = Path(package.__file__).parent
    assert not {path.stem for path in folder.iterdir()} & set(package.__all__)


@pytest.mark.parametrize("face", FACES)
def test_the_stub_lists_what_it_imports(face):
    stub = Path(importlib.import_module(face).__file__).with_suffix(".pyi")
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    imported = [
        alias.asname for n in tree.body if isinstance(n, ast.ImportFrom) for alias in n.names
    ]
    assert sorted(imported) == importlib.import_module(face).__all__


def test_a_budget_needs_no_torch():
    code = (
        "import sys\nfrom pdpsych import geometry\ngeometry.Budget(iterations=2)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
