"""Trials that were interrupted after their first image was shown come again later, drawn anew."""

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_world import finite_set
from observers import LGN

from pdpsych.experiments import SessionStopped, observer_from, read_log, run
from pdpsych.experiments.logs.notes import SetAside
from pdpsych.experiments.observers.presentation import Interruption

METHODS = {
    "adaptive": {"kind": "adaptive"},
    "constant": {"kind": "constant", "levels_rms": [0.003, 0.01, 0.03]},
    "models": {"kind": "models", "first_round": 1},
}
CONDITION = ["image", "pair", "distortion"]


class Interrupted:
    """An observer who answers like another, but for some presentations, and may leave."""

    def __init__(self, observer, asides, leaves=None):
        self.description = observer.description
        self._observer, self._asides, self._leaves = observer, asides, leaves
        self.presented = []

    def respond(self, presentation):
        self.presented.append(presentation)
        answered = presentation.progress.done
        if answered == self._leaves:
            self._leaves = None
            raise SessionStopped("stopped")
        before = len(presentation.planned.again)
        if before < self._asides.get(presentation.planned.number, 0):
            return Interruption("pause", "first")
        return self._observer.respond(presentation)


class Once(Interrupted):
    """Is interrupted in one presentation only."""

    def respond(self, presentation):
        answered = super().respond(presentation)
        if isinstance(answered, Interruption):
            self._asides = {}
        return answered


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return finite_set(tmp_path_factory.mktemp("known") / "set")


@pytest.fixture(scope="module")
def study(tmp_path_factory, known):
    """Return a function that runs an experiment of a method anew, with an observer."""

    def sit(name, kind, *observers):
        path = tmp_path_factory.mktemp("sitting", numbered=True) / f"{name}.yaml"
        fields = {"trials_per_condition": 3, "easy_share": 0.34, "practice_trials": 3}
        data = {"stimulus_set": str(known.path), "display": {}, "method": METHODS[kind], **fields}
        path.write_text(yaml.safe_dump(data))
        for observer in observers[:-1]:
            with pytest.raises(SessionStopped):
                run(path, observer=observer)
        run(path, observer=observers[-1])
        return read_log(path.parent / "data" / name / "sub-01_ses-01.jsonl")

    return sit


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asides=st.dictionaries(st.integers(1, 20), st.integers(1, 2), max_size=4),
    leaves=st.integers(1, 20),
    kind=st.sampled_from(sorted(METHODS)),
)
def test_every_trial_is_answered_and_resumed_bit_for_bit(study, known, asides, leaves, kind):
    def observer(leaves=None):
        return Interrupted(observer_from(LGN, known), asides, leaves)

    plain = study("whole", kind, observer_from(LGN, known))
    whole = study("whole", kind, observer())
    resumed = study("whole", kind, observer(leaves), observer())
    drop = ["time"]
    assert resumed.trials.drop(columns=drop).equals(whole.trials.drop(columns=drop))
    assert whole.trials["trial"].tolist() == list(range(1, len(plain.trials) + 1))
    # What was planned of each condition is answered, with the same signs, practice first.
    for columns in ([*CONDITION, "sign", "easy", "practice"], [*CONDITION]):
        counts = [log.trials.groupby(columns).size().to_dict() for log in (plain, whole)]
        assert counts[0] == counts[1]
    assert whole.trials["practice"].tolist() == plain.trials["practice"].tolist()
    asides_logged = [entry for entry in whole.entries if isinstance(entry, SetAside)]
    assert (whole.trials["presented"] - 1).sum() == len(asides_logged)
    drawn = [*whole.trials["dither_seed"], *(entry.dither_seed for entry in asides_logged)]
    assert len(set(drawn)) == len(drawn)
    if not asides_logged:
        assert whole.trials.drop(columns=drop).equals(plain.trials.drop(columns=drop))


def test_it_comes_after_others_with_an_amplitude_of_its_own_turn(study, known):
    log = study("early", "adaptive", Once(observer_from(LGN, known), {7: 1}))
    (aside,) = (entry for entry in log.entries if isinstance(entry, SetAside))
    assert (aside.trial, aside.presented, aside.reason, aside.phase) == (7, 1, "pause", "first")
    (again,) = log.trials.query("presented > 1").itertuples()
    assert again.trial > 7
    assert again.again == "pause"
    same = [aside.image, aside.pair, aside.distortion, aside.sign]
    assert [again.image, again.pair, again.distortion, again.sign] == same
    own = log.trials[(log.trials[CONDITION] == same[:3]).all(axis=1)].set_index("trial")
    answered_meanwhile = own.loc[7 : again.trial - 1]
    assert (again.amplitude == aside.amplitude) == answered_meanwhile.empty


def test_positions_are_drawn_again(study, known):
    """Who saw the first image of a trial does not know where it is when the trial comes again."""
    asides = dict.fromkeys(range(1, 22), 1)
    log = study("early", "constant", Interrupted(observer_from(LGN, known), asides))
    shown = [entry for entry in log.entries if isinstance(entry, SetAside)]
    again = log.trials.query("presented > 1")
    pairs = [
        (one.position, row.position)
        for one in shown
        for row in again.itertuples()
        if (one.image, one.pair, one.distortion, one.sign)
        == (row.image, row.pair, row.distortion, row.sign)
    ]
    assert {a == b for a, b in pairs} == {True, False}


def test_the_last_trial_comes_again_at_once(study, known):
    count = len(study("early", "adaptive", observer_from(LGN, known)).trials)
    log = study("early", "adaptive", Interrupted(observer_from(LGN, known), {count: 2}))
    assert log.trials["presented"].tolist() == [1] * (count - 1) + [3]
    assert log.trials["again"].iloc[-1] == "pause, pause"
