"""Timing records: deviations and dropped frames against counts made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pdpsych.experiments.logs.timing import Phase, TrialTiming, dropped_frames, summarize

RATE = 60.0


def timing(*frames: tuple[int | None, float], dropped: int = 0) -> TrialTiming:
    """Return the timing of phases that should have taken some frames, and took others."""
    ends = np.cumsum([0.0, *(taken for _, taken in frames)]) / RATE
    phases = {
        str(i): Phase(onset=ends[i], offset=ends[i + 1], frames=wanted)
        for i, (wanted, _) in enumerate(frames)
    }
    return TrialTiming(
        start=12.5,
        phases=phases,
        dropped=dropped,
        refresh_hz=RATE,
        late=1.5 / RATE,
        keyboard="ptb",
        clock="GetSecs",
    )


def test_deviations_are_in_frames_of_phases_that_have_a_length():
    found = timing((30, 30), (15, 17), (30, 29.25), (None, 80)).deviations
    assert found == pytest.approx({"0": 0, "1": 2, "2": -0.75})


@pytest.mark.parametrize(
    ("taken", "off"), [(15, False), (16.1, False), (13.9, False), (17, True), (12.9, True)]
)
def test_more_than_one_frame_is_off(taken, off):
    assert timing((30, 30), (15, taken)).off is off


@given(
    steps=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    rate=st.sampled_from([59.94, 60.0, 75.0, 120.0, 144.0, 240.0]),
    noise=st.lists(st.floats(-0.1, 0.1), min_size=31, max_size=31),
)
def test_frames_missing_between_flips_are_counted(steps, rate, noise):
    moments = np.cumsum([0, *steps]) + np.array(noise[: len(steps) + 1])
    assert dropped_frames(list(moments / rate), rate) == sum(step - 1 for step in steps)


def test_a_summary_says_which_trials_were_off():
    summary = summarize(
        {
            1: None,
            2: timing((15, 15.02)),
            3: timing((15, 18), (None, 100), dropped=3),
            4: timing((15, 16), dropped=1),
        }
    )
    assert (summary.trials, summary.timed, summary.off) == (4, 3, (3,))
    assert (summary.dropped, summary.trials_with_dropped) == (4, 2)
    assert summary.largest == pytest.approx(3)
    assert summary.describe() == (
        "timing: 3 of 4 trials timed, 4 dropped frames in 2 of them; largest deviation 3.00 "
        "frames; off by more than 1 frame: 1 (3)"
    )


def test_a_summary_of_good_trials_and_of_none():
    good = summarize({1: timing((15, 15))})
    assert good.describe().endswith("no phase off by more than 1 frame")
    assert repr(good) == "<TimingSummary: 1 of 1 trials timed, 0 off>"
    assert good == summarize({1: timing((15, 15))})
    none = summarize({1: None, 2: None})
    assert none.describe() == "timing: none of 2 trials was timed"
    assert len({good, none}) == 2


def test_a_timing_is_read_back_from_json():
    written = timing((15, 15), (None, 3))
    assert TrialTiming.model_validate_json(written.model_dump_json()) == written
    with pytest.raises(ValidationError):
        TrialTiming.model_validate({**written.model_dump(), "dropped": -1})
