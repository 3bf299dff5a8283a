from __future__ import annotations

import io

import numpy as np

from pdpsych.common.section import load
from pdpsych.displays.display import Display


def test_every_channel_has_its_measurements_residuals_and_slopes(measured_file, lcd_curve):
    def half(level):
        return 0.3 + (lcd_curve(level) - 0.3) / 2

    display = load(measured_file({"grey": lcd_curve, "red": half}), Display)
    drawn = display.plot()
    drawn.savefig(io.BytesIO())
    assert len(drawn.axes) == 6
    for column, channel in enumerate(("grey", "red")):
        curves, residuals, slopes = (drawn.axes[row * 2 + column] for row in range(3))
        means = display.measurements.means(channel)
        points = curves.get_lines()[5]
        np.testing.assert_allclose(points.get_ydata(), means.luminance)
        lines = {line.get_label(): line.get_ydata() for line in residuals.get_lines()}
        assert np.abs(lines["pchip"]).max() < 0.01
        assert np.abs(lines["power-1"]).max() > 1
        lines = {line.get_label(): line.get_ydata() for line in slopes.get_lines()}
        assert np.median(np.abs(lines["pchip"])) < 5 < np.median(np.abs(lines["power-2"]))
