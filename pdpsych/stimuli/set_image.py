"""The images of a stimulus set and their pairs of distortions; arrays are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pdpsych.common.errors import InputError
from pdpsych.common.files.arrays import read_archive
from pdpsych.common.results import Result
from pdpsych.displays.encoding import Encoding
from pdpsych.stimuli.log_ratios import log_ratio
from pdpsych.stimuli.manifest import UNIT, ImageEntry, LinearityCheck, PaddingCheck, Pair
from pdpsych.stimuli.question import Question, told

COPY_AGAIN = "copy the set again"
Array = NDArray[np.float32]


class ImageArrays(NamedTuple):
    """An image (C, H, W), and the distortions (P, 2, C, H, W) of its pairs."""

    image: Array
    distortions: Array


@dataclass(frozen=True, eq=False, repr=False)
class SetPair(Result):
    """Two distortions of an image of a stimulus set.

    Attributes
    ----------
    image
        Name of the image.
    entry
        What the manifest says of the pair.
    arrays_sha256
        SHA-256 of the file with the arrays of the image.
    rivals
        Other optima nearly as good, the best first: pairs that can take its place.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pdpsych.stimuli import NewImage, NewPair, StimulusSet
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> pair = NewPair(u, v, sensitivities={"A": (2.0, 1.0)})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     image = NewImage(np.full((1, 8, 8), 0.5), {"dots": pair})
    ...     made = StimulusSet.create(f"{folder}/mine", {"grey": image})
    ...     pair = made["grey"]["dots"]
    ...     pair, float(pair.u.sum())
    (<SetPair: grey/dots, handmade, 1 model>, 1.0)
    """

    image: str
    entry: Pair
    arrays_sha256: str
    _read: Callable[[], Array] = field(compare=False)
    rivals: tuple[SetPair, ...] = ()
    _check: Callable[[], LinearityCheck | None] = field(default=lambda: None, compare=False)

    @property
    def name(self) -> str:
        """Name of the pair."""
        return self.entry.name

    @property
    def rival_of(self) -> str | None:
        """Name of the pair that it is a rival of, None if it is a pair of its own."""
        return self.entry.rival_of

    @property
    def kind(self) -> str:
        """What it is: principal, eigen, generalised, random or handmade."""
        return self.entry.kind

    @property
    def question(self) -> Question | None:
        """What a principal pair answers, with its objective; None for others."""
        return self.entry.asked

    @property
    def sensitivities(self) -> dict[str, tuple[float, float]]:
        """Sensitivity of each model to u and to v."""
        return dict(self.entry.sensitivities)

    @property
    def certificate(self) -> dict[str, Any]:
        """What the solver says of it; empty for pairs that no solver made."""
        return dict(self.entry.certificate)

    @property
    def linearity(self) -> LinearityCheck | None:
        """How far the sensitivities hold for distortions that are not small.

        None where that is not known: see :meth:`pdpsych.stimuli.StimulusSet.finite_responses`.
        """
        return self._check() or self.entry.linearity

    @property
    def padding(self) -> PaddingCheck | None:
        """How much the pair owes to how models pad; nothing for random pairs and older sets."""
        return self.entry.padding

    @property
    def u(self) -> Array:
        """The first distortion, (C, H, W), of unit norm, read-only."""
        return self.distortion(1)

    @property
    def v(self) -> Array:
        """The second distortion, (C, H, W), of unit norm, read-only."""
        return self.distortion(2)

    def distortion(self, number: int) -> Array:
        """Return u (``number`` 1) or v (2), (C, H, W), of unit norm, read-only."""
        if number not in (1, 2):
            raise InputError("no such distortion", field="number", value=number, allowed="1, 2")
        distortion: Array = self._read()[number - 1]
        return distortion

    def likeness(self, other: SetPair) -> tuple[float, float]:
        """Return the |cosine| of both u, and of both v.

        Parameters
        ----------
        other
            A pair of the same image.
        """
        first, second = (pair._read().reshape(2, -1).astype(np.float64) for pair in (self, other))
        u, v = np.abs((first * second).sum(axis=1))
        return float(u), float(v)

    def describe(self) -> str:
        """Say what it is, and the log ratio of each model's sensitivities."""
        lines = [f"{self.image}/{self.name}, {self.kind}"]
        if self.question:
            lines.append(f"  {self.question.describe()}: {told(self.question.objective)}")
        for model, (u, v) in self.sensitivities.items():
            lines.append(f"  {model}: d(u) {u:.4g}, d(v) {v:.4g}, log ratio {log_ratio(u, v):+.2f}")
        return "\n".join(lines)

    def _line(self) -> str:
        count = len(self.entry.sensitivities)
        return f"{self.image}/{self.name}, {self.kind}, {_counted(count, 'model')}"


