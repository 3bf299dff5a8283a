"""The command ``pdpsych run``: its options, and what it says."""

import pytest
from refusals import problem_of, refused
from typer.testing import CliRunner

from pdpsych.cli.main import app
from pdpsych.common.errors import InputError
from pdpsych.experiments import read_log
from pdpsych.experiments.logs.labels import Labels


@pytest.fixture
def pdpsych_run(write_experiment):
    """Return a function that runs the command on a small experiment."""
    path = write_experiment("small", trials_per_condition=2)
    local = path.with_name("local.yaml")
    local.write_text("model: LGN\nlocal: true\n")

    def call(*options: str):
        options = tuple(str(local) if option == "LOCAL" else option for option in options)
        done = CliRunner().invoke(app, ["run", str(path), *options])
        if isinstance(problem := problem_of(done), InputError):
            raise problem
        assert done.exit_code == 0, done.output
        return done.output, path.parent / "data" / "small"

    return call


def test_a_dry_run_says_what_will_be_and_writes_nothing(pdpsych_run):
    out, logs = pdpsych_run("--dry-run", "--participant", "04", "--session", "02", "--run", "3")
    assert "participant 04, session 02, run 3" in out
    assert "trials: 16, 0 of them practice; 2 of each of 8 conditions" in out
    assert not logs.parent.exists()


def test_a_simulated_session_needs_no_participant(pdpsych_run):
    out, logs = pdpsych_run("--simulate", "LOCAL")
    assert f"{logs / 'sub-01_ses-01.jsonl'}: complete, 16 trials" in out


def test_a_person_is_asked_for_what_was_not_given(pdpsych_run, monkeypatch):
    asked = []

    def ask(experiment, session, run, unplanned):
        asked.append((experiment.stem, session, run, unplanned))
        return Labels("09", "03", "2")

    monkeypatch.setattr("pdpsych.experiments.person.dialog.ask", ask)
    with refused(field="display", remedy="uncalibrated"):
        pdpsych_run("--session", "03")
    assert asked == [("small", "03", None, False)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--participant", ""), {"field": "participant", "value": "", "remedy": '"01"'}),
        (("--participant", "sub-02"), {"field": "participant", "remedy": '"02"'}),
        (("--participant", "a b"), {"field": "participant", "remedy": '"ab"'}),
        (("--participant", "01", "--run", "x"), {"field": "run", "value": "x"}),
        (("--participant", "01"), {"file": "small.yaml", "field": "display"}),
        (("--simulate", "LGM"), {"field": "observer", "allowed": "LGN"}),
        (("--simulate", "LGN"), {"field": "images.camel", "remedy": "local: true"}),
    ],
)
def test_what_cannot_be_run_is_refused(pdpsych_run, options, told):
    with refused(**told):
        pdpsych_run(*options)


def test_runs_have_logs_of_their_own(pdpsych_run):
    for number in ("1", "2"):
        _, logs = pdpsych_run("--simulate", "LOCAL", "--run", number)
    found = [read_log(path) for path in sorted(logs.glob("*.jsonl"))]
    assert [log.header.run for log in found] == ["1", "2"]
    assert found[0].header.design != found[1].header.design
