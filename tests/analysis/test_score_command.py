"""``pdpsych score`` and ``plan`` on a small finished study, from the command line."""

import csv
import io

import pytest
from refusals import problem_of
from typer.testing import CliRunner

from pdpsych.analysis.scoring import leaderboard
from pdpsych.cli.main import app, main
from pdpsych.common.errors import InputError

RUNNER = CliRunner()
MODULE = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.blur = torch.nn.Conv2d(1, 4, 5, padding=2)
        torch.nn.init.constant_(self.blur.weight, 0.04)

    def forward(self, x):
        return self.blur(x).relu()
"""
ADDED = ["--add-model", "LGG", "--add-model", "python:command_net:Net/blur"]


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def score(patch, *arguments):
    """Run ``pdpsych score`` without drawing, which takes most of its time; return its output."""

    def save(_figure, stem, formats):
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_suffix(".png").write_bytes(b"")
        return [stem.with_suffix(".png")]

    patch.setattr("pdpsych.common.drawing.save", save)
    done = RUNNER.invoke(app, ["score", *map(str, arguments)])
    assert done.exception is None
    return done.output


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def refused(*arguments):
    """Return the error of a command that ends with one of a user: status 2 and no traceback."""
    found = problem_of(RUNNER.invoke(app, [str(a) for a in arguments]))
    assert isinstance(found, InputError)
    return found


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=20)


@pytest.fixture(scope="module")
def finished(study, tmp_path_factory):
    """Score a study with two models that took no part; return the output and the leaderboard."""
    folder = tmp_path_factory.mktemp("net")
    (folder / "command_net.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        output = score(patch, study, *ADDED, "--leaderboard", folder / "board")
    return output, folder / "board" / leaderboard.FILE


def test_added_models_are_marked_in_what_is_printed_and_kept(study, finished):
    output, _ = finished
    assert output.count("LGG") >= 2
    marked = [line for line in output.splitlines() if line.endswith("(took no part)")]
    assert len(marked) == 4
    assert all("LGG" in line or "python:command_net:Net/blur" in line for line in marked)
    results = study / "analysis/results/main"
    ranking = rows(results / "ranking.csv")
    assert len(ranking) == 10
    assert {row["model"] for row in ranking if row["took_part"] == "False"} == {
        "LGG",
        "python:command_net:Net/blur",
    }
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "LGG (took no part)" in page
    assert "the distortions were chosen by other models" in page


def test_it_says_whose_trials_were_fitted_and_where_the_report_is(study, finished):
    output, _ = finished
    assert "thresholds of main\n  01: " in output
    assert f"report: {study.resolve() / 'analysis/results/main/report.html'}\n" in output


def test_the_leaderboard_knows_set_models_and_who_took_no_part(study, finished):
    output, board = finished
    assert f"leaderboard: {board}" in output
    found = {(row["kind"], row["model"]): row for row in rows(board)}
    assert len(found) == 10
    own = found["principal", "python:command_net:Net/blur"]
    assert (own["took_part"], len(own["weights_sha256"])) == ("False", 64)
    assert found["principal", "LN"]["took_part"] == "True"
    assert {len(row["stimulus_set_sha256"]) for row in found.values()} == {64}


def test_scoring_again_adds_only_what_is_new(study, finished, monkeypatch):
    _, board = finished
    before = board.read_bytes()
    for expected in (16, 16):
        score(monkeypatch, study, "--leaderboard", board.parent)
        assert board.read_bytes().startswith(before)
        assert len(rows(board)) == expected


@pytest.fixture(scope="module")
def untouched(write_study):
    return write_study(trials=4)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("LGH", "unknown model"),
        ("LN", "in the stimulus set small already"),
        ("python:no_such_module:Net/blur", "no_such_module"),
        ("python:other_net:Net", "names no layer"),
        ("python:other_net:Net/blurred", "no such layer"),
        ("torchvison:alexnet/features.1", "torchvision"),
    ],
)
def test_a_wrong_address_ends_before_anything_is_written(
    untouched, monkeypatch, tmp_path, address, problem
):
    # Under a name of its own: Python keeps modules that were imported once.
    (tmp_path / "other_net.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    before = contents(untouched)
    board = tmp_path / "board"
    error = refused("score", untouched, "--add-model", address, "--leaderboard", board)
    assert error.field.startswith("models")
    assert problem in str(error)
    assert contents(untouched) == before
    assert not board.exists()


def _file(path):
    path.write_text("mine")


def _foreign(path):
    path.mkdir()
    (path / leaderboard.FILE).write_text("name,score\nme,1\n")


@pytest.mark.parametrize(
    ("make", "remedy"), [(_file, "give the folder"), (_foreign, "choose another folder")]
)
def test_a_wrong_leaderboard_ends_before_anything_is_written(untouched, tmp_path, make, remedy):
    make(tmp_path / "board")
    before, board = contents(untouched), contents(tmp_path)
    error = refused("score", untouched, "--leaderboard", tmp_path / "board")
    assert str(tmp_path / "board") in error.file
    assert remedy in error.remedy
    assert (contents(untouched), contents(tmp_path)) == (before, board)


def test_a_message_of_a_command_is_printed_with_status_2(untouched, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["pdpsych", "score", str(untouched), "--add-model", "X"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("pdpsych: ")
    assert '"X"' in error
    assert "Traceback" not in error


@pytest.mark.parametrize("command", ["score", "plan"])
def test_a_model_that_sees_nothing_of_a_distortion_is_named(write_study, command):
    study = write_study(trials=20, blind="LG")
    error = refused(command, study)
    assert error.file.endswith("small")
    assert error.field.startswith("images.camel.random")
    assert error.value == "LG"
    assert "leave the model out" in error.remedy
    assert not (study / "analysis/results/main/score.json").exists()
    assert not (study / "analysis/results/main/plan.csv").exists()
