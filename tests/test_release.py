"""What is handed out: the wheel has all that runs, the source distribution all that is made of."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
import yaml

import pdpsych
from pdpsych.studies import TEMPLATES

ROOT = Path(__file__).parents[1]


def _built(kind: str, folder: Path) -> Path:
    """Build a wheel or an sdist of the source tree, without downloads."""
    code = f"import sys; from hatchling.build import build_{kind} as build; build(sys.argv[1])"
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return zipfile.ZipFile(_built("wheel", tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder that holds the package as the wheel has it, and nothing of the source tree."""
    folder = tmp_path_factory.mktemp("installed")
    wheel.extractall(folder)
    return folder


def test_the_wheel_has_the_package_and_its_data(wheel):
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "pdpsych").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    templates = {f"pdpsych/templates/{file}" for files in TEMPLATES.values() for file in files}
    held = set(wheel.namelist())
    assert {"pdpsych/py.typed", "pdpsych/analysis/reporting/report.css"} <= source
    assert {name for name in held if ".dist-info/" not in name} == source | templates
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_the_version_is_the_same_everywhere(wheel):
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    metadata = HeaderParser().parsestr(wheel.read(name).decode())
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert metadata["Version"] == citation["version"] == pdpsych.__version__
    assert f"\n## [{pdpsych.__version__}]" in changes
    assert metadata["License-Expression"] == citation["license"]


def test_only_extras_ask_for_torch_or_psychopy(wheel):
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    needed = HeaderParser().parsestr(wheel.read(name).decode()).get_all("Requires-Dist")
    base = [text for text in needed if "extra ==" not in text]
    assert any(text.startswith("numpy") for text in base)
    assert not [text for text in base if text.startswith(("torch", "psychopy", "timm"))]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_study_begins_without_the_source_tree(installed, tmp_path, template):
    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pdpsych", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = "import pdpsych; print(pdpsych.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert found.stdout.startswith(str(installed))
    run("init", "study", "--from", template)
    for file in TEMPLATES[template]:
        assert (tmp_path / "study" / file).read_bytes() == (ROOT / file).read_bytes()
    assert "pdpsych generate" in run("check", "study")


def test_the_source_distribution_builds_and_is_tested_and_documented(tmp_path):
    with tarfile.open(_built("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "pyproject.toml"}
    templates = {file for files in TEMPLATES.values() for file in files}
    assert expected | templates <= names
    assert {"tests/test_release.py", "docs/upgrading.md", "pdpsych/py.typed"} <= names
    assert not [n for n in names if n.startswith(".") and n != ".gitignore"]
    assert not [n for n in names if "__pycache__" in n or "/sets/" in n or "/data/" in n]
