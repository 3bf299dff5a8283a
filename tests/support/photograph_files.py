"""Files of one photograph in many formats and colour spaces, and profiles for them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

WHITE = [0.3127, 0.3290, 1.0]
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
# Linear Rec. 709 to XYZ as it is adapted to D50.
XYZ_D50 = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


def srgb(light: np.ndarray) -> np.ndarray:
    """Return the sRGB values of linear light, by IEC 61966-2-1."""
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055
    )


def integers(values: np.ndarray, bits: int) -> np.ndarray:
    """Return values in [0, 1] as integers of so many bits."""
    top = 2**bits - 1
    return np.round(values * top).astype(np.uint8 if bits <= 8 else np.uint16)


def pillow(values: np.ndarray, kind: str, **options: Any) -> bytes:
    """Write 8 bits of grey, RGB or RGBA."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind, **options)
    return file.getvalue()


def png(values: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """Write a PNG with chunks of one's own before the pixels."""
    data = imagecodecs.png_encode(values)
    return data[:33] + b"".join(_chunk(*chunk) for chunk in chunks) + data[33:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def tiff(values: np.ndarray, **options: Any) -> bytes:
    """Write a TIFF."""
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def packed_tiff(values: np.ndarray, bits: int) -> bytes:
    """Write grey values of so many bits, packed, as scanners do."""
    height, width = values.shape
    rows = [np.unpackbits(row.astype(">u2").view(np.uint8)).reshape(-1, 16) for row in values]
    content = b"".join(np.packbits(row[:, 16 - bits :].ravel()).tobytes() for row in rows)
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, height), (279, len(content))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<I", 8 + len(content))
    return head + content + struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"


def profile(primaries: tuple[tuple[float, float], ...], curve: np.ndarray) -> bytes:
    """Return an ICC profile of primaries and the light of evenly spaced values."""
    flat = [value for x, y in primaries for value in (x, y, 1.0)]
    return imagecodecs.cms_profile(
        "rgb", whitepoint=WHITE, primaries=flat, transferfunction=curve.astype(np.float32)
    )


def ink_profile() -> bytes:
    """Return a CMYK profile in which inks filter light as (1 − c)(1 − k) does, in XYZ under D50.

    A table of nine places an ink (ICC.1, lut16Type), in PCS XYZ.
    """
    d50 = np.array([0.9642, 1.0, 0.8249])
    places = np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 4, indexing="ij"), axis=-1).reshape(
        -1, 4
    )
    light = (1 - places[:, :3]) * (1 - places[:, 3:])
    xyz = light @ XYZ_D50.T
    grid = np.clip(np.round(xyz / (1 + 32767 / 32768) * 65535), 0, 65535).astype(">u2")
    ends = np.array([0, 65535], ">u2").tobytes()
    identity = struct.pack(">9i", *[65536 if i % 4 == 0 else 0 for i in range(9)])
    table = b"mft2\0\0\0\0" + bytes([4, 3, 9, 0]) + identity + struct.pack(">HH", 2, 2)
    table += ends * 4 + grid.tobytes() + ends * 3
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *np.round(d50 * 65536).astype(int))
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"inks\0" + bytes(78)
    parts = {b"desc": name, b"A2B0": table, b"wtpt": white, b"cprt": b"text\0\0\0\0none\0"}
    place, directory, content = 128 + 4 + 12 * len(parts), b"", b""
    for tag, data in parts.items():
        data += bytes(-len(data) % 4)
        directory += struct.pack(">4sII", tag, place + len(content), len(data))
        content += data
    size = place + len(content)
    head = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, b"prtr", b"CMYK", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", *np.round(d50 * 65536).astype(int))
    head += bytes(128 - len(head))
    return head + struct.pack(">I", len(parts)) + directory + content
