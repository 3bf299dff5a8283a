import pytest
from observers import LGN
from refusals import refused

from pdpsych.experiments import outline, run

TIMING = {
    "gap": 100,
    "fixation": 200,
    "reference": 300,
    "image": 400,
    "blank": 500,
    "feedback": 600,
}
FIELDS = {"trials_per_condition": 5, "easy_share": 0.2, "practice_trials": 4, "break_every": 10}


@pytest.mark.parametrize(
    ("fields", "trial_s", "feedback_s"),
    [
        # 1 s is assumed for an answer, 60 s for each of three breaks.
        ({}, 0.1 + 0.2 + 2 * 0.4 + 0.5 + 1, 4 * 0.6),
        ({"task": "spatial", "feedback": "all"}, 0.1 + 0.2 + 0.4 + 1, 44 * 0.6),
        (
            {"reference": True, "feedback": "none"},
            0.1 + 0.2 + 0.3 + 0.5 + 2 * 0.4 + 0.5 + 1,
            0,
        ),
    ],
)
def test_minutes_follow_from_the_durations(write_experiment, fields, trial_s, feedback_s):
    found = outline(write_experiment(timing=TIMING, **FIELDS, **fields))
    assert (found.trials, found.practice, found.easy, found.breaks) == (44, 4, 8, 3)
    assert found.minutes * 60 == pytest.approx(44 * trial_s + feedback_s + 3 * 60)


def test_it_is_what_the_session_then_is(write_experiment):
    path = write_experiment(**FIELDS, groups=2)
    found = outline(path, "02", run="3")
    assert not found.log.parent.exists()
    log = run(path, "02", run="3", observer=LGN)
    assert found.log == log.path
    assert (found.trials, found.design) == (log.header.planned, log.header.design)
    assert found.group == (log.header.group, 2) == (2, 2)
    shown = log.trials["image"] + "/" + log.trials["pair"] + "/" + log.trials["distortion"].map(str)
    assert sorted(found.conditions) == sorted(set(shown))


def test_it_says_all_of_it(write_experiment):
    path = write_experiment(method={"kind": "staircase", "down": 2}, **FIELDS)
    found = outline(path, "07")
    text = found.describe()
    for words in (
        f"{path}: participant 07, session 01",
        "trials: 44, 4 of them practice; 5 of each of 8 conditions, in all 8 easy",
        "with 1 s for an answer and 3 breaks of 60 s",
        "method: staircase, threshold_rms 0.01, sd 1.5, down 2",
        "group 1 of 1; seed 0; design ",
        "calibration: none (a session of a person needs one)",
        "camel/principal/1, camel/principal/2",
    ):
        assert words in text
    assert repr(found) == f"<Outline: {path}: participant 07, session 01, 44 trials, 5.2 minutes>"


def test_outlines_compare(write_experiment):
    path = write_experiment(**FIELDS)
    assert outline(path, "07") == outline(path, "07")
    assert len({outline(path, "07"), outline(path, "07"), outline(path, "08")}) == 2


def test_what_could_not_be_run_is_refused(write_experiment):
    path = write_experiment(method={"kind": "constant"})
    with refused(file=path, field="method") as told:
        outline(path)
    assert "need levels_rms or range_rms" in told.value.problem
    with refused(field="run", value="run-1"):
        outline(write_experiment(), run="run-1")
