from __future__ import annotations

import contextlib
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from refusals import refused

from pdpsych.common.section import load
from pdpsych.displays import Display
from pdpsych.displays.measurements import Reading
from pdpsych.displays.measuring import measuring
from pdpsych.displays.measuring.measuring import ReadingFile, measure
from pdpsych.displays.measuring.readings import MeasurementStopped
from pdpsych.displays.measuring.verification import compare_readings, last_verification, verify

SHARE = {"grey": 1.0, "red": 0.2, "green": 0.72, "blue": 0.08}


class Lab:
    """Stands for the window and a meter: gamma 2.2, black 0.5, white 100 cd/m²."""

    name = "meter"

    def __init__(self) -> None:
        self.caption = ""
        self.ramp = SimpleNamespace(state="unknown")
        self.reads = 0
        self.stop_at = 0
        self.factor = lambda reads: 1.0
        self.noise = lambda: 0.0

    @contextlib.contextmanager
    def opened(self, display, instrument, patch, settle, windowed):
        self.top = display.top
        yield self, self

    def show(self, step) -> None:
        self.step = step

    def pause(self, done, total) -> None:
        raise MeasurementStopped("stopped")

    def read(self) -> float:
        self.reads += 1
        if self.reads == self.stop_at:
            raise MeasurementStopped("stopped")
        share = SHARE[self.step.channel] * (self.step.level / self.top) ** 2.2
        return max((0.5 + 99.5 * share) * self.factor(self.reads) + self.noise(), 0.0)


@pytest.fixture
def lab(monkeypatch):
    lab = Lab()
    monkeypatch.setattr(measuring, "opened", lab.opened)
    monkeypatch.setattr("pdpsych.displays.measuring.verification.opened", lab.opened)
    return lab


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "lab.yaml"
    path.write_text(
        "# our lab\ncurve: srgb  # as sold\nbit_depth: 10\ndistance_cm: 57  # chin rest\n"
    )
    return path


def files(path: Path) -> set[str]:
    return {p.name for p in path.parent.iterdir()}


def test_the_curve_is_recovered_and_written(lab, path):
    done = measure(path, instrument="typed", levels=9, repeats=1)
    assert lab.reads == 4 * 9 + 3
    x = np.linspace(0, 1, 50)
    for curve in (*done.display.curves(1), *done.display.curves(3)):
        np.testing.assert_allclose(curve.luminance(x), x**2.2, atol=1e-4)
    assert done.display.range_candela == pytest.approx((0.5, 100), rel=1e-3)
    assert done.drift == 0
    assert repr(done) == f"<Measured: lab, {done.comparison.chosen}, drift 0.00 %>"
    assert "drift of white: 0.00 % (limit 3 %)" in done.describe()
    assert done.display.describe() in done.describe()
    table = done.display.curve.measurements.name
    text = path.read_text()
    assert text.startswith(
        f"# our lab\ncurve:  # as sold\n  measurements: {table}\n  model: power-"
    )
    assert text.endswith("bit_depth: 10\ndistance_cm: 57  # chin rest\n")
    assert files(path) == {"lab.yaml", table}


@pytest.mark.parametrize("state", ["linear", "other", "unknown"])
def test_a_ramp_that_was_read_as_linear_is_said_in_the_curve(lab, path, state):
    lab.ramp.state = state
    measure(path, levels=5, grey_only=True)
    assert load(path, Display).curve.ramp == ("linear" if state == "linear" else None)
    assert ("\n  ramp: linear\n" in path.read_text()) == (state == "linear")


def test_measuring_again_keeps_the_older_readings(lab, path):
    tables = [measure(path, levels=5, grey_only=True).display.curve.measurements for _ in range(3)]
    assert files(path) == {"lab.yaml", *map(str, tables)}
    assert load(path, Display).curve.measurements == tables[-1]


def test_a_stopped_series_goes_on_without_reading_anything_twice(lab, path):
    lab.stop_at = 12
    with pytest.raises(MeasurementStopped):
        measure(path, levels=9, repeats=1)
    partial = path.parent / "lab.measuring.csv"
    kept = partial.read_bytes()
    assert len(kept.splitlines()) == 12
    assert "curve: srgb" in path.read_text()
    # A crash in the middle of a line.
    partial.write_bytes(kept + b"12,2026-01-01T0")
    done = measure(path, levels=9, repeats=1)
    assert lab.reads == 12 + 4 * 9 + 3 - 11
    assert (path.parent / done.display.curve.measurements).read_bytes().startswith(kept)


