"""The responses to all distortions of a set; those of an image are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.stimuli.manifest import ImageEntry
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.response_file import (
    ImageResponses,
    Key,
    read_responses,
    response_path,
)
from pdpsych.stimuli.set_image import SetImage


class SetResponses(Mapping[Key, Mapping[str, FiniteResponse]]):
    """D(ε, ±α) by image, pair and number of the distortion, then by model.

    Parameters
    ----------
    entries
        The images.
    read
        Reads what is known of one; called once an image.
    """

    def __init__(self, entries: Iterable[ImageEntry], read: Callable[[ImageEntry], ImageResponses]):
        self._entries = {entry.name: entry for entry in entries}
        self._read = read
        self._found: dict[str, dict[Key, dict[str, FiniteResponse]]] = {}

    def __getitem__(self, key: Key) -> Mapping[str, FiniteResponse]:
        image = key[0]
        if image not in self._found:
            self._found[image] = self._read(self._entries[image]).by_key()
        return self._found[image][key]

    def __iter__(self) -> Iterator[Key]:
        return (
            (entry.name, pair.name, number)
            for entry in self._entries.values()
            for pair in entry.pairs
            for number in (1, 2)
        )

    def __len__(self) -> int:
        return sum(2 * len(entry.pairs) for entry in self._entries.values())


def open_responses(
    folder: Path,
    images: Iterable[SetImage],
    remedy: str,
    calibration_sha256: str | None = None,
) -> SetResponses:
    """Return the responses in the folder of a set, or of a calibration of it.

    Parameters
    ----------
    folder
        Of the set or the calibration.
    images
        Those of the set.
    remedy
        What makes the files.
    calibration_sha256
        Identity of the calibration.

    Raises
    ------
    InputError
        If a file is missing; if it is damaged or of something else, when it is read.
    """
    known = {image.name: image for image in images}
    for image in known:
        if not response_path(folder, image).is_file():
            raise InputError(
                "what the models respond to visible distortions is not known",
                file=folder,
                field=f"images.{image}",
                remedy=remedy,
            )

    arrays = {name: image.arrays_sha256 for name, image in known.items()}
    read = partial(_read, folder, arrays, remedy, calibration_sha256)
    return SetResponses((image.entry for image in known.values()), read)


def _read(
    folder: Path,
    arrays: Mapping[str, str],
    remedy: str,
    calibration_sha256: str | None,
    entry: ImageEntry,
) -> ImageResponses:
    return read_responses(folder, entry, arrays[entry.name], remedy, calibration_sha256)
