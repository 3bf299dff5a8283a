"""Fitting a display's curve to its measured luminances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import scipy  # loads its sub-packages when they are used: fits are rare, displays are read always

from pdpsych.displays.curve import Curve, Interpolated, Power
from pdpsych.displays.encoding import Array
from pdpsych.displays.fitting.smoothing import Smooth
from pdpsych.displays.measurements import Floats, LevelMeans

Model = Literal["power-1", "power-2", "power-4", "smooth", "pchip"]
# In the order of their freedom.
MODELS: tuple[Model, ...] = get_args(Model)

_MISFIT_ROUNDS = 4
_EVALUATIONS = 300
# The search for γ stays within exp(±2).
_LOG_GAMMA = 2.0
_FINE = 1 << 14


@dataclass(frozen=True)
class CurveFit:
    """A curve fitted to one channel.

    Attributes
    ----------
    model, curve
        Its kind, and the curve between black and white.
    black, white
        Fitted luminance of the lowest and highest level, cd/m².
    parameters
        Of a power law: ``gamma``, ``a``, ``b`` and ``k`` of PsychoPy's equations (k of 4 only).
    """

    model: Model
    curve: Curve
    black: float
    white: float
    parameters: dict[str, float]

    def candela(self, level: Array) -> Array:
        """Return the luminance in cd/m² of levels from 0 to 1."""
        return self.black + (self.white - self.black) * self.curve.luminance(level)


class Law(NamedTuple):
    """A power law with offset; ``q`` is b / black^(1/γ), the part of black inside the power."""

    black: float
    white: float
    gamma: float
    q: float

    @property
    def abk(self) -> tuple[float, float, float]:
        """Return a, b and k of PsychoPy's equation 4."""
        b = self.q * self.black ** (1 / self.gamma)
        a = self.black - b**self.gamma
        return a, b, (self.white - a) ** (1 / self.gamma) - b

    def scaled(self, factor: float) -> Law:
        """Return the law in another unit of luminance."""
        return Law(self.black * factor, self.white * factor, self.gamma, self.q)

    def fit(self, model: Model) -> CurveFit:
        """Return the law as a fit, with the parameters of PsychoPy's equation."""
        a, b, k = self.abk
        # Equations 1 and 2 call the factor of x b.
        parameters = {
            "power-1": {"gamma": self.gamma, "a": a, "b": k},
            "power-2": {"gamma": self.gamma, "a": b, "b": k},
            "power-4": {"gamma": self.gamma, "a": a, "b": b, "k": k},
        }[model]
        return CurveFit(model, Power(self.gamma, b / k), self.black, self.white, parameters)


def fit_curve(means: LevelMeans, model: Model) -> CurveFit:
    """Fit one model to a channel's means, each weighted by its standard error."""
    if model == "smooth":
        return _fit_smooth(means)
    return _fit_pchip(means) if model == "pchip" else _fit_power(means, model)


def _fit_power(means: LevelMeans, model: Model) -> CurveFit:
    """Fit y = a + (b + k x)^γ, Pelli & Zhang (1991), by weighted least squares.

    The unknowns are black, white, γ and q = b / black^(1/γ), the part of black that lies inside
    the power: 0 is PsychoPy's equation 1, 1 its equation 2 and between them is its equation 4.
    Unlike a, b and k these are well determined by the data. What noise does not explain of the
    residuals is taken as misfit, of the same variance at every level (Paule & Mandel, 1982),
    so that exact readings near black do not bend a wrong law elsewhere.
    """
    white = float(means.luminance[-1])
    relative = means.luminance / white
    free = model == "power-4"
    starts = {"power-1": (0.0,), "power-2": (1.0,), "power-4": (0.2, 0.8)}[model]

    def law(unknown: Floats) -> Law:
        root, span, gamma = (float(x) for x in unknown[:3])
        q = (1 + math.sin(unknown[3])) / 2 if free else starts[0]
        gamma = math.exp(min(max(gamma, -_LOG_GAMMA), _LOG_GAMMA))
        return Law(root**2, root**2 + math.exp(span), gamma, q)

    def residuals(unknown: Floats) -> Floats:
        here = law(unknown)
        a, b, k = here.abk
        return a + (b + k * means.level) ** here.gamma - relative

    def solve(unknown: Floats, sd: Floats) -> tuple[Floats, float]:
        found = scipy.optimize.leastsq(
            lambda x: residuals(x) / sd, unknown, full_output=True, maxfev=_EVALUATIONS
        )[0]
        return found, float(np.sum((residuals(found) / sd) ** 2))

    sd = means.sd / white
    first = [max(means.luminance[0] / white, 1e-6) ** 0.5, 0.0, math.log(log_slope(means))]
    insides = [[math.asin(2 * q - 1)] for q in starts] if free else [[]]
    found, _ = min((solve(np.array([*first, *q]), sd) for q in insides), key=lambda x: x[1])
    misfit = 0.0
    for _ in range(_MISFIT_ROUNDS):
        before, misfit = misfit, _misfit(residuals(found), sd, len(sd) - len(found))
        if abs(misfit - before) <= 0.01 * misfit:
            break
        found, _ = solve(found, np.hypot(sd, misfit))
    return law(found).scaled(white).fit(model)


