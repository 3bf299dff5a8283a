"""A session as read from its trial log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdpsych.common.errors import InputError, shown
from pdpsych.common.files.append_only import torn_path
from pdpsych.common.files.reading import LOG, read_bytes
from pdpsych.common.results import Result
from pdpsych.experiments.logs.notes import RampRead, Resumed, SetAside, broken_fixations
from pdpsych.experiments.logs.parsing import Contents, Entry, parse
from pdpsych.experiments.logs.records import Header, Trial
from pdpsych.experiments.logs.timing import TimingSummary, summarize

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class SessionLog(Result):
    """A session as read from its log; see :func:`read_log`.

    Attributes
    ----------
    path, header
        Where it is, and its first line.
    trials
        One row a trial, columns as the fields of :class:`Trial` but for ``timing``. ``presented``
        is how often it was presented, ``again`` why it was set aside before, ``key`` what was
        pressed, ``EVENT_sent`` when other apparatus was told; ``gaze_x``, ``gaze_y``,
        ``gaze_largest`` and ``gaze_lost`` say where gaze was, see :class:`Looked`. Where trials
        were timed, ``off`` says whether a phase was off by more than one frame, ``dropped`` how
        many frames did not come in time, and ``PHASE_onset`` and ``PHASE_offset`` when a phase
        came and went, in s from the trial's first frame. Where they were chosen by models, ``aim``
        and ``information`` say what for, ``nearest`` which model was then believed to be the
        nearest, and ``probability`` how surely.
    notes
        What is to be said of the file: lines cut off in writing, lines changed afterwards.
    change
        Which lines were changed afterwards, empty if none was.
    timing
        Which of the trials were off, and by how much.
    entries
        Its lines after the first: trials, and what else happened in the session.
    ended
        Why it ended before its design did: ``side``, where one model was the nearest with the
        probability asked for, or ``most``, after the most trials; else empty.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pdpsych import experiments, stimuli
    >>> local = experiments.ObserverSpec(model="LGN", local=True)
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> pair = stimuli.NewPair(u, v, sensitivities={"LN": (2.0, 8.0), "LGN": (9.0, 3.0)})
    >>> image = stimuli.NewImage(np.full((1, 8, 8), 0.5), {"dots": pair})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = stimuli.StimulusSet.create(f"{folder}/dots", {"grey": image})
    ...     path = Path(folder, "early.yaml")
    ...     _ = path.write_text("{stimulus_set: dots, display: {}, trials_per_condition: 8}")
    ...     log = experiments.run(path, "01", observer=local)
    >>> log.trials.groupby("distortion").size().tolist()
    [8, 8]
    """

    path: Path
    header: Header
    trials: pd.DataFrame
    notes: tuple[str, ...]
    change: str
    timing: TimingSummary
    entries: tuple[Entry, ...] = ()
    ended: str = ""

    @property
    def lines(self) -> list[int]:
        """The line of its file that each trial is on."""
        return [n for n, entry in enumerate(self.entries, start=2) if isinstance(entry, Trial)]

    @property
    def complete(self) -> bool:
        """Whether every planned trial was answered, or as many as its rule asked for."""
        return bool(self.ended) or len(self.trials) == self.header.planned

    @property
    def broken(self) -> int:
        """How many trials were set aside because fixation was broken."""
        return broken_fixations(self.entries)

    @property
    def belief(self) -> str:
        """Which model was believed to be the nearest at its last trial; empty if none was asked."""
        if "nearest" not in self.trials:
            return ""
        known = self.trials.dropna(subset=["nearest"])
        last = known.iloc[-1]
        return f"{last['nearest']} is the nearest model with probability {last['probability']:.2f}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each trial's amplitude and whether its answer was correct, on ax or new axes."""
        from pdpsych.experiments.logs.figures import plot_session

        return plot_session(self.trials, ax)

    def to_dict(self) -> dict[str, Any]:
        """Return what it holds as plain data, and whether it is complete."""
        return super().to_dict() | {"complete": self.complete}

    def describe(self) -> str:
        """Say how far the session is, what it tells, how it was timed, and what is to be noted."""
        timing = [self.timing.describe()] if self.timing.timed else []
        belief = [self.belief] if self.belief else []
        return "\n".join([self._line(), *belief, *timing, *self._happened(), *self.notes])

    def _happened(self) -> list[str]:
        """Say how often the session went on and what was another then, and what came again."""
        found = []
        for one in (entry for entry in self.entries if isinstance(entry, Resumed)):
            changed = {**one.where, **one.wording}
            told = ", ".join(
                f"{k} {shown(was)} → {shown(now)}" for k, (was, now) in changed.items()
            )
            found.append(f"went on after {one.answered} trials{f': {told}' if told else ''}")
        again = sum(isinstance(entry, SetAside) for entry in self.entries)
        broken = f", {self.broken} of them because fixation was broken" * (self.broken > 0)
        return [*found, *[f"trials set aside and shown again later: {again}{broken}"] * (again > 0)]

    def _line(self) -> str:
        done, planned = len(self.trials), self.header.planned
        state = f"complete, {done} trials" if self.complete else f"{done} of {planned} trials"
        return f"{self.path}: {state}{_ENDS.get(self.ended, '')}"


