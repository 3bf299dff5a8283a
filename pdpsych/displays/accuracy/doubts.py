"""Whether a curve was measured at enough levels, and which to add where it was not."""

from __future__ import annotations

import numpy as np

from pdpsych.displays.accuracy.slope_error import SlopeError
from pdpsych.displays.fitting.curve_fit import Model
from pdpsych.displays.fitting.validation import ModelComparison, cross_validate
from pdpsych.displays.measurements import Measurements

# Left-out levels that are missed by more standard errors of a reading say that the curve bends
# between the levels that were measured.
_BENDS = 5.0
_PROPOSED = 4


def comparison_doubts(comparison: ModelComparison) -> list[str]:
    """Say of which channels the chosen model misses left-out levels, and which levels to add."""
    return curve_doubts(comparison.measurements, comparison.chosen)


def curve_doubts(measurements: Measurements, model: Model) -> list[str]:
    """Say in which channels a model misses left-out levels by far, and which levels to add."""
    found = []
    for channel in measurements.channels:
        means = measurements.means(channel)
        missed = cross_validate(means, model, channel).cross_validated
        if missed > _BENDS:
            levels = proposed_levels(SlopeError.of(means, model), measurements.top)
            found.append(
                f"warning: {channel}: left-out levels are missed by {missed:.1f} standard errors "
                f"of a reading (limit {_BENDS:g}): the curve bends between those measured; measure "
                f"{', '.join(map(str, levels))} too, or {2 * len(means.level) - 1} levels"
            )
    return found


def proposed_levels(error: SlopeError, top: int, count: int = _PROPOSED) -> list[int]:
    """Return the middles of the intervals in which the slope is known least, ascending.

    Parameters
    ----------
    top
        Highest level of the display.
    count
        How many, where so many levels are left.
    """
    levels = np.round(error.means.level * top).astype(int)
    uncertain = error.bends * np.diff(error.means.level)
    order = [i for i in np.argsort(-uncertain, kind="stable") if levels[i + 1] - levels[i] > 1]
    return sorted(int(levels[i] + levels[i + 1]) // 2 for i in order[:count])
