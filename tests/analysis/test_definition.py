import re

import pytest

from pdpsych.analysis.definition import Analysis, open_analysis, select
from pdpsych.common.errors import InputError


def test_a_study_folder_opens_its_only_analysis(write_study):
    study = write_study(participants=(), seed=5)
    assert open_analysis(study).seed == 5
    assert open_analysis(study / "analysis/main.yaml") == open_analysis(study)
    assert open_analysis(open_analysis(study)) == open_analysis(study)


def test_results_lie_beside_the_definition(write_study):
    study = write_study(participants=())
    assert open_analysis(study).results == study / "analysis/results/main"


def test_several_analyses_are_listed(write_study):
    study = write_study(participants=())
    (study / "analysis/other.yaml").write_text("experiment: ../experiments/early.yaml\n")
    with pytest.raises(InputError, match=r"main\.yaml, .*other\.yaml"):
        open_analysis(study)


def test_a_study_without_analysis_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"no analysis here; write analysis/NAME\.yaml"):
        open_analysis(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("experiment: x\nlevle: 0.9", 'levle: unknown key, got "levle"; did you mean "level"'),
        ("level: 0.9", "experiment: field required"),
        ("experiment: x\nlevel: 95", "level: is out of range, got 95; allowed: below 1"),
        ("experiment: x\nparticipants: []", "participants: "),
        ("experiment: x\nmax_clipped: 2", "max_clipped: is out of range"),
        (
            "experiment: x\nmin_response_time: 3\nmax_response_time: 1",
            "min_response_time below max_response_time, got 3 and 1",
        ),
        ("experiment: x\nbootstrap: 20", "bootstrap: 0 (none) or at least 200, got 20"),
    ],
)
def test_bad_definitions_are_refused_by_key(tmp_path, text, message):
    path = tmp_path / "main.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(message)) as told:
        open_analysis(path)
    assert told.value.file == str(path)


def test_a_missing_experiment_is_told_by_the_analysis_that_names_it(tmp_path):
    path = tmp_path / "main.yaml"
    path.write_text("experiment: erly.yaml\n")
    (tmp_path / "early.yaml").touch()
    message = f'{path}: experiment: erly.yaml: no such file; did you mean "early.yaml"'
    with pytest.raises(InputError, match=re.escape(message)):
        open_analysis(path).open_experiment()


def test_select_takes_all_or_those_named_and_leaves_out_excluded():
    found = ["01", "02", "03"]
    assert select(Analysis(experiment="x"), found) == found
    assert select(Analysis(experiment="x", participants=("03", "01")), found) == ["03", "01"]
    assert select(Analysis(experiment="x", exclude=("02",)), found) == ["01", "03"]


@pytest.mark.parametrize("field", ["participants", "exclude"])
def test_a_participant_without_log_is_refused(field):
    with pytest.raises(
        InputError, match=f'{field}: participant "O1" has no log; did you mean "01"'
    ):
        select(Analysis.model_validate({"experiment": "x", field: ["O1"]}), ["01", "02"])


def test_nobody_left_is_refused():
    with pytest.raises(InputError, match="exclude: nobody is left; found: 01"):
        select(Analysis(experiment="x", exclude=("01",)), ["01"])
