"""Rivals in the place of the pairs that they are rivals of."""

from __future__ import annotations

import numpy as np
import pytest
from observers import LGN
from refusals import refused
from rival_set import SIDE, write_rival_set

from pdpsych import experiments, stimuli
from pdpsych.displays import Display
from pdpsych.experiments import Experiment
from pdpsych.experiments.design import conditions, trials_of
from pdpsych.stimuli.thresholds import expected_thresholds

TAKEN = "camel/principal-rival-2"


@pytest.fixture(scope="module")
def rival_set(tmp_path_factory):
    return write_rival_set(tmp_path_factory.mktemp("sets") / "rivals")


def _experiment(opened, **fields):
    return Experiment(stimulus_set=opened.path, display={}, trials_per_condition=4, **fields)


def _pairs(experiment, opened):
    return [(c.image, c.pair) for c in conditions(experiment, opened) if c.distortion == 1]


def test_a_session_leaves_rivals_out_unless_it_takes_them(rival_set):
    plain = _experiment(rival_set)
    others = [("einstein", "principal"), ("parrot", "principal")]
    assert _pairs(plain, rival_set) == [("camel", "principal"), *others]
    taken = _experiment(rival_set, rivals=(TAKEN,))
    taken.check_against(rival_set)
    assert _pairs(taken, rival_set) == [("camel", "principal-rival-2"), *others]
    # A rival is in its pair's place, whatever else the experiment chooses.
    chosen = _experiment(rival_set, rivals=(TAKEN,), pairs=("principal",), images=("camel",))
    chosen.check_against(rival_set)
    assert _pairs(chosen, rival_set) == [("camel", "principal-rival-2")]
    left = _experiment(rival_set, rivals=(TAKEN,), leave_out=(f"{TAKEN}/1",))
    left.check_against(rival_set)
    assert conditions(left, rival_set)[0] == ("camel", "principal-rival-2", 2)


def test_a_design_with_a_rival_is_that_of_its_pair(rival_set):
    """Signs, positions and the order do not depend on which of two optima is shown."""
    plain, taken = (
        trials_of(_experiment(rival_set, rivals=rivals), rival_set, "01", "01")
        for rivals in ((), (TAKEN,))
    )
    for one, other in zip(plain, taken, strict=True):
        assert (one.sign, one.position, one.easy) == (other.sign, other.position, other.easy)
        if one.condition.image == "camel":
            assert other.condition.pair == "principal-rival-2"
        else:
            assert other.condition == one.condition


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rivals": ("camel/principal",)}, {"field": "rivals", "allowed": TAKEN}),
        ({"rivals": ("einstein/principal-rival-1",)}, {"field": "rivals"}),
        ({"rivals": (TAKEN,), "images": ("parrot",)}, {"field": "rivals", "allowed": "none"}),
        ({"rivals": (TAKEN, "camel/principal-rival-1")}, {"field": "rivals", "value": TAKEN}),
        ({"pairs": ("principal-rival-2",)}, {"field": "pairs", "allowed": "principal"}),
        (
            {"rivals": (TAKEN,), "leave_out": ("camel/principal/1",)},
            {"field": "leave_out", "allowed": f"{TAKEN}/1"},
        ),
    ],
)
def test_rivals_that_are_none_are_refused(rival_set, fields, expected):
    with refused(**expected):
        _experiment(rival_set, **fields).check_against(rival_set)


def test_experiments_without_rivals_are_recorded_as_they_were(rival_set):
    assert "rivals" not in _experiment(rival_set).resolved(Display())
    taken = _experiment(rival_set, rivals=(TAKEN,)).resolved(Display())
    assert taken["rivals"] == [TAKEN]
    assert Experiment.model_validate(taken).rivals == (TAKEN,)


def test_expected_thresholds_do_not_depend_on_rivals(rival_set):
    found = expected_thresholds(rival_set, "LGN", 0.01)
    own = [t for (_, pair, _), t in found.items() if "rival" not in pair]
    assert np.exp(np.mean(np.log(own))) == pytest.approx(0.01 * SIDE)
    u, v = (found["camel", "principal-rival-2", n] for n in (1, 2))
    assert np.log(v / u) == pytest.approx(-1.4)


def test_a_session_logs_which_rival_was_shown(rival_set, tmp_path):
    path = tmp_path / "taken.yaml"
    path.write_text(
        f"stimulus_set: {rival_set.path}\ndisplay: {{}}\ntrials_per_condition: 8\n"
        f"rivals: [{TAKEN}]\n"
    )
    stimuli.calibrate(rival_set, Display())
    log = experiments.run(path, "01", observer=LGN)
    assert log.complete
    assert log.header.calibration is not None
    shown = log.trials.groupby("image")["pair"].unique().map(list).to_dict()
    assert shown == {
        "camel": ["principal-rival-2"],
        "einstein": ["principal"],
        "parrot": ["principal"],
    }
    # It goes on as what it was begun as.
    assert experiments.run(path, "01", observer=LGN).trials.equals(log.trials)
    path.write_text(path.read_text().replace("rival-2", "rival-1"))
    with refused(field="config.rivals"):
        experiments.run(path, "01", observer=LGN)
