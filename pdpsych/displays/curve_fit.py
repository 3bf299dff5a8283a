"""Fitting a display's curve to its measured luminances, and choosing the kind of curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import scipy  # loads its sub-packages when they are used: fits are rare, displays are read always

from pdpsych.displays.curve import Curve, Interpolated, Power
from pdpsych.displays.encoding import Array
from pdpsych.displays.measurements import Channel, Floats, LevelMeans, Measurements

Model = Literal["power-1", "power-2", "power-4", "pchip"]
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


def fit(means: LevelMeans, model: Model) -> CurveFit:
    """Fit one model to a channel's means, each weighted by its standard error."""
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
    first = [max(means.luminance[0] / white, 1e-6) ** 0.5, 0.0, math.log(_log_slope(means))]
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


def _log_slope(means: LevelMeans) -> float:
    """Return the slope of log luminance above black over log level, through white."""
    share = (means.luminance - means.luminance[0]) / np.ptp(means.luminance)
    use = (share > 0.01) & (share < 1) & (means.level > 0) & (means.level < 1)
    if not use.any():
        return 1.0
    x, y = np.log(means.level[use]), np.log(share[use])
    return float(np.clip(x @ y / (x @ x), 0.5, 4.0))


def _fit_pchip(means: LevelMeans) -> CurveFit:
    """Interpolate the means, made monotone first, on the axis that makes them nearly straight.

    Isotonic regression takes out what falls by noise; levels it makes equal become one point.
    Luminance above black is raised to 1/γ, γ its slope in logarithms, interpolated there by a
    monotone cubic (Fritsch & Carlson, 1980) and raised to γ again, so that interpolation has
    to follow only what is not a power law.
    """
    level, luminance = _rising(means)
    black, white = float(luminance[0]), float(luminance[-1])
    gamma = _log_slope(means)
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


class LeftOut(NamedTuple):
    """What fits without one level say of that level; a row for each but the lowest and highest.

    ``error`` is predicted − measured luminance in cd/m² and ``sd`` the standard error of what
    was measured. ``slope`` is the measured slope from the level below and to the level above,
    (L, 2), with its ``slope_error`` and standard error ``slope_sd``, in cd/m² from level 0 to 1.
    """

    level: Floats
    error: Floats
    sd: Floats
    slope: Floats
    slope_error: Floats
    slope_sd: Floats


def leave_one_out(means: LevelMeans, model: Model) -> LeftOut:
    """Predict each level but the lowest and highest from all others."""
    slope = np.diff(means.luminance) / np.diff(means.level)
    slope_sd = np.hypot(means.sd[1:], means.sd[:-1]) / np.diff(means.level)
    inner = np.arange(1, len(means.level) - 1)
    predicted = np.array(
        [
            fit(LevelMeans(*(np.delete(x, i) for x in means)), model).candela(
                means.level[i - 1 : i + 2]
            )
            for i in inner
        ]
    )
    sides = np.stack([inner - 1, inner], axis=1)
    return LeftOut(
        means.level[inner],
        predicted[:, 1] - means.luminance[inner],
        means.sd[inner],
        slope[sides],
        np.diff(predicted, axis=1) / np.diff(means.level)[sides] - slope[sides],
        slope_sd[sides],
    )


@dataclass(frozen=True)
class Validation:
    """How well a model describes a channel.

    Attributes
    ----------
    left_out
        Its leave-one-level-out predictions.
    cross_validated
        Root mean square error of those, in standard errors of the mean measured: 1 is as good
        as the readings are.
    rms, largest
        Error of the fit to all levels, as a share of white − black.
    slope
        Relative error of the local slope, on which the amplitude of a weak distortion depends:
        root mean square error of the left-out slopes over their root mean square. It contains
        the noise of the readings themselves, ``slope_noise``.
    """

    model: Model
    channel: Channel
    left_out: LeftOut
    cross_validated: float
    rms: float
    largest: float
    slope: float
    slope_noise: float


def validate(means: LevelMeans, model: Model, channel: Channel) -> Validation:
    """Cross-validate a model on a channel."""
    out = leave_one_out(means, model)
    whole = fit(means, model)
    residual = (whole.candela(means.level) - means.luminance) / (whole.white - whole.black)
    return Validation(
        model,
        channel,
        out,
        cross_validated=_rms(out.error / out.sd),
        rms=_rms(residual),
        largest=float(np.abs(residual).max()),
        slope=_rms(out.slope_error) / _rms(out.slope),
        slope_noise=_rms(out.slope_sd) / _rms(out.slope),
    )


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def compare(measurements: Measurements) -> tuple[Validation, ...]:
    """Cross-validate every model on every channel."""
    return tuple(
        validate(measurements.means(channel), model, channel)
        for model in MODELS
        for channel in measurements.channels
    )


def best(validations: tuple[Validation, ...]) -> Model:
    """Return the model to use for all channels, by cross-validated error.

    Errors count in standard errors of the levels. It is the model with the fewest parameters
    whose mean squared error exceeds the least by no more than a standard error of their
    difference: a freer one has to win by more than chance.
    """
    squares = {
        model: np.concatenate(
            [(v.left_out.error / v.left_out.sd) ** 2 for v in validations if v.model == model]
        )
        for model in MODELS
    }
    least = min(squares.values(), key=np.mean)

    def close(squared: Floats) -> bool:
        worse = squared - least
        return bool(worse.mean() <= worse.std(ddof=1) / np.sqrt(len(worse)))

    return next(model for model in MODELS if close(squares[model]))
