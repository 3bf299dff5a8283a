"""How well each model of a curve describes a display, by leaving levels out, and the best one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pdpsych.common.results import Result
from pdpsych.displays.fitting.curve_fit import MODELS, Model, fit_curve
from pdpsych.displays.measurements import Channel, Floats, LevelMeans, Measurements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Points of a curve that is drawn.
_FINE = 300


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
            fit_curve(LevelMeans(*(np.delete(x, i) for x in means)), model).candela(
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
    model, channel
        Which.
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


def cross_validate(means: LevelMeans, model: Model, channel: Channel) -> Validation:
    """Cross-validate a model on a channel."""
    out = leave_one_out(means, model)
    whole = fit_curve(means, model)
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


@dataclass(frozen=True, eq=False, repr=False)
class ModelComparison(Result):
    """How well each model describes each channel of a display.

    Attributes
    ----------
    measurements
        The readings that the models were fitted to.
    validations
        One for each model and channel.
    chosen
        The model that is used for all channels.

    Examples
    --------
    >>> from pdpsych.displays import Measurements, Reading, compare
    >>> readings = [
    ...     Reading(i, "", "grey", level, 0.2 + 100 * (level / 255) ** 2.2)
    ...     for i, level in enumerate([0, 64, 128, 192, 255])
    ... ]
    >>> compare(Measurements(tuple(readings), 255, "simulated"), chosen="power-1").best
    'power-1'
    """

    measurements: Measurements
    validations: tuple[Validation, ...]
    chosen: Model

    @property
    def best(self) -> Model:
        """The model to use for all channels, by cross-validated error.

        Errors count in standard errors of the levels. It is the model with the fewest parameters
        whose mean squared error exceeds the least by no more than a standard error of their
        difference: a freer one has to win by more than chance.
        """
        squares = {model: self._squared_errors(model) for model in MODELS}
        least = min(squares.values(), key=np.mean)

        def close(squared: Floats) -> bool:
            worse = squared - least
            return bool(worse.mean() <= worse.std(ddof=1) / np.sqrt(len(worse)))

        return next(model for model in MODELS if close(squares[model]))

    def describe(self) -> str:
        """Return the comparison as a table in text, the chosen model marked."""
        lines = [
            "model       channel  left-out  rms     largest  slope   (its noise)",
            "                     [SE]      [% of white − black]  [%]",
        ]
        for v in self.validations:
            mark = "→" if v.model == self.chosen else " "
            lines.append(
                f"{mark} {v.model:<9} {v.channel:<8} {v.cross_validated:<9.2f} "
                f"{100 * v.rms:<7.3f} {100 * v.largest:<8.3f} {100 * v.slope:<7.2f} "
                f"({100 * v.slope_noise:.2f})"
            )
        return "\n".join(lines)

    def plot(self, name: str = "") -> Figure:
        """Draw measurements, fits, residuals and slope errors, a column for each channel.

        Parameters
        ----------
        name
            Of the display, for the title.
        """
        from pdpsych.displays.figures import plot_comparison

        measured, curves, residuals = self._drawn()
        title = f"{name}: {self.chosen} is chosen".removeprefix(": ")
        return plot_comparison(measured, curves, residuals, self._slopes(), self.chosen, title)

    def _line(self) -> str:
        channels = ", ".join(self.measurements.channels)
        return f"{self.chosen} chosen of {len(MODELS)} models, for {channels}"

    def _squared_errors(self, model: Model) -> Floats:
        own = [v.left_out for v in self.validations if v.model == model]
        return np.concatenate([(out.error / out.sd) ** 2 for out in own])

    def _drawn(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Return what was measured, the curves of the fits, and fit − measured."""
        import pandas as pd

        fine = np.linspace(0, 1, _FINE)
        measured, curves, residuals = [], [], []
        for channel in self.measurements.channels:
            means = self.measurements.means(channel)
            measured.append(pd.DataFrame({"channel": channel, **means._asdict()}))
            for model in MODELS:
                own = {"channel": channel, "model": model}
                found = fit_curve(means, model)
                drawn = found.candela(fine)
                curves.append(pd.DataFrame({**own, "level": fine, "luminance": drawn}))
                left = found.candela(means.level) - means.luminance
                residuals.append(pd.DataFrame({**own, "level": means.level, "residual": left}))
        return pd.concat(measured), pd.concat(curves), pd.concat(residuals)

    def _slopes(self) -> pd.DataFrame:
        """Return the relative error of the slope between levels, mean of leaving out either."""
        import pandas as pd

        tables = []
        for v in self.validations:
            out = v.left_out
            # Noise may leave no slope near black.
            slope = np.maximum(out.slope[1:, 0], 1e-9 * out.slope.max())
            error = (out.slope_error[:-1, 1] + out.slope_error[1:, 0]) / 2
            columns = {
                "channel": v.channel,
                "model": v.model,
                "level": (out.level[:-1] + out.level[1:]) / 2,
                "error": error / slope,
                "sd": out.slope_sd[1:, 0] / slope,
            }
            tables.append(pd.DataFrame(columns))
        return pd.concat(tables)


def compare(measurements: Measurements, *, chosen: Model | None = None) -> ModelComparison:
    """Cross-validate every model of a curve on every channel of a display.

    Parameters
    ----------
    measurements
        The readings of the display.
    chosen
        The model that is used; by default the best.

    Returns
    -------
    ModelComparison
        What was found.

    Examples
    --------
    >>> from pdpsych.displays import Measurements, Reading, compare
    >>> levels = [0, 64, 128, 192, 255]
    >>> readings = [
    ...     Reading(i, "", "grey", level, 0.2 + 100 * (level / 255) ** 2.2)
    ...     for i, level in enumerate(levels)
    ... ]
    >>> compare(Measurements(tuple(readings), 255, "simulated"))
    <ModelComparison: power-1 chosen of 5 models, for grey>
    """
    validations = tuple(
        cross_validate(measurements.means(channel), model, channel)
        for model in MODELS
        for channel in measurements.channels
    )
    found = ModelComparison(measurements, validations, chosen or MODELS[0])
    return found if chosen else replace(found, chosen=found.best)
