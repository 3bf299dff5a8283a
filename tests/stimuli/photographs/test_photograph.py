"""Photographs of all kinds against the light that they were made of."""

import io
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from photograph_files import (
    ADOBE,
    P3,
    WHITE,
    XYZ_D50,
    ink_profile,
    integers,
    packed_tiff,
    pillow,
    png,
    profile,
    srgb,
    tiff,
)
from PIL import ExifTags, Image, ImageCms
from refusals import refused
from skimage import data

from pdpsych.stimuli.photographs.photograph import read_photograph

SRGB8 = data.cat()[:48, :64]
LIGHT = np.where(SRGB8 <= 10, SRGB8 / 255 / 12.92, ((SRGB8 / 255 + 0.055) / 1.055) ** 2.4)
GREY = LIGHT @ [0.2126, 0.7152, 0.0722]
# Linear Rec. 709 to XYZ, and XYZ to linear others, as published to four digits and more.
XYZ = np.array(
    [[0.4123908, 0.3575843, 0.1804808], [0.2126390, 0.7151687, 0.0721923],
     [0.0193308, 0.1191948, 0.9505322]]
)  # fmt: skip
P3_XYZ = np.array(
    [[0.4865709, 0.2656677, 0.1982173], [0.2289746, 0.6917385, 0.0792869],
     [0.0, 0.0451134, 1.0439444]]
)  # fmt: skip
ADOBE_XYZ = np.array(
    [[0.5766690, 0.1855582, 0.1882286], [0.2973450, 0.6273636, 0.0752915],
     [0.0270314, 0.0706889, 0.9913375]]
)  # fmt: skip
IN_P3 = np.clip(LIGHT @ (np.linalg.inv(P3_XYZ) @ XYZ).T, 0, 1)
IN_ADOBE = np.clip(LIGHT @ (np.linalg.inv(ADOBE_XYZ) @ XYZ).T, 0, 1) ** (256 / 563)
PLACES = np.linspace(0, 1, 4096)
P3_PROFILE = profile(
    P3, np.where(PLACES <= 0.04045, PLACES / 12.92, ((PLACES + 0.055) / 1.055) ** 2.4)
)
ADOBE_PROFILE = profile(ADOBE, PLACES ** (563 / 256))
OPAQUE = np.full((*SRGB8.shape[:2], 1), 255, np.uint8)
HOLE = OPAQUE.copy()
HOLE[3, 4] = 0
GAMA = (b"gAMA", struct.pack(">I", 45470))
CHRM = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))
SRGB16, GREY16 = integers(srgb(LIGHT), 16), integers(srgb(GREY), 16)


def read(content: bytes, colour="rgb"):
    found = read_photograph(content, Path("x.img"), colour)
    return np.stack([channel() for channel in found.channels], axis=-1), found.told


