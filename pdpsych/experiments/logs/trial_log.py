"""The trial log: one JSON line a trial, on disk before the next trial starts.

``DATA/EXPERIMENT/sub-01_ses-01.jsonl`` begins with a line that says what was run, on what and
by whom; every answered trial adds a line. Lines are never changed, and chained by SHA-256 so
that one changed by hand is noticed. A line that a crash cut short, which can only be the last, is
set aside. A finished log is read-only.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pdpsych.common.errors import InputError
from pdpsych.common.files.append_only import AppendOnlyFile
from pdpsych.common.files.locks import Busy
from pdpsych.experiments.logs import hash_chain
from pdpsych.experiments.logs.parsing import parse
from pdpsych.experiments.logs.records import Header, Trial, as_written

# What has to be the same when a session goes on, in the order it is best reported.
_IDENTITY = (
    "schema_version",
    "experiment",
    "participant",
    "session",
    "run",
    "observer",
    "stimulus_set_sha256",
    "calibration",
    "predictions",
    "after",
    "config",
    "design",
)


# More than a line of a trial takes, by about three times.
_TRIAL_BYTES = 4096


class TrialLog:
    """An open log that trials are appended to; one process at a time.

    Where the file is moved or deleted meanwhile, all lines are saved anew.

    Attributes
    ----------
    trials
        The trials answered so far.
    """

    def __init__(self, file: AppendOnlyFile, header: Header) -> None:
        self.trials: list[Trial] = []
        self._file = file
        self._header = header
        self._digest = ""

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
        # Without an answer there is nothing to go on with: the session begins anew.
        if contents.header and contents.trials:
            _check_same(self.path, contents.header, self._header)
            if contents.changed:
                raise InputError(
                    f"{contents.change}; a session goes on only from the answers as given",
                    file=self.path,
                    line=contents.changed[0],
                    remedy="restore the log from a copy, or use another session label",
                )
            self.trials, self._digest = contents.trials, contents.digest
        if self.finished:
            return
        self._check_writable()
        self._file.set_aside(contents.end)
        if not self.trials:
            self._write_header()

    def describe(self, system: dict[str, str]) -> None:
        """Say in the first line what shows the session, if no trial follows it yet."""
        if not self.trials:
            self._header = self._header.model_copy(update={"system": system})
            self._write_header()

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

    def _write(self, record: Header | Trial, what: str) -> None:
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


def _check_same(path: Path, there: Header, wanted: Header) -> None:
    for field in _IDENTITY:
        found = _difference(getattr(there, field), getattr(wanted, field), field)
        if found is not None:
            key, was, now = found
            raise InputError(
                f"the log has {json.dumps(was)}; a session goes on only as it began",
                file=path,
                field=key,
                value=now,
                remedy="use another session label, or move this log away",
            )


def _difference(there: Any, wanted: Any, key: str) -> tuple[str, Any, Any] | None:
    """Return where two values differ first, and both there; None where they are the same."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        # The set is known by its SHA-256: a folder may move.
        keys = [k for k in {**there, **wanted} if k != "stimulus_set"]
        found = (_difference(there.get(k), wanted.get(k), f"{key}.{k}") for k in keys)
        return next((one for one in found if one), None)
    return None if there == wanted else (key, there, wanted)
