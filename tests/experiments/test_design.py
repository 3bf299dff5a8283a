import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych.common.files.digests import seed_of
from pdpsych.experiments.design import (
    Condition,
    conditions,
    design_sha256,
    group_of,
    trials_of,
)
from pdpsych.experiments.experiment import Experiment

ALL = [
    Condition(image, pair, number)
    for image in ("camel", "einstein")
    for pair in ("principal", "random-1")
    for number in (1, 2)
]


def experiment_on(opened, **fields) -> Experiment:
    return Experiment(stimulus_set=opened.path, display={}, **fields)


def test_conditions_follow_the_set(small_set):
    assert list(conditions(experiment_on(small_set), small_set)) == ALL
    part = experiment_on(small_set, images=("einstein",), pairs=("random-1",))
    assert conditions(part, small_set) == (
        ("einstein", "random-1", 1),
        ("einstein", "random-1", 2),
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 25),
    share=st.floats(0, 0.5),
    practice=st.integers(0, 9),
    seed=st.integers(0, 2**32),
)
def test_plan_is_balanced(small_set, count, share, practice, seed):
    experiment = experiment_on(
        small_set,
        trials_per_condition=count,
        easy_share=share,
        practice_trials=practice,
        seed=seed,
    )
    trials = trials_of(experiment, small_set, "01", "01")
    assert [trial.number for trial in trials] == list(range(1, len(trials) + 1))
    assert [trial.practice for trial in trials] == [True] * practice + [False] * count * len(ALL)
    assert not any(trial.easy for trial in trials[:practice])
    main = trials[practice:]
    for i in range(count):
        shown = [trial.condition for trial in main[i * len(ALL) : (i + 1) * len(ALL)]]
        assert sorted(shown) == ALL
    for condition in ALL:
        mine = [trial for trial in main if trial.condition == condition]
        easy = [trial for trial in mine if trial.easy]
        assert len(easy) == round(share * count)
        for part in (mine, easy):
            assert abs(sum(trial.sign for trial in part)) <= 1
            assert abs(sum(2 * trial.position - 3 for trial in part)) <= 1


def test_sign_and_position_are_crossed(small_set):
    trials = trials_of(experiment_on(small_set, trials_per_condition=40), small_set, "01", "01")
    cells = Counter((t.condition, t.sign, t.position) for t in trials)
    assert set(cells.values()) == {10}


def test_plan_depends_on_who_and_when_alone(small_set):
    experiment = experiment_on(small_set, trials_per_condition=8)
    digests = {
        (p, s, seed): design_sha256(
            trials_of(experiment.model_copy(update={"seed": seed}), small_set, p, s)
        )
        for p in ("01", "02")
        for s in ("01", "02")
        for seed in (0, 1)
    }
    assert len(set(digests.values())) == 8
    assert design_sha256(trials_of(experiment, small_set, "01", "01")) == digests["01", "01", 0]


def test_designs_are_those_of_the_first_version(small_set):
    """Logs hold them: a session that an earlier version began goes on."""
    fields = {"trials_per_condition": 8, "practice_trials": 3, "groups": 2, "seed": 5}
    trials = trials_of(experiment_on(small_set, **fields), small_set, "02", "B")
    assert (
        design_sha256(trials) == "6db028f2801255c5fe34e8cb0908245bb01dd2f90a679de1cc82b758e5003792"
    )


def test_order_within_passes_is_shuffled(small_set):
    trials = trials_of(experiment_on(small_set, trials_per_condition=20), small_set, "01", "01")
    firsts = Counter(trial.condition for trial in trials[:: len(ALL)])
    assert len(firsts) > 3


def test_seed_is_the_same_in_another_process():
    code = "from pdpsych.common.files.digests import seed_of; print(seed_of(3, '01', 'x', 7))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) == seed_of(3, "01", "x", 7)


@pytest.mark.parametrize("parts", [("1", "12"), ("11", "2"), (1, "12")])
def test_seeds_of_different_parts_differ_and_are_exact_as_doubles(parts):
    assert seed_of(*parts) != seed_of("1", "1", "2")
    assert int(float(seed_of(*parts))) == seed_of(*parts)
    assert len({seed_of(*p) for p in [("1", "12"), ("11", "2"), (1, "12")]}) == 3


def test_groups_share_the_images(small_set):
    shared = experiment_on(small_set, groups=2, trials_per_condition=1)
    seen = [
        {t.condition for t in trials_of(shared, small_set, p, "01")} for p in ("01", "02", "03")
    ]
    assert seen[0] | seen[1] == set(ALL)
    assert not seen[0] & seen[1]
    assert seen[0] == seen[2] == set(conditions(shared, small_set, 1))
    assert {condition.image for condition in seen[1]} == {"einstein"}


@pytest.mark.parametrize(
    ("participant", "group"),
    [("01", 1), ("02", 2), ("3", 3), ("pilot04", 1), ("00", 3), ("299", 2)],
)
def test_groups_follow_the_number_of_the_participant(small_set, participant, group):
    assert group_of(experiment_on(small_set, groups=3), participant) == group


def test_a_participant_without_number_has_no_group(small_set):
    assert group_of(experiment_on(small_set), "anna") == 1
    with refused(field="participant", value="anna", remedy="anna01"):
        group_of(experiment_on(small_set, groups=2), "anna")


def test_conditions_can_be_left_out(small_set):
    part = experiment_on(small_set, leave_out=("camel/principal/2", "einstein/random-1/1"))
    left = [c for c in ALL if c.name not in part.leave_out]
    assert list(conditions(part, small_set)) == left
    nothing = experiment_on(small_set, leave_out=tuple(c.name for c in ALL))
    with refused(field="leave_out", value=[c.name for c in ALL]):
        conditions(nothing, small_set)
