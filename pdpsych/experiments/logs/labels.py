"""Whose session it is, and which: the labels that name a log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pdpsych.common.errors import InputError

# Two labels, a number and what is between them fit into a file's name on every system.
_LONGEST = 50
_MEANS = {"participant": "person", "session": "session", "run": "run"}


class Labels(NamedTuple):
    """Participant, session and run, as in BIDS: letters and digits only; None without runs."""

    participant: str
    session: str = "01"
    run: str | None = None

    @property
    def occasion(self) -> str:
        """What tells a run of a session from all others, to seed what is random in it."""
        return f"{self.session} {self.run}" if self.run else self.session

    @property
    def stem(self) -> str:
        """The name of the log, without its ending."""
        run = f"_run-{self.run}" if self.run else ""
        return f"sub-{self.participant}_ses-{self.session}{run}"

    def __str__(self) -> str:
        run = f", run {self.run}" if self.run else ""
        return f"participant {self.participant}, session {self.session}{run}"


def log_path(folder: Path, labels: Labels) -> Path:
    """Return where a session's log is.

    Raises
    ------
    InputError
        If a label cannot be part of a file's name.
    """
    for field, label in labels._asdict().items():
        if field != "run" or label:
            _check(field, label)
    return folder / f"{labels.stem}.jsonl"


def same_label(one: str, other: str) -> bool:
    """Return whether people mean the same by two labels: 1, 01 and 001, p7 and P07."""
    return _meant(one) == _meant(other)


def check_spelling(folder: Path, labels: Labels) -> None:
    """Refuse labels that are spelled otherwise in the logs that there are.

    Raises
    ------
    InputError
        If a participant, or a session or run of this participant, is there in another spelling.
    """
    there = [_labels_of(path.stem) for path in sorted(folder.glob("sub-*_ses-*.jsonl"))]
    for i, field in enumerate(Labels._fields):
        wanted = labels[i]
        # Of sessions only those of this participant count, of runs those of this session.
        alike = [known[i] for known in there if known[:i] == labels[:i]]
        for known in dict.fromkeys(name for name in alike if name is not None):
            if wanted is not None and known != wanted and same_label(known, wanted):
                raise InputError(
                    f'is there as "{known}"',
                    file=folder,
                    field=field,
                    value=wanted,
                    remedy=f'write "{known}", or another label for another {_MEANS[field]}',
                )


def spelled_twice(labels: Iterable[Labels]) -> list[tuple[str, ...]]:
    """Return the participants who are there in several spellings, each with all of them."""
    found: dict[str, dict[str, None]] = {}
    for one in labels:
        found.setdefault(_meant(one.participant), {})[one.participant] = None
    return [tuple(names) for names in found.values() if len(names) > 1]


def _meant(label: str) -> str:
    return re.sub("[0-9]+", lambda number: str(int(number[0])), label).casefold()


def _labels_of(stem: str) -> Labels:
    named = dict(part.partition("-")[::2] for part in stem.split("_"))
    return Labels(named.get("sub", ""), named.get("ses", ""), named.get("run"))


def _check(field: str, label: str) -> None:
    if field == "run" and not re.fullmatch("[0-9]+", label):
        raise InputError("is no number", field=field, value=label, allowed='a number, such as "1"')
    if len(label) > _LONGEST:
        most = f"at most {_LONGEST} letters and digits"
        raise InputError("is too long", field=field, value=label, allowed=most)
    if not re.fullmatch("[A-Za-z0-9]+", label):
        nearest = re.sub("[^A-Za-z0-9]", "", re.sub("^(sub|ses)-", "", label)) or "01"
        raise InputError(
            "is no label",
            field=field,
            value=label,
            allowed="letters and digits only",
            remedy=f'try "{nearest}"',
        )