# Each with the root mean square error in light that its bits, or its compression, allow.
COLOURS = {
    "png": (lambda: pillow(SRGB8, "PNG"), 1e-6),
    "png of 16 bits": (lambda: png(SRGB16), 1e-5),
    "bmp": (lambda: pillow(SRGB8, "BMP"), 1e-6),
    "gif": (lambda: pillow(SRGB8, "GIF"), 0.02),
    "jpeg": (lambda: pillow(SRGB8, "JPEG", quality=98, subsampling=0), 0.005),
    "webp": (lambda: pillow(SRGB8, "WEBP", lossless=True), 1e-6),
    "avif": (lambda: pillow(SRGB8, "AVIF", quality=98), 0.01),
    "avif of 10 bits": (
        lambda: imagecodecs.avif_encode(integers(srgb(LIGHT), 10), bitspersample=10, level=98),
        0.01,
    ),
    "heic": (lambda: _heic(), 0.01),
    "heic of 10 bits": (lambda: _heic_of_10_bits(SRGB16), 0.01),
    "jpeg 2000 of 16 bits": (
        lambda: imagecodecs.jpeg2k_encode(SRGB16, codecformat="jp2", level=0), 1e-5,
    ),
    "palette": (lambda: _palette(), 0.02),
    "profile P3": (lambda: pillow(integers(srgb(IN_P3), 8), "PNG", icc_profile=P3_PROFILE), 0.003),
    "profile Adobe, 16 bits": (
        lambda: tiff(integers(IN_ADOBE, 16), photometric="rgb", iccprofile=ADOBE_PROFILE), 1e-4,
    ),
    "gamma and chromaticities": (lambda: png(integers(IN_ADOBE, 16), GAMA, CHRM), 1e-4),
    "gamma of 1": (
        lambda: png(integers(LIGHT, 16), (b"gAMA", struct.pack(">I", 100_000))), 1e-5,
    ),
    "code points P3": (
        lambda: png(integers(srgb(IN_P3), 16), (b"cICP", bytes([12, 13, 0, 1]))), 1e-5,
    ),
    "Adobe RGB by EXIF": (lambda: _adobe_by_exif(), 0.006),
    "tiff of 16 bits, planar": (
        lambda: tiff(np.moveaxis(SRGB16, 2, 0), photometric="rgb", planarconfig="separate",
                     compression="lzw"), 1e-5,
    ),
    "tiff of floats": (lambda: tiff(srgb(LIGHT).astype(np.float32), photometric="rgb"), 1e-6),
    "tiff of palette": (lambda: _tiff_palette(), 0.02),
    "opaque alpha": (lambda: pillow(np.concatenate([SRGB8, OPAQUE], axis=2), "PNG"), 1e-6),
    "inks": (lambda: _inks(), 0.005),
    "Lab": (lambda: _lab(), 0.003),
}  # fmt: skip


@pytest.mark.parametrize("name", COLOURS)
def test_colours_are_the_light_they_were_made_of(name):
    make, allowed = COLOURS[name]
    found, _ = read(make())
    assert np.sqrt(np.mean((found - LIGHT) ** 2)) < allowed
    luminance, _ = read(make(), "grey")
    assert np.sqrt(np.mean((luminance[..., 0] - GREY) ** 2)) < allowed


GREYS = {
    "png": (lambda: pillow(integers(srgb(GREY), 8), "PNG"), 0.002),
    "png of 16 bits": (lambda: pillow(GREY16, "PNG"), 1e-5),
    "0 is white": (lambda: tiff(65535 - GREY16, photometric="miniswhite"), 1e-5),
    "12 bits": (lambda: packed_tiff(integers(srgb(GREY), 12), 12), 2e-4),
    "10 bits": (lambda: packed_tiff(integers(srgb(GREY), 10), 10), 1e-3),
    "codestream of 12 bits": (
        lambda: imagecodecs.jpeg2k_encode(
            integers(srgb(GREY), 12), level=0, codecformat="j2k", bitspersample=12
        ),
        2e-4,
    ),
    "tiff of 32 bits": (
        lambda: tiff(GREY16.astype(np.uint32) * 65537, photometric="minisblack"),
        1e-5,
    ),
    "4 bits": (lambda: packed_tiff(integers(srgb(GREY), 4), 4), 0.03),
    "profile of gamma 1.8": (
        lambda: pillow(
            integers(GREY ** (1 / 1.8), 8),
            "PNG",
            icc_profile=imagecodecs.cms_profile("gray", gamma=1.8, whitepoint=WHITE),
        ),
        0.002,
    ),
}


@pytest.mark.parametrize("name", GREYS)
def test_grey_is_the_light_it_was_made_of(name):
    make, allowed = GREYS[name]
    for colour in ("grey", "rgb"):
        found, _ = read(make(), colour)
        assert found.shape[2] == 1
        assert np.sqrt(np.mean((found[..., 0] - GREY) ** 2)) < allowed


def jpeg_of_12_bits():
    try:
        return imagecodecs.jpeg_encode(integers(srgb(LIGHT), 12), bitspersample=12)
    except ValueError:
        pytest.skip("needs an imagecodecs that writes JPEG of 12 bits")


