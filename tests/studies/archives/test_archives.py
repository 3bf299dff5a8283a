"""Archives of studies: whole, the same each time, and refused where they are not to be trusted."""

import hashlib
import os
import stat
import zipfile

import pytest
import small_study
from refusals import refused
from typer.testing import CliRunner

from pdpsych import analysis, studies
from pdpsych.cli.main import app
from pdpsych.studies.archives.names import SUMS, alike, unsafe

ASKED = {"README.md": "What it is.\n", "LICENSE": "CC0\n", "CITATION.cff": "cff-version: 1.2.0\n"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study that is done, with what others need, and what is no part of it."""
    root = small_study.write_study(tmp_path_factory.mktemp("here") / "mine", trials=30)
    for name, text in ASKED.items():
        (root / name).write_text(text)
    (root / ".git").mkdir()
    (root / ".git/config").write_text("mine")
    (root / ".gitignore").write_text("*.tmp\n")
    (root / ".DS_Store").write_text("")
    analysis.score(root)
    return root


@pytest.fixture(scope="module")
def archive(study, tmp_path_factory):
    return studies.pack(study, tmp_path_factory.mktemp("packed") / "mine.zip")


def files(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def rewritten(archive, path, change):
    """Copy an archive; ``change`` gets names and contents, and gives pairs to write."""
    with zipfile.ZipFile(archive) as opened:
        held = {info.filename: opened.read(info) for info in opened.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in change(held):
            made.writestr(name, data)
    return path


def test_a_study_is_whole_on_another_path(study, archive, tmp_path):
    made = studies.unpack(archive, tmp_path / "other name" / "study")
    own = files(study)
    expected = {name: data for name, data in own.items() if name != ".DS_Store"}
    expected = {n: d for n, d in expected.items() if not n.startswith(".git/")}
    found = files(made)
    sums = found.pop(SUMS).decode()
    assert {n for n in expected if n.rpartition("/")[2].startswith(".")} == {".gitignore"}
    assert found == expected
    for line in sums.splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(expected[name]).hexdigest() == digest
    assert len(sums.splitlines()) == len(expected)
    state = studies.status(made).state
    assert state.analyses[0].fit == state.analyses[0].scores == ()
    assert state.outdated == studies.status(study).state.outdated
    assert not studies.check(made).problems


def test_the_same_study_gives_the_same_archive(study, archive, tmp_path):
    os.utime(study / "README.md", (1, 1))
    again = studies.pack(study, tmp_path / "again.zip")
    assert again.read_bytes() == archive.read_bytes()
    with refused(file=again, remedy="--out"):
        studies.pack(study, again)


def test_what_others_need_is_asked_for(tmp_path):
    root = small_study.write_study(tmp_path / "bare", trials=5)
    with refused(file=root) as told:
        studies.pack(root)
    assert [problem.allowed for problem in told.value.problems] == [
        "README.md",
        "LICENSE",
        "CITATION.cff",
    ]
    assert studies.pack(root, incomplete=True) == tmp_path / "bare.zip"


def test_what_lies_outside_is_said(tmp_path):
    root = small_study.write_study(tmp_path / "mine", trials=5)
    for name, text in ASKED.items():
        (root / name).write_text(text)
    (root / "stimuli/small").rename(tmp_path / "small")
    file = root / "experiments/early.yaml"
    file.write_text(file.read_text().replace("../stimuli/small", "../../small"))
    with refused(file=file, field="stimulus_set", remedy="--incomplete"):
        studies.pack(root)
    (root / "stimuli/small").symlink_to(tmp_path / "small")
    file.write_text(file.read_text().replace("../../small", "../stimuli/small"))
    made = studies.unpack(studies.pack(root), tmp_path / "other")
    assert (made / "stimuli/small/manifest.json").is_file()
    assert not (made / "stimuli/small").is_symlink()


def test_a_loop_of_links_ends(tmp_path):
    root = small_study.write_study(tmp_path / "mine", trials=5)
    (root / "stimuli/again").symlink_to(root)
    made = studies.unpack(studies.pack(root, incomplete=True), tmp_path / "other")
    assert not (made / "stimuli/again").exists()


@pytest.mark.parametrize("name", ["con.txt", "a:b", "end.", "x\ty"])
def test_names_for_every_system(tmp_path, name):
    root = small_study.write_study(tmp_path / "mine", trials=5)
    (root / name).write_text("")
    with refused(file=root, value=name, remedy="rename"):
        studies.pack(root, incomplete=True)


def test_names():
    good = ["a", "a/b.c", "sets/é/π.npz", ".gitignore", "a..b"]
    assert [unsafe(name) for name in good] == [""] * len(good)
    bad = [
        "",
        "/a",
        "../a",
        "a/../b",
        "a//b",
        "./a",
        "C:/a",
        "a\\b",
        "nul",
        "a/Con.txt",
        "a ",
        "é" * 200,
    ]
    assert all(unsafe(name) for name in bad)
    assert alike(["Cat", "dog", "cat"]) == ("Cat", "cat")
    assert alike(["cat", "dog"]) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil", "leads out"),
        ("/etc/evil", "absolute"),
        ("mine/../../evil", "leads out"),
        ("mine\\..\\evil", "character"),
        ("C:/evil", "absolute"),
        ("mine/nul.txt", "every system"),
        ("mine/readme.MD", "twice"),
        ("mine/extra.txt", SUMS),
        ("evil/extra.txt", "one folder"),
    ],
)
def test_unsafe_and_undeclared_names_are_refused(archive, tmp_path, name, reason):
    path = rewritten(archive, tmp_path / "a.zip", lambda held: [*held.items(), (name, b"x")])
    with refused(file=path) as told:
        studies.unpack(path, tmp_path / "out")
    assert reason in told.value.problem
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_links_are_refused(archive, tmp_path):
    info = zipfile.ZipInfo("mine/link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    path = rewritten(archive, tmp_path / "a.zip", lambda held: [*held.items(), (info, b"/etc")])
    with refused(file=path, value="mine/link"):
        studies.unpack(path, tmp_path / "out")


def test_bombs_are_refused(archive, tmp_path):
    more = ("mine/zeros", bytes(1 << 26))
    path = rewritten(archive, tmp_path / "a.zip", lambda held: [more])
    with refused(file=path, remedy="do not trust it"):
        studies.unpack(path, tmp_path / "out")


def test_any_changed_byte_is_noticed(archive, tmp_path):
    name = "mine/analysis/results/main/score.json"
    change = lambda held: {**held, name: held[name].replace(b"1", b"2", 1)}.items()  # noqa: E731
    path = rewritten(archive, tmp_path / "a.zip", change)
    with refused(file=path, value="analysis/results/main/score.json"):
        studies.unpack(path, tmp_path / "out")
    gone = lambda held: [(n, d) for n, d in held.items() if n != name]  # noqa: E731
    path = rewritten(archive, tmp_path / "b.zip", gone)
    with refused(file=path, value="analysis/results/main/score.json"):
        studies.unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_archives_are_refused(archive, tmp_path):
    data = archive.read_bytes()
    for number, cut in enumerate((b"", b"no zip", data[:-30], data[: len(data) // 2])):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(cut)
        with refused(file=path):
            studies.unpack(path, tmp_path / "out")
    middle = len(data) // 3
    path = tmp_path / "flipped.zip"
    path.write_bytes(data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :])
    with refused(file=path):
        studies.unpack(path, tmp_path / "out")
    foreign = rewritten(archive, tmp_path / "foreign.zip", lambda held: [("mine/a", b"1")])
    with refused(file=foreign, remedy="pdpsych pack"):
        studies.unpack(foreign, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_commands(study, tmp_path):
    runner = CliRunner()
    packed = runner.invoke(app, ["pack", str(study), "--out", str(tmp_path / "a.zip")])
    assert packed.exit_code == 0
    assert "pdpsych unpack a.zip" in packed.output
    done = runner.invoke(app, ["unpack", str(tmp_path / "a.zip")])
    assert done.exit_code == 0
    assert (tmp_path / "mine/README.md").is_file()
