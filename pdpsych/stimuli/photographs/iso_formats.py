"""AVIF, HEIC and JPEG 2000 files, in all of their bits."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import ExifTags

from pdpsych.common.errors import InputError
from pdpsych.stimuli.photographs import common_formats
from pdpsych.stimuli.photographs.boxes import boxes
from pdpsych.stimuli.photographs.coded import coded_space
from pdpsych.stimuli.photographs.colour_space import SRGB, ColourSpace
from pdpsych.stimuli.photographs.profile import image_codecs
from pdpsych.stimuli.photographs.samples import Samples, check_size, light_or_colour, opened, single

_SRGB, _GREY, _SYCC = 16, 17, 18
# Start of codestream, and then always its sizes (ISO/IEC 15444-1, A.5.1).
_CODESTREAM = b"\xff\x4f\xff\x51"


def read_avif(data: bytes) -> Samples:
    """Read an AVIF file."""
    found = list(boxes(data))
    bits = _av1_bits(dict(found))
    profile, told = _colours(found)
    if bits == 8 and told is None:
        return common_formats.read(data, "AVIF")
    with opened(data, "AVIF") as photograph:
        single(getattr(photograph, "n_frames", 1), "frames")
        orientation = photograph.getexif().get(ExifTags.Base.Orientation, 1)
        decoded = np.asarray(photograph if bits == 8 else image_codecs().avif_decode(data))
    return _samples(decoded, bits, profile, told, "AVIF").turned(orientation)


def read_heic(data: bytes) -> Samples:
    """Read a HEIC file the way it is held."""
    try:
        import pillow_heif
    except ImportError:
        raise InputError(
            "is a HEIC file", remedy="pip install 'pdpsych[heic]', or save it as PNG"
        ) from None
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    single(len(file), "pictures")
    profile, told = _colours(list(boxes(data)))
    values, bits = np.asarray(file[0]), int(str(file[0].info["bit_depth"]))
    if values.dtype.itemsize > 1:
        # More than 8 bits come at the upper end of 16.
        values = values >> (16 - bits)
    return _samples(values, bits, profile, told, "HEIC")


def read_jpeg_2000(data: bytes) -> Samples:
    """Read a JPEG 2000 file, or a codestream by itself."""
    found = list(boxes(data))
    told, profile = None, None
    for kind, content in found:
        if kind == b"colr" and content[0] == 2:
            profile = content[3:]
        elif kind == b"colr":
            (code,) = struct.unpack(">I", content[3:7])
            if code not in (_SRGB, _GREY, _SYCC):
                raise InputError(
                    "colours that are not read",
                    field="enumerated colour space",
                    value=code,
                    allowed=f"{_SRGB} (sRGB), {_GREY} (grey), {_SYCC} (sYCC)",
                    remedy="save it as sRGB",
                )
            told = SRGB
    place = data.index(_CODESTREAM)
    right, low, left, top = struct.unpack(">IIII", data[place + 8 : place + 24])
    check_size(low - top, right - left)
    depths = set(data[place + 42 : place + 42 + 3 * data[place + 41] : 3])
    if len(depths) != 1 or (bits := depths.pop() + 1) > 16:
        raise InputError(
            "holds signed numbers, or channels of different bits",
            field="Ssiz",
            allowed="1 to 16 bits, the same for all channels",
            remedy="save it as PNG or TIFF",
        )
    values = np.asarray(image_codecs().jpeg2k_decode(data))
    return _samples(values, bits, profile, told, "JPEG 2000")


def _samples(
    values: np.ndarray, bits: int, profile: bytes | None, told: ColourSpace | None, kind: str
) -> Samples:
    found = light_or_colour(values, bits, profile, told)
    return found.headed(f"{kind}, {found.model} of {bits} bits")


def _av1_bits(kinds: dict[bytes, bytes]) -> int:
    """Return the bits of a value by the configuration of the codec (AV1-ISOBMFF, av1C)."""
    flags = kinds[b"av1C"][2] if b"av1C" in kinds else 0
    high, twelve = flags & 0x40, flags & 0x20
    return (12 if twelve else 10) if high else 8


def _colours(found: list[tuple[bytes, bytes]]) -> tuple[bytes | None, ColourSpace | None]:
    """Return the profile, or else the space of code points, of the boxes ``colr``."""
    told = None
    for kind, content in found:
        if kind == b"colr" and content[:4] in (b"prof", b"rICC"):
            return content[4:], None
        if kind == b"colr" and content[:4] == b"nclx":
            told = coded_space(*struct.unpack(">HH", content[4:8]))
    return None, told
