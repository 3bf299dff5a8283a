"""Counts of correct answers: intervals of their share, and their distance from expectation."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike

from pdpsych.analysis.names import Floats


def wilson(successes: ArrayLike, number: ArrayLike, level: float) -> tuple[Floats, Floats]:
    """Return low and high of Wilson's (1927) interval of successes / number; they broadcast."""
    n = np.asarray(number, dtype=float)
    share = np.asarray(successes, dtype=float) / n
    z2 = float(scipy.special.ndtri((1 + level) / 2)) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return np.maximum(middle - reach, 0.0), np.minimum(middle + reach, 1.0)


def deviance(number: Floats, correct: Floats, expected: Floats) -> Floats:
    """Return the binomial deviance of counts; 0 where nothing was counted."""
    some = np.maximum(number, 1e-300)
    share, chance = correct / some, np.where(number > 0, expected / some, 0.5)
    right = scipy.special.xlogy(share, share / chance)
    wrong = scipy.special.xlogy(1 - share, (1 - share) / (1 - chance))
    return np.asarray(2 * number * (right + wrong))
