"""Importing is light, and packages depend on each other one way only."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import pdpsych

PACKAGE = Path(pdpsych.__file__).parent
ORDER = [
    "common",
    "geometry",
    "models",
    "displays",
    "stimuli",
    "experiments",
    "analysis",
    "studies",
]
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


def _at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Go through the statements that run when a module is imported."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        for part in ("body", "orelse", "finalbody", "handlers"):
            yield from _at_import(getattr(node, part, []))


@cache
def _imports(path: Path, anywhere: bool = False) -> set[str]:
    """Return what a file imports when it is imported; or anywhere, in its functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree) if anywhere else _at_import(tree.body):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _files(name: str) -> set[Path]:
    """Return the files that run when a name of the package is imported: it, and its packages."""
    parts = name.split(".")
    if parts[0] != "pdpsych":
        return set()
    paths = [PACKAGE.joinpath(*parts[1:end]) for end in range(1, len(parts) + 1)]
    each = {file for path in paths for file in (path / "__init__.py", path.with_suffix(".py"))}
    return {file for file in each if file.is_file()}


def _needs_torch(path: Path, seen: set[Path]) -> bool:
    """Return whether importing a file imports torch, by itself or by what it imports."""
    seen.add(path)
    names = _imports(path)
    if any(name.partition(".")[0] in ("torch", "torchvision", "timm") for name in names):
        return True
    further = {file for name in names for file in _files(name)} - seen
    return any(_needs_torch(file, seen) for file in further)


@pytest.mark.parametrize("package", ORDER)
def test_packages_import_only_those_before_them(package):
    later = tuple(f"pdpsych.{name}" for name in [*ORDER[ORDER.index(package) + 1 :], "cli"])
    files = list((PACKAGE / package).rglob("*.py"))
    assert files
    for path in files:
        assert not {n for n in _imports(path, anywhere=True) if n.startswith(later)}, path


def test_only_what_makes_sets_and_measures_models_needs_torch():
    files = [*(PACKAGE / "common").rglob("*.py"), PACKAGE / "cli.py", PACKAGE / "demo.py"]
    files += [path for package in ORDER[3:] for path in (PACKAGE / package).rglob("*.py")]
    needed = {str(p.relative_to(PACKAGE)) for p in files if _needs_torch(p, set())}
    page = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    said = page.partition("and in stimuli")[2].partition("never torch:")[0]
    assert needed == {str(Path("stimuli", name)) for name in re.findall(r"\w+\.py", said)}


@pytest.mark.parametrize("module", ["address", "registry"])
def test_names_of_models_are_checked_without_torch(module):
    assert not _needs_torch(PACKAGE / "models" / f"{module}.py", set())
    assert _needs_torch(PACKAGE / "models" / "sources" / "source.py", set())


def test_the_page_for_contributors_has_the_layers_in_their_order():
    page = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "  <  ".join([*ORDER, "cli"]) in page
