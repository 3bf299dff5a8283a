"""The files that a recipe's ``space`` names: a mask image, and a basis of distortions."""

from __future__ import annotations

import hashlib
import io
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pdpsych.common.errors import InputError
from pdpsych.common.files.arrays import read_sole_array
from pdpsych.common.files.digests import file_sha256
from pdpsych.common.files.reading import ARRAYS, PHOTOGRAPH, read_bytes
from pdpsych.stimuli.recipe import Recipe

# Of greys; "1" is black and white.
_TOPS = {"1": 1, "L": 255, "I;16": 65535, "I": 65535}


class SpaceDigests(NamedTuple):
    """SHA-256 of the files of a recipe's space, None where it names none."""

    mask: str | None = None
    basis: str | None = None

    @property
    def by_key(self) -> dict[str, str]:
        """Those that there are, by the key of the recipe."""
        return {key: sha256 for key, sha256 in self._asdict().items() if sha256 is not None}


NO_FILES = SpaceDigests()


class SpaceArrays(NamedTuple):
    """What the files hold: a mask (H, W) in [0, 1], and a basis (K, C, H, W)."""

    mask: NDArray[np.float32] | None = None
    basis: NDArray[Any] | None = None


def space_digests(recipe: Recipe) -> SpaceDigests:
    """Return what the files of a recipe's space are known by.

    Raises
    ------
    InputError
        If one is missing or cannot be read.
    """
    found = {}
    for key in SpaceDigests._fields:
        path = getattr(recipe.space, key)
        if path is not None:
            try:
                found[key] = file_sha256(recipe.resolve(path))
            except InputError as error:
                raise error.within(field=f"space.{key}") from None
    return SpaceDigests(**found)


def read_space(recipe: Recipe, digests: SpaceDigests | None = None) -> SpaceArrays:
    """Read the files of a recipe's space.

    Parameters
    ----------
    recipe
        Paths are relative to its file.
    digests
        What they were; None for whatever they are now.

    Raises
    ------
    InputError
        If one cannot be used, has another size than ``preprocess`` makes, or changed.
    """
    readers = {"mask": (_mask, PHOTOGRAPH), "basis": (_basis, ARRAYS)}
    found = {}
    for key, (decode, most) in readers.items():
        path = getattr(recipe.space, key)
        if path is None:
            continue
        file = recipe.resolve(path)
        try:
            data = read_bytes(file, most)
            if digests and hashlib.sha256(data).hexdigest() != getattr(digests, key):
                raise InputError("changed while the set was being made", remedy="run again")
            found[key] = decode(data)
            _check_size(found[key].shape[-2:], recipe)
        except InputError as error:
            raise error.within(file=file, field=f"space.{key}") from None
    return SpaceArrays(**found)


def _check_size(size: tuple[int, ...], recipe: Recipe) -> None:
    wanted = recipe.preprocess.size
    sides = (wanted, wanted) if isinstance(wanted, int) else wanted
    if sides is not None and size != sides:
        raise InputError(
            "has not the size of the images",
            value=size,
            allowed=f"{sides}, height and width as preprocess.size says",
            remedy="make it of that size",
        )


def _mask(data: bytes) -> NDArray[np.float32]:
    """Return the alpha channel of a PNG, or its greys where nothing is transparent."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
                mask = _allowed(image)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError("is no PNG image", remedy="save the mask as PNG") from None
    except Exception as error:  # a damaged file fails in any way
        raise InputError(f"damaged or not a PNG image: {error}") from None
    if not mask.any():
        raise InputError(
            "is empty: it allows no pixel", remedy="paint white, or make opaque, what may change"
        )
    return mask.astype(np.float32)


def _allowed(image: Image.Image) -> NDArray[np.float64]:
    if image.mode in _TOPS and "transparency" not in image.info:
        return np.asarray(image, dtype=np.float64) / _TOPS[image.mode]
    pixels = np.asarray(image.convert("RGBA"), dtype=np.float64) / 255
    colours, alpha = pixels[..., :3], pixels[..., 3]
    if alpha.min() < 1:
        return alpha
    if (colours != colours[..., :1]).any():
        raise InputError(
            "has colours and is nowhere transparent",
            remedy="paint white what may change and black the rest, or make the rest transparent",
        )
    return colours[..., 0]


def _basis(data: bytes) -> NDArray[Any]:
    array = read_sole_array(data)
    if array.ndim != 4 or array.dtype.kind != "f":
        raise InputError(
            "is no array of distortions",
            value=f"{array.dtype} {array.shape}",
            allowed="floats (K, C, H, W)",
        )
    return array
