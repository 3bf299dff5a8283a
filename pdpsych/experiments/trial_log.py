"""The trial log: one JSON line a trial, on disk before the next trial starts.

``DATA/EXPERIMENT/sub-01_ses-01.jsonl`` begins with a line that says what was run, on what and
by whom; every answered trial adds a line. Lines are never changed, and chained by SHA-256 so
that one changed by hand is noticed. A line that a crash cut short, which can only be the last, is
set aside. A finished log is read-only.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

import pandas as pd
from pydantic import Field

from pdpsych.errors import InputError
from pdpsych.experiments import chain
from pdpsych.experiments.log_file import LogFile, torn_path
from pdpsych.experiments.timing import TimingSummary, TrialTiming, summarise
from pdpsych.study import Section, validate

SCHEMA_VERSION = 2
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
    "config",
    "design",
)


# More than a line of a trial takes, by about three times.
_TRIAL_BYTES = 4096


class Header(Section):
    """First line of a log: what is run, on which set, by whom, with which design.

    ``calibration`` is the SHA-256 of the set's calibration for the display, None where there was
    none; ``windowed`` says that the window did not fill the screen; ``system`` is what showed the
    session.
    """

    record: Literal["session"] = "session"
    schema_version: int = SCHEMA_VERSION
    experiment: str
    config: dict[str, Any]
    stimulus_set: str
    stimulus_set_sha256: str
    calibration: str | None = None
    design: str
    planned: int
    participant: str
    session: str
    run: str | None = None
    group: int = 1
    observer: str
    windowed: bool = False
    system: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str]
    started: str


class Trial(Section):
    """A line of a log: what was shown and what was answered.

    ``position`` and ``response`` are 1 for the first interval or the left, 2 for the second or the
    right. Amplitudes and ``residual_rms`` are in model units (see
    :class:`pdpsych.stimuli.Shown`), ``response_time`` is in seconds, ``dither_seed`` seeds the
    generator of the frames' dither. ``timing`` is None where nobody timed the trial.
    """

    record: Literal["trial"] = "trial"
    trial: int
    image: str
    pair: str
    distortion: Literal[1, 2]
    sign: Literal[1, -1]
    position: Literal[1, 2]
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
    timing: TrialTiming | None = None
    time: str


@dataclass(frozen=True)
class SessionLog:
    """A session as read from its log.

    Attributes
    ----------
    path, header
        Where it is, and its first line.
    trials
        One row a trial, columns as the fields of :class:`Trial` but for ``timing``. Where trials
        were timed, ``off`` says whether a phase was off by more than one frame, ``dropped`` how
        many frames did not come in time, and ``PHASE_onset`` and ``PHASE_offset`` when a phase
        came and went, in s from the trial's first frame.
    notes
        What is to be said of the file: lines cut off in writing, lines changed afterwards.
    timing
        Which of the trials were off, and by how much.
    """

    path: Path
    header: Header
    trials: pd.DataFrame
    notes: tuple[str, ...]
    timing: TimingSummary

    @property
    def complete(self) -> bool:
        """Whether every planned trial was answered."""
        return len(self.trials) == self.header.planned

    def __str__(self) -> str:
        done, planned = len(self.trials), self.header.planned
        state = f"complete, {done} trials" if self.complete else f"{done} of {planned} trials"
        timing = [str(self.timing)] if self.timing.timed else []
        return "\n".join([f"{self.path}: {state}", *timing, *self.notes])


class TrialLog:
    """An open log that trials are appended to; one process at a time.

    Attributes
    ----------
    trials
        The trials answered so far.
    """

    def __init__(self, file: LogFile, header: Header) -> None:
        self.path = file.path
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
        log = cls(LogFile(path), header)
        try:
            log._begin()
        except BaseException:
            log._file.close()
            raise
        return log

    def _begin(self) -> None:
        contents = _parse(self.path.read_bytes(), self.path)
        # Without an answer there is nothing to go on with: the session begins anew.
        if contents.header and contents.trials:
            _check_same(self.path, contents.header, self._header)
            if contents.changed:
                raise InputError(
                    f"{_changed(contents, self.path)}; a session goes on only from the answers "
                    "as given: restore the log from a copy, or use another session label"
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
        """Whether every planned trial was answered; nothing can be added then."""
        return len(self.trials) == self._header.planned

    def append(self, trial: Trial) -> None:
        """Write a trial; when this returns, it is on disk.

        Raises
        ------
        InputError
            If it cannot be written, for example on a full disk; the log then ends with the
            trial before. Also if the session is finished.
        """
        if self.finished:
            raise InputError(
                f"{self.path}: the session is finished and its log read-only; use another "
                "session label"
            )
        self._write(trial, f"trial {trial.trial}")
        self.trials.append(trial)

    def close(self) -> None:
        """Close the file, which lets go of the lock; a finished one becomes read-only."""
        if self.finished:
            self._file.finish()
        self._file.close()

    def __enter__(self) -> TrialLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write_header(self) -> None:
        self._file.cut(0)
        self._digest = ""
        self._write(self._header, "the session's first line")

    def _write(self, record: Section, what: str) -> None:
        line, digest = chain.seal(record.model_dump(mode="json"), self._digest)
        try:
            self._file.append(line)
        except OSError as error:
            raise InputError(
                f"{self.path}: {what} could not be saved ({error.strerror}); all "
                f"{len(self.trials)} trials before it are. Make room on the disk, then run the "
                "same command to go on"
            ) from None
        self._digest = digest

    def _check_writable(self) -> None:
        if not self._file.writable:
            raise InputError(
                f"{self.path}: the file is read-only, but the session is not finished; make it "
                "writable, or use another session label"
            )
        need = _TRIAL_BYTES * (self._header.planned - len(self.trials) + 1)
        free = shutil.disk_usage(self.path.parent).free
        if free < need:
            raise InputError(
                f"{self.path}: the disk has {free / 1e6:.1f} MB free, the session needs "
                f"{need / 1e6:.1f} MB; make room, or move the study to another disk"
            )


def log_path(folder: Path, participant: str, session: str, run: str | None = None) -> Path:
    """Return where a session's log is; labels as in BIDS, letters and digits only."""
    labels = {"participant": participant, "session": session} | ({"run": run} if run else {})
    for name, label in labels.items():
        if name == "run" and not re.fullmatch("[0-9]+", label):
            raise InputError(f'run: a number, got "{label}"; try "1"')
        if not re.fullmatch("[A-Za-z0-9]+", label):
            nearest = re.sub("[^A-Za-z0-9]", "", label) or "01"
            raise InputError(f'{name}: letters and digits only, got "{label}"; try "{nearest}"')
    return folder / f"sub-{participant}_ses-{session}{f'_run-{run}' if run else ''}.jsonl"


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
    timing = summarise({trial.trial: trial.timing for trial in contents.trials})
    trials = _table(contents.trials)
    return SessionLog(path, contents.header, trials, _notes(contents, path), timing)


