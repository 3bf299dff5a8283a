"""The trial log: one JSON line a trial, on disk before the next trial starts.

``DATA/EXPERIMENT/sub-01_ses-01.jsonl`` begins with a line that says what was run, on what and
by whom; every answered trial adds a line, and so does what else happens (see
:mod:`pdpsych.experiments.logs.notes`). Lines are never changed, and chained by SHA-256 so
that one changed by hand is noticed. A line that a crash cut short, which can only be the last, is
set aside. A finished log is read-only.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.common.files.append_only import AppendOnlyFile
from pdpsych.common.files.locks import Busy
from pdpsych.experiments.logs import hash_chain
from pdpsych.experiments.logs.identity import Changes, changes, moved
from pdpsych.experiments.logs.notes import (
    Checked,
    Consented,
    Note,
    Resumed,
    SetAside,
    Stopped,
    sha256_of,
)
from pdpsych.experiments.logs.parsing import Entry, parse
from pdpsych.experiments.logs.records import Header, Trial, as_written

# More than a line of a trial takes, by about three times.
_TRIAL_BYTES = 4096


class TrialLog:
    """An open log that trials are appended to; one process at a time.

    Where the file is moved or deleted meanwhile, all lines are saved anew.

    Attributes
    ----------
    trials
        The trials answered so far.
    entries
        Its lines after the first, those of each trial and of what else happened.
    crashed
        Whether the program that had it last ended, with a window open, without saying so: the
        trial that was next may have been shown.
    """

    def __init__(self, file: AppendOnlyFile, header: Header) -> None:
        self.trials: list[Trial] = []
        self.entries: list[Entry] = []
        self.crashed = False
        self._file = file
        self._header = header
        self._digest = ""
        self._changes: Changes | None = None

    @classmethod
    def open(cls, path: Path, header: Header) -> TrialLog:
        """Begin a log, or go on with the one that is there.

        Raises
        ------
        InputError
            If another process has the log open, the log there belongs to another experiment,
            participant, set or design, a line of it is damaged or changed, or the disk has less
            room than the session needs.
        """
        try:
            file = AppendOnlyFile(path, doing="a session runs")
        except Busy as error:
            raise error.within(remedy="use another participant or session label") from None
        log = cls(file, header)
        try:
            log._begin()
        except BaseException:
            log._file.close()
            raise
        return log

    @property
    def path(self) -> Path:
        """Where the log is: beside where it was if another file took its name meanwhile."""
        return self._file.path

    @property
    def events(self) -> list[str]:
        """What happened to the file while it was open, in words."""
        return self._file.events

    def _begin(self) -> None:
        contents = parse(self._file.contents, self.path)
        # A sitting that did not begin says nothing of how the one before ended.
        sat = [one for one in contents.entries if not (isinstance(one, Checked) and one.wrong)]
        there, last = contents.header, sat[-1:]
        # Without a trial there is nothing to go on with: the session begins anew.
        if there and any(isinstance(entry, Trial | SetAside) for entry in contents.entries):
            resumed = [entry for entry in contents.entries if isinstance(entry, Resumed)]
            self._changes = changes(there, resumed, self._header, self.path)
            if contents.changed:
                raise InputError(
                    f"{contents.change}; a session goes on only from the answers as given",
                    file=self.path,
                    line=contents.changed[0],
                    remedy="restore the log from a copy, or use another session label",
                )
            self.trials, self.entries = contents.trials, contents.entries
            self._header, self._digest = there, contents.digest
        if self.finished:
            return
        self._check_writable()
        self._file.set_aside(contents.end)
        system = there.system if there and not self.entries else self.system
        self.crashed = bool(system) and not any(isinstance(one, Stopped) for one in last)
        if self._changes is None:
            self._write_header()

    def sit(self, system: dict[str, str], versions: dict[str, str]) -> None:
        """Say what shows the session from now on: in the first line, or in one of its own."""
        if self._changes is None:
            self._header = self._header.model_copy(update={"system": system})
            self._write_header()
            return
        where = {**self._changes.where, **moved(self.system, system)}
        self.note(
            Resumed(
                answered=len(self.trials),
                where=where,
                wording=self._changes.wording,
                system=system,
                versions=versions,
                time=now(),
            )
        )

    def agreed(self, text: str) -> bool:
        """Return whether somebody agreed to a text in this session.

        Before version 4 no log said so: whoever answered had agreed to what there was.
        """
        known = {entry.text_sha256 for entry in self.entries if isinstance(entry, Consented)}
        before = bool(self.trials) and self._header.config.get("consent") == text
        return before or sha256_of(text) in known

    def note(self, note: Note) -> None:
        """Write what happened beside the trials; when this returns, it is on disk.

        Raises
        ------
        InputError
            As :meth:`append`.
        """
        self._write(note, f"what happened ({note.record})")
        self.entries.append(note)

    @property
    def system(self) -> dict[str, str]:
        """What showed the session the last time; empty without a window."""
        known = [entry.system for entry in self.entries if isinstance(entry, Resumed)]
        return known[-1] if known else self._header.system

    @property
    def finished(self) -> bool:
        """Whether every planned trial was answered, or enough; nothing can be added then."""
        ended = bool(self.trials) and self.trials[-1].ended is not None
        return ended or len(self.trials) == self._header.planned

    def append(self, trial: Trial) -> None:
        """Write a trial; when this returns, it is on disk.

        Raises
        ------
        InputError
            If it cannot be written, for example on a full disk; the log then ends with the
            trial before. Also if another file took the log's name, where the error says where
            all trials are; and if the session is finished.
        """
        if self.finished:
            raise InputError(
                "the session is finished and its log read-only",
                file=self.path,
                remedy="use another session label",
            )
        self._write(trial, f"trial {trial.trial}")
        self.trials.append(trial)
        self.entries.append(trial)

    def close(self) -> None:
        """Close the file, which lets go of the lock; a finished one becomes read-only."""
        try:
            if self.finished:
                self._file.finish()
        finally:
            self._file.close()

    def _write_header(self) -> None:
        self._file.cut(0)
        self._digest = ""
        self._write(self._header, "the session's first line")

    def _write(self, record: Header | Trial | Note, what: str) -> None:
        line, digest = hash_chain.seal(as_written(record), self._digest)
        self._file.append(line, what)
        self._digest = digest

    def _check_writable(self) -> None:
        if not self._file.writable:
            raise InputError(
                "the file is read-only, but the session is not finished",
                file=self.path,
                remedy="make it writable, or use another session label",
            )
        need = _TRIAL_BYTES * (self._header.planned - len(self.trials) + 1)
        free = shutil.disk_usage(self.path.parent).free
        if free < need:
            raise InputError(
                f"the disk has {free / 1e6:.1f} MB free, the session needs {need / 1e6:.1f} MB",
                file=self.path,
                remedy="make room, or move the study to another disk",
            )


def now() -> str:
    """Return date and time, as logs have them."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
