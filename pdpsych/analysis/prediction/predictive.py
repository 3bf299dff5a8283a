"""How well each model predicts the answers to an image, knowing those to the other images.

P(correct) of a trial is λ + (1 − 2λ) Φ((k e^ε D)^b/√2), D the model's at the trial's realised
amplitude and sign. ε ~ N(0, σ²) of each condition is what the model does not explain; k is one of
each image, log k ~ N(κ, s²), so that what a model gets wrong of all that an image shows costs as
little as the other images say it must. κ, σ, s and b are those that the other images leave open,
integrated out on lattices; the lapse rate and the change of thresholds by learning are those of
the fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from pdpsych.analysis.fitting.prior import EXPONENT_SD
from pdpsych.analysis.names import Floats
from pdpsych.analysis.prediction.efficiency_tables import Answers, EfficiencyTables

# s, nats: from efficiencies that are nearly the same to any, where ratios alone speak.
IMAGE_SDS = (0.2, 0.7, 2.0)
# What a model may leave unexplained of a log threshold, nats: each larger by 1.7.
SPREADS = tuple(0.1 * 1.7**n for n in range(6))
# The exponent is looked for with few of them, and in two steps, in log b.
_COARSE_SPREADS, _COARSE_SDS = (SPREADS[2], SPREADS[5]), (IMAGE_SDS[1],)
_COARSE = np.linspace(-0.8, 0.8, 5)
_FINE = np.array([-0.12, 0.0, 0.12])
_HERMITE, _WEIGHTS = np.polynomial.hermite.hermgauss(3)
# A standard deviation of log b is no smaller; more would be lost between the nodes of σ.
_LEAST_SD = 0.01


def log_probabilities(log_response: Floats, answers: Answers) -> Floats:
    """Return the log probability of the answers to each image under each model, (M, I), in nats.

    Parameters
    ----------
    log_response
        log D of each trial under each model, (M, N).
    """
    return np.stack([_of_model(row, answers) for row in log_response])


def _of_model(log_response: Floats, answers: Answers) -> Floats:
    tables = EfficiencyTables.build(log_response, answers)
    log_exponent, sd = likeliest_exponent(tables, answers)
    nodes = log_exponent + np.sqrt(2) * sd * _HERMITE
    of_images = _by_image(tables, nodes, SPREADS, IMAGE_SDS, answers)
    # ∫ f dlog b = √2 sd Σ w exp(ξ²) f
    before = _log_prior(nodes) + np.log(_WEIGHTS) + _HERMITE**2
    joint = of_images.sum(axis=2) + before[:, None, None]
    others = joint[:, :, None] - of_images
    return np.asarray(
        scipy.special.logsumexp(joint) - scipy.special.logsumexp(others, axis=(0, 1, 3))
    )


def _by_image(
    tables: EfficiencyTables,
    log_exponents: Floats,
    spreads: Sequence[float],
    image_sds: Sequence[float],
    answers: Answers,
) -> Floats:
    """Return the log likelihood of each image by b, σ and s, and κ, (B, S, I, size)."""
    conditions = tables.blurred(tables.at(np.exp(log_exponents)), spreads)
    alike = np.add.reduceat(conditions, answers.first_conditions, axis=2)
    images = tables.blurred(alike.reshape(-1, *alike.shape[2:]), image_sds)
    return np.asarray(images.reshape(len(log_exponents), -1, *images.shape[2:]))


def likeliest_exponent(tables: EfficiencyTables, answers: Answers) -> tuple[float, float]:
    """Return log b where its posterior is largest, and the standard deviation there."""
    height = _log_posterior(tables, _COARSE, answers)
    middle = int(np.clip(height.argmax(), 1, len(_COARSE) - 2))
    around = slice(middle - 1, middle + 2)
    rough, _ = _summit(_COARSE[around], height[around])
    return _summit(rough + _FINE, _log_posterior(tables, rough + _FINE, answers))


def _log_posterior(tables: EfficiencyTables, log_exponents: Floats, answers: Answers) -> Floats:
    of_images = _by_image(tables, log_exponents, _COARSE_SPREADS, _COARSE_SDS, answers)
    whole = of_images.sum(axis=2)
    return np.asarray(scipy.special.logsumexp(whole, axis=(1, 2)) + _log_prior(log_exponents))


def _log_prior(log_exponents: Floats) -> Floats:
    return np.asarray(-((log_exponents / EXPONENT_SD) ** 2) / 2)


def _summit(places: Floats, heights: Floats) -> tuple[float, float]:
    """Return where the parabola through three points is highest, and the sd of its Gaussian.

    No further than a step beyond them.
    """
    step = places[1] - places[0]
    slope = (heights[2] - heights[0]) / 2
    bend = max(2 * heights[1] - heights[0] - heights[2], step**2 / EXPONENT_SD**2)
    shift = float(np.clip(slope / bend, -2, 2))
    return float(places[1] + shift * step), max(float(step / np.sqrt(bend)), _LEAST_SD)