@dataclass(frozen=True, eq=False, repr=False)
class SetImage(Result):
    """A base image of a stimulus set, with its pairs: ``image["principal"]``.

    Going through it gives its pairs, in order. Rivals of a pair are found by their names, or among
    the pair's.

    Attributes
    ----------
    entry
        What the manifest says of the image.
    arrays_sha256
        SHA-256 of the file with its arrays.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pdpsych.stimuli import NewImage, NewPair, StimulusSet
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     image = NewImage(np.full((1, 8, 8), 0.5), {"dots": NewPair(u, v)})
    ...     made = StimulusSet.create(f"{folder}/mine", {"grey": image})
    ...     [(image.name, image.base.shape, [pair.name for pair in image]) for image in made]
    [('grey', (1, 8, 8), ['dots'])]
    """

    entry: ImageEntry
    arrays_sha256: str
    _read: Callable[[], ImageArrays] = field(compare=False)
    _check: Callable[[Pair], LinearityCheck | None] = field(
        default=lambda pair: None, compare=False
    )

    @property
    def name(self) -> str:
        """Name of the image."""
        return self.entry.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.entry.shape

    @property
    def dimension(self) -> int:
        """Number D of its values; the RMS contrast of an amplitude α is α/√D."""
        return int(np.prod(self.entry.shape))

    @property
    def encoding(self) -> Encoding:
        """What its values mean: ``srgb`` or ``linear``."""
        return self.entry.encoding

    @property
    def base(self) -> Array:
        """The base image s, (C, H, W), in [0, 1], read-only."""
        return self._read().image

    @property
    def pairs(self) -> tuple[SetPair, ...]:
        """Its pairs of distortions, without rivals."""
        return tuple(self._pair(entry) for entry in self.entry.without_rivals)

    @property
    def with_rivals(self) -> tuple[SetPair, ...]:
        """Its pairs, and the rivals of each."""
        return tuple(self._pair(entry) for entry in self.entry.pairs)

    def __len__(self) -> int:
        return len(self.entry.without_rivals)

    def __iter__(self) -> Iterator[SetPair]:
        return iter(self.pairs)

    def __contains__(self, name: object) -> bool:
        return any(pair.name == name for pair in self.entry.pairs)

    def __getitem__(self, name: str) -> SetPair:
        names = [pair.name for pair in self.entry.pairs]
        if name not in names:
            raise InputError(
                f"image {self.name} has no such pair", field="pair", value=name, allowed=names
            )
        return self._pair(self.entry.pairs[names.index(name)])

    def describe(self) -> str:
        """Say what it is, and what each pair is."""
        return "\n".join([self._line(), *(pair.describe() for pair in self.with_rivals)])

    def _pair(self, entry: Pair) -> SetPair:
        number = self.entry.pairs.index(entry)
        return SetPair(
            self.name,
            entry,
            self.arrays_sha256,
            lambda: self._read().distortions[number],
            tuple(self._pair(rival) for rival in self.entry.pairs if rival.rival_of == entry.name),
            lambda: self._check(entry),
        )

    def _line(self) -> str:
        channels, height, width = self.shape
        size = f"{height} × {width}" + (f" × {channels}" if channels > 1 else "")
        return f"{self.name}, {size}, {self.encoding}, {_counted(len(self), 'pair')}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


@lru_cache(maxsize=64)
def read_arrays(path: Path, sha256: str, shape: tuple[int, int, int], pairs: int) -> ImageArrays:
    """Read the arrays of an image; by their SHA-256 those of a set made anew are others."""
    found = read_archive(path, {"image": shape, "distortions": (pairs, 2, *shape)})
    image, distortions = found["image"], found["distortions"]
    # Not a number is in no range either.
    if not (image.min() >= 0 and image.max() <= 1):
        raise InputError("has values outside [0, 1]", file=path, field="image", remedy=COPY_AGAIN)
    norms = np.sqrt((distortions.astype(np.float64) ** 2).sum(axis=(2, 3, 4)))
    if not np.allclose(norms, 1, atol=UNIT):
        raise InputError("are not of unit norm", file=path, field="distortions", remedy=COPY_AGAIN)
    return ImageArrays(image, distortions)
