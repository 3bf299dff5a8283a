"""Photographs into base images: any file to float in [0, 1], with a declared encoding."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from pdpsych.common.errors import InputError
from pdpsych.common.files.arrays import read_array, read_head
from pdpsych.common.files.digests import file_sha256
from pdpsych.common.files.reading import PHOTOGRAPH, open_regular, read_bytes
from pdpsych.displays.encoding import Array, linear_from_srgb, srgb_from_linear
from pdpsych.stimuli.manifest import file_stem
from pdpsych.stimuli.recipe import Preprocess, Recipe, Source

SAMPLES = ("astronaut", "brick", "camera", "cat", "coffee", "grass", "gravel", "rocket")
ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy")
REC709 = np.array([0.2126, 0.7152, 0.0722])
# Pillow knows forty more, and starts other programs for some.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_DEPTHS = {"L": 255, "RGB": 255, "I;16": 65535, "I;16B": 65535, "I;16L": 65535}


@dataclass(frozen=True)
class BaseImage:
    """A base image of a recipe by reference; its pixels are read when asked for.

    Attributes
    ----------
    name
        Name in the set.
    source
        Where it came from, in words.
    sha256
        Of the file, or of a sample's pixels.
    file
        The file, absolute; None for a sample photograph.
    """

    name: str
    source: str
    sha256: str
    file: Path | None = None

    def check(self, preprocess: Preprocess) -> None:
        """Refuse a photograph whose head tells that it cannot be used.

        Raises
        ------
        InputError
            If it is no image, has colours that are not read, or is too small.
        """
        if self.file is not None and self.file.suffix.lower() != ".npy":
            with (
                open_regular(self.file, PHOTOGRAPH) as file,
                _photograph(file, self.file) as photograph,
            ):
                width, height = photograph.size
                try:
                    _sizes(height, width, preprocess, str(self.file))
                except InputError:
                    # To see how it is held, a PNG is decoded: only where that decides.
                    _sizes(*_upright(photograph), preprocess, str(self.file))

    def pixels(self, preprocess: Preprocess) -> NDArray[np.float32]:
        """Read the image, (C, H, W), float32 in [0, 1].

        Raises
        ------
        InputError
            If it cannot be used (see :func:`load_image`), or changed since it was listed.
        """
        if self.file is None:
            linear = linear_from_srgb(_sample(self.name) / 255)
            return _prepared(linear, preprocess, self.name)
        data = read_bytes(self.file, PHOTOGRAPH)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise InputError(
                "changed while the set was being made", file=self.file, remedy="run again"
            )
        return _decoded(data, self.file, preprocess)


def sample_names() -> tuple[str, ...]:
    """Return the names of the sample photographs (from scikit-image).

    Examples
    --------
    >>> from pdpsych.stimuli import sample_names
    >>> "astronaut" in sample_names()
    True
    """
    return SAMPLES


def base_images(recipe: Recipe) -> list[BaseImage]:
    """List the base images of a recipe, in its order, without decoding them.

    Raises
    ------
    InputError
        If one is missing, cannot be read, or is named twice; or sizes differ and the recipe does
        not say ``mixed_sizes``.
    """
    images = [image for source in recipe.images for image in _from_source(source, recipe)]
    seen: dict[str, str] = {}
    for image in images:
        if image.name in seen:
            raise InputError(
                f"{seen[image.name]} and {image.source} have one name",
                file=recipe.label,
                field="images",
                value=image.name,
                remedy="rename one",
            )
        seen[image.name] = image.source
    if recipe.preprocess.size is None and not recipe.mixed_sizes:
        _check_sizes(images, recipe.label)
    return images


def load_image(path: str | Path, preprocess: Preprocess | None = None) -> NDArray[np.float32]:
    """Read a photograph as a base image (C, H, W), float32 in [0, 1].

    PNG, JPEG, TIFF and BMP hold sRGB values and are decoded to luminance; ``.npy`` holds float
    values (H, W) or (H, W, 3) already in the encoding of ``preprocess``. Grey is Rec. 709
    luminance; resizing (antialiased bilinear) happens in linear light.

    Parameters
    ----------
    path
        The file.
    preprocess
        Size, colour, encoding and range of the base image; by default the photograph's own size,
        in grey, as sRGB.

    Raises
    ------
    InputError
        If the file is missing, unreadable, not grey or RGB, has values that are not finite or
        lie outside [0, 1], or is smaller than asked for.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pdpsych import stimuli
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/ramp.npy", np.linspace(0, 1, 400).reshape(20, 20))
    ...     stimuli.load_image(f"{folder}/ramp.npy", stimuli.Preprocess(size=16)).shape
    (1, 16, 16)
    """
    file = Path(path)
    return _decoded(
        read_bytes(file, PHOTOGRAPH, "a photograph"), file, preprocess or Preprocess(size=None)
    )


def _from_source(source: Source, recipe: Recipe) -> Iterator[BaseImage]:
    if source.sample is not None:
        digest = hashlib.sha256(_sample(source.sample, recipe.label).tobytes()).hexdigest()
        yield BaseImage(source.sample, f"sample {source.sample}", digest)
        return
    files = [recipe.resolve(source.file)] if source.file else _files_in(source, recipe)
    for file in files:
        yield BaseImage(file_stem(file.stem), file.name, file_sha256(file), file.absolute())


def _check_sizes(images: Sequence[BaseImage], label: str) -> None:
    """Refuse images that keep their own sizes where these differ; damaged files are let by."""
    sizes: dict[tuple[int, int], str] = {}
    for image in images:
        size = _own_size(image)
        if size is not None:
            sizes.setdefault(size, image.name)
    if len(sizes) > 1:
        found = ", ".join(f"{name} {height}×{width}" for (height, width), name in sizes.items())
        raise InputError(
            f"sizes differ ({found})",
            file=label,
            field="images",
            remedy="give preprocess.size, or mixed_sizes: true",
        )


def _own_size(image: BaseImage) -> tuple[int, int] | None:
    """Return height and width, even, from the head of a file; None where it does not tell."""
    try:
        if image.file is None:
            height, width = _sample(image.name).shape[:2]
        elif image.file.suffix.lower() == ".npy":
            with open_regular(image.file, PHOTOGRAPH) as file:
                height, width = read_head(file).shape[:2]
        else:
            with (
                open_regular(image.file, PHOTOGRAPH) as file,
                Image.open(file, formats=_FORMATS) as photograph,
            ):
                height, width = _upright(photograph)
    except Exception:  # a damaged file fails in any way
        return None
    return height - height % 2, width - width % 2


def _files_in(source: Source, recipe: Recipe) -> list[Path]:
    folder = recipe.resolve(source.folder or "")
    if not folder.is_dir():
        raise InputError("no such folder", file=recipe.label, field="images", value=str(folder))
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in ENDINGS)
    if not files:
        raise InputError(
            "holds no image",
            file=recipe.label,
            field="images",
            value=str(folder),
            allowed=f"files that end in {', '.join(ENDINGS)}",
        )
    return files


def _sample(name: str, label: str = "samples") -> NDArray[np.uint8]:
    """Return the pixels of a sample photograph, (H, W[, 3])."""
    if name not in SAMPLES:
        raise InputError("unknown sample", file=label, field="images", value=name, allowed=SAMPLES)
    try:
        from skimage import data
    except ImportError:
        raise InputError(
            "sample photographs need scikit-image",
            file=label,
            field="images",
            remedy="pip install 'pdpsych[models]'",
        ) from None
    return np.ascontiguousarray(getattr(data, name)())


def _decoded(data: bytes, file: Path, preprocess: Preprocess) -> NDArray[np.float32]:
    if file.suffix.lower() == ".npy":
        linear = _linear_from_array(data, file, preprocess)
    else:
        linear = _linear_from_photograph(data, file)
    return _prepared(linear, preprocess, str(file))


def _linear_from_photograph(data: bytes, file: Path) -> Array:
    with _photograph(io.BytesIO(data), file) as photograph:
        top = _DEPTHS[photograph.mode]
        pixels = np.asarray(ImageOps.exif_transpose(photograph), dtype=np.float64)
    return linear_from_srgb(pixels / top)


@contextmanager
def _photograph(source: BinaryIO, file: Path) -> Iterator[Image.Image]:
    """Open a photograph; what fails with it inside the block names the file, too."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source, formats=_FORMATS) as photograph:
                if photograph.mode not in _DEPTHS:
                    raise InputError(
                        "not a mode that is read",
                        file=file,
                        field="mode",
                        value=photograph.mode,
                        allowed="grey or RGB without transparency (8 bits, or 16 bits grey)",
                    )
                yield photograph
    except UnidentifiedImageError:
        raise InputError(
            "is not an image", file=file, allowed=f"files that end in {', '.join(ENDINGS)}"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"too large: {error}", file=file) from None
    except InputError:
        raise
    except Exception as error:  # a damaged file fails in any way
        raise InputError(f"damaged or not an image: {error}", file=file) from None


