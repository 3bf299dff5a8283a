"""Round trips through PsychoPy's own monitor centre, in a folder of the test's."""

from __future__ import annotations

import datetime
import warnings

import numpy as np
import pytest
from refusals import refused

from pdpsych.common.section import load
from pdpsych.displays.display import Display
from pdpsych.displays.measurements import CHANNELS, Reading, csv_text
from pdpsych.displays.measuring.monitor_centre import export_monitor, import_monitor

GAMMAS = dict(zip(CHANNELS, (2.2, 2.0, 2.2, 2.4), strict=True))


@pytest.fixture
def centre(with_psychopy, tmp_path, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from psychopy.monitors import calibTools

    folder = tmp_path / "monitors"
    folder.mkdir()
    monkeypatch.setattr(calibTools, "monitorFolder", str(folder))
    return calibTools


@pytest.fixture
def lab(tmp_path):
    """A display of exact power laws, all channels."""
    levels = np.round(np.linspace(0, 255, 9)).astype(int)
    pairs = [(c, x) for c in CHANNELS for x in levels]
    readings = [
        Reading(i, "", c, int(x), 0.4 + 80 * (x / 255) ** GAMMAS[c])
        for i, (c, x) in enumerate(pairs, start=1)
    ]
    (tmp_path / "lab.csv").write_text(csv_text(readings))
    path = tmp_path / "lab.yaml"
    path.write_text(
        "curve: {measurements: lab.csv, model: power-1, instrument: LS-100, date: 2026-03-01}\n"
        "width_px: 1920\nheight_px: 1080\nwidth_cm: 53\ndistance_cm: 57\n"
    )
    return path


def test_what_is_exported_is_imported_again(centre, lab, tmp_path):
    said = export_monitor(lab)
    assert said.startswith("monitor lab, calibration ")
    assert said.endswith("PsychoPy's gamma equation 1")
    again = import_monitor("lab", tmp_path / "again.yaml")
    there = load(lab, Display)
    for field in ("width_px", "height_px", "width_cm", "distance_cm", "bit_depth"):
        assert getattr(again, field) == getattr(there, field)
    assert again.curve.date == datetime.date(2026, 3, 1)
    assert "monitor lab" in again.curve.instrument
    for channel, gamma in GAMMAS.items():
        assert again.fits[channel].parameters["gamma"] == pytest.approx(gamma, abs=0.01)


@pytest.mark.parametrize("model", ["power-1", "power-2", "power-4", "smooth", "pchip"])
def test_psychopys_own_curve_is_ours(centre, lab, model):
    lab.write_text(lab.read_text().replace("power-1", model))
    export_monitor(lab, monitor="other")
    monitor = centre.Monitor("other", autoLog=False)
    grid, equation = monitor.getGammaGrid(), monitor.getLinearizeMethod()
    x = np.linspace(0, 1, 20)
    display = load(lab, Display)
    for row, channel in zip(grid, CHANNELS, strict=True):
        extra = {} if equation < 4 else dict(zip("abk", row[3:], strict=True))
        theirs = centre.gammaFun(x, *row[:3], eq=equation, **extra)
        # A power law is near a smooth curve, and no more.
        off = 0.15 if model == "smooth" else 0.05
        np.testing.assert_allclose(theirs, display.fits[channel].candela(x), atol=off)


def test_a_monitor_that_is_there_gets_another_calibration(centre, lab):
    monitor = centre.Monitor("lab", autoLog=False)
    monitor.setNotes("mine")
    monitor.save()
    export_monitor(lab)
    again = centre.Monitor("lab", autoLog=False)
    assert len(again.calibNames) == 2
    assert again.calibs[again.calibNames[0]]["notes"] == "mine"
    assert again.getLumsPre() is not None


def test_a_stated_exponent_is_exported_and_srgb_is_not(centre, tmp_path):
    path = tmp_path / "plain.yaml"
    path.write_text("curve: 1.8\n")
    assert "gamma 1.8, as stated" in export_monitor(path)
    assert centre.Monitor("plain", autoLog=False).getGamma() == pytest.approx([1.8] * 3)
    path.write_text("curve: srgb\n")
    with refused(file="plain.yaml", field="curve", remedy="2.2"):
        export_monitor(path)


def test_monitors_without_luminances_and_unknown_names_are_refused(centre, tmp_path):
    centre.Monitor("empty", autoLog=False).save()
    with refused(remedy="measure the display"):
        import_monitor("empty", tmp_path / "out.yaml")
    with refused(field="monitor", value="emty", allowed="empty"):
        import_monitor("emty", tmp_path / "out.yaml")
    assert not (tmp_path / "out.yaml").exists()
