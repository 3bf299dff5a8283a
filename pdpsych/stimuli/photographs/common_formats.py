"""JPEG, GIF, WebP and BMP files, by Pillow."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image

from pdpsych.common.errors import InputError
from pdpsych.stimuli.photographs.colour_space import ADOBE, ColourSpace
from pdpsych.stimuli.photographs.profile import Model
from pdpsych.stimuli.photographs.samples import (
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


def read(data: bytes, kind: str) -> Samples:
    """Read a file of 8 bits of one of these formats, or of AVIF."""
    with opened(data, kind) as photograph:
        frames = getattr(photograph, "n_frames", 1)
        # The pictures after the first in a JPEG are previews of cameras and phones.
        previews = frames - 1 if kind == "JPEG" else 0
        single(frames - previews, "frames")
        exif, profile = photograph.getexif(), photograph.info.get("icc_profile")
        mode = photograph.mode
        if mode in _PALETTES:
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
    told += [f"{previews} previews beside it passed over"] if previews else []
    found = Samples(values, 8, model, space, tuple(told))
    return found.turned(exif.get(ExifTags.Base.Orientation, 1))


def _adobe(exif: Image.Exif) -> ColourSpace | None:
    """Return Adobe RGB where the camera says so as DCF (2.0) has it."""
    if ExifTags.IFD.Interop not in exif.get_ifd(ExifTags.IFD.Exif):
        return None
    return ADOBE if exif.get_ifd(ExifTags.IFD.Interop).get(1) == "R03" else None
