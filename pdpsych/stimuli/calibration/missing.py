"""Why a set has no calibration for a display."""

from __future__ import annotations

from collections.abc import Mapping

from pdpsych.common.errors import InputError
from pdpsych.common.terminal import quoted
from pdpsych.displays.display import Display
from pdpsych.stimuli.stimulus_set import StimulusSet


def missing(stimulus_set: StimulusSet, display: Display, others: Mapping[str, bool]) -> InputError:
    """Return the error that says why, and what to do.

    Parameters
    ----------
    others
        The displays that there are calibrations for, and whether these are of the set as it is.
    """
    if not others.get(display.stem, True):
        why = "the set has changed since it was calibrated"
    elif display.stem in others:
        why = f"the display {display.stem} has changed since the set was calibrated for it"
    elif others:
        why = f"calibrated for {', '.join(sorted(others))}, not for {display.stem}"
    else:
        why = f"not calibrated for the display {display.stem}"
    return InputError(
        why,
        file=stimulus_set.path,
        field="display",
        value=display.stem,
        remedy=f"run: pdpsych calibrate {quoted(stimulus_set.path)} --display "
        f"{quoted(display.label)}",
    )