def _upright(photograph: Image.Image) -> tuple[int, int]:
    """Return height and width of a photograph the way it is held."""
    width, height = photograph.size
    turned = photograph.getexif().get(ExifTags.Base.Orientation, 1) > 4
    return (width, height) if turned else (height, width)


def _linear_from_array(data: bytes, file: Path, preprocess: Preprocess) -> Array:
    try:
        pixels = read_array(data)
    except Exception as error:  # a damaged file fails in any way
        raise InputError(f"not a numpy array: {error}", file=file) from None
    if pixels.dtype.kind != "f":
        raise InputError(
            "holds no floats", file=file, field="dtype", value=str(pixels.dtype), allowed="floats"
        )
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)) or 0 in pixels.shape:
        raise InputError(
            "not the shape of an image",
            file=file,
            field="shape",
            value=pixels.shape,
            allowed="(H, W), (H, W, 3)",
        )
    if not np.isfinite(pixels).all():
        raise InputError(
            f"has {np.sum(~np.isfinite(pixels))} values that are not finite", file=file
        )
    if pixels.min() < 0 or pixels.max() > 1:
        raise InputError(
            f"has values from {pixels.min():g} to {pixels.max():g}",
            file=file,
            allowed="values in [0, 1]",
        )
    pixels = pixels.astype(np.float64)
    return linear_from_srgb(pixels) if preprocess.encoding == "srgb" else pixels


