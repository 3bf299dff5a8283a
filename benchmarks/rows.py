"""The rows that ``calibration.py`` prints: what studies of a case found, and what that refutes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from cases import Case, Size

from pdpsych.analysis.binomial import wilson

# What intervals of 95 % are to cover, and how often studies that do not are to be flagged.
COVERED, FLAGGED = (0.93, 0.97), 0.8
# How often a wrong model may be declared the closest: by several participants, and by one.
WRONG, WRONG_ALONE = 0.06, 0.08
COVERAGES = ("thresholds", "own ratios", "mean ratios", "scores", "right's")
_OTHERS = f"{'bounds':>7} {'bias':>6} {'away':>6} {'flagged:':>8} {'people':>7}  verdicts"
HEADER = " ".join([f"{'':<20}", *(f"{name:>11}" for name in COVERAGES), _OTHERS])


class Result(NamedTuple):
    """What one study found.

    Attributes
    ----------
    coverage
        How many intervals hold the truth, and how many there are, as ``COVERAGES``.
    declared
        Model of each panel that was declared the closest, "" where none was.
    bounds
        Share of thresholds that the trials bound from one side, or none.
    bias, away
        Mean error of participants' log ratios, and how much of it is away from 0, in nats.
    flagged
        Share of participants with a flag.
    """

    coverage: tuple[tuple[int, int], ...]
    declared: tuple[str, ...]
    bounds: float
    bias: float
    away: float
    flagged: float


class Row:
    """What the studies of a case found together.

    Attributes
    ----------
    coverage, declared
        As of each study, (studies, coverages, 2) and (studies, panels).
    rest
        Mean over studies of bounds, bias, away and flagged.
    flagged
        Share of studies in which a participant has a flag.
    """

    def __init__(self, case: Case, size: Size, results: list[Result]) -> None:
        self.case, self.size = case, size
        self.coverage = np.array([one.coverage for one in results])
        self.declared = np.array([one.declared for one in results])
        self.rest = pd.DataFrame(results)[["bounds", "bias", "away", "flagged"]].mean()
        self.flagged = float(np.mean([one.flagged > 0 for one in results]))

    def wrong(self, number: int) -> np.ndarray:
        """Return in which studies a model of a panel was declared the closest that is not."""
        found = self.declared[:, number]
        return (found != "") & (found != self.case.panels[number].closest)

    def refuted(self) -> list[str]:
        """Name what does not hold."""
        most = WRONG_ALONE if self.size.people == 1 else WRONG
        found = [
            f"verdict: {panel.name}"
            for number, panel in enumerate(self.case.panels)
            if interval(self.wrong(number))[0] > most
        ]
        if self.flagged < FLAGGED:
            found += [name for name in COVERAGES if self._misses(name)]
        return found

    def covered(self, name: str) -> float:
        """Return the share of all intervals that hold the truth."""
        held, number = self.coverage[:, COVERAGES.index(name)].sum(axis=0)
        return float(held / number) if number else np.nan

    def _misses(self, name: str) -> bool:
        """Return whether a coverage is surely not what it should be.

        Both by Wilson's interval of all intervals and by how much studies differ, two standard
        errors: intervals of a study may fail together.
        """
        each = self.coverage[:, COVERAGES.index(name)]
        shares = [held / number for held, number in each if number]
        if len(shares) < 2:
            return False
        reach = 2 * np.std(shares, ddof=1) / np.sqrt(len(shares))
        low, high = wilson(*each.sum(axis=0), 0.95)
        below = max(high, np.mean(shares) + reach) < COVERED[0]
        above = min(low, np.mean(shares) - reach) > COVERED[1]
        return bool(below or (above and name != "right's"))

    def __str__(self) -> str:
        covered = " ".join(f"{self.covered(name):>11.3f}" for name in COVERAGES)
        verdicts = "; ".join(map(self._verdict, range(len(self.case.panels))))
        marks = ", ".join(self.refuted())
        bounds, bias, away, people = self.rest
        return (
            f"{self.case.name:<20} {covered} {bounds:>7.2f} {bias:>+6.2f} {away:>+6.2f} "
            f"{self.flagged:>8.2f} {people:>7.2f}  {verdicts}"
            + (f"  REFUTED: {marks}" if marks else "")
        )

    def _verdict(self, number: int) -> str:
        panel, wrong = self.case.panels[number], self.wrong(number)
        low, high = interval(wrong)
        hit = (self.declared[:, number] == panel.closest).mean()
        right = f"right {hit:.2f}, " if panel.closest else ""
        return f"{panel.name}: {right}wrong {wrong.mean():.3f} ({low:.3f}, {high:.3f})"


def interval(wrong: np.ndarray) -> tuple[float, float]:
    low, high = wilson(wrong.sum(), len(wrong), 0.95)
    return float(low), float(high)