_ENDS = {
    "side": ", ended when the nearest model was known as surely as asked for",
    "most": ", ended after the most trials that were asked for",
}


class NotStarted(InputError):
    """A log holds no whole line: its session was never started."""


def read_log(path: str | Path) -> SessionLog:
    """Read a session's log.

    Parameters
    ----------
    path
        The log, ``data/EXPERIMENT/sub-…_ses-….jsonl``.

    Raises
    ------
    InputError
        If there is none, a newer pdpsych wrote it, or a line other than a cut-off last one is
        damaged; the message names the line.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pdpsych import experiments, stimuli
    >>> local = experiments.ObserverSpec(model="LGN", local=True)
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> pair = stimuli.NewPair(u, v, sensitivities={"LN": (2.0, 8.0), "LGN": (9.0, 3.0)})
    >>> image = stimuli.NewImage(np.full((1, 8, 8), 0.5), {"dots": pair})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = stimuli.StimulusSet.create(f"{folder}/dots", {"grey": image})
    ...     path = Path(folder, "early.yaml")
    ...     _ = path.write_text("{stimulus_set: dots, display: {}, trials_per_condition: 8}")
    ...     _ = experiments.run(path, "01", observer=local)
    ...     log = experiments.read_log(f"{folder}/data/early/sub-01_ses-01.jsonl")
    >>> log.header.stimulus_set, log.complete
    ('dots', True)
    """
    path = Path(path)
    contents = parse(read_bytes(path, LOG, "a trial log, data/EXPERIMENT/sub-….jsonl"), path)
    if contents.header is None:
        raise NotStarted("empty: the session was not started", file=path, remedy="remove the file")
    timing = summarize({trial.trial: trial.timing for trial in contents.trials})
    trials = _table(contents.trials)
    change = contents.change if contents.changed else ""
    ended = (contents.trials[-1].ended or "") if contents.trials else ""
    entries, notes = tuple(contents.entries), _notes(contents, path)
    return SessionLog(path, contents.header, trials, notes, change, timing, entries, ended)


def _notes(contents: Contents, path: Path) -> tuple[str, ...]:
    lines = len(contents.trials) + 2
    torn = torn_path(path)
    notes = {
        f"{path}: line {lines} was cut off in writing and is left out": contents.torn,
        f"{torn}: holds what was cut off in writing; that trial was shown again": torn.exists(),
        f"{path}: {contents.change}": bool(contents.changed),
        f"{path}: {_RAMP}": _bent(contents.entries),
    }
    return tuple(note for note, applies in notes.items() if applies)


_RAMP = (
    "the gamma ramp of the graphics card was another at the end of a sitting than at its start: "
    "levels were shown otherwise than measured"
)


def _bent(entries: Sequence[Entry]) -> bool:
    """Return whether the ramp changed in a sitting."""
    read = [entry for entry in entries if isinstance(entry, RampRead)]
    return any(
        b.moment == "end" and a.entries_sha256 != b.entries_sha256 for a, b in pairwise(read)
    )


_NO_COLUMNS = {"record", "timing", "belief", "ended", "presented", "again", "key", "events", "gaze"}


def _table(trials: list[Trial]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        trial.model_dump(exclude=_NO_COLUMNS)
        | _shown(trial)
        | _believed(trial)
        | _looked(trial)
        | _timed(trial)
        for trial in trials
    ]
    fields = [name for name in Trial.model_fields if name not in _NO_COLUMNS]
    table = pd.DataFrame(
        rows, columns=list(dict.fromkeys([*fields, *(n for r in rows for n in r)]))
    )
    return table.astype({"response_time": float})


def _believed(trial: Trial) -> dict[str, str | float]:
    belief = trial.belief
    if belief is None:
        return {}
    nearest = max(belief.nearest, key=lambda model: belief.nearest[model])
    told = {"aim": belief.aim, "information": belief.information}
    return {**told, "nearest": nearest, "probability": belief.nearest[nearest]}


def _shown(trial: Trial) -> dict[str, Any]:
    known: dict[str, Any] = {} if trial.presented is None else {"presented": trial.presented}
    again = {"again": ", ".join(trial.again)} if trial.again else {}
    sent: dict[str, Any] = {f"{name}_sent": at for name, at in (trial.events or {}).items()}
    return known | again | ({"key": trial.key} if trial.key else {}) | sent


def _looked(trial: Trial) -> dict[str, float | None]:
    gaze = trial.gaze
    if gaze is None:
        return {}
    return {
        "gaze_x": gaze.x_deg,
        "gaze_y": gaze.y_deg,
        "gaze_largest": gaze.largest_deg,
        "gaze_lost": gaze.lost_s,
    }


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