def _prepared(linear: Array, preprocess: Preprocess, label: str) -> NDArray[np.float32]:
    """Colour, resize, crop, encode, range: from (H, W[, 3]) in linear light to (C, H, W)."""
    channels = linear[None] if linear.ndim == 2 else np.moveaxis(linear, 2, 0)
    if preprocess.colour == "grey" and len(channels) == 3:
        channels = np.tensordot(REC709, channels, 1)[None]
    if preprocess.colour == "rgb" and len(channels) == 1:
        channels = np.repeat(channels, 3, axis=0)
    cropped = _cropped(channels, preprocess, label)
    encoded = srgb_from_linear(cropped) if preprocess.encoding == "srgb" else cropped
    low, high = preprocess.range
    inside = np.clip(low + (high - low) * encoded, low, high)
    return np.ascontiguousarray(inside, dtype=np.float32)


def _cropped(channels: Array, preprocess: Preprocess, label: str) -> Array:
    height, width = channels.shape[1:]
    resized, target = _sizes(height, width, preprocess, label)
    if resized != (height, width):
        channels = np.stack([_resized(channel, resized) for channel in channels])
    top, left = ((a - b) // 2 for a, b in zip(resized, target, strict=True))
    return channels[:, top : top + target[0], left : left + target[1]]


def _sizes(
    height: int, width: int, preprocess: Preprocess, label: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return height and width after resizing and after cutting; nothing is enlarged."""
    size = preprocess.size
    if size is None:
        # Displays place images of even size on whole pixels.
        target = (height - height % 2, width - width % 2)
    else:
        target = (size, size) if isinstance(size, int) else size
    if preprocess.resize is not None:
        scale = preprocess.resize / min(height, width)
    elif size is not None:
        scale = max(target[0] / height, target[1] / width)
    else:
        scale = 1.0
    resized = (round(height * scale), round(width * scale))
    if scale > 1 or resized[0] < target[0] or resized[1] < target[1] or min(target) < 8:
        raise InputError(
            f"{height}×{width} pixels are too small for preprocess (size {size}, resize "
            f"{preprocess.resize})",
            file=label,
            remedy="images are never enlarged: give larger ones, or a smaller size",
        )
    return resized, target


def _resized(channel: Array, size: tuple[int, int]) -> Array:
    image = Image.fromarray(channel.astype(np.float32))
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR), dtype=np.float64)
