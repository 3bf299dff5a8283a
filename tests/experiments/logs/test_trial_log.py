import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import logged
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logged import TIMING, header, trial, write
from refusals import refused

from pdpsych.common.files.append_only import torn_path
from pdpsych.experiments.logs.labels import Labels, check_spelling, log_path, spelled_twice
from pdpsych.experiments.logs.records import Trial
from pdpsych.experiments.logs.session_log import read_log
from pdpsych.experiments.logs.trial_log import _TRIAL_BYTES, TrialLog

NO_COLUMNS = {"record", "timing", "belief", "ended", "presented", "again", "key", "events", "gaze"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "early" / "sub-01_ses-01.jsonl"


def test_what_is_written_is_read(path):
    write(path, 3)
    log = read_log(path)
    assert log.header == header()
    assert not log.complete
    assert log.notes == ()
    assert list(log.trials["trial"]) == [1, 2, 3]
    expected = trial(2).model_dump(exclude=NO_COLUMNS) | {
        "presented": 1,
        "off": False,
        "dropped": 0,
        "first_onset": 0.5,
        "first_offset": 0.75,
        "question_onset": 0.75,
        "question_offset": 2.0,
    }
    assert log.trials.iloc[1].to_dict() == expected


def test_each_line_is_plain_json(path):
    lines = [json.loads(line) for line in write(path, 2).splitlines()]
    assert [line["record"] for line in lines] == ["session", "trial", "trial"]
    assert lines[0]["schema_version"] == 4
    assert not {"predictions", "belief", "ended", "again", "key"} & {
        key for line in lines for key in line
    }
    assert lines[2]["amplitude"] == 0.2


def test_a_log_without_trials_has_the_columns(path):
    write(path, 0)
    assert list(read_log(path).trials.columns) == [
        name for name in Trial.model_fields if name not in NO_COLUMNS
    ]


def test_untimed_answers_are_missing_numbers(path):
    with closing(TrialLog.open(path, header())) as log:
        log.append(trial(1, response_time=None, timing=None))
    trials = read_log(path).trials
    assert trials["response_time"].isna().all()
    assert trials["response_time"].dtype == float
    assert "off" not in trials
    assert repr(read_log(path)) == f"<SessionLog: {path}: 1 of 10 trials>"


def test_logs_compare(path):
    write(path, 1)
    before = read_log(path)
    assert read_log(path) == before
    write(path, 2)
    assert len({before, read_log(path)}) == 2
    assert "2 of 10 trials" in read_log(path)._repr_html_()


def test_a_session_says_how_it_was_timed(path):
    late = json.loads(json.dumps(TIMING))
    late["phases"]["first"]["offset"] = 0.79
    with closing(TrialLog.open(path, header(planned=3))) as log:
        for number, timing in ((1, TIMING), (2, late), (3, None)):
            log.append(trial(number, timing=timing))
    log = read_log(path)
    assert log.timing.off == (2,)
    assert list(log.trials["off"].eq(True)) == [False, True, False]
    assert log.describe().startswith(
        f"{path}: complete, 3 trials\ntiming: 2 of 3 trials timed, 0 dropped frames"
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_log_cut_anywhere_loses_at_most_the_trial_being_written(path, data):
    path.unlink(missing_ok=True)
    torn_path(path).unlink(missing_ok=True)
    whole = write(path, 3)
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    if kept:
        log = read_log(path)
        assert len(log.trials) == kept - 1
        assert bool(log.notes) == (not whole[:cut].endswith(b"\n"))
        assert path.read_bytes() == whole[:cut]
    else:
        with refused(file=path, remedy="remove the file"):
            read_log(path)
    with closing(TrialLog.open(path, header())) as log:
        assert [t.trial for t in log.trials] == list(range(1, max(kept, 1)))
    assert write(path, 3) == whole
    tail = whole[:cut].rpartition(b"\n")[2]
    assert torn_path(path).exists() == bool(tail)
    if tail:
        assert torn_path(path).read_bytes() == tail + b"\n"
        assert "sub-01_ses-01.jsonl.torn: holds what was cut off" in read_log(path).notes[0]


def test_every_torn_line_is_kept(path):
    for start in (b'{"trial": 1, ', b'{"tri'):
        path.write_bytes(write(path, 1) + start)
    write(path, 2)
    assert torn_path(path).read_bytes() == b'{"trial": 1, \n{"tri\n'


def test_a_tail_of_zeros_after_power_loss_is_left_out(path):
    whole = write(path, 2)
    path.write_bytes(whole + bytes(200))
    assert len(read_log(path).trials) == 2
    write(path, 2)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("line", "damage", "told"),
    [
        (2, b"{", {}),
        (4, b"{", {}),
        (2, b"", {}),
        (3, b"[1]", {}),
        (3, b'{"record": "trial"}', {"field": "trial"}),
        (3, b'{"record": "resumed", "answered": 1}', {"field": "versions"}),
        (3, b'{"record": "set-asid"}', {"field": "record"}),
        (2, b'{"trial": 1, "trial": 1}', {"field": "trial"}),
        (3, b'{"image": "a\\u0000"}', {}),
        (3, b'{"image": "\\ud800"}', {}),
        (4, b'{"image": "\xff"}', {}),
        (2, b"[" * 100 + b"]" * 100, {}),
        (1, b'{"record": "session"}', {"field": "schema_version"}),
        (1, b'{"schema_version": 5}', {"field": "schema_version", "value": 5}),
    ],
)
def test_other_damage_is_named_and_left_alone(path, line, damage, told):
    lines = write(path, 3).split(b"\n")
    lines[line - 1] = damage
    damaged = b"\n".join(lines)
    path.write_bytes(damaged)
    for use in (read_log, lambda p: TrialLog.open(p, header())):
        with refused(file=path, line=line, **told):
            use(path)
    assert path.read_bytes() == damaged


def test_a_line_changed_by_hand_is_named_and_not_gone_on_with(path):
    whole = write(path, 3)
    changed = whole.replace(b'"response": 2', b'"response": 1', 2)
    path.write_bytes(changed)
    log = read_log(path)
    assert list(log.trials["response"]) == [1, 1, 2]
    assert log.notes == (f"{path}: changed after it was written: line 2, 3",)
    with refused(file=path, line=2, remedy="restore the log from a copy"):
        TrialLog.open(path, header())
    assert path.read_bytes() == changed


def test_a_header_changed_by_hand_is_named(path):
    path.write_bytes(write(path, 1).replace(b'"observer": "person"', b'"observer": "LGN"'))
    assert read_log(path).notes == (f"{path}: changed after it was written: line 1",)


def test_a_finished_log_is_read_only_and_opens(path):
    whole = write(path, 10)
    assert not path.stat().st_mode & 0o222
    with closing(TrialLog.open(path, header())) as log:
        assert log.finished
        with refused(file=path, remedy="another session label"):
            log.append(trial(11))
    assert path.read_bytes() == whole
    assert read_log(path).complete


def test_a_read_only_log_of_an_unfinished_session_is_named(path, monkeypatch):
    write(path, 2)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with refused(file=path, remedy="make it writable"):
        TrialLog.open(path, header())


def test_less_room_on_the_disk_than_the_session_needs_is_refused(path, monkeypatch):
    whole = write(path, 2)
    usage = type(shutil.disk_usage(path.parent))
    for free, enough in ((4096 * 9, True), (4096 * 9 - 1, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage(0, 0, free))
        if enough:
            TrialLog.open(path, header()).close()
        else:
            with refused(file=path, remedy="make room"):
                TrialLog.open(path, header())
    assert path.read_bytes() == whole


def test_a_line_takes_less_than_the_room_asked_for(path):
    whole = write(path, 3)
    assert max(map(len, whole.splitlines()[1:])) < _TRIAL_BYTES / 3


def test_line_ends_of_windows_are_no_change(path):
    whole = write(path, 3)
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    log = read_log(path)
    assert log.notes == ()
    assert list(log.trials["trial"]) == [1, 2, 3]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither")
@pytest.mark.parametrize("special", ["fifo", "/dev/zero"])
def test_what_is_no_file_is_refused(path, special):
    path.parent.mkdir(parents=True)
    os.mkfifo(path) if special == "fifo" else path.symlink_to(special)
    for use in (read_log, lambda p: TrialLog.open(p, header())):
        with refused(file=path, problem="is not a regular file"):
            use(path)


def version_1(path) -> None:
    """Write a log as schema 1 was: no chain, the interval, onsets of phases."""
    first = header().model_dump(mode="json", exclude={"calibration", "group", "windowed", "system"})
    lines = [first | {"schema_version": 1}]
    for number in (1, 2):
        line = trial(number).model_dump(mode="json", exclude={"position", "timing"})
        lines.append(line | {"interval": 2, "timing": {"first": 0.5, "dropped_frames": 0.0}})
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_log_of_schema_1_is_read_but_not_gone_on_with(path):
    version_1(path)
    log = read_log(path)
    assert log.notes == ()
    assert log.header.schema_version == 1
    assert list(log.trials["position"]) == [2, 2]
    assert "interval" not in log.trials
    with refused(file=path, field="schema_version", value=4):
        TrialLog.open(path, header())


def test_a_missing_trial_is_named(path):
    lines = write(path, 3).splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[3]]))
    with refused(file=path, line=3, field="trial", value=3):
        read_log(path)


