from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer

import pdpsych
from pdpsych.cli import main as cli

RECIPE = """
images: [{sample: cat}]
preprocess: {size: 32, range: [0.1, 0.9]}
models: [LN, LG, LGN]
distortions: [{kind: principal, iterations: 20}, {kind: random}]
"""
EXPERIMENT = """
stimulus_set: ../stimuli/sets/tiny
display: {curve: srgb}
trials_per_condition: 12
"""


def _started(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command as a program."""
    command = [sys.executable, "-m", "pdpsych", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")


def _pdpsych(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, which has imported all that it needs."""
    command, status = ["pdpsych", *map(str, arguments)], 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        patch.setattr(sys, "argv", command)
        try:
            cli.main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    files = {
        "stimuli/tiny.yaml": RECIPE,
        "experiments/tiny.yaml": EXPERIMENT,
        "analysis/tiny.yaml": "experiment: ../experiments/tiny.yaml\nsamples: 200\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    done = _pdpsych("generate", folder / "stimuli" / "tiny.yaml")
    assert done.returncode == 0, done.stderr
    return folder


def _failed(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("pdpsych: ")
    for word in words:
        assert word in done.stderr


def test_a_study_from_set_to_report(study):
    shown = _started("inspect", study / "stimuli" / "sets" / "tiny")
    assert "cat/principal" in shown.stdout
    experiment = study / "experiments" / "tiny.yaml"
    for participant in ("01", "02"):
        ran = _started("run", experiment, "--participant", participant, "--simulate", "LGN")
        assert ran.returncode == 0, ran.stderr
        assert "complete, 48 trials" in ran.stdout
    fitted = _started("fit", study / "analysis" / "tiny.yaml")
    assert "8 thresholds of tiny" in fitted.stdout
    assert f"tables: {study / 'analysis/results/tiny'}\n" in fitted.stdout
    scored = _started("score", study)
    assert scored.returncode == 0, scored.stderr
    results = study / "analysis" / "results" / "tiny"
    assert f"report: {results / 'report.html'}" in scored.stdout
    assert re.search(r"^  1(?: to \d)?\. ", scored.stdout, re.MULTILINE)
    for name in ("fit.json", "thresholds.csv", "scores.csv", "report.html"):
        assert (results / name).stat().st_size > 100
    assert json.loads((results / "fit.json").read_text())["schema_version"] == 4


def test_the_module_is_the_program():
    done = _started("--help")
    assert done.returncode == 0
    for command in ("demo", "generate", "inspect", "calibrate", "run", "fit", "score", "display"):
        assert command in done.stdout


def test_a_display_from_readings_to_figure(tmp_path):
    readings = [(level, round(0.3 + 100 * (level / 255) ** 2.2, 2)) for level in range(0, 256, 15)]
    table = tmp_path / "readings.csv"
    table.write_text("level,luminance\n" + "".join(f"{x},{y}\n" for x, y in readings))
    lab = tmp_path / "lab.yaml"
    made = _pdpsych("display", "import", table, "--out", lab, "--date", "2026-03-01")
    assert made.returncode == 0, made.stderr
    assert "gamma 2.2, " in made.stdout
    shown = _pdpsych("display", "show", lab)
    assert "→ power-1" in shown.stdout
    assert f"figure: {tmp_path / 'lab.png'}" in shown.stdout
    assert (tmp_path / "lab.png").stat().st_size > 10_000
    lab.write_text(lab.read_text().replace("power-1", "pchip"))
    fitted = _pdpsych("display", "fit", lab)
    assert f"{lab}: curve.model: power-1" in fitted.stdout
    assert "power-1" in lab.read_text()
    _failed(_pdpsych("display", "import", "--out", lab), "give either a CSV file or --monitor")
    _failed(_pdpsych("display", "import", table, "--out", lab), "is there already")


def test_a_set_is_calibrated_for_a_display(study, tmp_path):
    lab = tmp_path / "lab.yaml"
    lab.write_text("curve: 2.2\nwidth_px: 1920\nwidth_cm: 53\ndistance_cm: 57\n")
    tiny = study / "stimuli" / "sets" / "tiny"
    done = _pdpsych("calibrate", tiny, "--display", lab, "--json")
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)["found"]
    assert len(told["result"]["conditions"]) == 4
    assert len(told["files"]["figures"]) == 2
    folder = tiny / "calibrations" / "lab"
    names = {"calibration.json", "conditions.csv", "gain.png", "coverage.png"}
    assert {path.name for path in folder.iterdir()} == names
    # The set is there already: only its calibration is made, and the models are asked.
    done = _pdpsych("generate", study / "stimuli" / "tiny.yaml", "--display", lab)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "calibration.json").read_text())
    assert {m for c in found["conditions"] for m in c["sensitivities"]} == {"LN", "LG", "LGN"}
    lab.write_text("width_px: 31\n")
    _failed(_pdpsych("calibrate", tiny, "--display", lab), "larger than", "31 × ")
    missing = tmp_path / "lba.yaml"
    _failed(_pdpsych("calibrate", tiny, "--display", missing), 'did you mean "lab.yaml"')
    generated = _pdpsych("generate", study / "stimuli" / "tiny.yaml", "--display", missing)
    _failed(generated, 'did you mean "lab.yaml"')


