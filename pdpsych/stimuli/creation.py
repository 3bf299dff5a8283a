"""Making a stimulus set of images and distortions of one's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import new_folder
from pdpsych.common.files.digests import file_sha256
from pdpsych.common.section import validate
from pdpsych.common.versions import versions
from pdpsych.displays.encoding import Encoding
from pdpsych.stimuli.manifest import (
    SCHEMA,
    UNIT,
    Manifest,
    array_file,
    write_manifest,
)
from pdpsych.stimuli.previews import write_previews

if TYPE_CHECKING:
    from pdpsych.stimuli.generation.of_arrays import SeenImage, Wanted

Array = NDArray[np.float32]


@dataclass(frozen=True)
class NewPair:
    """Two distortions for :meth:`pdpsych.stimuli.StimulusSet.create`.

    Attributes
    ----------
    u, v
        (C, H, W), of unit norm.
    sensitivities
        Of each model to u and v, d(u) and d(v): the lengths of its whitened responses to them.
        Either all pairs of a set have those of the same models, or none has. Left out where
        models are to be asked.
    rival_of
        Name of the pair of the image that this one may take the place of in an experiment; without
        one it is a pair of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych.stimuli import NewPair
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> NewPair(u, v, sensitivities={"mine": (2.0, 0.5)}).sensitivities
    {'mine': (2.0, 0.5)}
    """

    u: ArrayLike
    v: ArrayLike
    sensitivities: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rival_of: str | None = None


@dataclass(frozen=True)
class NewImage:
    """A base image with its pairs, for :meth:`pdpsych.stimuli.StimulusSet.create`.

    Attributes
    ----------
    base
        (C, H, W) in [0, 1]; C is 1 (grey) or 3 (red, green and blue).
    pairs
        Its pairs of distortions by name.
    encoding
        What the values mean: ``srgb``, or ``linear`` luminance.
    source
        Where the image is from, in words.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych.stimuli import NewImage, NewPair
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> image = NewImage(np.full((1, 8, 8), 0.5), {"dots": NewPair(u, v)}, source="uniform grey")
    >>> list(image.pairs)
    ['dots']
    """

    base: ArrayLike
    pairs: Mapping[str, NewPair]
    encoding: Encoding = "srgb"
    source: str = "array"


def write_set(
    folder: Path,
    images: Mapping[str, NewImage],
    models: Sequence[Wanted],
    floor: float,
    provenance: Mapping[str, Any],
) -> Path:
    """Write a set and return its folder; see :meth:`pdpsych.stimuli.StimulusSet.create`."""
    arrays = {name: _arrays(name, image) for name, image in images.items()}
    data = _manifest(folder.name, images, arrays, floor, provenance)
    # Whatever names and numbers are wrong is found before anything is written, or models asked.
    validate(data, Manifest, folder)
    seen = _ask(data, arrays, models) if models else {}
    with new_folder(folder) as part:
        _write(part, data, arrays, seen)
    return folder


def _ask(
    data: dict[str, Any], arrays: Mapping[str, tuple[Array, Array]], models: Sequence[Wanted]
) -> dict[str, SeenImage]:
    """Put what models see of all pairs into the data of a manifest, and return it by image."""
    if data["models"]:
        raise InputError(
            "are found of the models", field="sensitivities", remedy="leave sensitivities out"
        )
    try:
        from pdpsych.stimuli.generation.of_arrays import AskedModels
    except ImportError as error:
        raise InputError(f"needs {error.name}", remedy="pip install 'pdpsych[models]'") from None
    try:
        asked = AskedModels(models)
        data["representations"] = asked.records(data["images"][0]["encoding"])
    except InputError as error:
        raise error.within(field="models") from None
    data["models"] = [record.name for record in data["representations"]]
    data["recipe"] |= {"precision": "float32"}
    if asked.addresses is not None:
        data["recipe"] |= {"models": asked.addresses}
    seen = {}
    for entry in data["images"]:
        name = entry["name"]
        try:
            found = asked.see(entry["encoding"], *arrays[name], data["floor"])
        except InputError as error:
            raise error.within(field=f"images.{name}") from None
        entry["derivatives"], seen[name] = found.derivatives, found
        for pair, own in zip(entry["pairs"], found.sensitivities, strict=True):
            pair["sensitivities"] = own
    return seen


def _arrays(name: str, image: NewImage) -> tuple[Array, Array]:
    """Return an image (C, H, W) and its distortions (P, 2, C, H, W), checked."""
    field = f"images.{name}"
    base = _array(image.base, f"{field}.base")
    if base.ndim != 3 or base.shape[0] not in (1, 3) or 0 in base.shape:
        raise InputError(
            "not the shape of an image",
            field=f"{field}.base",
            value=base.shape,
            allowed="(1, H, W) for grey, (3, H, W) for colours",
        )
    if not (base.min() >= 0 and base.max() <= 1):
        raise InputError(
            f"has values from {base.min():g} to {base.max():g}",
            field=f"{field}.base",
            allowed="values in [0, 1]",
        )
    both = [
        [
            _distortion(array, base.shape, f"{field}.pairs.{pair}.{side}")
            for side, array in (("u", new.u), ("v", new.v))
        ]
        for pair, new in image.pairs.items()
    ]
    shape = (len(both), 2, *base.shape)
    return base, np.array(both, dtype=np.float32).reshape(shape)


def _distortion(array: ArrayLike, shape: tuple[int, ...], field: str) -> Array:
    distortion = _array(array, field)
    if distortion.shape != shape:
        raise InputError(
            "has not the shape of its base image",
            field=field,
            value=distortion.shape,
            allowed=str(shape),
        )
    norm = float(np.sqrt((distortion.astype(np.float64) ** 2).sum()))
    if not abs(norm - 1) <= UNIT:
        raise InputError(
            "is not of unit norm",
            field=field,
            value=norm,
            remedy="divide it by numpy.linalg.norm of it, and its sensitivities too",
        )
    return distortion


def _array(array: ArrayLike, field: str) -> Array:
    try:
        found = np.asarray(array)
        if found.dtype.kind not in "fiub":
            raise TypeError(f"of type {found.dtype}")
        return np.ascontiguousarray(found, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"is no array of real numbers: {error}", field=field) from None


def _manifest(
    name: str,
    images: Mapping[str, NewImage],
    arrays: Mapping[str, tuple[Array, Array]],
    floor: float,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    first = next((p for i in images.values() for p in i.pairs.values()), None)
    return {
        "schema_version": SCHEMA.version,
        "name": name,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions("numpy", "pillow"),
        "recipe": {"provenance": _plain(provenance)} if provenance else {},
        "floor": floor,
        "models": list(first.sensitivities) if first else [],
        "representations": [],
        "images": [_entry(name, image, arrays[name][0]) for name, image in images.items()],
        "files": {},
    }


def _entry(name: str, image: NewImage, base: Array) -> dict[str, Any]:
    return {
        "name": name,
        "source": image.source,
        "source_sha256": hashlib.sha256(base.tobytes()).hexdigest(),
        "shape": base.shape,
        "encoding": image.encoding,
        "pairs": [
            {
                "name": pair,
                "kind": "handmade",
                "rival_of": new.rival_of,
                "sensitivities": _plain_sensitivities(new),
            }
            for pair, new in image.pairs.items()
        ],
    }


def _plain_sensitivities(pair: NewPair) -> dict[str, list[float]]:
    return {model: [float(d) for d in both] for model, both in pair.sensitivities.items()}


def _plain(provenance: Mapping[str, Any]) -> Any:
    try:
        return json.loads(json.dumps(dict(provenance), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(f"is no plain data: {error}", field="provenance") from None


def _write(
    part: Path,
    data: dict[str, Any],
    arrays: Mapping[str, tuple[Array, Array]],
    seen: Mapping[str, SeenImage],
) -> None:
    for name in ("arrays", "previews"):
        (part / name).mkdir()
    for entry in data["images"]:
        base, distortions = arrays[entry["name"]]
        with (part / array_file(entry["name"])).open("wb") as file:
            np.savez(file, image=base, distortions=distortions)
        rivals = {pair["name"]: pair["rival_of"] for pair in entry["pairs"]}
        write_previews(part, entry["name"], base, distortions, rivals, entry["encoding"])
    files = sorted(f for f in part.rglob("*") if f.is_file())
    sums = {f.relative_to(part).as_posix(): file_sha256(f) for f in files}
    manifest = Manifest.model_validate(data | {"files": sums})
    # The manifest does not know them: responses can be added later.
    for entry in manifest.images:
        if entry.name in seen:
            arrays_sha256 = sums[array_file(entry.name)]
            seen[entry.name].responses(entry, arrays_sha256).write(part)
    write_manifest(part, manifest)
