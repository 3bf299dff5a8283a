import pytest
from observers import LGN
from refusals import refused

from pdpsych.experiments import Experiment, outline, run
from pdpsych.experiments.logs.labels import Labels
from pdpsych.experiments.sessions.preparation import prepare


def test_outline_and_run_are_of_the_same_preparation(write_experiment):
    path = write_experiment(trials_per_condition=3, practice_trials=2, groups=2)
    prepared = prepare(path, Labels("02", "B", "1"))
    planned = outline(path, "02", session="B", run="1")
    log = run(path, "02", session="B", run="1", observer=LGN)
    assert prepared.log == planned.log == log.path
    assert prepared.design == planned.design == log.header.design
    assert len(prepared.trials) == planned.trials == log.header.planned
    assert len(prepared.trials) == prepared.count
    assert sum(trial.practice for trial in prepared.trials) == prepared.practice == 2
    assert prepared.measured == tuple(sorted({trial.condition for trial in prepared.trials}))
    assert (prepared.group, 2) == planned.group == (log.header.group, 2)
    header = prepared.header(log.header.observer, windowed=False)
    assert header.model_copy(update={"started": log.header.started}) == log.header


def test_the_display_is_read_once(write_experiment, tmp_path, monkeypatch):
    (tmp_path / "lab.yaml").write_text("curve: 2.2\n")
    read = []
    screen = Experiment.screen
    monkeypatch.setattr(Experiment, "screen", lambda self: read.append(self) or screen(self))
    run(write_experiment(display="lab.yaml", trials_per_condition=1), observer=LGN)
    assert len(read) == 1


@pytest.mark.parametrize("uncalibrated", [False, True])
def test_a_person_is_shown_no_set_that_is_not_calibrated(write_experiment, uncalibrated):
    path = write_experiment()
    if uncalibrated:
        assert prepare(path, Labels("01"), uncalibrated=True, for_person=True).calibration is None
        return
    with refused(file=path, field="display"):
        prepare(path, Labels("01"), for_person=True)
    assert prepare(path, Labels("01")).calibration is None


def test_labels_are_looked_at_before_the_set(write_experiment):
    with refused(field="session", value="a b", remedy='"ab"'):
        prepare(write_experiment(stimulus_set="nowhere"), Labels("01", "a b"))
