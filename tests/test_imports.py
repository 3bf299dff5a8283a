"""Importing is light, packages depend on each other one way only, and no room is too full."""

from __future__ import annotations

import ast
import graphlib
import importlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import pdpsych

PACKAGE = Path(pdpsych.__file__).parent
ORDER = (
    "common",
    "geometry",
    "models",
    "displays",
    "stimuli",
    "experiments",
    "analysis",
    "studies",
    "cli",
)
# The packages whose names are for everybody.
FACES = tuple(name for name in ORDER if name not in ("common", "cli"))
HEAVY = {"torch", "psychopy", "matplotlib", "pandas", "scipy", "skimage"}
# What makes sets and measures models may need torch; what sessions and analyses need may not.
TORCH_ROOMS = (
    "geometry",
    "models",
    "stimuli/generation",
    "stimuli/calibration/sensitivities.py",
    "stimuli/calibration/shown_responses.py",
)
NEED_TORCH = {"add_finite_responses", "generate", "SetUnfinished"}
MOST_FILES, MOST_LINES = 16, 400


def _printed_after(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def _modules_after(code: str) -> set[str]:
    return _printed_after(
        f"import sys\n{code}\nprint('-', *{{name.partition('.')[0] for name in sys.modules}})"
    )


@pytest.mark.parametrize(
    "code",
    [
        "import pdpsych",
        "import pdpsych.cli",
        "sys.argv = ['pdpsych', '--help']\nimport pdpsych.__main__\n"
        "try: pdpsych.__main__.main()\nexcept SystemExit: pass",
    ],
    ids=["package", "cli", "help"],
)
def test_start_loads_nothing_heavy(code):
    assert not _modules_after(code) & HEAVY


@pytest.mark.parametrize("package", FACES)
def test_a_package_loads_nothing_heavy_before_a_name_is_used(package):
    assert not _modules_after(f"import pdpsych.{package}") & HEAVY


@pytest.mark.parametrize("package", FACES[FACES.index("displays") :])
def test_the_lab_machine_and_the_analysis_never_meet_torch(package):
    face = importlib.import_module(f"pdpsych.{package}")
    used = [name for name in face.__all__ if name not in NEED_TORCH and name[:5] != "plot_"]
    loaded = _modules_after(f"from pdpsych.{package} import {', '.join(used)}")
    assert not loaded & {"torch", "psychopy", "matplotlib"}


@pytest.mark.parametrize("package", FACES)
def test_a_face_shows_its_names_and_has_them(package):
    face = importlib.import_module(f"pdpsych.{package}")
    assert set(face.__all__) <= set(dir(face))
    for name in face.__all__:
        getattr(face, name)


@pytest.mark.parametrize("package", FACES)
def test_no_module_is_hidden_by_a_name_of_its_package(package):
    face = importlib.import_module(f"pdpsych.{package}")
    assert not set(face.__all__) & {path.stem for path in (PACKAGE / package).iterdir()}


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
        elif isinstance(node, ast.ImportFrom):
            here = _name(path if path.stem == "__init__" else path.parent).split(".")
            base = ".".join(here[: len(here) + 1 - node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def _name(path: Path) -> str:
    """Return the name of the module that a file or folder is."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


@cache
def _files() -> tuple[Path, ...]:
    return tuple(sorted(PACKAGE.rglob("*.py")))


def _in(room: str) -> list[Path]:
    """Return the files of a package, of a room in it, or the file that it is."""
    place = PACKAGE / room
    return [path for path in _files() if place in (path, path.with_suffix(""), *path.parents)]


def _run_with(name: str) -> set[Path]:
    """Return the files that run when a name of the package is imported: it, and its packages."""
    parts = name.split(".")
    if parts[0] != "pdpsych":
        return set()
    paths = [PACKAGE.joinpath(*parts[1:end]) for end in range(1, len(parts) + 1)]
    each = {file for path in paths for file in (path / "__init__.py", path.with_suffix(".py"))}
    return each & set(_files())


@cache
def _need_torch() -> frozenset[Path]:
    """Return the files whose import imports torch, by themselves or by what they import."""
    run = {path: {file for name in _imports(path) for file in _run_with(name)} for path in _files()}
    roots = {name: {n.partition(".")[0] for n in _imports(name)} for name in _files()}
    found = {path for path in _files() if roots[path] & {"torch", "torchvision", "timm"}}
    while more := {path for path in _files() if run[path] & found} - found:
        found |= more
    return frozenset(found)


@pytest.mark.parametrize("package", ORDER)
def test_packages_import_only_those_before_them(package):
    later = {*ORDER[ORDER.index(package) + 1 :], "cli", "demo", "__main__"} - {package}
    if package == "cli":
        later = {"__main__"}
    files = _in(package)
    assert files
    for path in files:
        imported = {n.split(".")[1] for n in _imports(path, anywhere=True) if n[:8] == "pdpsych."}
        assert not imported & later, path


def test_only_what_makes_sets_and_measures_models_needs_torch():
    assert not _need_torch() - {path for room in TORCH_ROOMS for path in _in(room)}
    assert PACKAGE / "stimuli" / "generation" / "unit.py" in _need_torch()


def test_names_of_models_are_checked_without_torch():
    models = PACKAGE / "models"
    light = {models / f"{name}.py" for name in ("address", "registry", "derivative_check")}
    assert not _need_torch() & light
    assert models / "sources" / "source.py" in _need_torch()


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_needs_itself_by_way_of_others():
    """Imports in functions and for types count; a face only passes names on, and does not."""
    files = {_name(path): path for path in _files() if path.stem != "__init__"}
    graph = {name: _imports(path, anywhere=True) & set(files) for name, path in files.items()}
    assert not _circle(graph)


def test_a_circle_would_be_noticed():
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert not _circle(graph)
    assert set(_circle(graph | {"c": {"a"}})) >= {"a", "c"}
    assert _circle({"a": {"a"}})


def test_no_folder_is_too_full():
    folders = Counter(path.parent for path in _files() if path.stem != "__init__")
    assert not {str(folder): n for folder, n in folders.items() if n > MOST_FILES}


def test_no_file_is_too_long():
    lengths = {str(path): path.read_text(encoding="utf-8").count("\n") for path in _files()}
    assert not {path: lines for path, lines in lengths.items() if lines > MOST_LINES}


def test_the_page_for_contributors_has_the_layers_in_their_order():
    page = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "  <  ".join(ORDER) in page
