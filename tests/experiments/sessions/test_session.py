import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from observers import LGN, LN
from refusals import refused

from pdpsych.common.section import load
from pdpsych.displays import Display, show
from pdpsych.displays.rendering import quantize
from pdpsych.experiments import Experiment, SessionStopped, observer_from, read_log, run
from pdpsych.experiments.design import Condition
from pdpsych.experiments.logs.collected import collect
from pdpsych.experiments.observers import spec
from pdpsych.experiments.sessions.preparation import Preparation
from pdpsych.stimuli import SetImage, SetPair, calibrate
from pdpsych.stimuli.responses.finite_response import FiniteResponse

COUNT = 8 * 12


class Leaves:
    """An observer who answers like another until a trial, then something happens."""

    def __init__(self, observer, at: int, error: BaseException) -> None:
        self.description = observer.description
        self._observer, self._at, self._error = observer, at, error

    def respond(self, presentation):
        if presentation.planned.number == self._at:
            raise self._error
        return self._observer.respond(presentation)


@pytest.fixture
def early(write_experiment):
    return write_experiment("early", trials_per_condition=12)


def without_time(log):
    return log.trials.drop(columns="time")


def log_file(path):
    return path.parent / "data" / path.stem / "sub-01_ses-01.jsonl"


def test_a_session_is_run_and_logged(early, small_set):
    log = run(early, observer=LGN)
    assert log.complete
    assert log.path == log_file(early)
    assert (log.header.experiment, log.header.planned) == ("early", COUNT)
    assert log.header.stimulus_set_sha256 == small_set.sha256
    assert log.header.observer.startswith("simulated")
    assert log.header.config["display"]["bit_depth"] == 8
    trials = log.trials
    assert (trials["correct"] == (trials["response"] == trials["position"])).all()
    assert (trials["clipped"] <= 0.05).all()
    assert (trials.groupby(["image", "pair", "distortion"]).size() == 12).all()
    assert trials["easy"].sum() == 8
    whole = trials[trials["clipped"] == 0]
    assert len(whole) > COUNT / 2
    assert np.abs(whole["realised"] - whole["amplitude"]).max() < 0.02
    assert trials["realised"].ne(trials["amplitude"]).all()


def test_every_frame_can_be_made_again_from_the_log(early, small_set):
    log = run(early, observer=LGN)
    for row in log.trials.iloc[::17].itertuples():
        shown = show(
            small_set[row.image].base,
            small_set[row.image][row.pair].distortion(row.distortion),
            row.sign * row.amplitude,
            log_display(log),
            "srgb",
            np.random.default_rng(row.dither_seed),
        )
        assert (shown.realised, shown.residual_rms) == (row.realised, row.residual_rms)


def log_display(log):
    return Display(**log.header.config["display"])


@pytest.mark.parametrize(
    ("at", "error"),
    [
        (1, RuntimeError("driver")),
        (2, KeyboardInterrupt()),
        (50, SessionStopped()),
        (COUNT, RuntimeError("driver")),
    ],
)
def test_a_resumed_session_equals_an_undisturbed_one(early, write_experiment, small_set, at, error):
    observer = observer_from(LGN, small_set)
    with pytest.raises(type(error)):
        run(early, observer=Leaves(observer, at, error))
    assert list(read_log(log_file(early)).trials["trial"]) == list(range(1, at))
    with log_file(early).open("ab") as file:
        file.write(b'{"record": "trial", "tri')
    resumed = run(early, observer=observer)
    whole = run(write_experiment("whole", trials_per_condition=12), observer=observer)
    assert without_time(resumed).equals(without_time(whole))