def test_a_crash_before_the_last_step_is_made_good(lab, path, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(measuring, "replace_curve", crash)
        with pytest.raises(KeyboardInterrupt):
            measure(path, levels=5, grey_only=True)
    reads = lab.reads
    assert measure(path, levels=5, grey_only=True).display.range_candela is not None
    assert lab.reads == reads


def test_an_adaptive_series_goes_on_at_the_same_levels(lab, path):
    def noise():
        return 0.03 * np.sin(9.7 * lab.reads)

    lab.noise = noise
    whole = measure(path, levels=5, repeats=2, adaptive=True)
    count = lab.reads
    assert count == 2 * 4 * 5 + 3
    table = path.parent / whole.display.curve.measurements
    wanted = [line.split(",")[2:4] for line in table.read_text().splitlines()]
    levels = {r.level for r in whole.display.measurements.readings if r.channel == "red"}
    assert len(levels) > 5
    for stop in (7, 22, 23, 40):
        lab.reads, lab.stop_at = 0, stop
        with pytest.raises(MeasurementStopped):
            measure(path, levels=5, repeats=2, adaptive=True)
        lab.reads, lab.stop_at = stop - 1, 0
        again = measure(path, levels=5, repeats=2, adaptive=True)
        assert lab.reads == count
        table = path.parent / again.display.curve.measurements
        assert [line.split(",")[2:4] for line in table.read_text().splitlines()] == wanted


def test_an_adaptive_series_ends_after_a_first_pass_that_no_curve_fits(lab, path):
    lab.factor = lambda reads: 0.001
    with refused(field="luminance") as told:
        measure(path, levels=5, repeats=3, adaptive=True)
    assert told.value.file.endswith("_refused.csv")
    assert lab.reads == 4 * 5 + 2
    assert files(path) == {"lab.yaml", Path(told.value.file).name}


@pytest.mark.parametrize(
    "other",
    [{"levels": 11}, {"levels": 9, "grey_only": True}, {"instrument": "buffer", "levels": 9}],
)
def test_another_series_does_not_go_on_with_it(lab, path, other):
    lab.stop_at = 12
    with pytest.raises(MeasurementStopped):
        measure(path, levels=9, repeats=1)
    with refused(file="lab.measuring.csv", remedy="options it began with"):
        measure(path, repeats=1, **other)


@pytest.mark.parametrize(("first", "then"), [(False, True), (True, False)])
def test_an_adaptive_series_and_another_do_not_go_on_with_each_other(lab, path, first, then):
    lab.stop_at = 14
    with pytest.raises(MeasurementStopped):
        measure(path, levels=5, repeats=3, grey_only=True, adaptive=first)
    with contextlib.suppress(MeasurementStopped) if then else refused(file="lab.measuring.csv"):
        measure(path, levels=5, repeats=3, grey_only=True, adaptive=then)


def test_a_display_that_drifts_is_refused_and_its_readings_kept(lab, path):
    lab.factor = lambda reads: 1 + 0.002 * reads
    with refused(allowed="at most 3 %", remedy="warm up") as told:
        measure(path, levels=9, repeats=1)
    assert "3.8 %" in told.value.problem
    (kept,) = files(path) - {"lab.yaml"}
    assert told.value.file == str(path.parent / kept)
    assert re.fullmatch(r"lab_.*_refused\.csv", kept)
    assert len((path.parent / kept).read_text().splitlines()) == 1 + 39
    assert "curve: srgb" in path.read_text()
    lab.factor = lambda reads: 1 + 0.0005 * reads
    assert 0.005 < measure(path, levels=9, repeats=1).drift < 0.015


def test_readings_no_curve_fits_are_refused_and_kept(lab, path):
    lab.factor = lambda reads: 0.001
    with refused(field="luminance") as told:
        measure(path, levels=5, repeats=1)
    assert told.value.file.endswith("_refused.csv")
    assert any("_refused" in name for name in files(path))


@pytest.mark.parametrize(
    ("field", "value", "allowed"), [("levels", 4, "5 to 1024"), ("repeats", 0, "1 to 1000")]
)
def test_bad_options(lab, path, field, value, allowed):
    with refused(field=field, value=value, allowed=allowed):
        measure(path, **{field: value})
    assert files(path) == {"lab.yaml"}


def test_no_empty_file_stays_where_nothing_was_read(lab, path):
    lab.stop_at = 1
    with pytest.raises(MeasurementStopped):
        measure(path)
    assert files(path) == {"lab.yaml"}


def test_a_reading_is_on_disk_when_append_returns(tmp_path):
    file = ReadingFile(tmp_path / "x.csv", 255)
    file.append(Reading(1, "now", "red", 3, 0.25))
    assert (tmp_path / "x.csv").read_text().splitlines()[1:] == ["1,now,red,3,0.25"]
    file.close()
    with refused(file="y.csv"):
        ReadingFile(tmp_path / "x.csv" / "y.csv", 255)


def test_two_do_not_measure_one_display_at_once(lab, path):
    read = lab.read

    def meanwhile():
        lab.read = read
        with refused(file="lab.yaml", remedy="wait until it has ended"):
            measure(path, levels=5, grey_only=True)
        with refused(file="lab.measuring.csv", remedy="wait until it has ended"):
            ReadingFile(path.with_suffix(".measuring.csv"), 1023)
        return read()

    lab.read = meanwhile
    assert measure(path, levels=5, grey_only=True).notes == ()


def test_readings_whose_file_is_deleted_meanwhile_are_kept(lab, path):
    read = lab.read

    def meanwhile():
        if lab.reads == 5:
            path.with_suffix(".measuring.csv").unlink()
        return read()

    lab.read = meanwhile
    done = measure(path, levels=5, grey_only=True)
    assert "was deleted while it was open" in done.notes[0]
    assert done.notes[0] in done.describe()
    table = path.parent / done.display.curve.measurements
    assert len(table.read_text().splitlines()) == 1 + lab.reads


def test_a_display_is_verified_at_other_levels_than_fitted(lab, path):
    display = measure(path, levels=9, repeats=1).display
    found = verify(path)
    assert found.passed
    assert found.largest < 1e-3
    assert last_verification(load(path, Display)) == found
    assert repr(found) == f"<Verification: has its curve ({found.time[:10]}, typed)>"
    table = found.describe(load(path, Display)).splitlines()
    assert len(table) == 1 + len(found.readings) - 2 + 1
    assert table[-1] == f"lab: {found.describe()}"
    fitted = {r.level for r in display.measurements.readings}
    assert {r.level for r in found.readings} & fitted == {0, 1023}
    assert len({r.level for r in found.readings}) == 5
    assert {r.channel for r in found.readings} == {"grey", "red", "green", "blue"}


def test_a_dimmer_display_has_drifted(lab, path):
    measure(path, levels=9, repeats=1)
    lab.factor = lambda reads: 0.96
    assert verify(path).passed
    lab.factor = lambda reads: 0.94
    found = verify(path)
    assert not found.passed
    assert "  !" in found.describe(load(path, Display))
    # Of blue, whose black is the largest part of its white.
    assert found.largest == pytest.approx(0.06 * 8.46 / 7.96, rel=0.01)
    assert verify(path, limit=0.08).passed


def test_another_slope_near_black_is_found_where_luminance_hardly_changes(lab, path):
    measure(path, levels=9, repeats=1)
    read = lab.read
    # A display that lifts its shadows by 1 % of white.
    lab.read = lambda: read() + (lab.step.channel == "grey" and 150 < lab.step.level < 300)
    found = verify(path)
    assert found.largest == pytest.approx(0.01, abs=0.001)
    assert found.largest_slope > 0.1
    assert not found.passed


def test_a_verification_belongs_to_the_readings_it_was_made_with(lab, path):
    measure(path, levels=9, repeats=1)
    verify(path)
    lab.factor = lambda reads: 1.2
    measure(path, levels=9, repeats=1)
    assert last_verification(load(path, Display)) is None


def test_a_stopped_verification_changes_nothing(lab, path):
    measure(path, levels=9, repeats=1)
    first = verify(path)
    lab.stop_at = lab.reads + 4
    with pytest.raises(MeasurementStopped):
        verify(path)
    assert last_verification(load(path, Display)) == first


def test_what_cannot_be_verified(lab, path):
    with refused(file="lab.yaml", field="curve", remedy="display measure"):
        verify(path)
    measure(path, levels=9, repeats=1)
    with refused(field="limit", value=5):
        verify(path, limit=5)
    (path.parent / "lab.verified.json").write_text('{"limit": 1}')
    with refused(file="lab.verified.json", field="measurements"):
        last_verification(load(path, Display))


def test_noise_of_the_meter_is_not_taken_for_another_slope(lab, path):
    # A dim display: blue has 1.2 cd/m² from black to white, and the meter 0.01 of noise.
    rng = np.random.default_rng(3)
    lab.factor = lambda reads: 0.15
    lab.noise = lambda: rng.normal(0, 0.01)
    measure(path, levels=9, repeats=3)
    found = [verify(path) for _ in range(10)]
    assert all(verification.passed for verification in found)
    slopes = [
        abs(row.slope_error)
        for verification in found
        for row in compare_readings(load(path, Display), verification.readings)
    ]
    assert max(slopes) > 0.1
