"""A photograph of any kind as linear light, and what was done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from pdpsych.common.errors import InputError
from pdpsych.stimuli.photographs import common_formats, iso_formats, png, tiff
from pdpsych.stimuli.photographs.colour_space import Floats
from pdpsych.stimuli.photographs.profile import Profile
from pdpsych.stimuli.photographs.samples import Samples

Light = NDArray[np.float32]
ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp"),
    *(".avif", ".heic", ".heif", ".jp2", ".j2k", ".jpx"),
)
REC709 = np.array([0.2126, 0.7152, 0.0722])
# Values that are converted at a time, so that little memory is needed beside the result.
_BAND = 1 << 20
# A weight of rounding alone.
_NOTHING = 1e-9
# A share of pixels that counts as outside of the gamut, and by how much light.
_OUTSIDE = 0.002
_JPEG_2000 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc")


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph, whose channels are made one at a time: large ones fill the memory.

    Attributes
    ----------
    height, width
        In pixels.
    channels
        Each makes a channel of linear light, (H, W), float32 in [0, 1]: Rec. 709 luminance, or
        red, green and blue.
    told
        What it was and what was done, in words.
    """

    height: int
    width: int
    channels: tuple[Callable[[], Light], ...]
    told: str


def read_photograph(data: bytes, file: Path, colour: Literal["grey", "rgb"]) -> Photograph:
    """Decode a photograph and convert it to linear light of Rec. 709 primaries.

    Numbers mean what the file says: an embedded ICC profile through LittleCMS (relative
    colorimetric, black point compensated), code points, or gamma and chromaticities; sRGB where
    it says nothing. Colours outside Rec. 709 are clipped, which is told.

    Parameters
    ----------
    data
        Content of the file.
    file
        Its path, for messages.
    colour
        ``grey``: luminance, of which nothing is clipped; ``rgb``.

    Raises
    ------
    InputError
        If it is no photograph, damaged, of several pictures, transparent, of high dynamic range,
        or in colours that are not told.
    """
    with _named(file):
        return in_light(_reader(data)(data), colour)


def upright_size(file: BinaryIO) -> tuple[int, int]:
    """Return height and width of a photograph the way it is held, from its head, where it tells."""
    with Image.open(file) as photograph:
        width, height = photograph.size
        turned = photograph.getexif().get(ExifTags.Base.Orientation, 1) > 4
    return (width, height) if turned else (height, width)


def in_light(samples: Samples, colour: Literal["grey", "rgb"]) -> Photograph:
    """Convert what a file holds to linear light of Rec. 709 primaries.

    Raises
    ------
    InputError
        If its profile cannot be used.
    """
    height, width, number = samples.values.shape
    colours = _colours(samples)
    grey = colour == "grey" or number == 1
    rows = REC709[None] @ colours.matrix if grey else colours.matrix
    told = samples.told if grey else (*samples.told, *_clipped(colours))
    channels = tuple(partial(_channel, colours, row) for row in rows)
    return Photograph(height, width, channels, "; ".join(told))


class _Colours(NamedTuple):
    """Numbers of three colours, or of grey: light is matrix · table[values]."""

    values: NDArray[Any]
    table: Callable[[NDArray[Any]], Light]
    matrix: Floats


def _colours(samples: Samples) -> _Colours:
    space, values = samples.space, samples.values
    if isinstance(space, Profile):
        if space.space is None:
            return _Colours(_by_profile(space, samples), _as_it_is, np.eye(3))
        space = space.space
    matrix = space.matrix if values.shape[2] == 3 else np.ones((3, 1))
    if not samples.bits:
        curve = space.curve
        return _Colours(values, lambda v: curve(v.astype(np.float64)).astype(np.float32), matrix)
    places = np.arange(samples.top + 1, dtype=np.float64) / samples.top
    return _Colours(values, partial(np.take, space.curve(places).astype(np.float32)), matrix)


def _as_it_is(values: Light) -> Light:
    return values


def _by_profile(profile: Profile, samples: Samples) -> Light:
    """Return linear light through LittleCMS, (H, W, 3), not clipped."""
    height, width, _ = samples.values.shape
    light = np.empty((height, width, 3), dtype=np.float32)
    for band in _bands(height, width):
        values = samples.values[band]
        if samples.bits not in (0, 8, 16):
            values = np.divide(values, samples.top, dtype=np.float32)
        light[band] = profile.light(values)
    return light


def _channel(colours: _Colours, weights: Floats) -> Light:
    """Return Σ_j w_j · table[values_j], (H, W), in [0, 1]."""
    height, width, _ = colours.values.shape
    light = np.zeros((height, width), dtype=np.float32)
    for band in _bands(height, width):
        for j in np.flatnonzero(np.abs(weights) > _NOTHING):
            light[band] += np.float32(weights[j]) * colours.table(colours.values[band][..., j])
        np.clip(light[band], 0, 1, out=light[band])
    return light


def _bands(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _BAND // width)
    return (slice(top, top + rows) for top in range(0, height, rows))


def _clipped(colours: _Colours) -> tuple[str, ...]:
    """Say how many pixels lie outside of Rec. 709, by some rows of the photograph."""
    height, width, _ = colours.values.shape
    some = colours.values[:: max(1, height * width // _BAND)]
    light = colours.table(some) @ colours.matrix.T
    share = float(((light < -_OUTSIDE) | (light > 1 + _OUTSIDE)).any(axis=2).mean())
    return (f"{share:.1%} of pixels outside Rec. 709, clipped",) if share > _OUTSIDE else ()


def _reader(data: bytes) -> Callable[[bytes], Samples]:
    """Return the reader of a file by how it begins, whatever its name."""
    if data.startswith(png.SIGNATURE):
        return png.read
    if data.startswith(tiff.SIGNATURES):
        return tiff.read
    if data.startswith(_JPEG_2000):
        return iso_formats.read_jpeg_2000
    if data[4:8] == b"ftyp":
        brands = [data[place : place + 4] for place in (8, *range(16, data[3], 4))]
        if {b"avif", b"avis"} & set(brands):
            return iso_formats.read_avif
        if set(_HEIC_BRANDS) & set(brands):
            return iso_formats.read_heic
    for signature, kind in _SIMPLE.items():
        if data.startswith(signature) and (kind != "WEBP" or data[8:12] == b"WEBP"):
            return partial(common_formats.read, kind=kind)
    allowed = f"files that end in {', '.join(ENDINGS)}, .npy"
    for signature, name in _UNREAD.items():
        if data.startswith(signature):
            raise InputError(f"is {name}, which is not read", allowed=allowed)
    raise InputError("is not an image", allowed=allowed)


_UNREAD = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"8BPS": "a Photoshop file",
    b"%PDF": "a PDF",
    b"\x76\x2f\x31\x01": "OpenEXR",
}
_SIMPLE = {b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"RIFF": "WEBP", b"BM": "BMP"}


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Name the file in what goes wrong inside."""
    try:
        yield
    except InputError as error:
        raise error.within(file=file) from None
    except UnidentifiedImageError:
        raise InputError("damaged: its head cannot be read", file=file) from None
    except Exception as error:  # a damaged file fails in any way
        raise InputError(f"damaged or not an image: {str(error).strip()}", file=file) from None
