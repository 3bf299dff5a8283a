"""CONTRIBUTING.md: its recipes are applied to a copy of the package, and run."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = {
    part.partition("\n")[0]: re.findall(r"^```(\w+)\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    for part in PAGE.partition("## Five recipes")[2].split("\n### ")[1:]
}


# Runs codes one after the other in one process, and writes what became of each.
RUNNER = """
import json, sys, traceback
import pdpsych

assert pdpsych.__file__.startswith(sys.argv[1]), pdpsych.__file__
ended = {}
for name, code in json.load(sys.stdin).items():
    try:
        exec(compile(code, name, "exec"), {"__name__": name})
        ended[name] = "done"
    except BaseException:
        ended[name] = traceback.format_exc()
open("ended.json", "w").write(json.dumps(ended))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a folder with a copy of the package to which all recipes were applied."""
    folder = tmp_path_factory.mktemp("contributing")
    shutil.copytree(ROOT / "pdpsych", folder / "pdpsych", ignore=shutil.ignore_patterns("*.pyc"))
    for blocks in RECIPES.values():
        for kind, text in blocks:
            if kind == "diff":
                _apply(folder, text)
            elif text.startswith("# pdpsych/"):
                path, _, code = text.partition("\n")
                assert not (folder / path[2:]).exists()
                (folder / path[2:]).write_text(code, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ended(copy):
    """Return what became of the study and of what is tried of each recipe."""
    texts = {name: [text for _, text in blocks] for name, blocks in RECIPES.items()}
    (study,) = [t for every in texts.values() for t in every if t.startswith("# study")]
    tried = {name: code for name in RECIPES for code in _tried(name)}
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:pdpsych", "-c", RUNNER, str(copy)],
        input=json.dumps({"study": study} | tried),
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((copy / "ended.json").read_text(encoding="utf-8"))


def _tried(name: str) -> list[str]:
    """Return the blocks of a recipe that show that it works."""
    others = ("# pdpsych/", "# study")
    return [t for kind, t in RECIPES[name] if kind == "python" and not t.startswith(others)]


def _apply(folder: Path, diff: str) -> None:
    """Add the lines of a diff that begin with + after or before those beside them."""
    head, *lines = diff.splitlines()
    path = folder / head.removeprefix("--- ")
    text = path.read_text(encoding="utf-8")
    for hunk in "\n".join(lines).split("\n@@\n"):
        rows = hunk.splitlines()
        old = "".join(f"{row[1:]}\n" for row in rows if row[0] == " ")
        assert text.count(old) == 1, (path, old)
        text = text.replace(old, "".join(f"{row[1:]}\n" for row in rows))
    path.write_text(text, encoding="utf-8")


def test_there_are_five_recipes_of_one_file_and_one_registration():
    assert len(RECIPES) == 5
    for name, blocks in RECIPES.items():
        files = [text for kind, text in blocks if text.startswith("# pdpsych/")]
        diffs = [text for kind, text in blocks if kind == "diff"]
        assert (len(files), len(diffs)) == (1, 1), name


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_does_what_it_says(name, ended):
    assert len(_tried(name)) == 1
    assert ended["study"] == "done"
    assert ended[name] == "done"


def test_the_recipes_are_in_the_style_of_the_project(copy):
    pytest.importorskip("ruff", reason="style is looked at where the extra dev is installed")
    new = [
        copy / text.partition("\n")[0][2:]
        for blocks in RECIPES.values()
        for _, text in blocks
        if text.startswith("# pdpsych/")
    ]
    for command in (["check"], ["format", "--check"]):
        arguments = [*command, "--config", str(ROOT / "pyproject.toml"), *map(str, new)]
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments], cwd=copy, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_the_files_and_commands_that_the_page_names_are_there():
    tables = PAGE.partition("## One image")[2].partition("## Style")[0]
    for row in re.findall(r"^\| \d+ \| (.*?) \|", tables, re.MULTILINE):
        folder = ""
        for name in re.findall(r"`([\w/]+\.py)`", row):
            # A bare name lies beside the one before it.
            folder = name.rpartition("/")[0] or folder
            assert (ROOT / "pdpsych" / folder / Path(name).name).is_file(), name
    for file in re.findall(
        r"`((?:tests|benchmarks)/[\w/]+\.py)`|python (benchmarks/\w+\.py)", PAGE
    ):
        assert (ROOT / "".join(file)).is_file()


def test_everything_runs_every_benchmark():
    folder = ROOT / "benchmarks"
    runs = runpy.run_path(str(folder / "everything.py"))["RUNS"]
    commands = {f.stem for f in folder.glob("*.py") if "__main__" in f.read_text(encoding="utf-8")}
    assert commands == {*runs, "everything"}
    options = {name: re.findall(r"--[a-z]+", words) for name, words in runs.items()}
    for name, given in options.items():
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        assert all(f'"{option}"' in text for option in given), name
