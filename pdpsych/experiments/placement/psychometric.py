"""The psychometric function of a two-alternative forced choice."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def proportion_correct(
    amplitude: ArrayLike, threshold: ArrayLike, exponent: ArrayLike = 1.0, lapse: ArrayLike = 0.0
) -> Floats:
    """Return P(correct) = ½ + (½ − λ)(2Φ(d′/√2) − 1) with d′ = (α/τ)^b; arguments broadcast.

    An observer with Gaussian noise who picks the interval with the larger response; Fisher
    information predicts b = 1 (Berardino et al. 2017). Amplitudes below zero count as zero.

    Parameters
    ----------
    amplitude, threshold
        α and τ in the same unit; at α = τ, d′ = 1 and P = 0.76 without lapses.
    exponent
        b, the growth of d′ with amplitude.
    lapse
        λ, half the share of trials answered by guessing at any amplitude, 0 to ½.

    Examples
    --------
    >>> from pdpsych.experiments import proportion_correct
    >>> proportion_correct([0.0, 0.1, 0.2], 0.1).round(2)
    array([0.5 , 0.76, 0.92])
    """
    ratio = np.maximum(np.asarray(amplitude, dtype=float), 0.0) / threshold
    # 2Φ(d′/√2) − 1 = erf(d′/2)
    certain = scipy.special.erf(ratio ** np.asarray(exponent, dtype=float) / 2)
    return np.asarray(0.5 + (0.5 - np.asarray(lapse, dtype=float)) * certain, dtype=np.float64)


def amplitude_at(
    proportion: ArrayLike, threshold: ArrayLike, exponent: ArrayLike = 1.0, lapse: ArrayLike = 0.0
) -> Floats:
    """Return the amplitude at which P(correct) has a value; arguments broadcast.

    Parameters
    ----------
    proportion
        P(correct), from ½ to 1 − λ.
    threshold, exponent, lapse
        As in :func:`proportion_correct`, whose inverse in α it is.

    Examples
    --------
    >>> from pdpsych.experiments import amplitude_at
    >>> float(amplitude_at(0.76, 0.1).round(3))
    0.1
    """
    certain = (np.asarray(proportion, dtype=float) - 0.5) / (0.5 - np.asarray(lapse, dtype=float))
    signal = 2 * scipy.special.erfinv(certain)
    return np.asarray(threshold * signal ** (1 / np.asarray(exponent, dtype=float)))
