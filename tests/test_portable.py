"""What Windows and macOS do otherwise, simulated: names, letter case, line ends, consoles, text."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_study import write_study

import pdpsych
from pdpsych import analysis, experiments, stimuli, studies
from pdpsych.common.errors import InputError
from pdpsych.common.section import load
from pdpsych.stimuli.photographs.images import base_images

PACKAGE = Path(pdpsych.__file__).parent
# Windows takes no other names for files than those of devices, and 260 letters for a path.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
LONGEST = 120


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with its scores and exports."""
    root = write_study(tmp_path_factory.mktemp("portable") / "study")
    analysis.score(root)
    experiments.export(root / "experiments" / "early.yaml", root / "bids", layout="bids")
    experiments.export(root / "experiments" / "early.yaml", root / "psych", layout="psych-ds")
    return root


def _written(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in sorted(root.rglob("*"))]


def test_every_name_of_a_file_can_be_one_on_windows(study):
    written = _written(study)
    assert len(written) > 20
    for path in written:
        assert len(path) <= LONGEST, path
        for part in path.split("/"):
            assert re.fullmatch(r"[A-Za-z0-9._-]*[A-Za-z0-9_-]", part), path
            assert not DEVICE.fullmatch(part), path


def test_no_two_files_are_one_where_letter_case_does_not_count(study):
    written = _written(study)
    assert len({path.casefold() for path in written}) == len(written)


def _recipe(folder: Path, names: tuple[str, str]) -> stimuli.Recipe:
    for number, name in enumerate(names):
        (folder / str(number)).mkdir()
        shutil.copy(PACKAGE.parent / "docs" / "digits.png", folder / str(number) / name)
    listed = ", ".join(f"{{file: {number}/{name}}}" for number, name in enumerate(names))
    text = f"images: [{listed}]\nmodels: [LN, LG]\ndistortions: [{{kind: random}}]\n"
    (folder / "r.yaml").write_text(text, encoding="utf-8")
    return load(folder / "r.yaml", stimuli.Recipe)


def test_images_whose_names_differ_by_letter_case_are_refused(tmp_path):
    with pytest.raises(InputError) as told:
        base_images(_recipe(tmp_path, ("Cat.png", "cat.png")))
    assert told.value.field == "images"


def test_an_image_never_has_the_name_of_a_device(tmp_path):
    found = base_images(_recipe(tmp_path, ("con.png", "lpt1.png")))
    assert not any(DEVICE.fullmatch(image.name) for image in found)


def test_a_study_with_the_line_ends_of_windows_is_the_same(study, tmp_path):
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    for path in copy.rglob("*"):
        if path.suffix in (".yaml", ".json", ".jsonl"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not studies.check(copy).problems
    assert analysis.fit(copy, write=False).thresholds.equals(analysis.fit(study).thresholds)


@pytest.mark.parametrize("encoding", ["cp1252"])
def test_a_console_of_windows_shows_what_it_can(study, encoding):
    environment = os.environ | {"PYTHONIOENCODING": f"{encoding}:strict", "PYTHONUTF8": "0"}
    for words in (["status", study], ["inspect", study / "stimuli/small"]):
        command = [sys.executable, "-m", "pdpsych", *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.decode(encoding)
        assert not done.stderr


def test_json_reads_back_whatever_the_console(study):
    environment = os.environ | {"PYTHONIOENCODING": "cp1252:strict"}
    command = [sys.executable, "-m", "pdpsych", "inspect", study / "stimuli/small", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout)["found"][0]["result"]["path"] == str(study / "stimuli/small")


def _text_calls(tree: ast.AST) -> list[ast.Call]:
    """Return the calls that read or write text by an encoding that they do not name."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(k.arg == "encoding" for k in node.keywords):
            continue
        modes = [a.value for a in node.args if isinstance(a, ast.Constant)]
        text = not any(isinstance(mode, str) and "b" in mode for mode in modes)
        if isinstance(node.func, ast.Attribute):
            # What is opened without a mode may be another thing than a path.
            mode = modes[:1] if len(node.args) == 1 else []
            opened = node.func.attr == "open" and mode in (["r"], ["w"], ["a"], ["x"])
            if opened or node.func.attr in ("read_text", "write_text"):
                found.append(node)
        elif isinstance(node.func, ast.Name) and node.func.id == "open" and text:
            found.append(node)
    return found


def test_text_is_read_and_written_in_an_encoding_that_is_named():
    """Without one, Windows takes that of its region, and a name with an accent is another."""
    unnamed = [
        f"{path.relative_to(PACKAGE)}:{call.lineno}: {ast.unparse(call)}"
        for path in PACKAGE.rglob("*.py")
        for call in _text_calls(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not unnamed


def test_a_missing_encoding_would_be_noticed():
    code = "open('a'); open('c', 'rb'); p.read_text(); p.open('w'); f.open('b', 1)"
    assert len(_text_calls(ast.parse(code))) == 3
