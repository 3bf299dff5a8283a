"""Frames for other programs: level for level those of the display pipeline."""

import json

import numpy as np
import pandas as pd
import pytest
import stimulus_sets
import tifffile
from PIL import Image
from refusals import problem_of, refused
from typer.testing import CliRunner

from pdpsych.cli.main import app
from pdpsych.common.errors import InputError
from pdpsych.displays import Display, show
from pdpsych.experiments import export_frames
from pdpsych.experiments.exports.frames import COLUMNS
from pdpsych.stimuli import Calibration, StimulusSet, calibrate

READERS = {
    "png": lambda path: np.asarray(Image.open(path)),
    "tiff": tifffile.imread,
    "npy": np.load,
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return StimulusSet.open(stimulus_sets.write_set(tmp_path_factory.mktemp("grey") / "small"))


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colour") / "small"
    return StimulusSet.open(stimulus_sets.write_set(folder, channels=3, side=12))


@pytest.mark.parametrize(
    ("form", "bits", "colour"),
    [
        ("png", 8, False),
        ("png", 10, False),
        ("png", 8, True),
        ("tiff", 8, True),
        ("tiff", 16, True),
        ("tiff", 10, False),
        ("npy", 8, False),
        ("npy", 16, True),
    ],
)
def test_files_read_back_bit_for_bit(opened, coloured, tmp_path, form, bits, colour):
    made = coloured if colour else opened
    display = Display(bit_depth=bits, dither="triangular", curve=2.2)
    out = export_frames(
        made, tmp_path / "out", display=display, contrasts=[0.02, 0.05], frames=form, seed=3,
        uncalibrated=True,
    )  # fmt: skip
    table = pd.read_csv(out / "trials.csv")
    # Images, pairs, distortions, signs, contrasts.
    assert len(table) == 2 * 2 * 2 * 2 * 2
    for row in table.to_dict("records"):
        image = made[row["image"]]
        expected = show(
            image.base,
            image[row["pair"]].distortion(row["distortion"]),
            row["sign"] * row["contrast"] * np.sqrt(image.dimension),
            display,
            image.encoding,
            np.random.default_rng(row["dither_seed"]),
        )
        for name, levels in (("frame", expected.distorted), ("reference", expected.reference)):
            found = READERS[form](out / row[name])
            wanted = np.moveaxis(levels, 0, 2) if colour else levels[0]
            assert found.dtype == (np.uint8 if bits == 8 else np.uint16)
            np.testing.assert_array_equal(found, wanted)
        assert row["amplitude"] == pytest.approx(expected.realised, rel=1e-12)


def test_tables_agree_and_are_described(opened, tmp_path):
    out = export_frames(
        opened, tmp_path / "out", display=Display(), contrasts=[0.03], uncalibrated=True
    )
    table = pd.read_csv(out / "trials.csv")
    record = json.loads((out / "trials.json").read_text())
    pd.testing.assert_frame_equal(pd.DataFrame(record["trials"]), table, check_exact=True)
    assert record["stimulus_set_sha256"] == opened.sha256
    assert record["calibration_sha256"] is None
    described = json.loads((out / "trials_columns.json").read_text())
    assert list(described) == list(table) == list(COLUMNS)
    files = {path.name for path in (out / "frames").iterdir()}
    named = {name.partition("/")[2] for name in [*table["frame"], *table["reference"]]}
    assert files == named
    assert len(files) == 2 * len(table)
    assert json.loads((out / "display.json").read_text())["bit_depth"] == 8
    page = (out / "README.md").read_text(encoding="utf-8")
    assert opened.sha256 in page
    assert "none: it is not known" in page
    assert "{" not in page.replace("`{", "")


def test_what_a_display_does_not_show_is_left_out(opened, tmp_path):
    display = Display(dither="none", bit_depth=8)
    with refused(file="small", remedy="calibrate"):
        export_frames(opened, tmp_path / "none", display=display, contrasts=[0.02])
    calibrate(opened, display)
    found = Calibration.of(opened, display)
    low, high = found.conditions[0].range
    side = opened["camel"].shape[-1]
    inside = float(np.sqrt(low * high)) / side
    out = export_frames(opened, tmp_path / "out", display=display, contrasts=[inside, 0.9])
    table = pd.read_csv(out / "trials.csv")
    assert table["contrast"].max() < 0.9
    page = (out / "README.md").read_text(encoding="utf-8")
    assert "camel/principal/1 at 0.9" in page
    assert found.sha256 in page
    with refused(field="contrasts", value=[0.9]):
        export_frames(opened, tmp_path / "all", display=display, contrasts=[0.9])
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"contrasts": []}, "contrasts"),
        ({"contrasts": [0.0]}, "contrasts"),
        ({"contrasts": [float("nan")]}, "contrasts"),
        ({"contrasts": [0.1, 0.1]}, "contrasts"),
        ({"contrasts": [1.5]}, "contrasts"),
        ({"display": Display(bit_depth=10)}, "frames"),
    ],
)
def test_bad_settings_are_refused(coloured, tmp_path, settings, field):
    given = {"display": Display(), "contrasts": [0.02], "uncalibrated": True} | settings
    with refused(field=field):
        export_frames(coloured, tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(opened, tmp_path):
    (tmp_path / "out").mkdir()
    with refused(file=tmp_path / "out"):
        export_frames(
            opened, tmp_path / "out", display=Display(), contrasts=[0.02], uncalibrated=True
        )


def test_the_command(opened, tmp_path):
    (tmp_path / "lab.yaml").write_text("{dither: none}")
    command = ["export", str(opened.path), "--frames", "npy", "--uncalibrated"]
    command += ["--display", str(tmp_path / "lab.yaml"), "--out", str(tmp_path / "out")]
    runner = CliRunner()
    done = runner.invoke(app, [*command, "--contrasts", "0.01,0.02"])
    assert done.exit_code == 0
    assert len(pd.read_csv(tmp_path / "out" / "trials.csv")) == 32
    missing = runner.invoke(app, command)
    assert isinstance(problem_of(missing), InputError)
    assert "--contrasts" in str(problem_of(missing))
    wrong = runner.invoke(app, [*command, "--contrasts", "much"])
    assert "numbers with commas" in str(problem_of(wrong))
