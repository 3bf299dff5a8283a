"""Standard errors of the slope of a measured curve, from left-out readings and repeats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pdpsych.displays.encoding import Encoding
from pdpsych.displays.fitting.curve_fit import CurveFit, Model, fit_curve, log_slope
from pdpsych.displays.fitting.validation import leave_one_out
from pdpsych.displays.measurements import Floats, LevelMeans

# Cells of the axis of levels.
CELLS = 256
_EDGES = np.linspace(0, 1, CELLS + 1)
_MIDDLES = (_EDGES[1:] + _EDGES[:-1]) / 2
# Below this root of luminance a relative error says little: no light is left.
_DARK = 0.02
# A stretch where left-out readings were foreseen by chance is no surer than this share of all.
_LEAST_BEND = 0.25
_TINY = np.finfo(float).tiny
# Exponent of luminance to which the values of an encoding are proportional.
_POWERS: dict[Encoding, float] = {"linear": 1.0, "srgb": 1 / 2.4}


@dataclass(frozen=True, eq=False)
class SlopeError:
    r"""What is not known of a channel's curve, as it enters the amplitudes of distortions.

    With f the fitted curve and g the true one, both from 0 to 1, a weak distortion ε of an image is
    shown with the gain Σ ε² g′/f′ (to first order, of linear values). Its error is linear in
    δ = g − f, which has two parts. Noise of the readings moves the fit: by refits with each mean
    moved by its standard error. And between measured levels the curve bends as nobody saw: δ is
    taken as an integrated Wiener process on the axis y = f^{1/γ}, on which curves are nearly
    straight, known at the measured levels; how much it bends in each interval is what left-out
    levels missed their prediction by, less what noise explains (kriging, as smoothing splines have
    it: Wahba, 1978).

    Attributes
    ----------
    fit, means
        The curve and what it was fitted to.
    bends
        Variance of the slope of δ for each unit of level, by interval of measured levels.
    """

    fit: CurveFit
    means: LevelMeans
    bends: Floats

    @classmethod
    def of(cls, means: LevelMeans, model: Model) -> SlopeError:
        """Return the errors of a model fitted to a channel's means."""
        found = cls(fit_curve(means, model), means, np.zeros(len(means.level) - 1))
        return replace(found, bends=found._bends(model))

    def sd(self, weights: Floats, encoding: Encoding) -> float:
        """Return the standard error of a distortion's gain.

        Parameters
        ----------
        weights
            Energy of the distortion in each cell of levels, see :func:`cells_of`; differences of
            two give the error of the difference of two gains.
        """
        return float(np.linalg.norm(self.factors(encoding) @ weights))

    @cached_property
    def by_level(self) -> Floats:
        """Relative standard error of the slope at the middle of each cell of levels."""
        return np.asarray(np.linalg.norm(self.factors("linear"), axis=0))

    def factors(self, encoding: Encoding) -> Floats:
        """Return F, so that errors of gains have the covariance wᵀ Fᵀ F w; (…, CELLS)."""
        kept = self._factors.get(encoding)
        if kept is None:
            kept = np.concatenate([self._noise(encoding), self._between(encoding)])
            self._factors[encoding] = kept
        return kept

    @cached_property
    def _factors(self) -> dict[Encoding, Floats]:
        return {}

    @cached_property
    def gamma(self) -> float:
        """Exponent of the axis on which the curve is nearly straight."""
        return log_slope(self.means)

    def root(self, level: Floats) -> Floats:
        """Return y of levels."""
        relative = np.clip(self.fit.curve.luminance(level), 0, 1)
        return np.asarray(relative ** (1 / self.gamma), dtype=float)

    def _candela_per_root(self) -> Floats:
        """Return dL/dy at the measured levels."""
        y = np.maximum(self.root(self.means.level), _DARK)
        return self.gamma * y ** (self.gamma - 1) * (self.fit.white - self.fit.black)

    def _noise(self, encoding: Encoding) -> Floats:
        """Return relative changes of values' slopes when a mean moves by its error, (L, CELLS)."""
        own = _slope_of(self.fit, encoding)
        rows = []
        for i, sd in enumerate(self.means.sd):
            moved = self.means.luminance.copy()
            moved[i] += sd
            other = fit_curve(self.means._replace(luminance=moved), self.fit.model)
            rows.append(_slope_of(other, encoding) / own - 1)
        return np.array(rows)

    def _between(self, encoding: Encoding) -> Floats:
        """Return what is not known of relative slopes given the measured levels, (CELLS, CELLS)."""
        if not self.bends.any():
            return np.zeros((CELLS, CELLS))
        by_slope, by_value = self._parts(encoding)
        bend = np.sqrt(self.bends)[_interval(self.means.level)][:, None]
        wanted = bend * (by_slope * _slope_paths(_MIDDLES).T + by_value * _paths(_MIDDLES).T)
        known = bend * _paths(self.means.level).T
        trend = np.stack([by_value, by_slope + by_value * _MIDDLES])
        held = _trend(self.means.level)
        weights = _kriging(known, held, known.T @ wanted, trend)
        return wanted - known @ weights

    def _parts(self, encoding: Encoding) -> tuple[Floats, Floats]:
        """Return the factors of δ′ and δ of y in the error of a cell's gain, (CELLS,).

        With luminance yᵞ and values proportional to a power p of it, values are y^{γp}, and an
        error δ of y changes their slope by the share δ′/y′ + (γp − 1) δ/y.
        """
        slope = np.maximum(np.diff(self.root(_EDGES)) * CELLS, 1e-3)
        root = np.maximum(self.root(_MIDDLES), _DARK)
        power = self.gamma * _POWERS[encoding] - 1
        return 1 / slope, power / root

    def _bends(self, model: Model) -> Floats:
        """Return the variance of bending in each interval, from what left-out levels missed."""
        level, light = self.means.level, self._candela_per_root()
        sd = self.means.sd / light
        missed = leave_one_out(self.means, model).error / light[1:-1]
        inner = range(1, len(level) - 1)
        paths, trend = _paths(level).T, _trend(level)
        shares = np.empty((len(missed), len(level) - 1))
        excess = np.empty(len(missed))
        for row, i in enumerate(inner):
            others = np.delete(np.arange(len(level)), i)
            known = paths[:, others]
            aim = known.T @ paths[:, i : i + 1]
            weights = _kriging(known, trend[:, others], aim, trend[:, i : i + 1])
            left = (paths[:, i : i + 1] - known @ weights)[:, 0] ** 2
            shares[row] = np.bincount(_interval(level), left, minlength=len(level) - 1)
            noise = sd[i] ** 2 + float(weights[:, 0] ** 2 @ sd[others] ** 2)
            excess[row] = max(missed[row] ** 2 - noise, 0.0) / max(shares[row].sum(), _TINY)
        local = (shares / np.maximum(shares.sum(axis=0), _TINY)).T @ excess
        return np.maximum(local, _LEAST_BEND * excess.mean())