def _misfit(residual: Floats, sd: Floats, freedom: int) -> float:
    """Return the τ with Σ residual² / (sd² + τ²) = freedom, 0 where noise explains them."""

    def excess(misfit: float) -> float:
        return float(np.sum((residual / np.hypot(sd, misfit)) ** 2) - freedom)

    # Below twice the expected sum it may be chance, and the noise is itself an estimate.
    if freedom < 1 or excess(0.0) <= freedom:
        return 0.0
    return float(
        scipy.optimize.brentq(excess, 0.0, np.sqrt(np.sum(residual**2) / freedom), xtol=1e-9)
    )


def log_slope(means: LevelMeans) -> float:
    """Return the slope of log luminance above black over log level, through white."""
    share = (means.luminance - means.luminance[0]) / np.ptp(means.luminance)
    use = (share > 0.01) & (share < 1) & (means.level > 0) & (means.level < 1)
    if not use.any():
        return 1.0
    x, y = np.log(means.level[use]), np.log(share[use])
    return float(np.clip(x @ y / (x @ x), 0.5, 4.0))


def _fit_smooth(means: LevelMeans) -> CurveFit:
    """Tabulate a penalised spline, see :class:`Smooth`."""
    fine = np.linspace(0, 1, _FINE + 1)
    luminance = Smooth.of(means).luminance(fine)
    black, white = float(luminance[0]), float(luminance[-1])
    shares = np.clip((luminance - black) / (white - black), 0, 1)
    return CurveFit("smooth", Interpolated(fine, shares), black, white, {})


def _fit_pchip(means: LevelMeans) -> CurveFit:
    """Interpolate the means, made monotone first, on the axis that makes them nearly straight.

    Isotonic regression takes out what falls by noise; levels it makes equal become one point.
    Luminance above black is raised to 1/γ, γ its slope in logarithms, interpolated there by a
    monotone cubic (Fritsch & Carlson, 1980) and raised to γ again, so that interpolation has
    to follow only what is not a power law.
    """
    level, luminance = _rising(means)
    black, white = float(luminance[0]), float(luminance[-1])
    gamma = log_slope(means)
    straight = ((luminance - black) / (white - black)) ** (1 / gamma)
    fine = np.union1d(np.linspace(0, 1, _FINE + 1), level)
    shares = np.clip(scipy.interpolate.PchipInterpolator(level, straight)(fine), 0, 1) ** gamma
    return CurveFit("pchip", Interpolated(fine, shares), black, white, {})


def _rising(means: LevelMeans) -> tuple[Floats, Floats]:
    """Return strictly increasing levels and luminances, from level 0 to level 1."""
    found = scipy.optimize.isotonic_regression(means.luminance, weights=means.sd**-2.0)
    starts, ends = found.blocks[:-1], found.blocks[1:] - 1
    level = np.array([means.level[i : j + 1].mean() for i, j in zip(starts, ends, strict=True)])
    level[0], level[-1] = means.level[0], means.level[-1]
    return level, found.x[starts]