def test_a_session_begun_by_version_0_1_0_goes_on(early, small_set, monkeypatch):
    """Its log knows the set by the SHA-256 of the bytes of the manifest."""
    bytes_sha256 = hashlib.sha256((small_set.path / "manifest.json").read_bytes()).hexdigest()
    observer = observer_from(LGN, small_set)
    with monkeypatch.context() as then:
        then.setattr(Preparation, "_recorded_as", lambda self: bytes_sha256)
        then.setattr(Preparation, "_version", lambda self: 2)
        with pytest.raises(SessionStopped):
            run(early, observer=Leaves(observer, 30, SessionStopped()))
    resumed = run(early, observer=observer)
    assert resumed.complete
    assert resumed.header.stimulus_set_sha256 == bytes_sha256
    assert resumed.header.schema_version == 2
    assert small_set.is_known_as(bytes_sha256)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_process_loses_no_answered_trial(early, write_experiment):
    code = f"""
import os, signal
from pdpsych import experiments
from pdpsych.experiments.logs import trial_log
append = trial_log.TrialLog.append
def append_and_die(self, trial):
    append(self, trial)
    if trial.trial == 20:
        os.kill(os.getpid(), signal.SIGKILL)
trial_log.TrialLog.append = append_and_die
experiments.run({str(early)!r}, observer=experiments.ObserverSpec(model="LGN", local=True))
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert len(read_log(log_file(early)).trials) == 20
    resumed = run(early, observer=LGN)
    whole = run(write_experiment("whole", trials_per_condition=12), observer=LGN)
    assert without_time(resumed).equals(without_time(whole))


class Meddles:
    """An observer who answers like another, and does something to the log in between."""

    def __init__(self, observer, at: int, act) -> None:
        self.description = observer.description
        self._observer, self._at, self._act = observer, at, act

    def respond(self, presentation):
        if presentation.planned.number == self._at:
            self._act()
        return self._observer.respond(presentation)


@pytest.mark.parametrize("at", [1, 30, COUNT])
def test_a_log_deleted_meanwhile_costs_nothing_and_is_told(early, write_experiment, small_set, at):
    observer = observer_from(LGN, small_set)
    log = run(early, observer=Meddles(observer, at, log_file(early).unlink))
    assert log.complete
    assert "was deleted while it was open; all its lines were saved there anew" in log.describe()
    whole = run(write_experiment("whole", trials_per_condition=12), observer=observer)
    assert without_time(log).equals(without_time(whole))
    assert read_log(log_file(early)).notes == ()


def test_a_log_replaced_meanwhile_ends_the_session_with_all_trials_saved(early, small_set):
    def replace_it():
        log_file(early).unlink()
        log_file(early).write_text("mine")

    observer = Meddles(observer_from(LGN, small_set), 30, replace_it)
    with refused(file=log_file(early)) as told:
        run(early, observer=observer)
    saved = log_file(early).with_name("sub-01_ses-01.jsonl.saved")
    assert f"all its lines, the last among them, are in {saved}" in told.value.problem
    assert len(read_log(saved).trials) == 30
    assert log_file(early).read_text() == "mine"


def test_a_session_that_is_stopped_says_what_happened_to_its_log(early, small_set):
    leaves = Leaves(observer_from(LGN, small_set), 5, SessionStopped("stopped after 4"))
    with pytest.raises(SessionStopped, match=r"^stopped after 4; .* was deleted while it was open"):
        run(early, observer=Meddles(leaves, 5, log_file(early).unlink))
    assert len(read_log(log_file(early)).trials) == 4


def test_a_finished_session_is_left_as_it_is(early, small_set):
    first = run(early, observer=LGN)
    before = log_file(early).read_bytes()
    observer = observer_from(LGN, small_set)
    again = run(early, observer=Leaves(observer, 1, AssertionError("asked again")))
    assert again.complete
    assert again.trials.equals(first.trials)
    assert log_file(early).read_bytes() == before
    assert "nothing was run; another day of this participant" in again.describe()
    assert not first.notes


def test_participants_and_sessions_differ(early):
    logs = [
        run(early, participant, session=session, observer=LGN).trials
        for participant, session in [("01", "01"), ("02", "01"), ("01", "02")]
    ]
    for a, b in [(0, 1), (0, 2), (1, 2)]:
        assert not logs[a]["position"].equals(logs[b]["position"])
        assert not logs[a]["dither_seed"].isin(logs[b]["dither_seed"]).any()


def test_another_experiment_does_not_go_on_with_the_log(early, write_experiment):
    run(early, observer=LGN)
    before = log_file(early).read_bytes()
    write_experiment("early", trials_per_condition=13)
    with refused(file=log_file(early), field="config.trials_per_condition", value=13):
        run(early, observer=LGN)
    write_experiment("early", trials_per_condition=12)
    with refused(file=log_file(early), field="observer") as told:
        run(early, observer=LN)
    assert "model LN," in told.value.value
    assert "model LGN," in told.value.problem
    assert log_file(early).read_bytes() == before


def test_a_log_edited_by_hand_is_named(early, small_set):
    observer = observer_from(LGN, small_set)
    with pytest.raises(SessionStopped):
        run(early, observer=Leaves(observer, 5, SessionStopped()))
    text = log_file(early).read_text()
    lines = text.splitlines(keepends=True)
    lines[3] = lines[3].replace('"pair": "', '"pair": "x')
    log_file(early).write_text("".join(lines))
    with refused(file=log_file(early), line=4, remedy="restore the log from a copy"):
        run(early, observer=observer)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"observer": "LGM"}, {"field": "observer", "value": "LGM", "allowed": "LGN"}),
        (
            {"observer": "LGN", "participant": "sub-01"},
            {"field": "participant", "value": "sub-01", "remedy": '"01"'},
        ),
    ],
)
def test_nothing_is_written_for_bad_arguments(early, arguments, told):
    with refused(**told):
        run(early, **arguments)
    assert not (early.parent / "data").exists()


def test_the_answers_find_the_thresholds(write_experiment, small_set):
    """Placement converges on the thresholds of the observer, at realised amplitudes."""
    observer = observer_from(LGN, small_set)
    log = run(write_experiment("long", trials_per_condition=100), observer=observer)
    late = log.trials[~log.trials["easy"]].groupby(["image", "pair", "distortion"]).tail(40)
    centre = np.log(late["amplitude"]).groupby([late[c] for c in ("image", "pair", "distortion")])
    for condition, level in centre.mean().items():
        assert abs(level - np.log(observer.thresholds[condition])) < 1.0
    easy = log.trials[log.trials["easy"]]
    assert easy["correct"].mean() > 0.9
    # 74 to 92 %: where a two-alternative answer tells most
    assert 0.74 < late["correct"].mean() < 0.92


def test_practice_does_not_move_the_placement(write_experiment):
    fields = {"trials_per_condition": 3, "easy_share": 0.0}
    plain = run(write_experiment("plain", **fields), observer=LGN).trials
    practised = run(write_experiment("more", practice_trials=9, **fields), observer=LGN).trials
    assert practised["practice"].sum() == 9
    first = practised[~practised["practice"]].groupby(["image", "pair", "distortion"]).first()
    expected = plain.groupby(["image", "pair", "distortion"]).first()
    assert first["amplitude"].equals(expected["amplitude"])


def test_amplitudes_keep_within_the_gamut(write_experiment, small_set):
    observer = replace(observer_from(LGN, small_set), lapse=0.49)
    path = write_experiment("tight", trials_per_condition=20, max_clipped=0.0)
    assert run(path, observer=observer).trials["clipped"].max() == 0.0


class Looks:
    """An observer who answers like another and keeps what was presented."""

    def __init__(self, observer) -> None:
        self.description = observer.description
        self.presented = []
        self._observer = observer

    def respond(self, presentation):
        self.presented.append(presentation)
        return self._observer.respond(presentation)


def test_colour_images_are_shown_in_colour(write_experiment, colour_set):
    path = write_experiment("colour", stimulus_set=str(colour_set.path), trials_per_condition=2)
    looks = Looks(observer_from(LN, colour_set))
    assert run(path, observer=looks).complete
    frames = [f for p in looks.presented for phase in p.phases for f in phase.images.values()]
    assert len(frames) == 2 * len(looks.presented)
    assert {frame.shape for frame in frames} == {(3, 32, 32)}


def test_the_reference_comes_first_with_a_dither_of_its_own(write_experiment, small_set):
    path = write_experiment("shown", task="spatial", reference=True, trials_per_condition=2)
    looks = Looks(observer_from(LN, small_set))
    run(path, observer=looks)
    for presented in looks.presented:
        images = {phase.name: phase.images for phase in presented.phases if phase.images}
        assert list(images) == ["reference", "images"]
        reference, shown = images["reference"]["centre"], presented.shown
        same = shown.distorted if presented.planned.position == 1 else shown.reference
        assert (images["images"]["left"] == same).all()
        # Both are the same image within a level, and not the same draw.
        difference = reference.astype(int) - shown.reference
        assert 0 < np.abs(difference).max() <= 1
        rng = np.random.default_rng(presented.dither_seed)
        entry = small_set[presented.planned.condition.image]
        base = entry.base
        drawn = [quantize(base, Display(), entry.encoding, rng) for _ in range(3)]
        assert (reference == drawn[2]).all()


METHODS = {
    "adaptive": {"kind": "adaptive", "sd": 1.0},
    "staircase": {"kind": "staircase", "down": 2},
    "constant": {"kind": "constant", "levels_rms": [0.003, 0.01, 0.03]},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, small_set):
    """Return what a session of each method was when nobody disturbed it."""
    found = {}
    for kind, method in METHODS.items():
        path = tmp_path_factory.mktemp("whole") / "resumed.yaml"
        fields = {"trials_per_condition": 5, "easy_share": 0.2, "practice_trials": 3}
        data = {"stimulus_set": str(small_set.path), "display": {}, "method": method, **fields}
        path.write_text(yaml.safe_dump(data))
        found[kind] = path, without_time(run(path, observer=LGN))
    return found


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(1, 43), kind=st.sampled_from(sorted(METHODS)))
def test_any_method_goes_on_from_any_trial_bit_for_bit(whole, small_set, at, kind):
    path, undisturbed = whole[kind]
    log = log_file(path)
    log.unlink(missing_ok=True)
    with pytest.raises(SessionStopped):
        run(path, observer=Leaves(observer_from(LGN, small_set), at, SessionStopped()))
    assert len(read_log(log).trials) == at - 1
    assert without_time(run(path, observer=LGN)).equals(undisturbed)


def test_constant_stimuli_are_balanced_and_staircases_move(whole):
    placed = whole["constant"][1].query("not easy and not practice")
    levels = sorted(placed["amplitude"].unique() / 32)
    assert levels == pytest.approx([0.003, 0.01, 0.03])
    counts = placed.groupby(["image", "pair", "distortion", "amplitude"]).size()
    assert counts.unstack().agg(["min", "max"], axis=1).diff(axis=1)["max"].max() <= 1
    stairs = whole["staircase"][1].query("not easy and not practice")
    for _, own in stairs.groupby(["image", "pair", "distortion"]):
        step = np.log(own["amplitude"].iloc[1] / own["amplitude"].iloc[0])
        assert step == pytest.approx(-0.7 if own["correct"].iloc[0] else 0.7)


def test_practice_goes_from_easy_to_harder_and_is_counted(write_experiment, small_set):
    path = write_experiment(practice_trials=6, trials_per_condition=1)
    looks = Looks(observer_from(LGN, small_set))
    log = run(path, observer=looks)
    practice = log.trials[log.trials["practice"]]
    # From 5 to 1.5 times the threshold that is guessed, RMS contrast 0.01.
    assert practice["amplitude"].iloc[0] == pytest.approx(5 * 0.32, rel=0.01)
    assert practice["amplitude"].iloc[-1] == pytest.approx(1.5 * 0.32, rel=0.01)
    assert practice["amplitude"].is_monotonic_decreasing
    seventh = looks.presented[6].progress
    assert seventh == (6, 14, 6, practice["correct"].sum())
    assert looks.presented[13].progress == (13, *seventh[1:])


def test_a_person_of_another_spelling_is_refused_and_two_are_told_once(early, small_set):
    run(early, "01", observer=LGN)
    with refused(field="participant", value="1", remedy='write "01"'):
        run(early, "1", observer=LGN)
    assert sorted(path.name for path in log_file(early).parent.iterdir()) == [log_file(early).name]
    # Of earlier versions, which took them.
    second = log_file(early).with_name("sub-1_ses-01.jsonl")
    second.write_text(
        log_file(early).read_text().replace('"participant": "01"', '"participant": "1"')
    )
    notes = collect(load(early, Experiment)).notes
    assert [("participants 01, 1 are taken for different people" in note) for note in notes] == [
        True
    ]


def test_runs_of_a_session_differ(early):
    runs = [run(early, run=label, observer=LGN) for label in (None, "1", "2")]
    assert [log.path.name for log in runs] == [
        "sub-01_ses-01.jsonl",
        "sub-01_ses-01_run-1.jsonl",
        "sub-01_ses-01_run-2.jsonl",
    ]
    assert [log.header.run for log in runs] == [None, "1", "2"]
    seeds = [set(log.trials["dither_seed"]) for log in runs]
    assert len(set.union(*seeds)) == 3 * COUNT


@pytest.fixture
def calibrated(small_set, tmp_path, write_experiment):
    """Return a copy of the set, calibrated for a display, and an experiment with both."""
    copied = shutil.copytree(small_set.path, tmp_path / "sets" / "copied")
    (tmp_path / "displays").mkdir()
    (tmp_path / "displays" / "lab.yaml").write_text("curve: 2.2\n")
    found = calibrate(copied, tmp_path / "displays" / "lab.yaml")
    fields = {"stimulus_set": str(copied), "display": "displays/lab.yaml"}
    return found, write_experiment("lab", trials_per_condition=6, easy_share=0.0, **fields)


def test_amplitudes_are_those_that_the_calibration_shows(calibrated):
    calibration, path = calibrated
    log = run(path, observer=LGN)
    assert log.header.calibration == calibration.sha256
    for row in log.trials.itertuples():
        least, most = calibration.condition(row.image, row.pair, row.distortion).range
        assert least * (1 - 1e-9) <= row.amplitude <= most * (1 + 1e-9)
    assert run(path, "02", observer=LGN, uncalibrated=True).header.calibration is None


def test_a_session_goes_on_where_its_display_stands_now(calibrated, small_set):
    calibration, path = calibrated
    display = path.parent / "displays" / "lab.yaml"
    observer = observer_from(LGN, small_set)
    with pytest.raises(SessionStopped):
        run(path, observer=Leaves(observer, 9, SessionStopped()))
    display.write_text("curve: 2.2\ndither: none\n")
    with refused(field="calibration", value=None):
        run(path, observer=observer)
    display.write_text("curve: 2.2\ndistance_cm: 60\nscreen: 1\n")
    path.write_text(path.read_text() + "break_every: 10\nconsent: Agreed?\n")
    log = run(path, observer=observer)
    assert log.complete
    assert log.header.calibration == calibration.sha256
    stopped, resumed = (one for one in log.entries if one.record != "trial")
    assert (stopped.record, stopped.answered) == ("stopped", 8)
    display = "config.display"
    assert resumed.where == {f"{display}.screen": (0, 1), f"{display}.distance_cm": (None, 60)}
    assert resumed.wording == {"config.consent": (None, "Agreed?"), "config.break_every": (100, 10)}
    assert "config.display.screen 0 → 1" in log.describe()


def test_what_cannot_be_shown_is_refused_by_name_unless_left_out(calibrated):
    calibration, path = calibrated
    damaged = calibration.model_dump(mode="json")
    damaged["conditions"][2] |= {"problems": ["too fine for 8 bits"], "smallest": None}
    Path(calibration.label).write_text(json.dumps(damaged))
    with refused(
        file=path, field="camel/random-1/1", remedy="leave_out: [camel/random-1/1]"
    ) as told:
        run(path, observer=LGN)
    assert "too fine for 8 bits" in told.value.problem
    path.write_text(path.read_text() + "leave_out: [camel/random-1/1]\n")
    log = run(path, observer=LGN)
    assert log.complete
    camel = log.trials.query("image == 'camel' and pair == 'random-1'")
    assert set(camel["distortion"]) == {2}


def test_a_person_needs_the_calibration_of_this_set_and_display(calibrated, early):
    _, path = calibrated
    (path.parent / "displays" / "lab.yaml").write_text("curve: 2.4\n")
    with refused(remedy="try out `uncalibrated`") as told:
        run(path)
    assert "the display lab has changed" in str(told.value)
    with refused(file=early, field="display", remedy="a file of its own"):
        run(early)
    assert not (early.parent / "data").exists()


def test_an_image_at_the_ends_of_the_gamut_is_refused(early, monkeypatch):
    monkeypatch.setattr(SetImage, "base", np.ones((1, 32, 32)))
    with refused(file=early, field="max_clipped", value=0.05, remedy="image camel"):
        run(early, observer=LGN)
    assert not (early.parent / "data").exists()


def test_a_local_distortion_has_a_largest_amplitude(early, monkeypatch, small_set):
    spot = np.zeros((1, 32, 32), np.float32)
    spot[0, 3, 4] = 1.0
    monkeypatch.setattr(SetPair, "distortion", lambda self, number: spot)
    trials = run(early, observer=LGN).trials
    assert trials["amplitude"].max() <= 1.0
    assert (
        Condition(*trials.loc[0, ["image", "pair", "distortion"]])
        in observer_from(LGN, small_set).thresholds
    )


def test_neither_torch_nor_psychopy_nor_matplotlib_is_imported(early):
    code = f"""
