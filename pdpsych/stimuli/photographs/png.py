"""PNG files."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.stimuli.photographs.coded import coded_space
from pdpsych.stimuli.photographs.colour_space import (
    D65,
    PRIMARIES,
    SRGB,
    Chromaticities,
    ColourSpace,
    power,
)
from pdpsych.stimuli.photographs.profile import image_codecs
from pdpsych.stimuli.photographs.samples import Samples, light_or_colour, opened, single

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ALPHA = (4, 6)
# gAMA holds 100,000 times the exponent of encoding; so near to 1/2.2 files of sRGB have it.
_SCALE = 1e5


def read(data: bytes) -> Samples:
    """Read a PNG file; which colours its numbers are is told as its third edition (2025) says."""
    chunks = dict(_chunks(data))
    depth, colour = struct.unpack(">8xBB3x", chunks[b"IHDR"])
    if b"acTL" in chunks:
        single(struct.unpack(">I", chunks[b"acTL"][:4])[0], "frames")
    transparent = b"tRNS" in chunks
    with opened(data, "PNG") as photograph:
        profile = photograph.info.get("icc_profile")
        orientation = photograph.getexif().get(0x0112, 1)
        if depth == 16:
            values = np.asarray(image_codecs().png_decode(data))
        else:
            wide = "RGBA" if colour & 2 else "LA"
            mode = wide if transparent or colour in _ALPHA else "RGB" if colour & 2 else "L"
            values = np.asarray(photograph.convert(mode))
    bits = 16 if values.dtype.itemsize == 2 else 8
    found = light_or_colour(values, bits, None if b"cICP" in chunks else profile, _told(chunks))
    kind = "palette" if colour == 3 else found.model
    return found.headed(f"PNG, {kind} of {depth} bits").turned(orientation)


def _told(chunks: dict[bytes, bytes]) -> ColourSpace | None:
    """Return the colour space that chunks tell, the first of them that counts."""
    if b"cICP" in chunks:
        primaries, transfer, matrix, full = chunks[b"cICP"][:4]
        if matrix != 0 or full != 1:
            raise InputError(
                "has values of video, not RGB of full range",
                field="cICP",
                value=tuple(chunks[b"cICP"][:4]),
                remedy="save it as sRGB",
            )
        return coded_space(primaries, transfer)
    if b"sRGB" in chunks:
        return SRGB
    if b"gAMA" not in chunks and b"cHRM" not in chunks:
        return None
    gamma = struct.unpack(">I", chunks[b"gAMA"][:4])[0] / _SCALE if b"gAMA" in chunks else None
    if gamma == 0:
        raise InputError("has a gamma of 0", field="gAMA", value=0, remedy="save it as sRGB")
    curve = SRGB.curve if gamma is None else power(1 / gamma)
    white, primaries_ = _chromaticities(chunks.get(b"cHRM"))
    words = "curve of sRGB" if gamma is None else f"gamma 1/{gamma:.5g}"
    own = ", primaries of its own" if b"cHRM" in chunks else ""
    return ColourSpace.of(words + own, curve, primaries_, white)


def _chromaticities(chunk: bytes | None) -> tuple[tuple[float, float], Chromaticities]:
    if chunk is None:
        return D65, PRIMARIES["Rec. 709"]
    numbers = [n / _SCALE for n in struct.unpack(">8I", chunk[:32])]
    white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
    if not all(y > 0 for _, y in (white, red, green, blue)):
        raise InputError("has chromaticities without light", field="cHRM", remedy="save it as sRGB")
    return white, (red, green, blue)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of the chunks before the pixels."""
    place = len(SIGNATURE)
    while place + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        if kind == b"IDAT":
            return
        yield kind, data[place + 8 : place + 8 + size]
        place += size + 12
