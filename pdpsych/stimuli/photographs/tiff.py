"""TIFF files, by tifffile."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdpsych.common.errors import InputError
from pdpsych.stimuli.photographs.profile import Model
from pdpsych.stimuli.photographs.samples import (
    OPAQUE,
    Samples,
    check_profile,
    check_size,
    opaque,
    single,
    spaced,
    with_channels,
)

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_REDUCED, _MASK = 1, 4
# Integers of more bits are made floats: there is no table of their light.
_MOST_BITS = 16
_MODELS: dict[str, tuple[Model, int]] = {
    "MINISWHITE": ("grey", 1),
    "MINISBLACK": ("grey", 1),
    "PALETTE": ("rgb", 1),
    "RGB": ("rgb", 3),
    "SEPARATED": ("cmyk", 4),
    "YCBCR": ("rgb", 3),
    "ICCLAB": ("lab", 3),
}
_JPEG = ("JPEG", "OJPEG", "JPEG_LOSSY")


def read(data: bytes) -> Samples:
    """Read the one full picture of a TIFF file."""
    try:
        from tifffile import TiffFile
    except ImportError:
        raise InputError(
            "needs the package tifffile", remedy="pip install 'pdpsych[models]'"
        ) from None
    with TiffFile(io.BytesIO(data)) as file:
        pages = [page.aspage() for page in file.pages]
        full = [page for page in pages if not page.subfiletype & (_REDUCED | _MASK)]
        single(len(full), "pages")
        (page,) = full or pages[:1]
        return _page(page)


def _page(page: Any) -> Samples:
    photometric = page.photometric.name if hasattr(page.photometric, "name") else "none"
    raw_video = photometric == "YCBCR" and page.compression.name not in _JPEG
    if photometric not in _MODELS or raw_video:
        raise InputError(
            "colours that are not read",
            field="PhotometricInterpretation",
            value=f"{photometric}, not compressed as JPEG" if raw_video else photometric,
            allowed=", ".join(_MODELS),
            remedy="save it as RGB",
        )
    model, channels = _MODELS[photometric]
    values, bits = _values(page)
    told = [f"TIFF, {photometric.lower()} of {bits or 8 * page.dtype.itemsize} bits"]
    if values.shape[2] > channels:
        values = _without_extra(page, values, channels, bits)
        told.append(OPAQUE)
    if values.shape[2] != channels:
        raise InputError(
            "not the number of channels of its colours",
            field="SamplesPerPixel",
            value=values.shape[2],
            allowed=str(channels),
        )
    if photometric == "MINISWHITE":
        values = (2**bits - 1 if bits else 1) - values
        told.append("0 is white: inverted")
    if photometric == "PALETTE":
        values, bits = _of_palette(page, values), 16
    embedded = page.tags.valueof(34675)
    check_profile(embedded, model)
    space, words = spaced(embedded, None)
    if not bits:
        words = words if embedded else "floats without a profile: read as sRGB"
        _check_floats(values)
    if bits > _MOST_BITS:
        values, bits = (values / float(2**bits - 1)).astype(np.float32), 0
    found = Samples(values, bits, model, space, (*told, words))
    return found.turned(int(page.tags.valueof(274, 1)))


def _values(page: Any) -> tuple[NDArray[Any], int]:
    """Return (H, W, C) values and their bits, 0 of floats."""
    kind = page.tags.valueof(339, 1)
    kind = kind[0] if isinstance(kind, tuple) else kind
    if kind not in (1, 3):
        raise InputError(
            "holds signed or complex numbers",
            field="SampleFormat",
            value=int(kind),
            allowed="unsigned integers, floats",
        )
    check_size(page.imagelength, page.imagewidth)
    values = np.asarray(page.asarray())
    if values.ndim == 3 and page.planarconfig == 2:
        values = np.moveaxis(values, 0, -1)
    values = with_channels(values)
    if values.ndim != 3:
        raise InputError("has depth", field="ImageDepth", value=values.shape, allowed="(H, W, C)")
    if values.dtype == bool:
        values = values.astype(np.uint8)
    bits = page.bitspersample
    return values, 0 if kind == 3 else int(bits[0] if isinstance(bits, tuple) else bits)


def _without_extra(page: Any, values: NDArray[Any], channels: int, bits: int) -> NDArray[Any]:
    extra = page.extrasamples
    if values.shape[2] != channels + 1 or len(extra) != 1 or int(extra[0]) not in (0, 1, 2):
        raise InputError(
            "has channels beside its colours",
            field="ExtraSamples",
            value=[int(one) for one in extra],
            allowed="none, or one of transparency",
            remedy="save it without them",
        )
    return opaque(values, channels, 2**bits - 1 if bits else 1.0)


def _of_palette(page: Any, values: NDArray[Any]) -> NDArray[np.generic]:
    colours = np.asarray(page.colormap)
    # Some programs write palettes of 8 bits into the 16 that there are.
    scale = 257 if colours.max() < 256 else 1
    return np.moveaxis(colours[:, values[..., 0]] * scale, 0, -1).astype(np.uint16)


def _check_floats(values: NDArray[Any]) -> None:
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise InputError(
            "has floats that are no shares of white",
            field="values",
            value=f"{np.nanmin(values):g} to {np.nanmax(values):g}",
            allowed="finite values in [0, 1]",
            remedy="scale them, or save an array: .npy",
        )
