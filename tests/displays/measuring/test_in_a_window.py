"""Measuring in a real window: levels read back, real keys, PsychoPy's photometers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pdpsych.common.section import load
from pdpsych.displays import Display
from pdpsych.displays.measuring.verification import last_verification

ASSISTANT = Path(__file__).parents[2] / "support" / "assistant.py"
SIZE = "width_px: 320\nheight_px: 241\n"
KILLED_AT, STOPPED_AT = 8, 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="keys are pressed through X")


def measure(path: Path, instrument: str, *options: str) -> list[str]:
    command = ["display", "measure", str(path), "--instrument", instrument, "--windowed"]
    return [*command, "--settle", "0", *options]


def verify(path: Path, instrument: str) -> list[str]:
    command = ["display", "verify", str(path), "--instrument", instrument, "--windowed"]
    return [*command, "--settle", "0"]


@pytest.fixture(scope="module")
def sat(x_environment, tmp_path_factory):
    """Return the folder of the displays that were measured, and what became of each sitting."""
    folder = tmp_path_factory.mktemp("displays")
    paths = {name: folder / f"{name}.yaml" for name in ("lcd", "buffer", "typed")}
    for path in paths.values():
        path.write_text(f"# {path.stem}\n{SIZE}")

    def sit(*sittings: dict) -> tuple[int, list[dict]]:
        script, out = folder / "script.json", folder / "out.json"
        script.write_text(json.dumps(sittings))
        done = subprocess.run(
            [sys.executable, str(ASSISTANT), str(script), str(out)],
            env=x_environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        if done.returncode not in (0, -signal.SIGKILL):
            pytest.fail(done.stderr[-3000:])
        return done.returncode, json.loads(out.read_text()) if not done.returncode else []

    colours = measure(paths["lcd"], "psychopy:Lcd", "--levels", "9", "--repeats", "2")
    killed, _ = sit({"command": colours, "kill": KILLED_AT})
    assert killed == -signal.SIGKILL
    kept = (folder / "lcd.measuring.csv").read_text()
    _, results = sit(
        {"command": colours, "escape": STOPPED_AT, "stop": True},
        {"command": colours, "escape": STOPPED_AT},
        {"command": verify(paths["lcd"], "psychopy:Lcd")},
        {"command": verify(paths["lcd"], "psychopy:Lcd"), "dim": 0.9},
        {"command": ["display", "show", str(paths["lcd"])]},
        {"command": measure(paths["buffer"], "buffer", "--repeats", "1", "--patch", "1000")},
        {"command": measure(paths["typed"], "typed", "--levels", "5", "--repeats", "1", "--grey")},
        {"command": measure(paths["typed"], "psychopy:Ldc", "--grey")},
        {"command": measure(paths["typed"], "buffer", "--grey"), "contrast": 0.99},
    )
    names = "stopped resumed verified dimmed shown buffer typed unknown changed"
    return folder, kept, dict(zip(names.split(), results, strict=True))


def test_a_killed_and_stopped_series_goes_on_and_recovers_the_curve(sat):
    folder, kept, results = sat
    assert len(kept.splitlines()) == KILLED_AT
    assert results["stopped"]["status"] == 0, results["stopped"]["err"]
    assert f"stopped after {STOPPED_AT - 1} of 77 readings" in results["stopped"]["out"]
    assert results["resumed"]["status"] == 0, results["resumed"]["err"]
    assert "drift of white: 0." in results["resumed"]["out"]
    assert not (folder / "lcd.measuring.csv").exists()
    display = load(folder / "lcd.yaml", Display)
    assert (folder / "lcd.yaml").read_text().startswith(f"# lcd\n{SIZE}curve:\n")
    readings = folder / display.curve.measurements
    assert readings.read_text().startswith(kept)
    assert display.measurements.noise.source == "repeats"
    # Each channel of light follows 0.75 x^2.4 + 0.25 (3 x² − 2 x³); noise is 0.2 %.
    x = np.linspace(0, 1, 100)
    true = 0.75 * x**2.4 + 0.25 * (3 * x**2 - 2 * x**3)
    for curve in (*display.curves(1), *display.curves(3)):
        assert np.abs(curve.luminance(x) - true).max() < 0.01
    assert display.range_candela == pytest.approx((0.3, 120), rel=0.01)
    assert (folder / "lcd.png").stat().st_size > 10_000


def test_verifying_passes_and_then_refuses_a_dimmer_display(sat):
    folder, _, results = sat
    assert results["verified"]["status"] == 0, results["verified"]["out"]
    assert "lcd: has its curve (20" in results["verified"]["out"]
    assert results["dimmed"]["status"] == 1
    assert "lcd: has drifted (20" in results["dimmed"]["out"]
    assert "psychopy:Lcd): largest error 10." in results["dimmed"]["out"]
    assert "last verification: has drifted (20" in results["shown"]["out"]
    found = last_verification(load(folder / "lcd.yaml", Display))
    assert not found.passed
    assert found.largest == pytest.approx(0.1, abs=0.01)


def test_psychopys_screen_buffer_photometer_reads_every_level_exactly(sat):
    folder, _, results = sat
    assert results["buffer"]["status"] == 0, results["buffer"]["err"]
    display = load(folder / "buffer.yaml", Display)
    grey = [r for r in display.measurements.readings if r.channel == "grey"]
    assert len(grey) == 17 + 5
    for reading in grey:
        assert reading.luminance == pytest.approx(reading.level * 100 / 255, rel=1e-5)
    assert display.curves(1)[0].luminance(np.array([0.3])) == pytest.approx(0.3, abs=1e-3)


def test_typed_values_are_taken_as_typed(sat):
    folder, _, results = sat
    assert results["typed"]["status"] == 0, results["typed"]["err"]
    measured = load(folder / "typed.yaml", Display).measurements
    assert [r.order for r in measured.readings] == list(range(1, 8))
    for reading in measured.readings:
        x = reading.level / 255
        true = 0.3 + 119.7 * (0.75 * x**2.4 + 0.25 * (3 * x**2 - 2 * x**3))
        assert reading.luminance == pytest.approx(true, rel=0.01)


def test_an_unknown_photometer_is_refused_with_the_nearest(sat):
    assert sat[2]["unknown"]["status"] == 2
    assert 'got "Ldc"; did you mean "Lcd"?' in sat[2]["unknown"]["err"]


def test_a_window_that_changes_levels_is_refused(sat):
    assert sat[2]["changed"]["status"] == 2
    assert "the window shows [254, 254, 254] where [255.0, 255.0" in sat[2]["changed"]["err"]
    assert not (sat[0] / "typed.measuring.csv").exists()