def test_wrong_files_end_with_a_message(study, tmp_path):
    _failed(_pdpsych("generate", study / "stimuli" / "tny.yaml"), 'did you mean "tiny.yaml"')
    _failed(_pdpsych("inspect", tmp_path), "no manifest.json")
    _failed(
        _pdpsych("run", study / "stimuli" / "tiny.yaml", "--participant", "01"),
        "is not an experiment",
    )
    _failed(_pdpsych("fit", tmp_path), "no analysis here")
    experiment = study / "experiments" / "tiny.yaml"
    done = _pdpsych("run", experiment, "--participant", "03", "--simulate", "LGM")
    _failed(done, '"LGM"', 'did you mean "LG')
    _failed(_pdpsych("run", experiment, "--participant", "../x", "--simulate", "LGN"), "../x")
    assert not list(Path(study).rglob("*03*"))


def test_a_plan_says_what_is_enough(study):
    sizes = ["--participants", "1,2", "--images", "2", "--trials", "5", "--studies", "2"]
    done = _pdpsych("plan", study, *sizes, "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "2 simulated studies of each size, principal distortions" in done.stdout
    assert f"table: {study / 'analysis/results/tiny/plan.csv'}, figure: plan.pdf" in done.stdout
    assert (study / "analysis/results/tiny/plan.pdf").exists()
    wrong = _pdpsych("plan", study, "--trials", "40-60")
    assert wrong.returncode == 2
    assert '--trials: whole numbers with commas between, as in 5,10,20, got "40-60"' in wrong.stderr


def test_scoring_without_sessions_names_the_command(study, tmp_path):
    (tmp_path / "analysis").mkdir()
    (tmp_path / "experiments").mkdir()
    sets = study / "stimuli" / "sets" / "tiny"
    (tmp_path / "experiments" / "tiny.yaml").write_text(
        EXPERIMENT.replace("../stimuli/sets/tiny", str(sets))
    )
    (tmp_path / "analysis" / "tiny.yaml").write_text("experiment: ../experiments/tiny.yaml\n")
    _failed(_pdpsych("score", tmp_path), "pdpsych run")


MANY = """
images: [{folder: photographs}]
preprocess: {size: 16}
models: [LN, identity]
distortions: [{kind: random}]
"""


def test_an_image_that_fails_ends_with_status_1_and_its_reason(tmp_path):
    (tmp_path / "photographs").mkdir()
    for name, level in (("bad", np.nan), ("good", 0.5)):
        np.save(tmp_path / "photographs" / f"{name}.npy", np.full((20, 20), level))
    recipe = tmp_path / "many.yaml"
    recipe.write_text(MANY)
    shard = _pdpsych("generate", recipe, "--shard", "2/2")
    assert (shard.returncode, shard.stdout.splitlines()[0]) == (
        0,
        "many: 1 of 2 images are made and kept",
    )
    done = _pdpsych("generate", recipe)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (
        "1 failed; the same command tries them again (or take them out of the recipe):"
        in done.stderr
    )
    assert "bad.npy: has 400 values that are not finite" in done.stderr


def test_control_c_ends_with_status_130_and_says_how_to_go_on(tmp_path):
    recipe = tmp_path / "long.yaml"
    text = RECIPE.replace("iterations: 20", "iterations: 20000, restarts: 50")
    recipe.write_text(text.replace("{sample: cat}", "{sample: cat}, {sample: coffee}"))
    command = [sys.executable, "-m", "pdpsych", "generate", recipe, "--jobs", "2"]
    run = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True
    )
    try:
        while not list(tmp_path.glob("sets/.long.units/*.part")) and run.poll() is None:
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    finally:
        # What did not end by itself would compute on beside the other tests.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
    assert run.returncode == 130
    assert "Traceback" not in errors
    assert "interrupted; finished images are kept" in errors
    assert not (tmp_path / "sets" / "long").exists()


