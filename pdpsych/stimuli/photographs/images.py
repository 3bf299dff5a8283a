"""Photographs into base images: any file to float in [0, 1], with a declared encoding."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pdpsych.common.errors import InputError
from pdpsych.common.files.arrays import read_array, read_head
from pdpsych.common.files.digests import file_sha256
from pdpsych.common.files.reading import PHOTOGRAPH, open_regular, read_bytes
from pdpsych.stimuli.manifest import file_stem
from pdpsych.stimuli.photographs.colour_space import LINEAR, SRGB
from pdpsych.stimuli.photographs.folder import PhotographFolder
from pdpsych.stimuli.photographs.photograph import (
    ENDINGS,
    Photograph,
    in_light,
    read_photograph,
    upright_size,
)
from pdpsych.stimuli.photographs.preparation import prepared
from pdpsych.stimuli.photographs.samples import Samples
from pdpsych.stimuli.recipe import Preprocess, Recipe, Source

SAMPLES = ("astronaut", "brick", "camera", "cat", "coffee", "grass", "gravel", "rocket")
_ARRAY = ".npy"
_LONGEST_NAME = 60
_TAKEN = re.compile("(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)


class PreparedImage(NamedTuple):
    """A base image: (C, H, W), float32 in [0, 1], and what was done to its photograph."""

    pixels: NDArray[np.float32]
    told: str


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

    def prepare(self, preprocess: Preprocess) -> PreparedImage:
        """Read the image and make a base image of it.

        Raises
        ------
        InputError
            If it cannot be used (see :func:`load_image`), or changed since it was listed.
        """
        if self.file is None:
            photograph = in_light(_samples_of(_sample(self.name), 8), preprocess.colour)
            return _prepared(photograph, preprocess, self.name)
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
        # Some systems do not tell capitals apart.
        key = image.name.casefold()
        if key in seen:
            raise InputError(
                f"{seen[key]} and {image.source} have one name",
                file=recipe.label,
                field="images",
                value=image.name,
                remedy="rename one",
            )
        seen[key] = image.source
    if recipe.preprocess.size is None and not recipe.mixed_sizes:
        _check_sizes(images, recipe.label)
    return images


def folders_described(recipe: Recipe) -> Iterator[str]:
    """Say of each folder of a recipe how many of its files are used, where that is not all."""
    for source in recipe.images:
        if source.folder is not None:
            folder = recipe.resolve(source.folder)
            if told := PhotographFolder.of(folder).describe():
                yield f"{folder}: {told}"


def load_image(path: str | Path, preprocess: Preprocess | None = None) -> NDArray[np.float32]:
    """Read a photograph as a base image (C, H, W), float32 in [0, 1].

    Its numbers mean what the file says (see :func:`read_photograph`); ``.npy`` holds float values
    (H, W) or (H, W, 3) already in the encoding of ``preprocess``. Grey is Rec. 709 luminance;
    resizing (antialiased bilinear) happens in linear light.

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
        If the file is missing, cannot be used, has values that are not finite or lie outside
        [0, 1], or is smaller than asked for.

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
    ).pixels


def _from_source(source: Source, recipe: Recipe) -> Iterator[BaseImage]:
    if source.sample is not None:
        digest = hashlib.sha256(_sample(source.sample, recipe.label).tobytes()).hexdigest()
        yield BaseImage(source.sample, f"sample {source.sample}", digest)
        return
    files = [recipe.resolve(source.file)] if source.file else _files_in(source, recipe)
    for file in files:
        yield BaseImage(_plain_name(file.stem), file.name, file_sha256(file), file.absolute())


def _plain_name(stem: str) -> str:
    """Return a name that all systems hold: short, and not one that Windows has taken."""
    name = file_stem(stem)
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 9]}-{hashlib.sha256(stem.encode()).hexdigest()[:8]}"
    return f"{name}-image" if _TAKEN.fullmatch(name) else name


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
            with open_regular(image.file, PHOTOGRAPH) as file:
                height, width = upright_size(file)
    except Exception:  # a damaged file fails in any way
        return None
    return height - height % 2, width - width % 2


def _files_in(source: Source, recipe: Recipe) -> list[Path]:
    folder = recipe.resolve(source.folder or "")
    if not folder.is_dir():
        raise InputError("no such folder", file=recipe.label, field="images", value=str(folder))
    files = PhotographFolder.of(folder).used
    if not files:
        raise InputError(
            "holds no image",
            file=recipe.label,
            field="images",
            value=str(folder),
            allowed=f"files that end in {', '.join((*ENDINGS, _ARRAY))}",
        )
    return list(files)


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


def _decoded(data: bytes, file: Path, preprocess: Preprocess) -> PreparedImage:
    if file.suffix.lower() == _ARRAY:
        photograph = in_light(_array(data, file, preprocess), preprocess.colour)
    else:
        photograph = read_photograph(data, file, preprocess.colour)
    return _prepared(photograph, preprocess, str(file))


def _prepared(photograph: Photograph, preprocess: Preprocess, label: str) -> PreparedImage:
    return PreparedImage(prepared(photograph, preprocess, label), photograph.told)


def _samples_of(values: NDArray[Any], bits: int, encoding: str = "srgb") -> Samples:
    """Return values (H, W[, 3]) in an encoding."""
    grey = values.ndim == 2
    space = SRGB if encoding == "srgb" else LINEAR
    return Samples(values[..., None] if grey else values, bits, "grey" if grey else "rgb", space)


def _array(data: bytes, file: Path, preprocess: Preprocess) -> Samples:
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
    return _samples_of(pixels, 0, preprocess.encoding)