@pytest.mark.parametrize(
    ("field", "there", "now"),
    [
        ("experiment", "early", "other"),
        ("participant", "01", "02"),
        ("session", "01", "02"),
        ("observer", "person", "simulated"),
        ("stimulus_set_sha256", "ab", "00"),
        ("calibration", None, "00"),
        ("design", "cd", "00"),
        ("config.timing.image", 250.0, 300),
    ],
)
def test_a_log_of_something_else_is_refused(path, field, there, now):
    whole = write(path, 2)
    changed = {"seed": 0, "timing": {"image": now}}
    change = {"config": changed} if field.startswith("config.") else {field: now}
    with refused(file=path, field=field, value=now) as told:
        TrialLog.open(path, header(**change))
    assert f"the log has {json.dumps(there)};" in told.value.problem
    assert path.read_bytes() == whole


def test_a_set_that_moved_and_new_versions_are_no_difference(path):
    write(path, 2)
    config = {**header().config, "stimulus_set": "elsewhere"}
    moved = header(config=config, versions={}, started="2027-01-01T00:00:00+00:00")
    with closing(TrialLog.open(path, moved)) as log:
        assert len(log.trials) == 2


def test_without_an_answer_another_design_may_begin(path):
    write(path, 0)
    with closing(TrialLog.open(path, header(design="00", config={}))) as log:
        log.append(trial(1))
    assert read_log(path).header == header(design="00", config={})


