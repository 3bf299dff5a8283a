from __future__ import annotations

import os
import re

import numpy as np
import pytest
from refusals import refused

from pdpsych.displays.measurement_file import read_measurements
from pdpsych.displays.measurements import CHANNELS, check_measurements, csv_text

GREY = "level,luminance\n0,0.2\n64,5\n128,22\n192,55\n255,100\n"


@pytest.fixture
def write(tmp_path):
    def build(contents):
        path = tmp_path / "lab.csv"
        path.write_text(contents)
        return path

    return build


def test_what_is_written_is_read_again(measure, write):
    measurements = measure({"grey": lambda x: 100 * x**2, "blue": lambda x: 7 * x**2})
    again = read_measurements(write(csv_text(measurements.readings)), 255)
    assert again.readings == measurements.readings
    assert again.channels == ("grey", "blue")
    assert again.sha256 == measurements.sha256


def test_shares_are_levels_rounded_as_a_display_rounds_them(write):
    path = write("level,luminance\n0,0.2\n0.25,5\n0.5,22\n0.75,55\n1,100\n")
    assert [r.level for r in read_measurements(path, 255).readings] == [0, 64, 128, 191, 255]
    assert [r.level for r in read_measurements(path, 1023).readings][-1] == 1023


def test_order_and_spaces_and_the_bytes_of_line_ends_do_not_matter(write):
    plain = read_measurements(write(GREY), 255)
    lines = GREY.splitlines()
    windows = "\r\n".join([lines[0].title().replace(",", ", "), *lines[1:], ""])
    assert read_measurements(write("\ufeff" + windows), 255).sha256 == plain.sha256
    ordered = write("order,level,luminance\n3,255,9\n1,0,0.1\n2,128,3\n")
    assert [r.level for r in read_measurements(ordered, 255).readings] == [0, 128, 255]


def test_means_by_hand(write):
    measured = read_measurements(write("level,luminance\n0,1\n255,10\n0,3\n"), 255)
    means = measured.means("grey")
    np.testing.assert_allclose(means.level, [0, 1])
    np.testing.assert_allclose(means.luminance, [2, 10])
    # Too few repeats: 0.5 % and 0.01 cd/m² a reading.
    np.testing.assert_allclose(means.sd, [np.hypot(0.01, 0.01) / 2**0.5, np.hypot(0.05, 0.01)])


@pytest.mark.parametrize(("relative", "floor"), [(0.01, 0.02), (0.002, 0.1)])
def test_noise_is_recovered_from_repeats(measure, relative, floor):
    curve = {"grey": lambda x: 0.5 + 100 * x**2.2}
    noise = measure(curve, repeats=20, relative=relative, floor=floor).noise
    assert noise.source == "repeats"
    assert noise.relative == pytest.approx(relative, rel=0.15)
    assert noise.floor == pytest.approx(floor, rel=0.15)
    assert measure(curve, repeats=1).noise.source == "assumed"


def test_additivity_by_hand(measure):
    def curves(share):
        return {
            channel: lambda x, white=white: 1 + (white - 1) * x**2
            for channel, white in zip(CHANNELS, (101, 21, share, 11), strict=True)
        }

    measured = measure(curves(71), relative=0, floor=0)
    assert measured.additivity == pytest.approx((21 + 71 + 11 - 2) / 101 - 1, abs=1e-9)
    grey = {"grey": curves(71)["grey"]}
    assert measure(grey).additivity is None


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        ("", {"line": 1, "value": ""}),
        (GREY.replace(",", ";"), {"line": 1, "problem": "columns are separated by semicolons"}),
        (GREY.replace(",", "\t"), {"line": 1, "problem": "columns are separated by tabs"}),
        (GREY.replace("luminance", "luminanse"), {"value": "luminanse", "allowed": "luminance"}),
        (GREY.replace("level,", "order,"), {"line": 1, "value": "order, luminance"}),
        (GREY.replace("luminance", "level"), {"line": 1, "value": "level, level"}),
        (GREY.replace("64,5", "64,5,2"), {"line": 3, "value": "64,5,2"}),
        (GREY.replace("64,5", "64,nan"), {"line": 3, "field": "luminance", "value": "nan"}),
        (GREY.replace("64,5", "64,"), {"line": 3, "field": "luminance", "value": ""}),
        (GREY.replace("64,5", "64,-5"), {"line": 3, "field": "luminance", "value": "-5"}),
        (GREY.replace("255,", "256,"), {"line": 6, "field": "level", "value": "256"}),
        (GREY.replace("64,", "64.5,"), {"line": 3, "field": "level", "remedy": "nearest: 64"}),
        ("channel,level,luminance\ngray,0,1\n", {"field": "channel", "allowed": "grey"}),
        ("order,level,luminance\nx,0,1\n", {"field": "order", "value": "x"}),
    ],
)
def test_bad_files_are_refused_by_line(write, contents, told):
    with refused(file="lab.csv", **told):
        read_measurements(write(contents), 255)


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        ("level,luminance\n", {}),
        (GREY.replace("64,5\n", ""), {"field": "level", "value": 4}),
        (GREY.replace("0,0.2", "8,0.3"), {"field": "level", "remedy": "correct bit_depth"}),
        (GREY.replace("255,", "240,"), {"field": "level", "remedy": "correct bit_depth"}),
        (re.sub(r",[\d.]+", ",7", GREY), {"field": "luminance", "remedy": "measure again"}),
        (
            "level,luminance\n0,99\n64,60\n128,20\n192,5\n255,1\n",
            {"field": "luminance", "remedy": "correct the table"},
        ),
        (GREY.replace("128,22", "128,3"), {"field": "luminance", "remedy": "dynamic contrast"}),
        (
            "level,luminance\n0,0.002\n64,0.05\n128,0.22\n192,0.55\n255,1\n",
            {"field": "luminance", "value": 1.0, "allowed": "cd/m²"},
        ),
        (GREY.replace("255,100", "255,100000"), {"field": "luminance", "value": 100000.0}),
    ],
)
def test_measurements_of_no_use_are_refused(write, contents, told):
    with refused(file="lab.csv", **told):
        check_measurements(read_measurements(write(contents), 255))


def test_a_refused_line_reads_as_a_sentence(write):
    with refused(line=3) as told:
        read_measurements(write(GREY.replace("64,5", "64.5,5")), 255)
    assert str(told.value).endswith(
        'lab.csv: line 3: level: no level of the display, got "64.5"; allowed: integers from 0 to '
        "255, or shares from 0 to 1 in all lines; nearest: 64"
    )


def test_a_fall_within_the_noise_is_no_fall(measure):
    def saturating(x):
        return 0.2 + 100 * min(x, 0.8) ** 2

    check_measurements(measure({"grey": saturating}, levels=33, repeats=2, relative=0.005))


def test_missing_files_are_named(write, tmp_path):
    write(GREY)
    with refused(file="lob.csv", remedy="lab.csv"):
        read_measurements(tmp_path / "lob.csv", 255)
    (tmp_path / "image.csv").write_bytes(b"\xff\xd8\xff")
    with refused(file="image.csv"):
        read_measurements(tmp_path / "image.csv", 255)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.write_text(GREY.replace("64", "6\0")),
    ],
    ids=["FIFO", "device", "folder", "NUL"],
)
def test_what_is_no_table_is_refused_at_once(write, damage):
    path = write(GREY)
    damage(path)
    with refused(file="lab.csv"):
        read_measurements(path, 255)
