"""What models there are: built in, and networks whose weights are published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pdpsych.common.results import Result
from pdpsych.models.address import BUILT_IN, FORM
from pdpsych.models.registry import SOURCES
from pdpsych.models.sources import cache
from pdpsych.models.sources.catalogue import checkpoints
from pdpsych.models.text_table import aligned


class KnownCheckpoint(NamedTuple):
    """A built-in checkpoint.

    Attributes
    ----------
    name
        Its address.
    training
        What it was trained on.
    file
        Name of its file.
    here
        Whether the file is on this machine.

    Examples
    --------
    >>> from pdpsych import models
    >>> models.known().checkpoints[0].training
    'Stylized ImageNet'
    """

    name: str
    training: str
    file: str
    here: bool


@dataclass(frozen=True, eq=False, repr=False)
class KnownModels(Result):
    """What :func:`known` knows.

    Attributes
    ----------
    built_in
        Names of the models that pdpsych has itself.
    sources
        What an address may begin with.
    checkpoints
        Trained weights that are known beside torchvision's own.
    folder
        Where checkpoints are kept on this machine.

    Examples
    --------
    >>> from pdpsych import models
    >>> models.known().built_in
    ('LN', 'LG', 'LGG', 'LGN', 'identity')
    """

    built_in: tuple[str, ...]
    sources: tuple[str, ...]
    checkpoints: tuple[KnownCheckpoint, ...]
    folder: Path

    def _line(self) -> str:
        here = sum(checkpoint.here for checkpoint in self.checkpoints)
        return (
            f"{len(self.built_in)} built in, {len(self.checkpoints)} checkpoints, {here} of them "
            "on this machine"
        )

    def describe(self) -> str:
        """List the built-in models, and the checkpoints with what is on this machine."""
        rows = [("checkpoint", "trained on", "here", "file")]
        for found in self.checkpoints:
            rows.append((found.name, found.training, "yes" if found.here else "no", found.file))
        return "\n".join(
            [
                f"built in: {', '.join(self.built_in)}",
                f"others: {FORM}, with the sources {', '.join(self.sources)};",
                "torchvision's own weights go by its names for them, such as IMAGENET1K_V1",
                f"checkpoints are kept in {self.folder}",
                "",
                *aligned(rows),
            ]
        )


def known() -> KnownModels:
    """Return the built-in models and checkpoints, and which are on this machine.

    Networks of torchvision and timm, with the weights that these know, are not listed.

    Examples
    --------
    >>> from pdpsych import models
    >>> "resnet50@SIN" in models.known().describe()
    True
    """
    found = tuple(
        KnownCheckpoint(
            f"torchvision:{checkpoint.architecture}@{checkpoint.weights}",
            checkpoint.training,
            checkpoint.file,
            cache.on_disk(checkpoint.file) is not None,
        )
        for checkpoint in checkpoints()
    )
    return KnownModels(BUILT_IN, tuple(SOURCES), found, cache.folder())
