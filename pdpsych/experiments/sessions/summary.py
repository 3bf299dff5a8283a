"""How a session goes, in a line, for the experimenter at the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from pdpsych.experiments.logs.records import Trial

# Of the answers so far, those that say how the person is doing now.
_RECENT = 50


def summary(trials: Sequence[Trial], broken: int = 0) -> str:
    """Say of the last 50 answers how many are right, how fast they came, and what was off.

    Easy trials are those that nobody misses who attends; times are medians. ``broken`` is how
    often fixation was broken so far.
    """
    recent = [trial for trial in trials if not trial.practice][-_RECENT:] or list(trials)[-_RECENT:]
    often = {1: "once", 2: "twice"}.get(broken, f"{broken} times")
    lost = [f"fixation broken {often}"] if broken else []
    if not recent:
        return ", ".join(lost)
    told = [f"{_share(recent)} right of the last {len(recent)}"]
    if easy := [trial for trial in recent if trial.easy]:
        told.append(f"easy {_share(easy)}")
    if times := [trial.response_time for trial in recent if trial.response_time is not None]:
        told.append(f"{median(times):.2g} s to answer")
    if off := sum(trial.timing is not None and trial.timing.off for trial in recent):
        told.append(f"{off} off in time")
    return ", ".join([*told, *lost])


def _share(trials: Sequence[Trial]) -> str:
    return f"{sum(trial.correct for trial in trials) / len(trials):.0%}"
