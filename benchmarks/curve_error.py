"""Whether true gains lie in the intervals that a display's curve error gives.

``python benchmarks/curve_error.py`` measures displays of four kinds of curve in simulation, fits
them, and asks for the gain of distortions of images whose pixels lie near one level, around one,
and broadly. ``--levels``, ``--repeats``, ``--adaptive`` and ``--displays`` change how.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pdpsych.displays import Measurements, Reading, compare
from pdpsych.displays.accuracy.next_level import next_level
from pdpsych.displays.accuracy.slope_error import SlopeError, cells_of
from pdpsych.displays.fitting.curve_fit import CurveFit
from pdpsych.displays.measurements import Channel
from pdpsych.displays.measuring.readings import PlannedReading, plan_readings, take_readings

Light = Callable[[np.ndarray], np.ndarray]
BLACK, SPAN, TOP = 0.3, 120.0, 255
RELATIVE, FLOOR = 0.003, 0.005


class Series(NamedTuple):
    """How a display is measured."""

    levels: int
    repeats: int
    adaptive: bool


def logistic(level: np.ndarray, slope: float, middle: float) -> np.ndarray:
    low, high = (1 / (1 + np.exp(-slope * (x - middle))) for x in (0, 1))
    return (1 / (1 + np.exp(-slope * (level - middle))) - low) / (high - low)


def curve_of(kind: str, seed: int) -> Light:
    """Return the light of levels from 0 to 1."""
    rng = np.random.default_rng([seed, 1])
    if kind == "power":
        exponent = rng.uniform(1.8, 2.6)
        return lambda x: BLACK + SPAN * x**exponent
    if kind == "panel":
        share = rng.uniform(0.3, 0.6)
        return lambda x: BLACK + SPAN * ((1 - share) * x**2.4 + share * logistic(x, 7, 0.62))
    if kind == "S":
        middle = rng.uniform(0.45, 0.55)
        return lambda x: BLACK + SPAN * logistic(x, 8, middle)
    knots = np.concatenate([[0], np.sort(rng.uniform(0.1, 0.9, 3)), [1]])
    heights = np.concatenate([[0], np.cumsum(np.diff(knots) * rng.uniform(0.8, 1.25, 4))])
    return lambda x: BLACK + SPAN * np.interp(x, knots, heights / heights[-1]) ** 2.2


class Lab:
    """A display of a known curve, and a meter of four digits before it."""

    name, caption = "simulated", ""

    def __init__(self, light: Light, seed: int) -> None:
        self.light, self.rng = light, np.random.default_rng([seed, 2])

    def show(self, step: PlannedReading) -> None:
        """Show a level."""
        self.level = step.level

    def pause(self, done: int, total: int) -> None:
        """Nobody interrupts."""
        raise AssertionError("nobody is here")

    def read(self) -> float:
        """Return what the meter shows."""
        true = float(self.light(np.array(self.level / TOP)))
        read = true + self.rng.standard_normal() * np.hypot(FLOOR, RELATIVE * true)
        return float(f"{max(read, 0):.4g}")


def measured(light: Light, how: Series, seed: int) -> Measurements:
    lab, readings = Lab(light, seed), list[Reading]()
    spaced = np.round(np.linspace(0, TOP, how.levels)).astype(int).tolist()
    steps = plan_readings(spaced, ["grey"], how.repeats, TOP, seed, how.adaptive)

    def choose(so_far: Sequence[Reading], channel: Channel) -> int:
        return next_level(Measurements(tuple(so_far), TOP, "simulated"), channel)

    take_readings(steps, lab, lab, (), readings.append, choose)
    return Measurements(tuple(readings), TOP, "simulated")


def pixels(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return levels of an image's pixels and the energy of a distortion there."""
    rng = np.random.default_rng([seed, 3])
    spread = {"one level": 0.01, "around one": 0.08}
    if kind in spread:
        levels = rng.uniform(0.3, 0.85) + spread[kind] * rng.standard_normal(400)
    else:
        levels = 0.1 + 0.85 * rng.beta(2, 2, 400)
    energy = rng.standard_normal(400) ** 2
    return np.clip(levels, 0.05, 0.99), energy / energy.sum()


def true_error(light: Light, fit: CurveFit, levels: np.ndarray, energy: np.ndarray) -> float:
    """Return by which share a weak distortion is shown with another amplitude than is meant."""
    step = 1e-4
    black, white = light(np.array([0.0, 1.0]))
    true = (light(levels + step) - light(levels - step)) / (white - black)
    fitted = fit.curve.luminance(levels + step) - fit.curve.luminance(levels - step)
    return float(energy @ (true / fitted) - 1)


def row(kind: str, images: str, how: Series, displays: int) -> str:
    errors, sds = [], []
    for seed in range(displays):
        light = curve_of(kind, seed)
        readings = measured(light, how, seed)
        known = SlopeError.of(readings.means("grey"), compare(readings).chosen)
        where, energy = pixels(images, seed)
        errors.append(true_error(light, known.fit, where, energy))
        sds.append(known.sd(cells_of(where, energy), "linear"))
    error, sd = np.array(errors), np.array(sds)
    return (
        f"{kind:<7}{images:<12}{100 * np.sqrt(np.mean(error**2)):8.2f}"
        f"{100 * np.sqrt(np.mean(sd**2)):9.2f}{np.mean(np.abs(error) <= 1.96 * sd):9.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", type=int, default=17)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--adaptive", action="store_true")
    parser.add_argument("--displays", type=int, default=100)
    options = parser.parse_args()
    how = Series(options.levels, options.repeats, options.adaptive)
    count = len(measured(curve_of("power", 0), how, 0).readings)
    print(f"{how}: {count} readings of each display, noise {100 * RELATIVE:g} %")
    print("curve  images      error %  stated %  in 95 %")
    for kind in ("power", "panel", "S", "pieces"):
        for images in ("one level", "around one", "broad"):
            print(row(kind, images, how, options.displays), flush=True)


if __name__ == "__main__":
    main()
