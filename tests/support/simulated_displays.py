"""Displays that are measured in simulation: a known curve, read with known noise."""

from __future__ import annotations

import numpy as np
import pytest

from pdpsych.displays.measurements import Measurements, Reading, csv_text


def lcd(level):
    """Luminance of a panel whose curve is no power law: S-shaped towards white."""
    s_curve = 1 / (1 + np.exp(-7 * (level - 0.62)))
    dark, bright = 1 / (1 + np.exp(7 * 0.62)), 1 / (1 + np.exp(-7 * 0.38))
    return 0.3 + 120 * (0.55 * level**2.4 + 0.45 * (s_curve - dark) / (bright - dark))


@pytest.fixture
def lcd_curve():
    return lcd


@pytest.fixture
def measure():
    """Return a function that measures {channel: luminance of a level from 0 to 1}."""

    def build(curves, levels=17, repeats=3, relative=0.003, floor=0.005, seed=0, top=255):
        rng = np.random.default_rng(seed)
        readings = []
        for channel, curve in curves.items():
            for _ in range(repeats):
                for level in np.round(np.linspace(0, top, levels)).astype(int):
                    true = float(curve(level / top))
                    value = true + rng.normal() * np.hypot(floor, relative * true)
                    order = len(readings) + 1
                    readings.append(
                        Reading(order, "", channel, int(level), round(max(0.0, value), 4))
                    )
        return Measurements(tuple(readings), top, "simulated")

    return build


@pytest.fixture
def measured_file(tmp_path, measure):
    """Return a function that writes a measured display's files and returns the YAML's path."""

    def build(curves, model="pchip", name="lab", extra="", **kind):
        measurements = measure(curves, **kind)
        (tmp_path / f"{name}.csv").write_text(csv_text(measurements.readings))
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"curve: {{measurements: {name}.csv, model: {model}}}\n{extra}")
        return path

    return build
