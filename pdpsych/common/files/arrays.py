"""Arrays in files that may not be what they say: no more is read than is expected.

What an array claims to be is looked at before its values are, so that neither a claim of more
memory than there is nor zeros compressed a thousand times gets as far as memory.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import ARRAYS, open_regular


class Head(NamedTuple):
    """What the head of a ``.npy`` file says of its array."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        """Size of the values."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def read_head(file: IO[bytes]) -> Head:
    """Read the head of a ``.npy`` file, and leave the file where its values begin.

    Raises
    ------
    ValueError
        If it has none.
    """
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return Head(*read(file))


def read_array(data: bytes) -> NDArray[Any]:
    """Return the array of a ``.npy`` file's content; pickled objects are refused.

    Raises
    ------
    ValueError
        If it is none, or holds less than it says.
    """
    file = io.BytesIO(data)
    head = read_head(file)
    if head.bytes > len(data) - file.tell():
        raise ValueError(f"says that it has {head.bytes} bytes, and has {len(data) - file.tell()}")
    array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return array


def read_sole_array(data: bytes) -> NDArray[Any]:
    """Return the array of the content of a ``.npy`` file, or of a ``.npz`` file that has but one.

    Raises
    ------
    InputError
        If it is neither, or holds less than it says.
    """
    try:
        if not zipfile.is_zipfile(io.BytesIO(data)):
            return read_array(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise InputError("holds more or less than one array", value=", ".join(names))
            if archive.infolist()[0].file_size > ARRAYS:
                raise InputError("is larger than a file of arrays may be")
            return read_array(archive.read(names[0]))
    except InputError:
        raise
    except Exception as error:  # a damaged file fails in any way
        raise InputError(f"not a numpy array: {error}") from None


def read_arrays(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Return all arrays of a ``.npz`` file by name; pickled objects are refused.

    Raises
    ------
    ValueError
        If it is none, or an array holds less than it says, or more than a file of arrays may.
    """
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.file_size > ARRAYS:
                raise ValueError(f"{member.filename} is larger than a file of arrays may be")
        return {
            name.removesuffix(".npy"): read_array(archive.read(name)) for name in archive.namelist()
        }


def read_archive(
    path: Path, expected: Mapping[str, tuple[int, ...]]
) -> dict[str, NDArray[np.float32]]:
    """Return arrays of a ``.npz`` file, read-only, float32 of the expected shapes.

    Raises
    ------
    InputError
        If the file cannot be read, or has no such arrays.
    """
    try:
        with open_regular(path, ARRAYS) as file, zipfile.ZipFile(file) as archive:
            return {name: _member(archive, name, shape) for name, shape in expected.items()}
    except InputError as error:
        raise error.within(file=path) from None
    except Exception as error:  # a damaged file fails in any way
        raise InputError(f"not the arrays of a stimulus set: {error}", file=path) from None


def _member(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    with archive.open(f"{name}.npy") as file:
        head = read_head(file)
        if head.shape != shape or head.dtype != np.float32:
            raise InputError(
                "is another array than expected",
                field=name,
                value=f"{head.dtype} {head.shape}",
                allowed=f"float32 {shape}",
            )
        # One byte more than there should be: where it ends, the archive's checksum is compared.
        values = file.read(head.bytes + 1)
    if len(values) != head.bytes:
        raise InputError(f"has not the {head.bytes} bytes of {shape}", field=name)
    order: Any = "F" if head.fortran_order else "C"
    return np.frombuffer(values, np.float32).reshape(shape, order=order)
