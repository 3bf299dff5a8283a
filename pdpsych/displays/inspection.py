"""All that is known of a display: its description, its curve, and when it was verified."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pdpsych.common.results import Result
from pdpsych.common.section import load
from pdpsych.displays.accuracy.doubts import comparison_doubts
from pdpsych.displays.display import Display
from pdpsych.displays.fitting.validation import ModelComparison
from pdpsych.displays.measuring.verification import Verification, last_verification

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Inspection(Result):
    """What is known of a display.

    Attributes
    ----------
    display
        What it is.
    comparison
        How well each model describes its curve, None where it was not measured.
    verification
        The last of its present curve, None where there is none.

    Examples
    --------
    >>> from pdpsych import displays
    >>> displays.inspect(displays.Display())
    <Inspection: display, not measured>
    """

    display: Display
    comparison: ModelComparison | None
    verification: Verification | None

    def describe(self) -> str:
        """Say what the display is, how well its curve is known, and when it was verified."""
        told = [self.display.describe()]
        if self.comparison is not None:
            last = self.verification.describe() if self.verification else None
            doubts = comparison_doubts(self.comparison)
            told += ["", self.comparison.describe(), *doubts, ""]
            told.append(f"last verification: {last or 'none since it was measured'}")
        return "\n".join(told)

    def plot(self) -> Figure:
        """Draw the luminances measured, the fits of each model, and how far they are apart.

        Raises
        ------
        InputError
            If the display was not measured.
        """
        return (self.comparison or self.display.compare()).plot(self.display.stem)

    def _line(self) -> str:
        measured = "" if self.comparison else ", not measured"
        verified = f", {self.verification._line()}" if self.verification else ""
        return f"{self.display.stem}{measured}{verified}"


def inspect(display: str | Path | Display) -> Inspection:
    """Say what a display is, how well its curve is known, and when it was verified.

    Parameters
    ----------
    display
        A display, or its file.

    Raises
    ------
    InputError
        If the file, the measurements or the last verification cannot be used.

    Examples
    --------
    >>> from pdpsych import displays
    >>> print(displays.inspect(displays.Display(curve=2.2)).describe())
    display: 8 bits a channel, dither uniform, screen 0
    curve: power law of exponent 2.2, as stated; not measured
    """
    described = load(display, Display)
    measured = described.measurements is not None
    return Inspection(
        described, described.compare() if measured else None, last_verification(described)
    )
