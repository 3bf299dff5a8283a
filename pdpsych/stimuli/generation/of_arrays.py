"""What models see of images and distortions that were given as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pdpsych import geometry, models
from pdpsych.displays.encoding import Encoding
from pdpsych.models import Representation
from pdpsych.models.address import Address, read
from pdpsych.stimuli.generation.image_responses import responses_of
from pdpsych.stimuli.manifest import ImageEntry, RepresentationRecord
from pdpsych.stimuli.responses.response_file import ImageResponses

Wanted = str | Mapping[str, Any] | Address | Representation
Array = NDArray[np.float32]


@dataclass(frozen=True)
class SeenImage:
    """What models see of an image.

    Attributes
    ----------
    sensitivities
        Of each pair, by model, d(u) and d(v).
    derivatives
        By model how far its derivative is its own.
    """

    sensitivities: list[dict[str, tuple[float, float]]]
    derivatives: dict[str, models.DerivativeCheck]
    _finite: geometry.FiniteResponses

    def responses(self, entry: ImageEntry, arrays_sha256: str) -> ImageResponses:
        """Return D(ε, ±α) by amplitude, of the arrays in a file."""
        return responses_of(entry, arrays_sha256, self._finite)


class AskedModels:
    """The models that are asked, in float32 on the CPU.

    Parameters
    ----------
    wanted
        As :func:`pdpsych.models.load` takes them, or representations.

    Attributes
    ----------
    addresses
        How the models are built again; None where one was given as it is.
    """

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self._wanted = wanted
        self._loaded: dict[Encoding, list[Representation]] = {}
        given = any(isinstance(one, Representation) for one in wanted)
        self.addresses = None if given else [_plain(one) for one in wanted]

    def records(self, encoding: Encoding) -> list[RepresentationRecord]:
        """Return what a manifest says of the models."""
        return [
            RepresentationRecord(
                name=r.name, layer=str(r.layer), noise=type(r.noise).__name__, **asdict(r.origin)
            )
            for r in self.loaded(encoding)
        ]

    def see(self, encoding: Encoding, base: Array, distortions: Array, floor: float) -> SeenImage:
        """Return what is seen of an image (C, H, W) and its distortions (P, 2, C, H, W).

        Raises
        ------
        InputError
            If a model does not take the image, or has a derivative that is not its own.
        """
        block = torch.from_numpy(distortions).flatten(0, 1)
        local = self.local(encoding, base, floor)
        finite = geometry.finite_responses_at(local, block)
        pairs = finite.sensitivities.reshape(len(local.names), -1, 2).transpose(1, 0, 2)
        return SeenImage(
            [
                {name: (float(u), float(v)) for name, (u, v) in zip(local.names, own, strict=True)}
                for own in pairs
            ],
            models.check_derivatives(self.loaded(encoding), local.image, distortions=block),
            finite,
        )

    def local(self, encoding: Encoding, base: Array, floor: float) -> geometry.LocalGeometry:
        """Return the models' geometry at an image."""
        return geometry.LocalGeometry(self.loaded(encoding), torch.from_numpy(base), floor=floor)

    def loaded(self, encoding: Encoding) -> list[Representation]:
        """Return the models for images of an encoding; those that are addresses come first."""
        if encoding not in self._loaded:
            named = [one for one in self._wanted if not isinstance(one, Representation)]
            given = [one for one in self._wanted if isinstance(one, Representation)]
            found = models.load(named, encoding=encoding) if named else []
            self._loaded[encoding] = [*found, *given]
        return self._loaded[encoding]


def _plain(one: Wanted) -> Any:
    assert not isinstance(one, Representation)
    address = read(one)
    return address if isinstance(address, str) else address.model_dump(mode="json")
