"""The trial log: one JSON line a trial, on disk before the next trial starts.

``DATA/EXPERIMENT/sub-01_ses-01.jsonl`` begins with a line that says what was run, on what and
by whom; every answered trial adds a line. Lines are never changed. A line that a crash cut
short, which can only be the last, is left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

import pandas as pd
from pydantic import Field

from pdpsych.errors import InputError
from pdpsych.study import Section, validate

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SCHEMA_VERSION = 1
# What has to be the same when a session goes on, in the order it is best reported.
_IDENTITY = (
    "experiment",
    "participant",
    "session",
    "observer",
    "stimulus_set_sha256",
    "config",
    "design",
)


class Header(Section):
    """First line of a log: what is run, on which set, by whom, with which design."""

    record: Literal["session"] = "session"
    schema_version: int = SCHEMA_VERSION
    experiment: str
    config: dict[str, Any]
    stimulus_set: str
    stimulus_set_sha256: str
    design: str
    planned: int
    participant: str
    session: str
    observer: str
    versions: dict[str, str]
    started: str


class Trial(Section):
    """A line of a log: what was shown and what was answered.

    Amplitudes and ``residual_rms`` are in model units (see :class:`pdpsych.stimuli.Shown`),
    ``response_time`` and ``timing`` in seconds, ``dither_seed`` seeds the generator of both
    frames' dither.
    """

    record: Literal["trial"] = "trial"
    trial: int
    image: str
    pair: str
    distortion: Literal[1, 2]
    sign: Literal[1, -1]
    interval: Literal[1, 2]
    easy: bool
    practice: bool
    amplitude: float
    realised: float
    residual_rms: float
    clipped: float
    response: Literal[1, 2]
    correct: bool
    response_time: float | None
    dither_seed: int
    timing: dict[str, float] = Field(default_factory=dict)
    time: str


@dataclass(frozen=True)
class SessionLog:
    """A session as read from its log.

    Attributes
    ----------
    path, header
        Where it is, and its first line.
    trials
        One row a trial, columns as the fields of :class:`Trial`; ``timing`` has a column for
        each entry, ``timing_NAME``.
    note
        Says so if a cut-off last line was left out, else empty.
    """

    path: Path
    header: Header
    trials: pd.DataFrame
    note: str = ""

    @property
    def complete(self) -> bool:
        """Whether every planned trial was answered."""
        return len(self.trials) == self.header.planned


class TrialLog:
    """An open log that trials are appended to; one process at a time.

    Attributes
    ----------
    trials
        The trials answered so far.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self.trials: list[Trial] = []
        self._handle = handle
        self._end = os.fstat(handle).st_size

    @classmethod
    def open(cls, path: Path, header: Header) -> TrialLog:
        """Begin a log, or go on with the one that is there.

        Raises
        ------
        InputError
            If another process has the log open, the log there belongs to another experiment,
            participant, set or design, or a line of it is damaged.
        """
        handle = _open_locked(path)
        log = cls(path, handle)
        try:
            log._begin(header)
        except BaseException:
            log.close()
            if not log._end:
                path.unlink(missing_ok=True)
            raise
        return log

    def _begin(self, header: Header) -> None:
        contents = _parse(self.path.read_bytes(), self.path)
        # Without an answer there is nothing to go on with: the session begins anew.
        if contents.header and contents.trials:
            _check_same(self.path, contents.header, header)
            self._cut(contents.end)
            self.trials = contents.trials
        else:
            self._cut(0)
            self._write(header, "the session's first line")
            _sync_folder(self.path.parent)

    def _cut(self, end: int) -> None:
        os.ftruncate(self._handle, end)
        self._end = end

    def append(self, trial: Trial) -> None:
        """Write a trial; when this returns, it is on disk.

        Raises
        ------
        InputError
            If it cannot be written, for example on a full disk; the log then ends with the
            trial before.
        """
        self._write(trial, f"trial {trial.trial}")
        self.trials.append(trial)

    def close(self) -> None:
        """Close the file, which lets go of the lock."""
        os.close(self._handle)

    def __enter__(self) -> TrialLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, record: Section, what: str) -> None:
        line = json.dumps(record.model_dump(mode="json"), allow_nan=False, ensure_ascii=False)
        rest = line.encode() + b"\n"
        size = len(rest)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fsync(self._handle)
        except OSError as error:
            # Where even this fails, the next run leaves the cut-off line out.
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._end)
            raise InputError(
                f"{self.path}: {what} could not be saved ({error.strerror}); all "
                f"{len(self.trials)} trials before it are. Make room on the disk, then run the "
                "same command to go on"
            ) from None
        self._end += size


