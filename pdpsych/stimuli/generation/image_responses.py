"""What is kept of the responses of models to the distortions of an image."""

from __future__ import annotations

from pdpsych import geometry
from pdpsych.common.versions import versions
from pdpsych.stimuli.manifest import ImageEntry
from pdpsych.stimuli.responses.response_file import SCHEMA, DistortionResponses, ImageResponses


def responses_of(
    entry: ImageEntry, arrays_sha256: str, found: geometry.FiniteResponses
) -> ImageResponses:
    """Return what is kept of the responses to the distortions of an image, two of each pair."""
    return ImageResponses(
        schema_version=SCHEMA.version,
        image=entry.name,
        arrays_sha256=arrays_sha256,
        versions=versions("torch", "numpy"),
        dimension=found.dimension,
        floors=dict(zip(found.names, found.floors.tolist(), strict=True)),
        distortions=tuple(
            DistortionResponses.of(
                entry.pairs[k // 2].name,
                k % 2 + 1,
                curves.amplitudes / found.dimension**0.5,
                dict(zip(found.names, curves.values, strict=True)),
                dict(zip(found.names, curves.ended, strict=True)),
                dict(zip(found.names, curves.missed.tolist(), strict=True)),
            )
            for k, curves in enumerate(found.curves)
        ),
    )