import sys
from pdpsych import experiments
experiments.run({str(early)!r}, observer=experiments.ObserverSpec(model="LGN", local=True))
print(sorted({{"torch", "psychopy", "matplotlib"}} & sys.modules.keys()))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.fixture
def responses(small_set, monkeypatch):
    """Responses of LGN, which the set has not."""
    amplitudes = np.geomspace(1e-3, 0.6, 17)
    known = {
        (row.image, row.pair, row.distortion): {
            "LGN": FiniteResponse(amplitudes, np.tile(row.sensitivity * amplitudes, (2, 1)))
        }
        for row in small_set.sensitivities().query("model == 'LGN'").itertuples()
    }
    monkeypatch.setattr(spec, "shown_responses", lambda *_: known)


def test_a_model_is_shown_nothing_beyond_what_it_is_known_at(early, responses):
    log = run(early, observer="LGN")
    assert log.complete
    assert "at the amplitudes shown" in log.header.observer
    assert log.trials["amplitude"].max() <= 0.6 * (1 + 1e-9)
    local = run(early, "02", observer=LGN)
    assert local.trials["amplitude"].max() > 0.61


def test_a_session_of_a_local_observer_goes_on_with_it(
    early, write_experiment, small_set, responses
):
    with pytest.raises(SessionStopped):
        run(early, observer=Leaves(observer_from(LGN, small_set), 5, SessionStopped()))
    resumed = run(early, observer="LGN")
    whole = run(write_experiment("whole", trials_per_condition=12), observer=LGN)
    assert resumed.header.observer == whole.header.observer
    assert without_time(resumed).equals(without_time(whole))