REFUSED = {
    "transparent": (lambda: pillow(np.concatenate([SRGB8, HOLE], axis=2), "PNG"), "alpha"),
    "a transparent colour": (
        lambda: pillow(SRGB8, "PNG", transparency=tuple(SRGB8[0, 0].tolist())), "alpha",
    ),
    "a transparent colour of 16 bits": (
        lambda: png(SRGB16, (b"tRNS", SRGB16[0, 0].astype(">u2").tobytes())), "alpha",
    ),
    "animated gif": (lambda: _animated("GIF"), "frames"),
    "animated webp": (lambda: _animated("WEBP"), "frames"),
    "animated png": (lambda: _animated("PNG"), "frames"),
    "pages": (lambda: tiff(np.stack([SRGB8, SRGB8]), photometric="rgb"), "pages"),
    "inks without a profile": (
        lambda: tiff(np.concatenate([SRGB8, OPAQUE], axis=2), photometric="separated"),
        "ICC profile",
    ),
    "PQ": (
        lambda: png(SRGB16, (b"cICP", bytes([9, 16, 0, 1]))), "transfer characteristics",
    ),
    "video levels": (lambda: png(SRGB16, (b"cICP", bytes([1, 13, 0, 0]))), "cICP"),
    "signed": (lambda: tiff(GREY16.astype(np.int16), photometric="minisblack"), "SampleFormat"),
    "floats beyond white": (
        lambda: tiff((255 * LIGHT).astype(np.float32), photometric="rgb"), "values",
    ),
    "a damaged profile": (lambda: pillow(SRGB8, "PNG", icc_profile=b"no profile"), "ICC profile"),
    "a profile of other channels": (
        lambda: pillow(SRGB8, "JPEG", icc_profile=ink_profile()), "ICC profile",
    ),
    "jpeg of 12 bits": (jpeg_of_12_bits, "frame"),
    "lossless jpeg": (lambda: imagecodecs.ljpeg_encode(GREY16, bitspersample=16), "frame"),
    "raw ycbcr": (
        lambda: tiff(SRGB8, photometric="ycbcr"), "PhotometricInterpretation",
    ),
    "jpeg xl": (lambda: imagecodecs.jpegxl_encode(SRGB8), ""),
    "something else": (lambda: b"%PDF-1.7 " + bytes(200), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_told_is_refused(name):
    make, field = REFUSED[name]
    with refused(file="x.img") as told:
        read(make())
    assert told.value.field == field


@pytest.mark.parametrize("name", [*COLOURS, "12 bits"])
def test_a_truncated_file_is_refused(name):
    content = (COLOURS | GREYS)[name][0]()
    with refused(file="x.img"):
        read(content[: len(content) * 2 // 3])


def test_nothing_is_left_out_in_silence():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 9
    assert "orientation 9" in read(pillow(SRGB8, "PNG", exif=exif))[1]
    for kind in ("PNG", "TIFF"):
        found, told = read(pillow(np.concatenate([SRGB8, OPAQUE], axis=2), kind))
        np.testing.assert_allclose(found, LIGHT, atol=1e-6)
        assert "alpha left out" in told, kind


def test_it_is_turned_the_way_it_was_held():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    lying = np.ascontiguousarray(np.rot90(SRGB8))
    found, told = read(pillow(lying, "PNG", exif=exif))
    np.testing.assert_allclose(found, LIGHT, atol=1e-6)
    assert "turned" in told


def test_colours_outside_rec_709_are_clipped_and_counted():
    vivid = np.zeros((16, 16, 3), np.uint8)
    vivid[:8, :, 1] = 255
    found, told = read(pillow(vivid, "PNG", icc_profile=P3_PROFILE))
    assert found.min() == 0
    assert found.max() == 1
    assert "50.0% of pixels outside Rec. 709" in told
    # Luminance is in [0, 1], and nothing of it clipped.
    luminance, told = read(pillow(vivid, "PNG", icc_profile=P3_PROFILE), "grey")
    assert luminance[0, 0, 0] == pytest.approx(P3_XYZ[1, 1], abs=1e-3)
    assert "outside" not in told


def test_previews_in_a_jpeg_are_passed_over():
    """Cameras and phones put several pictures into one file (MPO); the first is the photograph."""
    file, photograph = io.BytesIO(), Image.fromarray(SRGB8)
    small = photograph.resize((16, 16))
    photograph.save(file, "MPO", save_all=True, append_images=[small], quality=98, subsampling=0)
    found, told = read(file.getvalue())
    assert np.sqrt(np.mean((found - LIGHT) ** 2)) < 0.005
    assert "1 previews beside it passed over" in told


def test_a_profile_of_srgb_changes_nothing():
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found, told = read(pillow(SRGB8, "PNG", icc_profile=made))
    np.testing.assert_allclose(found, LIGHT, atol=2e-4)
    assert "ICC profile sRGB" in told


def _palette() -> bytes:
    file = io.BytesIO()
    Image.fromarray(SRGB8).quantize(256).save(file, "PNG")
    return file.getvalue()


def _tiff_palette() -> bytes:
    reduced = Image.fromarray(SRGB8).quantize(256)
    colours = np.zeros((256, 3), np.uint16)
    own = np.array(reduced.getpalette()).reshape(-1, 3)
    colours[: len(own)] = own
    return tiff(np.asarray(reduced), photometric="palette", colormap=colours.T * 257)


def _animated(kind: str) -> bytes:
    file, other = io.BytesIO(), Image.fromarray(SRGB8[::-1].copy())
    Image.fromarray(SRGB8).save(file, kind, save_all=True, append_images=[other])
    return file.getvalue()


def _adobe_by_exif() -> bytes:
    exif = Image.Exif()
    exif._ifds[ExifTags.IFD.Exif] = {ExifTags.IFD.Interop: {1: "R03"}}
    return pillow(integers(IN_ADOBE, 8), "JPEG", exif=exif.tobytes(), quality=98, subsampling=0)


def _inks() -> bytes:
    black = np.full((*LIGHT.shape[:2], 1), 0.1)
    coloured = np.clip(1 - LIGHT / 0.9, 0, 1)
    values = integers(np.concatenate([coloured, black], axis=2), 16)
    return tiff(values, photometric="separated", iccprofile=ink_profile())


def _lab() -> bytes:
    xyz = LIGHT @ XYZ_D50.T / XYZ_D50.sum(axis=1)
    cube = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lightness = 116 * cube[..., 1] - 16
    a, b = 500 * (cube[..., 0] - cube[..., 1]), 200 * (cube[..., 1] - cube[..., 2])
    values = np.stack([lightness / 100, (a + 128) / 255, (b + 128) / 255], axis=-1)
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return tiff(integers(values, 8), photometric="icclab", iccprofile=made)


def _heic(exif: bytes | None = None) -> bytes:
    file, held = io.BytesIO(), pillow_heif.from_pillow(Image.fromarray(SRGB8))
    held.info["exif"] = exif
    held.save(file, quality=98)
    return file.getvalue()


def _heic_of_10_bits(values: np.ndarray) -> bytes:
    file, size = io.BytesIO(), values.shape[1::-1]
    pillow_heif.from_bytes("RGB;16", size, values.tobytes()).save(file, quality=-1)
    return file.getvalue()


def test_white_of_10_bits_is_white():
    found, told = read(_heic_of_10_bits(np.full((16, 24, 3), 65535, np.uint16)))
    np.testing.assert_array_equal(found, 1.0)
    assert "of 10 bits" in told


def test_a_turned_heic_is_turned_once():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    found, _ = read(_heic(exif.tobytes()))
    assert np.sqrt(np.mean((found - np.rot90(LIGHT, -1)) ** 2)) < 0.01
