"""Importing is light, and packages depend on each other one way only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pdpsych

PACKAGE = Path(pdpsych.__file__).parent
ORDER = ["geometry", "models", "stimuli", "experiments", "analysis", "studies"]
HEAVY = {"torch", "psychopy", "matplotlib", "pandas", "scipy", "skimage"}


def _modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import pdpsych",
        "import pdpsych.cli",
        "sys.argv = ['pdpsych', '--help']\nimport pdpsych.cli\n"
        "try: pdpsych.cli.main()\nexcept SystemExit: pass",
    ],
    ids=["package", "cli", "help"],
)
def test_start_loads_nothing_heavy(code):
    assert not _modules_after(code) & HEAVY


@pytest.mark.parametrize("package", ["stimuli", "experiments", "analysis", "studies"])
def test_the_lab_machine_and_the_analysis_never_meet_torch(package):
    loaded = _modules_after(f"import pdpsych.{package}")
    assert not loaded & {"torch", "psychopy", "matplotlib"}


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "pdpsych":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pdpsych."):
            found.add(str(node.module).split(".")[1])
    return found


@pytest.mark.parametrize("package", ORDER)
def test_packages_import_only_those_before_them(package):
    later = set(ORDER[ORDER.index(package) + 1 :])
    for path in (PACKAGE / package).glob("*.py"):
        assert not _imports(path) & later, path
