"""The responses to all distortions of a set; those of an image are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pdpsych.stimuli.manifest import ImageEntry
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.response_file import ImageResponses, Key


class SetResponses(Mapping[Key, Mapping[str, FiniteResponse]]):
    """D(ε, ±α) by image, pair and number of the distortion, then by model.

    Parameters
    ----------
    entries
        The images.
    read
        Reads what is known of one; called once an image.
    """

    def __init__(
        self, entries: tuple[ImageEntry, ...], read: Callable[[ImageEntry], ImageResponses]
    ):
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
