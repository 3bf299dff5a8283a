"""The stimulus-set format: a folder that carries everything an experiment and a score need.

::

    SET/
      manifest.json            what is in it, how it was made, SHA-256 of every other file
      arrays/IMAGE.npz         image (C, H, W); distortions (P, 2, C, H, W), unit norm; float32
      previews/IMAGE-*.png     to look at; nothing reads them
      scree.png                objectives, where a question has several pairs
      responses/IMAGE.json     D(ε, ±α) of every model, by amplitude; may be added later

Distortions come in pairs (u, v); P pairs an image. The manifest is written last and the folder
is renamed into place, so a folder with a manifest is whole. Responses follow from the rest, so the
manifest does not know them; each file says which arrays it is of.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import file_sha256
from pdpsych.common.results import Result, in_notebooks
from pdpsych.common.tables import made_of
from pdpsych.common.terminal import quoted
from pdpsych.stimuli import set_description
from pdpsych.stimuli.creation import NewImage, write_set
from pdpsych.stimuli.declared import check_declared
from pdpsych.stimuli.log_ratios import log_ratio_table
from pdpsych.stimuli.manifest import (
    MANIFEST,
    ImageEntry,
    LinearityCheck,
    Manifest,
    Pair,
    array_file,
    former_identities,
    place_in,
    read_manifest,
)
from pdpsych.stimuli.recipe import Linearity
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.linearity import linearity_check
from pdpsych.stimuli.responses.response_file import (
    ImageResponses,
    Key,
    read_responses,
    response_path,
)
from pdpsych.stimuli.responses.set_responses import open_responses
from pdpsych.stimuli.scree import scree_table
from pdpsych.stimuli.set_image import COPY_AGAIN, SetImage, read_arrays

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from pdpsych.stimuli.generation.of_arrays import Wanted


@dataclass(frozen=True, eq=False, repr=False)
class StimulusSet(Result):
    """A verified stimulus set on disk; arrays are read when asked for.

    ``set["cat"]`` is an image, ``set["cat"]["principal"]`` one of its pairs; going through a set
    gives its images. Two sets are equal if their manifests are, wherever they are.

    Attributes
    ----------
    path
        The folder.
    manifest
        Its manifest.
    sha256
        Identity of the set: the digest of what its manifest says, which holds the SHA-256 of all
        other files.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pdpsych.stimuli import NewImage, NewPair, StimulusSet
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> pair = NewPair(u, v, sensitivities={"A": (2.0, 1.0), "B": (1.0, 3.0)})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     image = NewImage(np.full((1, 8, 8), 0.5), {"dots": pair})
    ...     _ = StimulusSet.create(f"{folder}/mine", {"grey": image})
    ...     opened = StimulusSet.open(f"{folder}/mine")
    >>> opened
    <StimulusSet: mine, 1 image, 1 pair, 2 models>
    >>> opened.images, "grey" in opened, opened["grey"]["dots"].sensitivities["B"]
    (('grey',), True, (1.0, 3.0))
    """

    path: Path = field(compare=False)
    manifest: Manifest = field(compare=False)
    sha256: str

    @classmethod
    def open(cls, path: str | Path) -> StimulusSet:
        """Open a set and check every file of it against the manifest.

        Parameters
        ----------
        path
            The folder of the set.

        Raises
        ------
        InputError
            If there is no complete set here, a file was changed or is missing, or a newer
            pdpsych wrote it.
        """
        folder = Path(path)
        opened = cls(folder, *read_manifest(folder))
        opened._verify()
        return opened

    @classmethod
    def create(
        cls,
        folder: str | Path,
        images: Mapping[str, NewImage],
        *,
        models: Sequence[Wanted] = (),
        floor: float = 0.0,
        provenance: Mapping[str, Any] | None = None,
    ) -> StimulusSet:
        """Make a set of images and distortions of one's own, of kind ``handmade``.

        Sessions, fits and calibrations use it like any other set; scores and observers that see
        like a model need the sensitivities of models: those of ``models`` are found, or each pair
        brings them.

        Parameters
        ----------
        folder
            Where the set shall be, which has its name; nothing may be there.
        images
            The images by name: letters, digits, - and _.
        models
            What is asked for sensitivities and for responses at visible amplitudes: as
            :func:`pdpsych.models.load` takes them, or representations. Addresses can be built
            again, for ``calibrate(..., models=True)``. Needs the ``models`` extra.
        floor
            η of the sensitivities that the pairs have, see :class:`pdpsych.stimuli.Recipe`.
        provenance
            How they were made, as plain data, to be kept in the manifest.

        Raises
        ------
        InputError
            If something is there already, or an image, a distortion, a sensitivity or a model is
            not as it has to be.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from pdpsych.stimuli import NewImage, NewPair, StimulusSet
        >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[[9, 27]]
        >>> images = {"grey": NewImage(np.full((1, 8, 8), 0.5), {"dots": NewPair(u, v)})}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = StimulusSet.create(f"{folder}/mine", images, models=["identity", "LN"])
        ...     made, made.has_finite_responses, made["grey"]["dots"].sensitivities["identity"]
        (<StimulusSet: mine, 1 image, 1 pair, 2 models>, True, (1.0, 1.0))
        """
        return cls.open(write_set(Path(folder), images, models, floor, provenance or {}))

    @property
    def name(self) -> str:
        """Name of the set."""
        return self.manifest.name

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models whose sensitivities the set holds."""
        return self.manifest.models

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the base images."""
        return tuple(self._entries)

    def is_known_as(self, sha256: str | None) -> bool:
        """Return whether a recorded SHA-256 is that of this set.

        True for :attr:`sha256`, and for what version 0.1.0 recorded: the SHA-256 of the bytes of
        the manifest, as they are or as 0.1.0 wrote them.
        """
        return sha256 == self.sha256 or sha256 in self._former

    def __len__(self) -> int:
        return len(self.manifest.images)

    def __iter__(self) -> Iterator[SetImage]:
        return (self._image(entry) for entry in self.manifest.images)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> SetImage:
        if name in self._entries:
            return self._image(self._entries[name])
        raise InputError(
            "no such image", file=self.path, field="image", value=name, allowed=self.images
        )

    @cached_property
    def _former(self) -> frozenset[str]:
        """What version 0.1.0 knew it by; asked for seldom, and slow for sets of many images."""
        return former_identities(self.path)

    @cached_property
    def _entries(self) -> dict[str, ImageEntry]:
        return {entry.name: entry for entry in self.manifest.images}

    def sensitivities(self, *, rivals: bool = False) -> pd.DataFrame:
        """Return d(ε) of every model, one row per image, pair, model and distortion.

        The column ``kind`` is the kind of the pair, for principal ones what they answer: the name
        of the question.

        Parameters
        ----------
        rivals
            Whether rivals have rows too.
        """
        rows = [
            (entry.name, pair.name, pair.pooled_as, number, model, values[number - 1])
            for entry in self.manifest.images
            for pair in (entry.pairs if rivals else entry.without_rivals)
            for model, values in pair.sensitivities.items()
            for number in (1, 2)
        ]
        columns = ["image", "pair", "kind", "distortion", "model", "sensitivity"]
        return made_of(rows, columns)

    def log_ratios(self, *, rivals: bool = False) -> pd.DataFrame:
        """Return log d(u)/d(v) of every model, one row per image, pair and model.

        Those to the distortions as a display shows them are
        :meth:`pdpsych.stimuli.Calibration.log_ratios`.

        Parameters
        ----------
        rivals
            Whether rivals have rows too.

        Raises
        ------
        InputError
            If one is not finite: the model sees nothing of a distortion.
        """
        return log_ratio_table(self.sensitivities(rivals=rivals), self.path)

    def scree(self) -> pd.DataFrame:
        """Return the objective F of every principal pair: how much its models disagree on it.

        Columns image, question, pair, number, objective: pairs that answer one question are
        numbered from 1, each orthogonal to those before. Without rivals.
        """
        return scree_table(self.manifest.images)

    @property
    def has_finite_responses(self) -> bool:
        """Whether there are files with the responses to the distortions of all images."""
        return bool(self.models) and all(
            response_path(self.path, image).is_file() for image in self.images
        )

    def finite_responses(self) -> Mapping[Key, Mapping[str, FiniteResponse]]:
        """Return D(ε, ±α) by image, pair and number of the distortion, then by model.

        What is known of an image is read when it is first asked for.

        Raises
        ------
        InputError
            If responses to the distortions of an image are missing; with the command that adds
            them. If a file is damaged or of other arrays, when it is read.
        """
        return open_responses(self.path, self, self._respond)

    def image_responses(self, image: str) -> ImageResponses:
        """Return what the file of an image holds of :meth:`finite_responses`.

        Parameters
        ----------
        image
            Its name.

        Raises
        ------
        InputError
            If the file is missing, damaged, or of other arrays.
        """
        found = self[image]
        return read_responses(self.path, found.entry, found.arrays_sha256, self._respond)

    @property
    def _respond(self) -> str:
        return f"run: pdpsych respond {quoted(self.path)}"

    def plot(self, image: str, pair: str, *, rms: float = 0.05, ax: Axes | None = None) -> Axes:
        """Draw a pair: base image, both distortions, and both distorted images at a contrast.

        Parameters
        ----------
        image, pair
            Names of the image and its pair.
        rms
            RMS contrast α/√D of the distorted images.
        ax
            Where to draw; by default on a new figure.
        """
        from pdpsych.stimuli.set_figures import plot_stimuli

        drawn, both = self[image], self[image][pair]
        return plot_stimuli(
            drawn.base,
            both.u,
            both.v,
            encoding=drawn.encoding,
            names=(image, pair),
            rms=rms,
            ax=ax,
        )

    def summary(self) -> str:
        """Say what is in the set, with the first of its pairs."""
        return set_description.summary(self.manifest, self.path, self.sha256)

    def describe(self) -> str:
        """Say what is in the set: each pair, and how far its sensitivities hold."""
        return set_description.description(self.manifest, self.path, self.sha256, tuple(self))

    def _line(self) -> str:
        counts = {
            "image": len(self),
            "pair": sum(len(image) for image in self),
            "rival": sum(len(image.entry.pairs) - len(image) for image in self),
            "model": len(self.models),
        }
        shown = {what: n for what, n in counts.items() if n or what != "rival"}
        told = (f"{n} {what}{'' if n == 1 else 's'}" for what, n in shown.items())
        return ", ".join([self.name, *told])

    def _repr_html_(self) -> str:
        return in_notebooks(self.summary())

    def _image(self, entry: ImageEntry) -> SetImage:
        file = array_file(entry.name)
        sha256 = self.manifest.files.get(file, "")
        pairs = len(entry.pairs)
        return SetImage(
            entry,
            sha256,
            lambda: read_arrays(self.path / file, sha256, entry.shape, pairs),
            lambda pair: self._linearity(entry, pair),
        )

    def _linearity(self, entry: ImageEntry, pair: Pair) -> LinearityCheck | None:
        """Return the check of a pair where the responses of its image are there."""
        if not response_path(self.path, entry.name).is_file():
            return None
        found = self.image_responses(entry.name)
        u, v = (found.by_key()[entry.name, pair.name, number] for number in (1, 2))
        asked = self.manifest.recipe.get("linearity") or Linearity().model_dump()
        contrasts = asked["amplitudes_rms"]
        return linearity_check(pair, (u, v), contrasts, found.dimension)

    def _verify(self) -> None:
        needed = {array_file(image) for image in self.images}
        for missing in sorted(needed - self.manifest.files.keys()):
            raise InputError(f"no entry for {missing}", file=self.path / MANIFEST, field="files")
        check_declared(self.path, self.manifest.files)
        real = os.path.realpath(self.path)
        for file, expected in self.manifest.files.items():
            place = place_in(self.path, file, real)
            try:
                actual = file_sha256(place)
            except InputError as error:
                raise error.within(remedy=COPY_AGAIN) from None
            if actual != expected:
                raise InputError(
                    f"changed since the set was made (its SHA-256 is {actual[:12]}…, the manifest "
                    f"has {expected[:12]}…)",
                    file=self.path / file,
                    remedy=COPY_AGAIN,
                )
