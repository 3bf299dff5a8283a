import pytest
import stimulus_sets
from refusals import refused

from pdpsych.stimuli import StimulusSet


@pytest.fixture
def folder(tmp_path):
    return stimulus_sets.write_set(tmp_path / "small")


@pytest.mark.parametrize(
    "name", ["run.py", "arrays/other.npz", "notes.txt", "previews/a.py", "code/x.json", "more.npz"]
)
def test_a_file_that_nobody_declared_is_refused(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    with refused(file=name, remedy="move it out"):
        StimulusSet.open(folder)


ADDED = ["previews/a.png", "responses/a.json", "calibrations/lab/calibration.json", "scree.png"]
OF_SYSTEMS = [".DS_Store", "arrays/._cat.npz", "Thumbs.db", ".git/config"]


@pytest.mark.parametrize("name", [*ADDED, *OF_SYSTEMS])
def test_what_commands_and_systems_add_may_be_there(folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("x")
    assert StimulusSet.open(folder).name == "small"
