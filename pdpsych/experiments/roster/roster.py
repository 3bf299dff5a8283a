"""The people of a study and their sessions: ``sessions.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import digest
from pdpsych.common.section import Part, Section, load
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.labels import Labels, log_path, spelled_twice
from pdpsych.experiments.roster.questions import Question

FILE = "sessions.yaml"
"""The name of a roster, in the folder of its study."""
ANSWERS = "experiments/data/participants.yaml"
"""What people answered to the questions of a roster, in the folder of its study."""
_FOLDER = "experiments"
# What does not decide who does what: people are added, questions changed.
_UNDECIDED = {"participants", "ask", "apart_days"}

Day = str | Annotated[tuple[str, ...], Field(min_length=1)]
Days = Annotated[tuple[Day, ...], Field(min_length=1, max_length=100)]
Names = Annotated[tuple[str, ...], Field(min_length=2, max_length=20)]


def _form(value: Any) -> str:
    if isinstance(value, dict):
        return "Groups"
    return "Labels" if isinstance(value, list | tuple) else "Number"


class Group(Part):
    """A group of people, and what they do where that is not what all do.

    Attributes
    ----------
    share
        People of the group in each round of draws.
    sessions
        In the place of those of all.
    """

    share: int = Field(1, ge=1, le=100)
    sessions: Days | None = None


class Roster(Section):
    """Who takes part in a study and in which sessions, ``sessions.yaml`` in its folder.

    Attributes
    ----------
    participants
        How many there are to be, who get their places in the order in which they come; or their
        labels, in order; or the group of each by label, where groups are not drawn.
    groups
        Groups of people, by name. Without ``sessions`` of their own they do what all do.
    sessions
        Names of the experiments of each session, in order: one, or a list.
    balance
        Experiments that change places, so that each order of them is there equally often; of a
        group those that its sessions have.
    apart_days
        Least days between sessions by the calendar: 1 is another day.
    ask
        Questions to each person.
    seed
        What groups, orders and keys are drawn with.

    Examples
    --------
    >>> from pdpsych import experiments
    >>> roster = experiments.Roster(sessions=("faces", "scenes"), balance=("faces", "scenes"))
    >>> roster.days("")
    (('faces',), ('scenes',))
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)
    known_as: ClassVar[str] = f"the people and sessions of a study, {FILE}"
    participants: (
        Annotated[
            Annotated[int, Field(ge=1, le=100_000), Tag("Number")]
            | Annotated[tuple[str, ...], Field(min_length=1), Tag("Labels")]
            | Annotated[dict[str, str], Field(min_length=1), Tag("Groups")],
            Discriminator(_form),
        ]
        | None
    ) = None
    groups: dict[Annotated[str, Field(min_length=1, max_length=50)], Group] = Field(
        default_factory=dict
    )
    sessions: Days | None = None
    balance: Names | None = None
    apart_days: int = Field(0, ge=0, le=1000)
    ask: tuple[Question, ...] = ()
    seed: int = Field(0, ge=0)

    @field_validator("participants")
    @classmethod
    def _told_apart(cls, given: Any) -> Any:
        if isinstance(given, int | None):
            return given
        for label in given:
            log_path(Path(), Labels(label))
        for names in spelled_twice(Labels(label) for label in dict.fromkeys(given)):
            raise InputError(
                "one person in several spellings",
                value=", ".join(names),
                remedy="name each person once",
            )
        if len(set(given)) < len(given):
            twice = next(label for label in given if given.count(label) > 1)
            raise InputError("is named twice", value=twice, remedy="name each person once")
        return given

    @field_validator("ask")
    @classmethod
    def _asked_once(cls, questions: tuple[Question, ...]) -> tuple[Question, ...]:
        names = [question.name for question in questions]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise InputError("each name once", field=f"[{number}].name", value=name)
        return questions

    @model_validator(mode="after")
    def _has_groups(self) -> Roster:
        if not isinstance(self.participants, dict):
            return self
        for label, group in self.participants.items():
            if group not in self.groups:
                raise InputError(
                    "no such group",
                    field=f"participants.{label}",
                    value=group,
                    allowed=tuple(self.groups),
                )
        return self

    @model_validator(mode="after")
    def _has_sessions(self) -> Roster:
        for group in self.groups or ("",):
            own = self.groups.get(group)
            field = f"groups.{group}." if own and own.sessions else ""
            days = self.days(group)
            if not days:
                raise InputError(
                    "there is none" + f" for group {group}" * bool(group),
                    field="sessions",
                    allowed="names of experiments, as in sessions: [faces, scenes]",
                )
            for number, names in enumerate(days):
                if len(set(names)) < len(names):
                    raise InputError(
                        "an experiment is there once in a session",
                        field=f"{field}sessions[{number}]",
                        value=list(names),
                    )
        return self

    @model_validator(mode="after")
    def _balances_its_own(self) -> Roster:
        names = self.balance or ()
        if len(set(names)) < len(names):
            raise InputError("each name once", field="balance", value=list(names))
        for name in names:
            if name not in self.names:
                raise InputError(
                    "no session has this experiment",
                    field="balance",
                    value=name,
                    allowed=self.names,
                )
        return self

    def days(self, group: str) -> tuple[tuple[str, ...], ...]:
        """Return the experiments of each session of a group, as they are written."""
        own = self.groups.get(group)
        days = (own and own.sessions) or self.sessions or ()
        return tuple((day,) if isinstance(day, str) else day for day in days)

    def balanced(self, group: str) -> tuple[str, ...]:
        """Return the experiments of a group that change places."""
        own = {name for names in self.days(group) for name in names}
        return tuple(name for name in self.balance or () if name in own)

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The participants, None where they are not named."""
        given = self.participants
        return tuple(given) if isinstance(given, tuple | dict) else None

    @property
    def most(self) -> int | None:
        """How many people there may be, None for any number."""
        given = self.participants
        return given if isinstance(given, int | None) else len(given)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the experiments, each once."""
        return tuple(dict.fromkeys(self._names()))

    def _names(self) -> Iterator[str]:
        for group in self.groups or ("",):
            for names in self.days(group):
                yield from names

    @property
    def sha256(self) -> str:
        """SHA-256 of what decides who does what."""
        return digest(self.model_dump(mode="json", exclude=_UNDECIDED))

    @property
    def answers(self) -> Path:
        """The file of what people answered to ``ask``."""
        return self.resolve(ANSWERS)

    def experiment(self, name: str) -> Experiment:
        """Read an experiment of the study.

        Raises
        ------
        InputError
            If it cannot be read, or there is none of the name.
        """
        folder = self.resolve(_FOLDER)
        path = folder / f"{name}.yaml"
        if not path.exists():
            raise InputError(
                f"no such experiment in {folder}",
                file=self.label,
                field="sessions",
                value=name,
                allowed=sorted(file.stem for file in folder.glob("*.yaml")),
            )
        return load(path, Experiment)


def roster_of(experiment: Experiment) -> Roster | None:
    """Return the roster of an experiment's study, None where there is none that names it.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    folder = experiment.resolve("").resolve()
    path = folder.parent / FILE
    if folder.name != _FOLDER or not path.is_file():
        return None
    roster = load(path, Roster)
    return roster if experiment.stem in roster.names else None