def log_path(folder: Path, participant: str, session: str) -> Path:
    """Return where a session's log is; labels as in BIDS, letters and digits only."""
    for name, label in (("participant", participant), ("session", session)):
        if not re.fullmatch("[A-Za-z0-9]+", label):
            nearest = re.sub("[^A-Za-z0-9]", "", label) or "01"
            raise InputError(f'{name}: letters and digits only, got "{label}"; try "{nearest}"')
    return folder / f"sub-{participant}_ses-{session}.jsonl"


def read_log(path: str | Path) -> SessionLog:
    """Read a session's log.

    Raises
    ------
    InputError
        If there is none, a newer pdpsych wrote it, or a line other than a cut-off last one is
        damaged; the message names the line.
    """
    path = Path(path)
    try:
        contents = _parse(path.read_bytes(), path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if contents.header is None:
        raise InputError(f"{path}: empty: the session was not started")
    return SessionLog(path, contents.header, _table(contents.trials), contents.note)


def _table(trials: list[Trial]) -> pd.DataFrame:
    rows = [trial.model_dump(exclude={"record"}) for trial in trials]
    if not rows:
        return pd.DataFrame(
            columns=[f for f in Trial.model_fields if f not in ("record", "timing")]
        )
    table = pd.json_normalize(rows, sep="_")
    return table.astype({"response_time": float})


class _Contents(NamedTuple):
    header: Header | None
    trials: list[Trial]
    end: int
    note: str


def _parse(text: bytes, path: Path) -> _Contents:
    """Read all lines; ``end`` is where the last whole line ends."""
    end = text.rfind(b"\n") + 1
    lines = text[:end].splitlines()
    note = ""
    if end < len(text):
        note = f"{path}: line {len(lines) + 1} was cut off in writing and is left out"
    records = [_record(line, f"{path}: line {i}") for i, line in enumerate(lines, start=1)]
    if not records:
        return _Contents(None, [], end, note)
    header = _header(records[0], f"{path}: line 1")
    trials = []
    for i, record in enumerate(records[1:], start=1):
        trial = validate(record, Trial, f"{path}: line {i + 1}")
        if trial.trial != i or i > header.planned:
            raise InputError(
                f"{path}: line {i + 1}: trial: expected {i} of {header.planned}, got {trial.trial}"
            )
        trials.append(trial)
    return _Contents(header, trials, end, note)


def _record(line: bytes, label: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{label}: not valid JSON: {error}") from None


def _header(record: Any, label: str) -> Header:
    version = record.get("schema_version") if isinstance(record, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError(
            f"{label}: schema_version: the log has {version}, this pdpsych reads up to "
            f"{SCHEMA_VERSION}; install a newer pdpsych"
        )
    return validate(record, Header, label)


def _check_same(path: Path, there: Header, wanted: Header) -> None:
    for field in _IDENTITY:
        difference = _difference(getattr(there, field), getattr(wanted, field), field)
        if difference:
            raise InputError(
                f"{path}: {difference}; a session goes on only as it began. Use another session "
                "label, or move this log away"
            )


def _difference(there: Any, wanted: Any, key: str) -> str:
    """Say where two values differ first, or nothing."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        # The set is known by its SHA-256: a folder may move.
        keys = [k for k in {**there, **wanted} if k != "stimulus_set"]
        found = (_difference(there.get(k), wanted.get(k), f"{key}.{k}") for k in keys)
        return next((text for text in found if text), "")
    if there == wanted:
        return ""
    return f"{key}: the log has {json.dumps(there)}, this run has {json.dumps(wanted)}"


def _open_locked(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        handle = os.open(path, flags, 0o644)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        _lock(handle)
    except OSError as error:
        os.close(handle)
        raise InputError(
            f"{path}: another process is running this session ({error.strerror}); end it, or "
            "use another participant or session label"
        ) from None
    return handle


if sys.platform == "win32":

    def _lock(handle: int) -> None:
        # A byte far behind the end: locked bytes cannot be read on Windows.
        os.lseek(handle, 1 << 30, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _sync_folder(folder: Path) -> None:
        """Windows cannot fsync a folder."""

else:

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _sync_folder(folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        # Some network file systems cannot.
        with contextlib.suppress(OSError):
            os.fsync(handle)
        os.close(handle)
