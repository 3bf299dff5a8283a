from __future__ import annotations

import re

import numpy as np
import pytest

from pdpsych.common.errors import InputError
from pdpsych.displays.measurements import CHANNELS, check, read, text

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
    again = read(write(text(measurements.readings)), 255)
    assert again.readings == measurements.readings
    assert again.channels == ("grey", "blue")
    assert again.sha256 == measurements.sha256


def test_shares_are_levels_rounded_as_a_display_rounds_them(write):
    path = write("level,luminance\n0,0.2\n0.25,5\n0.5,22\n0.75,55\n1,100\n")
    assert [r.level for r in read(path, 255).readings] == [0, 64, 128, 191, 255]
    assert [r.level for r in read(path, 1023).readings][-1] == 1023


def test_order_and_spaces_and_the_bytes_of_line_ends_do_not_matter(write):
    plain = read(write(GREY), 255)
    lines = GREY.splitlines()
    windows = "\r\n".join([lines[0].title().replace(",", ", "), *lines[1:], ""])
    assert read(write("\ufeff" + windows), 255).sha256 == plain.sha256
    ordered = write("order,level,luminance\n3,255,9\n1,0,0.1\n2,128,3\n")
    assert [r.level for r in read(ordered, 255).readings] == [0, 128, 255]


def test_means_by_hand(write):
    measured = read(write("level,luminance\n0,1\n255,10\n0,3\n"), 255)
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
    ("contents", "message"),
    [
        ("", 'line 1: unknown column ""'),
        (GREY.replace(",", ";"), "line 1: columns are separated by semicolons"),
        (GREY.replace(",", "\t"), "separated by tabs"),
        (GREY.replace("luminance", "luminanse"), 'unknown column "luminanse"; did you mean "lumi'),
        (GREY.replace("level,", "order,"), "column level is missing"),
        (GREY.replace("luminance", "level"), "line 1: column luminance is missing"),
        (GREY.replace("64,5", "64,5,2"), "line 3: 3 values for 2 columns; decimal numbers"),
        (
            GREY.replace("64,5", "64,nan"),
            'line 3: luminance: expected a number such as 12.5, got "n',
        ),
        (GREY.replace("64,5", "64,"), 'line 3: luminance: expected a number such as 12.5, got ""'),
        (GREY.replace("64,5", "64,-5"), "line 3: luminance: at least 0 cd/m², got -5"),
        (GREY.replace("255,", "256,"), "line 6: level: expected an integer from 0 to 255"),
        (GREY.replace("64,", "64.5,"), "got 64.5; nearest: 64"),
        ("channel,level,luminance\ngray,0,1\n", 'channel: "gray": did you mean "grey"?'),
        ("order,level,luminance\nx,0,1\n", "order: expected a number"),
    ],
)
def test_bad_files_are_refused_by_line(write, contents, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read(write(contents), 255)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("level,luminance\n", "no readings"),
        (GREY.replace("64,5\n", ""), "grey: measured at 4 levels; at least 5 are needed"),
        (GREY.replace("0,0.2", "8,0.3"), "the lowest, 0, was not measured (nearest: 8)"),
        (GREY.replace("255,", "240,"), "the highest, 255, was not measured (nearest: 240)"),
        (re.sub(r",[\d.]+", ",7", GREY), "do not differ by more than noise; nothing was measured"),
        ("level,luminance\n0,99\n64,60\n128,20\n192,5\n255,1\n", "falls from 99 at level 0 to 1"),
        (GREY.replace("128,22", "128,3"), "falls to 3 at level 128 from 5 at a lower level"),
        (
            "level,luminance\n0,0.002\n64,0.05\n128,0.22\n192,0.55\n255,1\n",
            "the brightest reading is 1, which looks like normalised values; give cd/m²",
        ),
        (GREY.replace("255,100", "255,100000"), "looks like another unit"),
    ],
)
def test_measurements_of_no_use_are_refused(write, contents, message):
    with pytest.raises(InputError, match=re.escape(message)):
        check(read(write(contents), 255))


def test_a_fall_within_the_noise_is_no_fall(measure):
    def saturating(x):
        return 0.2 + 100 * min(x, 0.8) ** 2

    check(measure({"grey": saturating}, levels=33, repeats=2, relative=0.005))


def test_missing_files_are_named(write, tmp_path):
    write(GREY)
    with pytest.raises(InputError, match=r'lob.csv: no such file; did you mean "lab.csv"'):
        read(tmp_path / "lob.csv", 255)
    (tmp_path / "image.csv").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match="is not text in UTF-8"):
        read(tmp_path / "image.csv", 255)
