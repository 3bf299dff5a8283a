"""Whose session it is, and which: the labels that name a log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pdpsych.common.errors import InputError

# Two labels, a number and what is between them fit into a file's name on every system.
_LONGEST = 50


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