def test_one_process_at_a_time(path):
    write(path, 1)
    code = """
        import sys
        sys.path.insert(0, sys.argv[2])
        from pathlib import Path
        from pdpsych.common.errors import InputError
        from pdpsych.experiments.logs.session_log import read_log
        from pdpsych.experiments.logs.trial_log import TrialLog
        path = Path(sys.argv[1])
        try:
            TrialLog.open(path, read_log(path).header)
        except InputError as error:
            sys.exit(str(error))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(path), os.getcwd()]
    with closing(TrialLog.open(path, header())):
        second = subprocess.run(command, capture_output=True, text=True)
    assert second.returncode == 1
    assert "another process is at work: a session runs" in second.stderr
    assert subprocess.run(command).returncode == 0


def test_a_file_system_without_locks_is_told_as_that(path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with refused(file=path, remedy="with locks") as told:
        TrialLog.open(path, header())
    assert "another process" not in str(told.value)
    assert not path.exists()


@pytest.mark.parametrize("deleted", [False, True])
def test_a_log_that_goes_away_meanwhile_is_saved_anew(path, deleted):
    with closing(TrialLog.open(path, header())) as log:
        log.append(trial(1))
        path.unlink() if deleted else path.rename(path.with_name("elsewhere.jsonl"))
        log.append(trial(2))
    assert list(read_log(path).trials["trial"]) == [1, 2]
    assert not read_log(path).change
    (event,) = log.events
    assert event.startswith(f"{path}: was {'deleted' if deleted else 'moved'} while it was open")


def test_a_log_whose_name_another_file_took_is_saved_beside_it(path):
    log = TrialLog.open(path, header())
    log.append(trial(1))
    path.unlink()
    path.write_text("mine")
    with refused(file=path, remedy="compare the two") as told:
        log.append(trial(2))
    log.close()
    assert str(log.path) in told.value.problem
    assert list(read_log(log.path).trials["trial"]) == [1, 2]
    assert path.read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file size limit to fill")
@pytest.mark.parametrize("room", [100, 900, 1500])
def test_a_full_disk_costs_the_trial_at_hand_only(path, room):
    """The file may not grow past ``room`` bytes: the system writes a part, then refuses."""
    whole = write(path, 3)
    path.unlink()
    code = """
        import resource, signal, sys
        from pathlib import Path
        from pdpsych.common.errors import InputError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        sys.path.insert(0, sys.argv[1])
        from logged import write
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
        try:
            write(Path(sys.argv[2]), 3)
        except InputError as error:
            sys.exit(str(error))
    """
    support = Path(logged.__file__).parent
    command = [sys.executable, "-c", textwrap.dedent(code), support, path, str(room)]
    run = subprocess.run(command, capture_output=True, text=True)
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    kept = max([end for end in ends if end <= room], default=0)
    assert run.returncode == 1
    if kept:
        saved = ends.index(kept)
        assert f"trial {saved + 1} could not be saved" in run.stderr
        assert "all before it is" in run.stderr
        assert path.read_bytes() == whole[:kept]
    else:
        assert "first line could not be saved" in run.stderr
        assert not path.exists()
    assert write(path, 3) == whole


@pytest.mark.parametrize("label", ["", "0 1", "sub-01", "a/b", "é", "01\n"])
def test_labels_are_letters_and_digits(tmp_path, label):
    with refused(field="participant", value=label, allowed="letters and digits only"):
        log_path(tmp_path, Labels(label))
    with refused(field="session", value=label, allowed="letters and digits only"):
        log_path(tmp_path, Labels("01", label))


@pytest.mark.parametrize(
    "labels", [Labels("9" * 51), Labels("01", "9" * 51), Labels("01", "01", "9" * 51)]
)
def test_labels_fit_into_the_name_of_a_file(tmp_path, labels):
    with refused(value="9" * 51, allowed="at most 50 letters and digits"):
        log_path(tmp_path, labels)
    longest = log_path(tmp_path, Labels(*(label and label[:50] for label in labels)))
    assert len(longest.name) < 200


@pytest.mark.parametrize(
    ("labels", "field", "known"),
    [
        (Labels("1"), "participant", "01"),
        (Labels("001"), "participant", "01"),
        (Labels("P07"), "participant", "p7"),
        (Labels("01", "1"), "session", "01"),
        (Labels("01", "02", "01"), "run", "1"),
    ],
)
def test_one_person_has_one_spelling(tmp_path, labels, field, known):
    for there in (Labels("01"), Labels("p7"), Labels("01", "02", "1"), Labels("21", "3")):
        check_spelling(tmp_path, there)
        log_path(tmp_path, there).write_text("")
        check_spelling(tmp_path, there)
    with refused(field=field, remedy=f'write "{known}"') as told:
        check_spelling(tmp_path, labels)
    assert told.value.problem == f'is there as "{known}"'
    for other in (Labels("10"), Labels("p70"), Labels("02", "1"), Labels("01", "03", "01")):
        check_spelling(tmp_path, other)


def test_people_who_are_there_twice_are_named_once():
    labels = [Labels(who) for who in ("1", "01", "2", "01", "P3", "p03", "p3")]
    assert spelled_twice(labels) == [("1", "01"), ("P3", "p03", "p3")]


def test_log_path_is_named_as_in_bids(tmp_path):
    assert log_path(tmp_path, Labels("07", "A2")) == tmp_path / "sub-07_ses-A2.jsonl"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "data").write_text("a file where a folder should be")
    with refused(file="sub-01_ses-01.jsonl"):
        TrialLog.open(tmp_path / "data" / "sub-01_ses-01.jsonl", header())


def test_no_log_is_named(tmp_path):
    with refused(file="none.jsonl"):
        read_log(tmp_path / "none.jsonl")
