import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from pdpsych.errors import InputError
from pdpsych.experiments import SessionStopped, observer_from, read_log, run
from pdpsych.experiments.design import Condition
from pdpsych.stimuli import StimulusSet, show

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
    log = run(early, observer="LGN")
    assert log.complete
    assert log.path == log_file(early)
    assert (log.header.experiment, log.header.planned) == ("early", COUNT)
    assert log.header.stimulus_set_sha256 == small_set.sha256
    assert log.header.observer.startswith("simulated")
    assert log.header.config["display"]["bit_depth"] == 8
    trials = log.trials
    assert (trials["correct"] == (trials["response"] == trials["interval"])).all()
    assert (trials["clipped"] <= 0.05).all()
    assert (trials.groupby(["image", "pair", "distortion"]).size() == 12).all()
    assert trials["easy"].sum() == 8
    whole = trials[trials["clipped"] == 0]
    assert len(whole) > COUNT / 2
    assert np.abs(whole["realised"] - whole["amplitude"]).max() < 0.02
    assert trials["realised"].ne(trials["amplitude"]).all()


def test_every_frame_can_be_made_again_from_the_log(early, small_set):
    log = run(early, observer="LGN")
    for row in log.trials.iloc[::17].itertuples():
        shown = show(
            small_set.base(row.image),
            small_set.distortion(row.image, row.pair, row.distortion),
            row.sign * row.amplitude,
            log_display(log),
            "srgb",
            np.random.default_rng(row.dither_seed),
        )
        assert (shown.realised, shown.residual_rms) == (row.realised, row.residual_rms)


def log_display(log):
    from pdpsych.stimuli import Display

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
    observer = observer_from("LGN", small_set)
    with pytest.raises(type(error)):
        run(early, observer=Leaves(observer, at, error))
    assert list(read_log(log_file(early)).trials["trial"]) == list(range(1, at))
    with log_file(early).open("ab") as file:
        file.write(b'{"record": "trial", "tri')
    resumed = run(early, observer=observer)
    whole = run(write_experiment("whole", trials_per_condition=12), observer=observer)
    assert without_time(resumed).equals(without_time(whole))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_process_loses_no_answered_trial(early, write_experiment):
    code = f"""
import os, signal
from pdpsych import experiments
from pdpsych.experiments import trial_log
append = trial_log.TrialLog.append
def append_and_die(self, trial):
    append(self, trial)
    if trial.trial == 20:
        os.kill(os.getpid(), signal.SIGKILL)
trial_log.TrialLog.append = append_and_die
experiments.run({str(early)!r}, observer="LGN")
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert len(read_log(log_file(early)).trials) == 20
    resumed = run(early, observer="LGN")
    whole = run(write_experiment("whole", trials_per_condition=12), observer="LGN")
    assert without_time(resumed).equals(without_time(whole))


def test_a_finished_session_is_left_as_it_is(early, small_set):
    first = run(early, observer="LGN")
    before = log_file(early).read_bytes()
    observer = observer_from("LGN", small_set)
    again = run(early, observer=Leaves(observer, 1, AssertionError("asked again")))
    assert again.complete
    assert again.trials.equals(first.trials)
    assert log_file(early).read_bytes() == before


def test_participants_and_sessions_differ(early):
    logs = [
        run(early, participant, session, observer="LGN").trials
        for participant, session in [("01", "01"), ("02", "01"), ("01", "02")]
    ]
    for a, b in [(0, 1), (0, 2), (1, 2)]:
        assert not logs[a]["interval"].equals(logs[b]["interval"])
        assert not logs[a]["dither_seed"].isin(logs[b]["dither_seed"]).any()


def test_another_experiment_does_not_go_on_with_the_log(early, write_experiment):
    run(early, observer="LGN")
    before = log_file(early).read_bytes()
    write_experiment("early", trials_per_condition=13)
    with pytest.raises(InputError, match=r"config\.trials_per_condition: the log has 12"):
        run(early, observer="LGN")
    write_experiment("early", trials_per_condition=12)
    with pytest.raises(InputError, match=r"observer: .*model LGN.*model LN,"):
        run(early, observer="LN")
    assert log_file(early).read_bytes() == before


def test_a_log_edited_by_hand_is_named(early, small_set):
    observer = observer_from("LGN", small_set)
    with pytest.raises(SessionStopped):
        run(early, observer=Leaves(observer, 5, SessionStopped()))
    text = log_file(early).read_text()
    lines = text.splitlines(keepends=True)
    lines[3] = lines[3].replace('"pair": "', '"pair": "x')
    log_file(early).write_text("".join(lines))
    with pytest.raises(InputError, match="changed after it was written: line 4"):
        run(early, observer=observer)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"observer": "LGM"}, 'did you mean "LGN"'),
        ({"observer": "LGN", "participant": "sub-01"}, "participant: letters and digits only"),
    ],
)
def test_nothing_is_written_for_bad_arguments(early, arguments, message):
    with pytest.raises(InputError, match=message):
        run(early, **arguments)
    assert not (early.parent / "data").exists()


def test_the_answers_find_the_thresholds(write_experiment, small_set):
    """Placement converges on the thresholds of the observer, at realised amplitudes."""
    observer = observer_from("LGN", small_set)
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
    plain = run(write_experiment("plain", **fields), observer="LGN").trials
    practised = run(write_experiment("more", practice_trials=9, **fields), observer="LGN").trials
    assert practised["practice"].sum() == 9
    first = practised[~practised["practice"]].groupby(["image", "pair", "distortion"]).first()
    expected = plain.groupby(["image", "pair", "distortion"]).first()
    assert first["amplitude"].equals(expected["amplitude"])


def test_amplitudes_keep_within_the_gamut(write_experiment, small_set):
    observer = replace(observer_from("LGN", small_set), lapse=0.49)
    path = write_experiment("tight", trials_per_condition=20, max_clipped=0.0)
    assert run(path, observer=observer).trials["clipped"].max() == 0.0


def test_colour_images_are_shown_in_colour(write_experiment, colour_set):
    path = write_experiment("colour", stimulus_set=str(colour_set.path), trials_per_condition=2)
    shapes = set()

    class Looks:
        description = "looks"

        def respond(self, presentation):
            shapes.update(frame.shape for frame in presentation.frames)
            return observer.respond(presentation)

    observer = observer_from("LN", colour_set)
    assert run(path, observer=Looks()).complete
    assert shapes == {(3, 32, 32)}


def test_an_image_at_the_ends_of_the_gamut_is_refused(early, monkeypatch):
    monkeypatch.setattr(StimulusSet, "base", lambda self, image: np.ones((1, 32, 32)))
    with pytest.raises(InputError, match=r"early\.yaml: max_clipped: .*image camel.*range"):
        run(early, observer="LGN")
    assert not (early.parent / "data").exists()


def test_a_local_distortion_has_a_largest_amplitude(early, monkeypatch, small_set):
    spot = np.zeros((1, 32, 32), np.float32)
    spot[0, 3, 4] = 1.0
    monkeypatch.setattr(StimulusSet, "distortion", lambda self, *condition: spot)
    trials = run(early, observer="LGN").trials
    assert trials["amplitude"].max() <= 1.0
    assert (
        Condition(*trials.loc[0, ["image", "pair", "distortion"]])
        in observer_from("LGN", small_set).thresholds
    )


def test_neither_torch_nor_psychopy_nor_matplotlib_is_imported(early):
    code = f"""
import sys
from pdpsych import experiments
experiments.run({str(early)!r}, observer="LGN")
print(sorted({{"torch", "psychopy", "matplotlib"}} & sys.modules.keys()))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