def test_what_the_file_system_refuses_is_said(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pdpsych", "check", "x" * 5000])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert re.fullmatch(r"pdpsych: \S+x… \(\d+ characters\): .*too long\n", told)


@pytest.mark.parametrize(
    "command", [["generate", "r.yaml"], ["demo", "--out", "study"], ["models", "show", "file:a"]]
)
def test_a_command_that_needs_torch_says_so_and_writes_nothing(tmp_path, command):
    (tmp_path / "r.yaml").write_text(RECIPE)
    script = "import sys; sys.modules['torch'] = None; from pdpsych.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    told = "pdpsych: this needs torch, which is not installed; pip install 'pdpsych[models]'\n"
    assert done.stderr == told
    assert [path.name for path in tmp_path.iterdir()] == ["r.yaml"]


def test_models_are_listed_without_torch():
    code = "import sys; sys.modules['torch'] = None; from pdpsych.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "models", "list"], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert "torchvision:resnet50@SIN" in done.stdout


def _commands(tree, path=()):
    for name, one in getattr(tree, "commands", {}).items():
        yield (*path, name), one
        yield from _commands(one, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(cli.app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_whole_and_every_command_has_the_options_of_all(path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = _pdpsych(*path, "-h")
    assert shown.returncode == 0
    assert shown.stdout == _pdpsych(*path, "--help").stdout
    above = " ".join(_pdpsych(*path[:-1], "-h").stdout.split())
    summary = " ".join((COMMANDS[path].help or "").partition("\n")[0].split())
    assert re.sub(r"(?<=-) ", "", above).count(re.sub(r"(?<=-) ", "", summary)) >= 1
    assert "..." not in above.replace("[ARGS]...", "").replace("{networks}...", "")
    leaf = not hasattr(COMMANDS[path], "commands")
    for option in ("--quiet", "--json", "--log"):
        assert (option in shown.stdout) == leaf


def test_what_stands_in_brackets_is_shown():
    shown = " ".join(_pdpsych("models", "show", "-h").stdout.split())
    assert "source:model[@weights]; random without." in shown
    assert "source:model[@weights]/layer" in " ".join(_pdpsych("score", "-h").stdout.split())


def test_the_version_is_said():
    assert _pdpsych("--version").stdout == f"pdpsych {pdpsych.__version__}\n"


@pytest.mark.parametrize(
    ("words", "expected"), [("pdpsych st", "status"), ("pdpsych score --le", "--leaderboard")]
)
def test_a_shell_can_complete_commands_and_options(words, expected):
    asked = {"_PDPSYCH_COMPLETE": "complete_bash", "COMP_WORDS": words}
    asked["COMP_CWORD"] = str(len(words.split()) - 1)
    code = "import sys; sys.argv[0] = 'pdpsych'; from pdpsych.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True
    )
    assert done.stdout.split() == [expected]


def test_json_is_all_that_is_printed_and_says_what_was_found(study):
    done = _pdpsych("status", study, "--json")
    found = json.loads(done.stdout)
    assert (found["command"], found["status"], found["error"]) == ("status", 0, None)
    (status,) = found["found"]
    assert status["kind"] == "Status"
    assert status["result"]["sets"][0] | {"state": ""} == {
        "set": "tiny", "images": "1", "models": "3", "state": "",
    }  # fmt: skip
    shown = json.loads(_pdpsych("inspect", study / "stimuli/sets/tiny", "--json").stdout)
    manifest = shown["found"][0]["result"]["manifest"]
    assert manifest["images"][0]["pairs"][0]["sensitivities"]["LN"]
    sizes = ["--participants", "1", "--images", "2", "--trials", "5", "--studies", "1"]
    planned = json.loads(_pdpsych("plan", study, *sizes, "--jobs", "1", "--json").stdout)
    assert planned["found"][0]["result"]["cells"][0]["trials"] == 5
    assert Path(planned["found"][0]["files"]["table"]).is_file()


def test_json_says_what_is_wrong(study):
    done = _pdpsych("generate", study / "stimuli" / "tny.yaml", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"]) == (2, 2)
    assert found["error"]["file"] == str(study / "stimuli" / "tny.yaml")
    assert done.stderr == f"pdpsych: {found['error']['message']}\n"
    assert found["found"] == []


def test_quiet_says_only_what_is_wrong(study):
    done = _pdpsych("check", study, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    _failed(_pdpsych("check", study / "none", "-q"), "none")


def test_a_log_keeps_what_was_said(study, tmp_path):
    log = tmp_path / "log.txt"
    shown = _pdpsych("check", study, "--log", log)
    _pdpsych("check", study / "none", "-q", "--log", log)
    kept = [line.partition(" ")[2] for line in log.read_text(encoding="utf-8").splitlines()]
    assert kept[0].startswith("pdpsych check (")
    assert kept[1 : kept.index(kept[0], 1)] == [x for x in shown.stdout.splitlines() if x.strip()]
    assert kept[-1].startswith("pdpsych: ")
    _failed(_pdpsych("check", study, "--log", tmp_path), str(tmp_path), "cannot be written")


def test_commands_that_are_printed_can_be_pasted(study, tmp_path):
    copy = tmp_path / "my study; 'one'"
    for kind in ("stimuli", "experiments", "analysis"):
        (copy / kind).mkdir(parents=True)
        source = study / kind / "tiny.yaml"
        (copy / kind / "tiny.yaml").write_text(source.read_text(encoding="utf-8"))
    step = json.loads(_pdpsych("check", copy, "--json").stdout)["found"][0]["result"]["steps"][0]
    assert shlex.split(step["command"]) == ["pdpsych", "generate", str(copy / "stimuli/tiny.yaml")]


def test_control_c_ends_a_plan_at_once_and_keeps_the_studies_that_are_done(study, tmp_path):
    shutil.copytree(study, tmp_path / "study")
    sizes = ["--participants", "1", "--images", "2", "--trials", "5", "--studies", "100000"]
    log = tmp_path / "log.txt"
    command = [sys.executable, "-c", EACH_LOGGED, "plan", tmp_path / "study", *sizes]
    command += ["--jobs", "2", "--log", log]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        while not (log.exists() and "study 1 " in log.read_text()) and run.poll() is None:
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
    assert run.returncode == 130
    assert "Traceback" not in errors
    table = tmp_path / "study/analysis/results/tiny/plan.csv"
    done = int(re.search(r"interrupted; (.*) is of the (\d+) studies", errors)[2])
    assert done >= 1
    assert f",{done}," in table.read_text()


EACH_LOGGED = """
if __name__ == "__main__":
    from pdpsych.common import terminal
    terminal._SECONDS_BETWEEN_LINES = 0.0
    from pdpsych.cli.main import main
    main()
"""


def test_half_a_character_is_written_as_its_code(monkeypatch, capsys):
    monkeypatch.setattr(cli, "app", lambda: print("half \ud800"))
    cli.main()
    assert r"half \ud800" in capsys.readouterr().out