def cells_of(levels: Floats, energy: Floats) -> Floats:
    """Return the share of a distortion's energy in each cell of levels, (CELLS,).

    Parameters
    ----------
    levels
        Of an image's pixels in one channel, 0 to 1.
    energy
        ε² at these pixels.
    """
    cell = np.minimum((levels * CELLS).astype(np.intp), CELLS - 1)
    return np.bincount(cell.ravel(), energy.ravel().astype(float), minlength=CELLS).astype(float)


def _slope_of(fit: CurveFit, encoding: Encoding) -> Floats:
    """Return to what the slope of values is proportional in each cell."""
    luminance = np.asarray(fit.curve.luminance(_EDGES), dtype=float)
    middle = np.maximum((luminance[1:] + luminance[:-1]) / 2, _DARK**2)
    return np.maximum(np.diff(luminance), 1e-9) * middle ** (_POWERS[encoding] - 1)


def _paths(level: Floats) -> Floats:
    """Return an integrated Wiener process at levels as sums of unit normals, (L, CELLS)."""
    return np.maximum(level[:, None] - _MIDDLES, 0) / np.sqrt(CELLS)


def _slope_paths(level: Floats) -> Floats:
    """Return its slope, (L, CELLS)."""
    return (level[:, None] > _MIDDLES) / np.sqrt(CELLS)


def _trend(level: Floats) -> Floats:
    """Return what is free besides: height and slope, (2, L)."""
    return np.stack([np.ones_like(level), level])


def _interval(level: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the interval of measured levels in which each cell is."""
    return np.clip(np.searchsorted(level, _MIDDLES) - 1, 0, len(level) - 2)


def _kriging(known: Floats, held: Floats, aim: Floats, trend: Floats) -> Floats:
    """Return the weights of known values that predict others best without bias, (L, W)."""
    count = known.shape[1]
    covariance = known.T @ known
    covariance += 1e-10 * np.trace(covariance) / count * np.eye(count)
    system = np.block([[covariance, held.T], [held, np.zeros((2, 2))]])
    return np.asarray(np.linalg.solve(system, np.concatenate([aim, trend]))[:count])
