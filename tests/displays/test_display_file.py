from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from refusals import refused

from pdpsych.common.section import load
from pdpsych.displays.display import Display
from pdpsych.displays.display_file import choose_model, import_csv, replace_curve
from pdpsych.displays.fitting.curve_fit import MODELS
from pdpsych.displays.measured_curve import MeasuredCurve
from pdpsych.displays.measurements import csv_text


@pytest.fixture
def table(tmp_path, measure, lcd_curve):
    path = tmp_path / "readings.csv"
    path.write_text(csv_text(measure({"grey": lcd_curve}).readings))
    return path


def test_a_csv_becomes_a_display(table, tmp_path):
    out = tmp_path / "displays" / "lab.yaml"
    day = datetime.date(2026, 3, 1)
    made = import_csv(table, out, instrument="LS-100", date=day)
    again = load(out, Display)
    assert again.sha256 == made.sha256
    assert (again.curve.model, again.curve.instrument) == ("smooth", "LS-100")
    assert again.curve.date == day
    assert again.range_candela[0] == pytest.approx(0.3, abs=0.02)
    assert sorted(p.name for p in out.parent.iterdir()) == ["lab.csv", "lab.yaml"]


def test_levels_are_read_by_bit_depth(tmp_path, measure, lcd_curve):
    table = tmp_path / "ten.csv"
    table.write_text(csv_text(measure({"grey": lcd_curve}, top=1023).readings))
    assert import_csv(table, tmp_path / "displays" / "ten.yaml", bit_depth=10).top == 1023
    with refused(file="ten.csv", field="level", allowed="0 to 255"):
        import_csv(table, tmp_path / "eight.yaml")
    with refused(field="bit_depth", value=9, allowed="8, 10, 14, 16"):
        import_csv(table, tmp_path / "nine.yaml", bit_depth=9)


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("lab.yml", {"file": "lab.yml", "remedy": "lab.yaml"}),
        ("readings.yaml", {"file": "readings.csv", "remedy": "choose another name"}),
    ],
)
def test_nothing_is_written_over(table, tmp_path, out, told):
    table.write_text(table.read_text() + "\n")
    with refused(field="out", **told):
        import_csv(table, tmp_path / out)
    assert [p.name for p in tmp_path.iterdir()] == ["readings.csv"]


def test_a_run_that_was_killed_between_the_two_files_is_finished(table, tmp_path):
    out = tmp_path / "displays" / "lab.yaml"
    whole = import_csv(table, out)
    out.unlink()
    assert import_csv(table, out).sha256 == whole.sha256
    with refused(file="lab.yaml", field="out"):
        import_csv(table, out)


def test_fitting_changes_the_model_and_nothing_else(measured_file, lcd_curve):
    path = measured_file({"grey": lcd_curve}, model="power-1", extra="# of the lab\nscreen: 1\n")
    before = path.read_text()
    assert choose_model(path, write=False).chosen == "smooth"
    assert path.read_text() == before
    found = choose_model(path)
    assert found.chosen == "smooth"
    assert {v.model for v in found.validations} == set(MODELS)
    assert path.read_text() == before.replace("power-1", "smooth")
    assert load(path, Display).curve.model == "smooth"


def test_a_stated_curve_cannot_be_fitted(tmp_path):
    path = tmp_path / "stated.yaml"
    path.write_text("curve: 2.2\n")
    with refused(file="stated.yaml", field="curve", remedy="display measure"):
        choose_model(path)


NEW = "\n  measurements: new.csv\n  model: pchip\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "# lab\ncurve: 2.2  # sold\nscreen: 1  # left\n",
            f"# lab\ncurve:  # sold{NEW}screen: 1  # left\n",
        ),
        ("screen: 1\n\n# the end", f"screen: 1\n\n# the end\ncurve:{NEW}"),
        (
            "curve: {measurements: o.csv, model: pchip} # o\nscreen: 1\n",
            f"curve: # o{NEW}screen: 1\n",
        ),
        (
            "curve:\n  # old\n  measurements: o.csv\n  model: power-1 # o\n\n# more\nscreen: 1\n",
            f"curve: # o{NEW}\n# more\nscreen: 1\n",
        ),
        ("'curve': srgb\n'screen': 1", f"'curve':{NEW}'screen': 1"),
        ("{screen: 1, curve: srgb}", f"curve:{NEW}bit_depth: 8\ndither: uniform\nscreen: 1\n"),
    ],
    ids=["stated", "default", "flow", "measured", "quoted", "all flow"],
)
def test_only_the_curve_is_replaced(tmp_path, before, after):
    path = tmp_path / "lab.yaml"
    path.write_text(before)
    curve = MeasuredCurve(measurements=Path("new.csv"), model="pchip")
    assert replace_curve(path, curve).curve == curve
    assert path.read_text() == after
    assert [p.name for p in tmp_path.iterdir()] == ["lab.yaml"]
