import pytest
from refusals import refused

from pdpsych.analysis import Analysis, open_analyses, open_analysis
from pdpsych.analysis.definition import select_participants


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
    assert [found.stem for found in open_analyses(study)] == ["main", "other"]
    with refused(file=study, allowed="other.yaml", remedy="give the file of one"):
        open_analysis(study)


def test_a_study_without_analysis_says_what_to_do(tmp_path):
    with refused(file="analysis", remedy="write analysis/NAME.yaml"):
        open_analysis(tmp_path)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("experiment: x\nlevle: 0.9", "levle", "levle"),
        ("level: 0.9", "experiment", None),
        ("experiment: x\nlevel: 95", "level", 95),
        ("experiment: x\nparticipants: []", "participants", []),
        ("experiment: x\nmax_clipped: 2", "max_clipped", 2),
        ("experiment: x\nmin_response_time: 3\nmax_response_time: 1", "max_response_time", 1),
        ("experiment: x\nbootstrap: 20", "bootstrap", 20),
    ],
)
def test_bad_definitions_are_refused_by_key(tmp_path, text, field, value):
    path = tmp_path / "main.yaml"
    path.write_text(text)
    with refused(file=path, field=field, value=value):
        open_analysis(path)


def test_a_missing_experiment_is_told_by_the_analysis_that_names_it(tmp_path):
    path = tmp_path / "main.yaml"
    path.write_text("experiment: erly.yaml\n")
    (tmp_path / "early.yaml").touch()
    with refused(file=path, field="experiment", value="erly.yaml", allowed="early.yaml"):
        open_analysis(path).open_experiment()


def test_select_takes_all_or_those_named_and_leaves_out_excluded():
    found = ["01", "02", "03"]

    def select(**settings):
        return select_participants(Analysis(experiment="x", **settings), found)

    assert select() == found
    assert select(participants=("03", "01")) == ["03", "01"]
    assert select(exclude=("02",)) == ["01", "03"]


@pytest.mark.parametrize("field", ["participants", "exclude"])
def test_a_participant_without_log_is_refused(field):
    with refused(field=field, value="O1", allowed="01"):
        select_participants(Analysis(experiment="x", **{field: ("O1",)}), ["01", "02"])


def test_nobody_left_is_refused():
    with refused(field="exclude", value="01"):
        select_participants(Analysis(experiment="x", exclude=("01",)), ["01"])
