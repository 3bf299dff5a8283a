"""Sessions by a roster: what is due is run, all else is refused, and logs keep the places."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from observers import LGN, LN
from refusals import refused
from rostered import rewrite, write_rostered

from pdpsych import experiments, studies
from pdpsych.experiments import Roster, SessionStopped
from pdpsych.experiments.observers.presentation import Response
from pdpsych.experiments.roster.assignment import Assignment

TWO = {
    "groups": {"near": {}, "far": {"sessions": [["scenes", "faces"]]}},
    "sessions": ["faces", "scenes"],
    "balance": ["faces", "scenes"],
}


@pytest.fixture
def study(tmp_path):
    return write_rostered(tmp_path / "study", roster=TWO)


def sit(study, who, **options):
    return experiments.run(study, who, observer=LGN, **options)


def where(log):
    return log.header.experiment, log.header.session


class Stopping:
    """Answers some trials, and stops."""

    description = "stopping"

    def __init__(self, answers):
        self._answers = answers

    def respond(self, presentation):
        if presentation.planned.number > self._answers:
            raise SessionStopped("enough")
        return Response(1)


def stop_after(study, who, answers):
    with pytest.raises(SessionStopped):
        experiments.run(study, who, observer=Stopping(answers))


def test_everybody_does_what_the_roster_says(study):
    """Also by shares of images, keys and orders, whatever people are called."""
    people = ["anna", "ben", "carl", "dora", "eve", "fritz", "gisela", "hans"]
    for who in people:
        while experiments.attendance(study).known(who) is None or (
            experiments.attendance(study).known(who).due
        ):
            sit(study, who)
    found = experiments.attendance(study)
    assert [one.participant for one in found.people] == people
    roster = found.roster
    for place, one in enumerate(found.people, start=1):
        planned = Assignment(roster, place)
        items = [(n, day) for n, days in enumerate(planned.days, start=1) for day in days]
        begun = sorted(one.logs, key=lambda log: log.header.started)
        assert [where(log) for log in begun] == [(name, f"{n:02d}") for n, name in items]
        for (number, _), log in zip(items, begun, strict=True):
            header, enrolled = log.header, log.header.roster
            assert (enrolled.place, enrolled.group) == (place, planned.group)
            assert (enrolled.cell, enrolled.order) == (planned.cell, planned.order)
            assert (enrolled.session, enrolled.despite) == (number, None)
            assert enrolled.sha256 == roster.sha256
            assert header.group == enrolled.share(2)
            keys = header.config["keys"]
            assert (keys["first"], keys["second"]) == (
                ("2", "1") if planned.swapped else ("1", "2")
            )
            images = set(log.trials["image"])
            assert images == {("camel", "einstein")[header.group - 1]}
    assert {one.assignment.group for one in found.people} == {"near", "far"}
    assert sum(row["people"] for row in found.balance) == len(people)
    assert not list(found.problems)


def test_places_are_given_in_the_order_people_come_and_stay(study):
    first = [sit(study, who).header.roster for who in ("zoe", "adam")]
    assert [one.place for one in first] == [1, 2]
    assert sit(study, "zoe").header.roster.place == 1
    assert sit(study, "bea").header.roster.place == 3


def test_a_place_whose_logs_are_moved_away_is_free_again(study, tmp_path):
    for who in ("zoe", "adam"):
        sit(study, who)
    for path in study.glob("experiments/data/*/sub-zoe_*"):
        path.chmod(0o644)
        path.rename(tmp_path / path.name)
    assert sit(study, "bea").header.roster.place == 1


def test_adding_people_changes_nobody(study):
    rewrite(study, TWO | {"participants": ["anna", "ben"]})
    before = [sit(study, who).header.roster for who in ("anna", "ben")]
    rewrite(study, TWO | {"participants": ["anna", "ben", "carl", "dora"]})
    found = experiments.attendance(study)
    assert not list(found.problems)
    for one, was in zip(found.people, before, strict=False):
        assert one.assignment.enrolled(1) == was
    assert sit(study, "anna").header.roster.order == before[0].order


def test_the_number_of_people_is_kept_to(study):
    rewrite(study, TWO | {"participants": 1})
    sit(study, "anna")
    with refused(file="sessions.yaml", field="participants", value="ben", remedy="raise"):
        sit(study, "ben")
    rewrite(study, TWO | {"participants": 2})
    assert sit(study, "ben").header.roster.place == 2


def test_who_is_not_named_is_refused(study):
    rewrite(study, TWO | {"participants": ["anna", "01"]})
    with refused(field="participants", value="anne", allowed="anna", remedy="unplanned"):
        sit(study, "anne")
    for other in ("1", "001", "Anna"):
        with refused(field="participant", value=other, remedy='write "'):
            sit(study, other)
    assert not (study / "experiments" / "data").exists()


def test_one_person_is_not_there_twice_in_other_experiments(study):
    log = sit(study, "7")
    other = {"faces": "scenes", "scenes": "faces"}[log.header.experiment]
    with refused(field="participant", value="007", remedy='"7"'):
        sit(study / "experiments" / f"{other}.yaml", "007")


def test_who_is_done_is_refused(study):
    for _ in range(2):
        sit(study, "anna")
    with refused(field="participant", value="anna", remedy="unplanned"):
        sit(study, "anna")
    with refused(field="participant", value="anna"):
        experiments.outline(study, "anna")


def test_what_is_not_due_is_refused(study):
    due = experiments.outline(study, "anna")
    name = due.log.parent.name
    other = {"faces": "scenes", "scenes": "faces"}[name]
    with refused(field="experiment", value=other, allowed=name):
        sit(study / "experiments" / f"{other}.yaml", "anna")
    own = study / "experiments" / f"{name}.yaml"
    with refused(field="session", value="02", allowed=name):
        sit(own, "anna", session="02")
    assert experiments.outline(own, "anna", session="1").log.stem == "sub-anna_ses-01"
    with refused(field="run", value="2"):
        sit(own, "anna", session="01", run="2")
    assert where(sit(own, "anna")) == (name, "01")
    # What is finished is told, as ever.
    assert "finished before" in " ".join(sit(own, "anna", session="01").notes)


def test_another_session_can_be_had_and_its_log_says_so(study):
    due = experiments.outline(study, "anna").log.parent.name
    other = {"faces": "scenes", "scenes": "faces"}[due]
    path = study / "experiments" / f"{other}.yaml"
    log = sit(path, "anna01", session="05", unplanned=True)
    assert log.header.roster.place is None
    assert "place" in log.header.roster.despite
    assert list(experiments.attendance(study).beside) == ["anna01"]
    planned = sit(study, "anna").header.roster
    again = sit(path, "anna", session="09", unplanned=True).header
    assert (again.roster.place, again.roster.order) == (planned.place, planned.order)
    assert again.roster.session is None
    assert "session" in again.roster.despite or "experiment" in again.roster.despite
    # What is due needs no leave, and is no exception.
    items = experiments.attendance(study).known("anna").items
    if len(items) > 1:
        assert sit(study / "experiments" / f"{items[1][1]}.yaml", "anna", unplanned=True)
    with refused(field="participant"):
        experiments.run(study, "nobody", observer=LGN, unplanned=True)


def test_a_session_goes_on_as_it_began(study):
    stop_after(study, "anna", 2)
    found = experiments.attendance(study).known("anna")
    assert (found.done, len(found.due.log.trials)) == (0, 2)
    assert "2 of 4 trials" in str(found.due)
    with refused(field="observer"):
        sit(study, "anna")
    log = experiments.run(study, "anna", observer=Stopping(99))
    assert log.complete
    assert log.header.session == "01"


def test_a_begun_session_goes_on_whatever_the_roster_says_since(study):
    rewrite(study, TWO | {"participants": ["anna", "ben"]})
    stop_after(study, "anna", 2)
    due = experiments.attendance(study).people[0].due
    began = due.log.header
    rewrite(study, TWO | {"participants": ["ben", "anna"], "seed": 5})
    with refused(file=due.log.path, line=1, remedy="new people come last"):
        experiments.run(study, "anna", observer=Stopping(99))
    (problem,) = studies.check(study).problems
    assert problem.field.startswith("roster.")
    path = study / "experiments" / f"{began.experiment}.yaml"
    log = experiments.run(path, "anna", session="01", observer=Stopping(99))
    assert log.complete
    assert log.header == began


def test_days_apart(study, monkeypatch):
    rewrite(study, {"sessions": [["faces", "scenes"], "faces"], "apart_days": 2})
    days = [date.today()]
    monkeypatch.setattr("pdpsych.experiments.roster.attendee.today", lambda: days[-1])
    assert where(sit(study, "anna")) == ("faces", "01")
    # The second of one session comes at once.
    assert where(sit(study, "anna")) == ("scenes", "01")
    for later in (0, 1):
        days.append(date.today() + timedelta(days=later))
        with refused(field="apart_days", value=2):
            sit(study, "anna")
        assert "from " in str(experiments.attendance(study).people[0].due)
        assert not [s for s in studies.status(study).state.steps if "anna" in s.command]
    days.append(date.today() + timedelta(days=2))
    assert "from " not in str(experiments.attendance(study).people[0].due)
    assert where(sit(study, "anna")) == ("faces", "02")


def test_logs_from_before_the_roster_count(tmp_path):
    root = write_rostered(tmp_path / "study")
    roster = root / "sessions.yaml"
    text = roster.read_text()
    roster.unlink()
    log = experiments.run(root / "experiments" / "faces.yaml", "01", observer=LN)
    assert log.header.roster is None
    roster.write_text(text)
    rewrite(root, {"participants": ["02", "01"], "sessions": ["faces", "scenes"]})
    assert where(sit(root, "01")) == ("scenes", "02")
    assert studies.check(root).problems == ()


def test_a_pilot_is_beside_the_roster(tmp_path):
    root = write_rostered(tmp_path / "study", ("faces", "scenes", "pilot"))
    rewrite(root, {"participants": ["anna"], "sessions": ["faces", "scenes"]})
    log = sit(root / "experiments" / "pilot.yaml", "test1")
    assert log.header.roster is None
    assert '"roster"' not in log.path.read_text().splitlines()[0]


def test_two_machines_gave_one_place(study, tmp_path):
    copy = write_rostered(tmp_path / "copy", roster=TWO)
    sit(study, "anna")
    log = sit(copy, "ben")
    there = study / "experiments" / "data" / log.header.experiment / log.path.name
    there.parent.mkdir(exist_ok=True)
    there.write_bytes(log.path.read_bytes())
    (problem,) = studies.check(study).problems
    assert problem.field == "participants"
    assert "anna and ben have one place, 1" in problem.problem


def test_status_says_who_is_due(study):
    roster = TWO | {"participants": ["anna", "ben", "carl"]}
    rewrite(study, roster)
    stop_after(study, "anna", 1)
    sit(study, "ben")
    found = studies.status(study)
    rows = {row["participant"]: row for row in found.to_dict()["attendance"]["people"]}
    assert rows["anna"]["next"].endswith("1 of 4 trials answered")
    assert rows["ben"]["done"] == "1 of 2"
    assert rows["carl"]["next"].startswith("session 01 of ")
    told = found.describe()
    for label in rows:
        assert label in told
    commands = [step.command for step in found.state.steps]
    assert sum(command.startswith("pdpsych run") for command in commands) == 3
    assert all(str(study) in c for c in commands if c.startswith("pdpsych run"))


def test_after_a_session_the_next_is_told(study):
    log = sit(study, "anna")
    due = experiments.attendance(study).known("anna").due
    assert f"next of anna: {due}" in log.notes
    assert "nothing" in sit(study, "anna").notes[-1]


def test_a_study_without_a_roster_has_nothing_due(study):
    (study / "sessions.yaml").unlink()
    with refused(file="sessions.yaml"):
        sit(study, "anna")
    with refused(file="sessions.yaml"):
        experiments.attendance(study)


def test_the_roster_is_a_value(study):
    roster = experiments.attendance(study).roster
    assert isinstance(roster, Roster)
    assert hash(roster) == hash(experiments.attendance(study).roster)
    assert experiments.attendance(study) == experiments.attendance(study)
