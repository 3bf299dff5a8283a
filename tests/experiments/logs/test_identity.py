"""What a session is: what was shown stays, the place and the wording may change."""

from contextlib import closing

import pytest
from logged import header, trial
from refusals import refused

from pdpsych.experiments.logs.identity import part_of
from pdpsych.experiments.logs.notes import Checked, Resumed, SetAside, Stopped
from pdpsych.experiments.logs.session_log import read_log
from pdpsych.experiments.logs.trial_log import TrialLog

FITTED = {"black": 0.2, "white": 99.1234}
CURVE = {"measurements": "ab", "model": "power-1", "date": None, "grey": FITTED}
DISPLAY = {"curve": CURVE, "bit_depth": 8, "dither": "uniform", "screen": 0, "distance_cm": 57.0}
CONFIG = {
    "display": DISPLAY,
    "keys": {"first": "1"},
    "instructions": {"rest": "Break"},
    "consent": None,
    "break_every": 100,
    "images": ["cat"],
}
HERE = {"os": "Linux", "gl_renderer": "A", "measured_hz": "59.98"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sub-01_ses-01.jsonl"


def sit(path, config, system=HERE, answers=1, note=None):
    with closing(TrialLog.open(path, header(config=config))) as log:
        log.sit(system, {"pdpsych": "1"})
        for number in range(len(log.trials) + 1, len(log.trials) + 1 + answers):
            log.append(trial(number))
        if note:
            log.note(note)
        return log


def resumptions(path):
    return [entry for entry in read_log(path).entries if isinstance(entry, Resumed)]


def displayed(**fields):
    return CONFIG | {"display": DISPLAY | fields}


@pytest.mark.parametrize(
    ("config", "where", "wording"),
    [
        (CONFIG, {}, {}),
        (displayed(screen=1), {"config.display.screen": (0, 1)}, {}),
        (
            displayed(distance_cm=60, refresh_hz=120),
            {"config.display.distance_cm": (57, 60), "config.display.refresh_hz": (None, 120)},
            {},
        ),
        (
            displayed(curve=CURVE | {"date": "2026-01-02"}),
            {"config.display.curve.date": (None, "2026-01-02")},
            {},
        ),
        # What is worked out from the readings differs in its last digit on another machine.
        (displayed(curve=CURVE | {"grey": FITTED | {"white": 99.1235}}), {}, {}),
        (
            CONFIG | {"keys": {"first": ["1", "num_1"]}, "consent": "Agreed?", "break_every": 5},
            {},
            {
                "config.keys.first": ("1", ["1", "num_1"]),
                "config.consent": (None, "Agreed?"),
                "config.break_every": (100, 5),
            },
        ),
    ],
)
def test_place_and_wording_may_change_and_are_logged(path, config, where, wording):
    sit(path, CONFIG)
    sit(path, config, HERE | {"measured_hz": "60.01"})
    (resumed,) = resumptions(path)
    assert (resumed.where, resumed.wording, resumed.answered) == (where, wording, 1)
    assert resumed.system["measured_hz"] == "60.01"
    assert read_log(path).trials["trial"].tolist() == [1, 2]
    assert not read_log(path).change


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [
        (displayed(dither="none"), "config.display.dither", "none"),
        (displayed(bit_depth=10), "config.display.bit_depth", 10),
        (
            displayed(curve=CURVE | {"measurements": "cd"}),
            "config.display.curve.measurements",
            "cd",
        ),
        (displayed(curve=2.2), "config.display.curve.measurements", None),
        (displayed(width_px=800), "config.display.width_px", 800),
        (CONFIG | {"images": ["dog"]}, "config.images", ["dog"]),
    ],
)
def test_what_was_shown_may_not(path, config, field, value):
    sit(path, CONFIG)
    before = path.read_bytes()
    with refused(file=path, field=field, value=value, remedy="another session label"):
        sit(path, config)
    assert path.read_bytes() == before


def test_changes_are_told_from_the_time_before(path):
    sit(path, CONFIG)
    sit(path, displayed(distance_cm=60), HERE | {"os": "Windows"})
    sit(path, displayed(distance_cm=60), HERE | {"os": "Windows"})
    sit(path, displayed(distance_cm=70), HERE | {"os": "Windows", "gl_renderer": "B"})
    found = [resumed.where for resumed in resumptions(path)]
    assert found == [
        {"config.display.distance_cm": (57, 60), "system.os": ("Linux", "Windows")},
        {},
        {"config.display.distance_cm": (60, 70), "system.gl_renderer": ("A", "B")},
    ]
    said = read_log(path).describe()
    assert 'went on after 1 trials: config.display.distance_cm 57 → 60, system.os "Linux" →' in said


def test_a_log_of_version_3_goes_on_in_version_3(path):
    with closing(TrialLog.open(path, header(config=CONFIG, schema_version=3))) as log:
        log.append(trial(1, presented=None))
    with closing(TrialLog.open(path, header(config=CONFIG, schema_version=3))) as log:
        log.sit({}, {})
        log.append(trial(2))
    log = read_log(path)
    assert log.header.schema_version == 3
    assert log.trials["presented"].isna().tolist() == [True, False]
    assert log.lines == [2, 4]


@pytest.mark.parametrize(
    ("system", "stopped", "crashed"), [(HERE, False, True), (HERE, True, False), ({}, False, False)]
)
def test_a_program_that_ended_at_a_window_without_saying_so_is_noticed(
    path, system, stopped, crashed
):
    note = Stopped(answered=1, why="stopped", time="") if stopped else None
    sit(path, CONFIG, system, note=note)
    assert sit(path, CONFIG, system).crashed == crashed


@pytest.mark.parametrize("stopped", [True, False])
def test_a_failed_spot_check_does_not_hide_how_the_sitting_before_ended(path, stopped):
    note = Stopped(answered=1, why="stopped", time="") if stopped else None
    sit(path, CONFIG, HERE, note=note)
    failed = Checked(
        instrument="eye", limit=0.05, largest=None, luminances={}, time="", wrong=("grey",)
    )
    with closing(TrialLog.open(path, header(config=CONFIG))) as log:
        log.note(failed)
    assert sit(path, CONFIG, HERE).crashed == (not stopped)
    assert failed in read_log(path).entries


def test_a_trial_set_aside_is_enough_to_go_on_with(path):
    lost = trial(1).model_dump(include={"trial", "image", "pair", "distortion", "sign", "position",
                                        "amplitude", "dither_seed", "time"})  # fmt: skip
    aside = SetAside(**lost, presented=1, reason="pause", phase="first")
    sit(path, CONFIG, answers=0, note=aside)
    with refused(file=path, field="config.images"):
        sit(path, CONFIG | {"images": []})
    assert "shown again later: 1" in read_log(path).describe()


def test_every_value_of_a_session_belongs_to_a_part():
    assert part_of("config.stimulus_set") is None
    assert part_of("config.keyspace") == "shown"
    assert part_of("config.gaze.radius_deg") == "where"
    assert part_of("config.instructions.rest") == "wording"
    assert part_of("design") == "shown"
