"""Results proved from logs and sets, and where the chain breaks."""

import json
import re
import shutil

import numpy as np
import pytest
import small_study
from refusals import refused
from typer.testing import CliRunner

from pdpsych import analysis, studies
from pdpsych.analysis.reporting.markup import Gallery
from pdpsych.analysis.reporting.report import report_texts
from pdpsych.cli.main import app
from pdpsych.studies.comparing import compare
from pdpsych.studies.verifying import compared, compute


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that is done, and its results computed again."""
    root = small_study.write_study(tmp_path_factory.mktemp("here") / "mine", trials=20, samples=200)
    opened = analysis.open_analysis(root)
    fitted = analysis.fit(opened, write=False)
    scores = analysis.score(opened, fit=fitted)
    # As the report is, without pictures, which take long to save.
    page, methods = report_texts(opened, fitted, scores, Gallery(None))
    (opened.results / "report.html").write_text(page)
    (opened.results / "methods.md").write_text(methods)
    again = tmp_path_factory.mktemp("again")
    compute(opened, again, progress=False)
    return root, again


@pytest.fixture
def study(finished, tmp_path):
    """A copy of the study, on another path."""
    return shutil.copytree(finished[0], tmp_path / "elsewhere" / "theirs")


def results(study):
    return study / "analysis/results/main"


def found(study, finished):
    """What comparing the results of a copy with those computed again finds."""
    return compared(analysis.open_analysis(study), finished[1], study)


def test_a_finished_study_is_proved_on_any_path(study):
    verified = studies.verify(study)
    assert verified.proved, verified.describe()
    assert not verified.problems
    (one,) = verified.analyses
    assert one.numbers > 5000
    assert one.files >= 30
    assert "main: proved;" in verified.describe()


PACKED = re.compile(r'"base64": *"[^"]*"')
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+|(?<![\w.])\d+(?![\w.])")


def changed(text, rng):
    """A text in which one number is another, in a digit that counts."""
    # In packed arrays a digit may stand for less than what counts.
    packed = [m.span() for m in PACKED.finditer(text)]
    told = [m for m in NUMBER.finditer(text) if not any(a <= m.start() < b for a, b in packed)]
    if not told:
        return None
    chosen = told[rng.integers(len(told))]
    number = chosen[0]
    digits = [k for k, c in enumerate(number) if c.isdigit()][:5]
    significant = [k for k in digits if number[: k + 1].strip("-0.")] or digits[-1:]
    place = significant[rng.integers(len(significant))]
    other = str((int(number[place]) + 1 + int(rng.integers(8))) % 10)
    new = number[:place] + other + number[place + 1 :]
    return text[: chosen.start()] + new + text[chosen.end() :]


def test_no_changed_number_of_a_result_goes_unnoticed(study, finished):
    rng, tried = np.random.default_rng(2), 0
    own = [p for p in results(study).iterdir() if p.name != "digests.json"]
    files = sorted(p for p in own if p.suffix in (".json", ".csv", ".md"))
    for file in [*files, *files]:
        text = file.read_text(encoding="utf-8")
        wrong = changed(text, rng)
        if wrong is None:
            continue
        computed = (finished[1] / file.name).read_text(encoding="utf-8")
        told = compare(file.name, wrong, computed, str).differences
        assert told, file.name
        tried += 1
    assert tried > 40


def test_the_report_is_compared_to_the_last_digit(study, finished):
    page = results(study) / "report.html"
    text = page.read_text(encoding="utf-8")
    assert found(study, finished).proved
    said = re.search(r"mean score (\d\.\d\d)", text) or re.search(r">(\d\.\d\d) \[", text)
    at = said.start(1)
    page.write_text(text[: at + 3] + str((int(text[at + 3]) + 1) % 10) + text[at + 4 :])
    (line,) = found(study, finished).breaks
    assert line.startswith("report.html: line ")


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("analysis/main.yaml", "samples: 200", "samples: 201", "settings changed: samples"),
        ("stimuli/small/manifest.json", '"floor": 0.03', '"floor": 0.04', "no data"),
    ],
)
def test_where_the_chain_breaks(study, file, old, new, told):
    path = study / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    verified = studies.verify(study)
    words = verified.describe()
    assert not verified.proved
    assert told in words


def test_an_answer_that_was_changed(study):
    path = next((study / "experiments/data/early").iterdir())
    lines = path.read_text().splitlines()
    record = json.loads(lines[30])
    record["realised"] *= 1.001
    lines[30] = json.dumps(record)
    path.write_text("\n".join(lines) + "\n")
    verified = studies.verify(study)
    assert not verified.proved
    assert "answers changed" in verified.describe()


def test_missing_and_strange_files(study, finished):
    (results(study) / "sides.csv").unlink()
    (results(study) / "mine.csv").write_text("a\n1\n")
    breaks = found(study, finished).breaks
    assert breaks == (
        "sides.csv: is missing",
        "mine.csv: is not computed from logs and sets; delete or move it",
    )
    (results(study) / "fit.json").unlink()
    assert not studies.verify(study).proved


def test_what_models_see_is_part_of_the_chain(study):
    path = results(study) / "score.json"
    recorded = json.loads(path.read_text())
    recorded["source"]["models_sha256"] = "0" * 64
    path.write_text(json.dumps(recorded))
    assert any(
        "what is known of the models changed" in line
        for line in studies.status(study).state.outdated
    )


def test_nothing_to_prove(tmp_path):
    root = small_study.write_study(tmp_path / "new", trials=5)
    assert studies.verify(root)._line() == "nothing to prove"
    with refused(file=tmp_path / "none"):
        studies.verify(tmp_path / "none")


def test_numbers_within_rounding_are_the_same():
    same = compare("a.json", '{"x": 0.1, "y": [1]}', '{"x": 0.10000000001, "y": [1.0]}', str)
    assert (same.numbers, same.differences) == (2, ())
    (told,) = compare("a.csv", "m,x\nLN,0.5\n", "m,x\nLN,0.51\n", str).differences
    assert str(told) == "a.csv: line 2, x: 0.5, computed again 0.51"
    assert compare("a.csv", "m,x\n", "m,x\nLN,0.51\n", str).differences
    assert compare("a.json", '{"x": true}', '{"x": 1}', str).differences
    assert compare("a.json", '{"x": null}', '{"y": null}', str).differences == ()
    assert not compare(
        "a.html", '<img src="data:image/png;base64,AA">', '<img src="data:image/png;base64,">', str
    ).differences


def test_the_command(study):
    runner = CliRunner()
    path = study / "analysis/main.yaml"
    path.write_text(path.read_text() + "level: 0.9\n")
    done = runner.invoke(app, ["verify", str(study)])
    assert done.exit_code == 2
    assert "settings changed: level" in done.output
