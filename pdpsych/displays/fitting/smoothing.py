"""A smooth curve through noisy luminances, and what is not known of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from pdpsych.displays.measurements import Floats, LevelMeans

# Pieces of the curve: finer than displays bend.
_PIECES = 64
_DEGREE = 3
_KNOTS = np.pad(np.linspace(0, 1, _PIECES + 1), _DEGREE, mode="edge")
_COUNT = _PIECES + _DEGREE
# What third derivatives leave free: black, the slope at it and the bend.
_ORDER = 3


def _third_derivatives() -> Floats:
    """Return the third derivative of each spline in each piece, a piece long, (64, 67)."""
    knots, found = _KNOTS, np.eye(_COUNT)
    for degree in range(_DEGREE, 0, -1):
        widths = knots[degree + 1 : -1] - knots[1 : -degree - 1]
        found, knots = degree * np.diff(found, axis=0) / widths[:, None], knots[1:-1]
    return np.asarray(found / _PIECES**_ORDER)


def _parabolas() -> Floats:
    """Return the coefficients of 1, x and x², (67, 3), by their polar forms."""
    first, second, third = (_KNOTS[i : i + _COUNT] for i in (1, 2, 3))
    squares = (first * second + first * third + second * third) / 3
    return np.stack([np.ones(_COUNT), (first + second + third) / 3, squares], axis=1)


_THIRD, _FREE = _third_derivatives(), _parabolas()
_ROUGH = _THIRD.T @ np.linalg.inv(_THIRD @ _THIRD.T)
# Logarithm of the standard deviation of a third derivative, as a share of white − black.
_LOG_ROUGHNESS = np.linspace(-18, 2, 81)
# A curve rises by at least this share of white − black from black to white, all along.
_LEAST_RISE = 1e-6


@dataclass(frozen=True, eq=False)
class Smooth:
    r"""A penalised spline of luminance (Eilers & Marx, 1996), made to rise.

    Cubic B-splines of 64 equal pieces, whose third derivatives are independent normal: a curve
    that bends ever differently, but not suddenly. Their standard deviation is the most likely one
    given the noise of the readings (restricted maximum likelihood), so that exact readings are
    followed closely and noisy ones are averaged with their neighbours. The fit is the best one
    with coefficients that rise, which make a spline that rises.

    Attributes
    ----------
    coefficients
        Of the splines, cd/m², (67,).
    spread
        S, so that what is not known of the coefficients has the covariance S Sᵀ; (67, 67).
    """

    coefficients: Floats
    spread: Floats

    @classmethod
    def of(cls, means: LevelMeans) -> Smooth:
        """Fit a channel's means, each weighted by its standard error."""
        span = float(np.ptp(means.luminance)) or 1.0
        splines = splines_at(means.level) / means.sd[:, None]
        aim = means.luminance / means.sd
        rough = _roughness(splines, aim, span)
        parts = np.concatenate([_FREE, rough * _ROUGH], axis=1)
        seen = splines @ parts
        prior = np.diag(np.repeat([0.0, 1.0], [_ORDER, _COUNT - _ORDER]))
        root = scipy.linalg.cholesky(seen.T @ seen + prior)
        spread = scipy.linalg.solve_triangular(root, parts.T, trans="T").T
        return cls(_risen(splines, aim, rough, span), spread)

    def luminance(self, level: Floats) -> Floats:
        """Return the luminance of levels from 0 to 1, cd/m²."""
        spline = scipy.interpolate.BSpline(_KNOTS, self.coefficients, _DEGREE)
        return np.asarray(spline(level), dtype=float)


def splines_at(level: Floats) -> Floats:
    """Return the values of the splines at levels, (L, 67)."""
    found = scipy.interpolate.BSpline.design_matrix(level, _KNOTS, _DEGREE)
    return np.asarray(found.toarray(), dtype=float)


def _risen(splines: Floats, aim: Floats, rough: float, span: float) -> Floats:
    """Return the coefficients that fit best among those that rise."""
    # As sums of steps that have a least height each; the first may be black.
    steps = np.concatenate([splines, _THIRD / rough]) @ np.tri(_COUNT)
    least = np.full(_COUNT, _LEAST_RISE * span / _COUNT)
    aim = np.concatenate([aim, np.zeros(_COUNT - _ORDER)]) - steps @ least
    found = scipy.optimize.nnls(steps, aim, maxiter=100 * _COUNT)[0]
    return np.asarray(np.cumsum(found + least))


def _roughness(splines: Floats, aim: Floats, span: float) -> float:
    """Return the standard deviation of third derivatives that makes the readings most likely."""
    basis = np.linalg.qr(splines @ _FREE, mode="complete")[0][:, _ORDER:]
    left, singular, _ = np.linalg.svd(basis.T @ splines @ _ROUGH, full_matrices=False)
    rotated = left.T @ (basis.T @ aim)

    def minus_log_likelihood(log: Floats | float) -> Floats:
        variance = 1 + np.multiply.outer(np.exp(2 * np.asarray(log)), (span * singular) ** 2)
        return np.sum(np.log(variance) + rotated**2 / variance, axis=-1)

    step = _LOG_ROUGHNESS[1] - _LOG_ROUGHNESS[0]
    first = _LOG_ROUGHNESS[int(np.argmin(minus_log_likelihood(_LOG_ROUGHNESS)))]
    found = scipy.optimize.minimize_scalar(
        minus_log_likelihood, bounds=(first - step, first + step), method="bounded"
    )
    return float(span * np.exp(found.x))