def _notes(contents: _Contents, path: Path) -> tuple[str, ...]:
    lines = len(contents.trials) + 2
    torn = torn_path(path)
    notes = {
        f"{path}: line {lines} was cut off in writing and is left out": contents.torn,
        f"{torn}: holds what was cut off in writing; that trial was shown again": torn.exists(),
        _changed(contents, path): bool(contents.changed),
    }
    return tuple(note for note, applies in notes.items() if applies)


def _changed(contents: _Contents, path: Path) -> str:
    lines = ", ".join(map(str, contents.changed[:5])) + ", …" * (len(contents.changed) > 5)
    return f"{path}: changed after it was written: line {lines}"


def _table(trials: list[Trial]) -> pd.DataFrame:
    rows = [trial.model_dump(exclude={"record", "timing"}) | _timed(trial) for trial in trials]
    fields = [name for name in Trial.model_fields if name not in ("record", "timing")]
    table = pd.DataFrame(
        rows, columns=list(dict.fromkeys([*fields, *(n for r in rows for n in r)]))
    )
    return table.astype({"response_time": float})


def _timed(trial: Trial) -> dict[str, bool | int | float]:
    timing = trial.timing
    if timing is None:
        return {}
    times = {
        f"{name}_{moment}": getattr(phase, moment)
        for name, phase in timing.phases.items()
        for moment in ("onset", "offset")
    }
    return {"off": timing.off, "dropped": timing.dropped, **times}


class _Contents(NamedTuple):
    """What a log holds; ``end`` is where its last whole line ends."""

    header: Header | None
    trials: list[Trial]
    end: int
    torn: bool
    digest: str
    changed: tuple[int, ...]


def _parse(text: bytes, path: Path) -> _Contents:
    end = text.rfind(b"\n") + 1
    links = _links(text[:end].splitlines(), path)
    torn, digest = end < len(text), links[-1].digest if links else ""
    if not links:
        return _Contents(None, [], end, torn, digest, ())
    header = _header(links[0].record, f"{path}: line 1")
    trials = []
    for i, link in enumerate(links[1:], start=1):
        record = link.record if header.schema_version > 1 else _from_version_1(link.record)
        trial = validate(record, Trial, f"{path}: line {i + 1}")
        if trial.trial != i or i > header.planned:
            raise InputError(
                f"{path}: line {i + 1}: trial: expected {i} of {header.planned}, got {trial.trial}"
            )
        trials.append(trial)
    chained = header.schema_version > 1
    changed = tuple(i for i, link in enumerate(links, start=1) if chained and not link.fits)
    return _Contents(header, trials, end, torn, digest, changed)


def _links(lines: list[bytes], path: Path) -> list[chain.Link]:
    links: list[chain.Link] = []
    for i, line in enumerate(lines, start=1):
        try:
            links.append(chain.unseal(line.decode(), links[-1].digest if links else ""))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: line {i}: not valid JSON: {error}") from None
    return links


def _header(record: Any, label: str) -> Header:
    version = record.get("schema_version") if isinstance(record, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError(
            f"{label}: schema_version: the log has {version}, this pdpsych reads up to "
            f"{SCHEMA_VERSION}; install a newer pdpsych"
        )
    return validate(record, Header, label)


def _from_version_1(record: Any) -> Any:
    """Return a trial of a log of schema 1, which has no chain and onsets without offsets."""
    if not isinstance(record, dict) or "interval" not in record:
        return record
    kept = {name: value for name, value in record.items() if name not in ("interval", "timing")}
    return kept | {"position": record["interval"]}


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
