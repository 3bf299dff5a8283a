"""JPEG, GIF, WebP and BMP files, by Pillow."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image

from pdpsych.common.errors import InputError
from pdpsych.stimuli.photographs.colour_space import ADOBE, ColourSpace
from pdpsych.stimuli.photographs.profile import Model
from pdpsych.stimuli.photographs.samples import (
    OPAQUE,
    Samples,
    check_profile,
    opaque,
    opened,
    single,
    spaced,
    with_channels,
)

# Modes as they are read, and what they then are.
_MODES: dict[str, tuple[str, Model]] = {
    "1": ("L", "grey"),
    "L": ("L", "grey"),
    "LA": ("LA", "grey"),
    "RGB": ("RGB", "rgb"),
    "RGBA": ("RGBA", "rgb"),
    "CMYK": ("CMYK", "cmyk"),
}
_PALETTES = ("P", "PA")
# Of JPEG: which markers of that range begin no frame, and which frames are read.
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
_READ_FRAMES = {0xC0: "sequential", 0xC1: "sequential", 0xC2: "progressive"}


def read(data: bytes, kind: str) -> Samples:
    """Read a file of 8 bits of one of these formats, or of AVIF."""
    if kind == "JPEG":
        _check_frame(data)
    with opened(data, kind) as photograph:
        frames = getattr(photograph, "n_frames", 1)
        # The pictures after the first in a JPEG are previews of cameras and phones.
        previews = frames - 1 if kind == "JPEG" else 0
        single(frames - previews, "frames")
        exif, profile = photograph.getexif(), photograph.info.get("icc_profile")
        mode = photograph.mode
        if palette := mode in _PALETTES:
            photograph, mode = photograph.convert("RGBA"), "RGBA"
        if mode not in _MODES:
            raise InputError(
                "colours that are not read", field="mode", value=mode, allowed=", ".join(_MODES)
            )
        read_as, model = _MODES[mode]
        values = np.asarray(photograph.convert(read_as) if mode != read_as else photograph)
    values = with_channels(values)
    if read_as in ("LA", "RGBA"):
        values = opaque(values, values.shape[2] - 1, 255)
    check_profile(profile, model)
    space, words = spaced(profile, _adobe(exif))
    told = [f"{kind}, {model} of 8 bits", words]
    told += [OPAQUE] if mode in ("LA", "RGBA") and not palette else []
    told += [f"{previews} previews beside it passed over"] if previews else []
    found = Samples(values, 8, model, space, tuple(told))
    return found.turned(exif.get(ExifTags.Base.Orientation, 1))


def _check_frame(data: bytes) -> None:
    """Refuse JPEG of other bits or another process than Pillow reads, by its frame header.

    Segments are a marker, their length and content (ITU-T T.81, B.1.1).
    """
    place = 2
    while data[place : place + 1] == b"\xff" and place + 5 <= len(data):
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
            bits = data[place + 4]
            if bits != 8 or marker not in _READ_FRAMES:
                raise InputError(
                    "is a JPEG that is not read",
                    field="frame",
                    value=f"{_READ_FRAMES.get(marker, 'lossless or arithmetic')}, {bits} bits",
                    allowed="sequential or progressive, 8 bits",
                    remedy="save it as PNG or TIFF",
                )
            return
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")


def _adobe(exif: Image.Exif) -> ColourSpace | None:
    """Return Adobe RGB where the camera says so as DCF (2.0) has it."""
    if ExifTags.IFD.Interop not in exif.get_ifd(ExifTags.IFD.Exif):
        return None
    return ADOBE if exif.get_ifd(ExifTags.IFD.Interop).get(1) == "R03" else None
