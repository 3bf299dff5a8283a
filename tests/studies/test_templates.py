from __future__ import annotations

import re
from pathlib import Path

import pytest
from refusals import refused

from pdpsych import studies
from pdpsych.studies import templates
from pdpsych.studies.templates import GIT_FILES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", studies.TEMPLATES)
def test_a_new_study_has_the_files_of_the_reference_study_and_is_valid(name, tmp_path):
    readme = studies.init(tmp_path / "deep" / "study", template=name)
    root = readme.parent
    files = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    assert files == {"README.md", *GIT_FILES, *studies.TEMPLATES[name]}
    for file in studies.TEMPLATES[name]:
        assert (root / file).read_bytes() == (ROOT / file).read_bytes()
    assert sorted(path.name for path in tmp_path.rglob(".*")) == list(GIT_FILES)
    found = studies.check(root)
    assert found.problems == found.outdated == ()
    assert any("pdpsych generate" in step.command for step in found.steps)


@pytest.mark.parametrize("name", studies.TEMPLATES)
def test_the_readme_names_only_files_that_are_there_or_will_be(name, tmp_path):
    readme = studies.init(tmp_path / "study", template=name)
    named = re.findall(r"(?:stimuli|experiments|analysis)/[\w/-]+\.(?:yaml|py)", readme.read_text())
    assert len(named) >= 3
    for file in named:
        assert (readme.parent / file).is_file()


@pytest.mark.parametrize("name", studies.TEMPLATES)
def test_the_readme_names_only_commands_that_there_are(name, tmp_path):
    from typer.main import get_command

    from pdpsych.cli.main import app

    known = set(get_command(app).commands)
    text = studies.init(tmp_path / "study", template=name).read_text()
    named = set(re.findall(r"^ {4,}pdpsych ([a-z]+)", text, re.MULTILINE))
    assert len(named) >= 3
    assert named <= known


def test_the_wheel_carries_every_template():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = text.partition("[tool.hatch.build.targets.wheel.force-include]\n")[2]
    entries = dict(re.findall(r'^"(.+)" = "(.+)"$', table.partition("\n[")[0], re.MULTILINE))
    files = {file for files in studies.TEMPLATES.values() for file in files}
    assert entries == {file: f"pdpsych/templates/{file}" for file in files}


def test_an_installed_package_brings_its_own(tmp_path, monkeypatch):
    package = tmp_path / "pdpsych"
    for file in studies.TEMPLATES["early-vision"]:
        path = package / "templates" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("installed")
    (package / "studies").mkdir()
    (package / "studies" / "early-vision.md").write_text("read me")
    monkeypatch.setattr(templates, "_PACKAGE", package)
    root = studies.init(tmp_path / "study").parent
    assert (root / "analysis" / "early-vision.yaml").read_text() == "installed"


def test_an_empty_folder_is_filled_and_stays_the_same_folder(tmp_path, monkeypatch):
    folder = tmp_path / "study"
    folder.mkdir()
    same = folder.stat().st_ino
    monkeypatch.chdir(folder)
    studies.init(".")
    assert folder.stat().st_ino == same
    assert Path("README.md").is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["study"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with refused(file=tmp_path, problem="holds notes.txt"):
        studies.init(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "study").write_text("")
    with refused(file="study", problem="is a file"):
        studies.init(tmp_path / "study")
    with refused(file="inside"):
        studies.init(tmp_path / "study" / "inside")


def test_an_unknown_template_is_named_with_the_nearest(tmp_path):
    with refused(field="template", value="deepnets", allowed="deep-networks"):
        studies.init(tmp_path / "study", template="deepnets")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_where_copying_fails(tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(templates.shutil, "copyfile", full)
    with refused(file="study", remedy="make room"):
        studies.init(tmp_path / "study")
    assert list(tmp_path.iterdir()) == []
