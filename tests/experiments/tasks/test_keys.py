"""Keys: lists of names, the numeric pad, buttons of other devices, balance over participants."""

import pytest
from refusals import refused

from pdpsych.common.section import validate
from pdpsych.experiments import Experiment
from pdpsych.experiments.design import keys_of
from pdpsych.experiments.tasks.keys import Keys


def experiment(**fields):
    return validate({"stimulus_set": "set", "display": {}, **fields}, Experiment, "early.yaml")


def test_a_digit_is_that_of_the_numeric_pad_too():
    keys = Keys(first=1, second=["k", 2, "button:0"], go_on="return")
    assert keys.names("first") == ("1", "num_1")
    assert keys.names("second") == ("k", "2", "button:0", "num_2")
    assert keys.names("go_on") == ("return", "num_enter")
    assert keys.shown == {"first": "1", "second": "k", "pause": "escape", "go_on": "return"}


def test_plain_data_are_as_before_there_were_lists():
    plain = {"first": "1", "second": "2", "pause": "escape", "go_on": "space"}
    assert Keys().plain == plain
    lists = Keys(first=["f", "button:1"], balance=True).plain
    assert lists == plain | {"first": ["f", "button:1"], "balance": True}
    assert Keys(**lists).plain == lists


@pytest.mark.parametrize(
    "keys",
    [
        {"first": "a", "second": ["b", "a"]},
        {"first": "1", "pause": "num_1"},
        {"first": ["a", "b"], "go_on": ["b"]},
    ],
)
def test_a_key_means_one_thing(keys):
    with refused(file="early.yaml", problem="four different keys"):
        experiment(keys=keys)


def test_buttons_need_a_device():
    keys = {"second": ["2", "button:1"]}
    with refused(field="keys.second", value="button:1", remedy="buttons: serial:PORT"):
        experiment(keys=keys)
    assert experiment(keys=keys, buttons="pad").keys.names("second")[1] == "button:1"


@pytest.mark.parametrize("groups", [1, 3])
def test_keys_are_balanced_over_every_two_participants_of_a_group(groups):
    swapped = {"first": "2", "second": "1"}
    drawn = set()
    for seed in range(8):
        one = experiment(keys={"balance": True}, groups=groups, seed=seed)
        mine = [keys_of(one, f"{n:02d}") for n in range(1, 1 + 4 * groups)]
        assert all(keys.first != keys.second for keys in mine)
        changed = [keys.shown["first"] == swapped["first"] for keys in mine]
        for group in range(groups):
            own = changed[group::groups]
            assert own[0] != own[1]
            assert own[2] != own[3]
        drawn.add(tuple(changed))
        assert [keys_of(one, f"{n:02d}") for n in range(1, 1 + 4 * groups)] == mine
    assert len(drawn) > 1
    assert keys_of(experiment(), "anna") == Keys()
    with refused(field="participant", value="anna", remedy='"anna01"'):
        keys_of(experiment(keys={"balance": True}), "anna")
