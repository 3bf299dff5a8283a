"""From a recipe to a stimulus set; the part of ``stimuli`` that needs torch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pdpsych import geometry, models
from pdpsych.errors import InputError
from pdpsych.geometry.certificate import Progress
from pdpsych.progress import progress_bar
from pdpsych.stimuli import stimulus_set
from pdpsych.stimuli.display import Display, quantise
from pdpsych.stimuli.images import BaseImage, base_images
from pdpsych.stimuli.pairs import PairMaker
from pdpsych.stimuli.recipe import Recipe
from pdpsych.stimuli.stimulus_set import (
    ImageEntry,
    LinearityCheck,
    Manifest,
    Pair,
    StimulusSet,
    array_file,
)
from pdpsych.study import load, validate
from pdpsych.versions import versions

PREVIEW_RMS = 0.05


def generate(
    recipe: str | Path | Recipe, out: str | Path | None = None, progress: bool = False
) -> StimulusSet:
    """Make the stimulus set of a recipe and return it.

    Each image is finished and kept before the next begins, so a run that was interrupted goes
    on where it stopped; the set appears under its name only when whole. A set that is already
    there, made by the same recipe, is returned as it is.

    Parameters
    ----------
    recipe
        A recipe, or its YAML file.
    out
        Folder of the set; by default ``sets/NAME`` beside the recipe.
    progress
        Show progress bars.

    Raises
    ------
    InputError
        If the recipe or an image cannot be used, or ``out`` holds something else.
    """
    recipe = load(recipe, Recipe)
    target = Path(out) if out else recipe.resolve(Path("sets", recipe.stem))
    representations = _representations(recipe)
    images = base_images(recipe)
    resolved = recipe.model_dump(mode="json")
    if target.exists():
        return _existing(target, resolved)
    part = target.with_name(f".{target.name}.{_digest(resolved)[:12]}.part")
    for folder in ("arrays", "previews", "entries"):
        (part / folder).mkdir(parents=True, exist_ok=True)
    entries = _entries(part, recipe, representations, images, progress)
    shutil.rmtree(part / "entries")
    _write_manifest(part, target.name, recipe, resolved, entries)
    os.replace(part, target)
    return StimulusSet.open(target)


def _representations(recipe: Recipe) -> list[models.Representation]:
    try:
        torch.device(recipe.device)
        if recipe.device.startswith("cuda") and not torch.cuda.is_available():
            raise InputError(f"{recipe.label}: device: {recipe.device}: no CUDA device is visible")
    except RuntimeError:
        raise InputError(f'{recipe.label}: device: "{recipe.device}"; allowed: cpu, cuda') from None
    try:
        return models.load(recipe.models)
    except InputError as error:
        raise InputError(f"{recipe.label}: {error}") from None


def _existing(target: Path, resolved: dict[str, Any]) -> StimulusSet:
    found = StimulusSet.open(target)
    if found.manifest.recipe != resolved:
        raise InputError(
            f"{target}: holds a set made by another recipe; delete it or choose another folder"
        )
    return found


def _entries(
    part: Path,
    recipe: Recipe,
    representations: Sequence[models.Representation],
    images: Sequence[BaseImage],
    progress: bool,
) -> list[ImageEntry]:
    """Make the entry of each image, or take the one an interrupted run left."""
    entries = []
    effort = sum(
        getattr(d, "iterations", 1) * getattr(d, "restarts", 1) for d in recipe.distortions
    )
    with progress_bar(len(images) * effort, "step", progress) as bar:
        for count, image in enumerate(images, start=1):
            bar.set_description(image.name)
            done = part / "entries" / f"{image.name}.json"
            if not _is_done(done, image):
                entry = _make_image(part, recipe, representations, image, lambda *_: bar.update())
                _write_atomically(done, entry.model_dump_json().encode())
            entries.append(validate(json.loads(done.read_text()), ImageEntry, str(done)))
            bar.update(count * effort - bar.n)
    return entries


def _is_done(done: Path, image: BaseImage) -> bool:
    if not done.exists():
        return False
    sha256: str = json.loads(done.read_text())["source_sha256"]
    return sha256 == image.source_sha256


def _make_image(
    part: Path,
    recipe: Recipe,
    representations: Sequence[models.Representation],
    image: BaseImage,
    progress: Progress,
) -> ImageEntry:
    dtype = getattr(torch, recipe.precision)
    tensor = torch.from_numpy(image.pixels).to(recipe.device, dtype)
    maker = PairMaker(recipe, representations, tensor, image.name, progress)
    made = [pair for distortion in recipe.distortions for pair in maker.make(distortion)]
    # What is stored is float32: sensitivities are to that, not to what the solver held.
    stored = torch.stack([pair.distortions for pair in made]).to("cpu", torch.float32)
    values = _sensitivities(representations, tensor, stored, recipe.floor)
    checks = _linearity(representations, tensor, stored, recipe)
    pairs = tuple(
        Pair(
            name=pair.name,
            kind=pair.kind,
            sensitivities={
                r.name: (float(d[2 * p]), float(d[2 * p + 1]))
                for r, d in zip(representations, values, strict=True)
            },
            certificate=pair.certificate,
            linearity=checks[p],
        )
        for p, pair in enumerate(made)
    )
    _write_arrays(part / array_file(image.name), image.pixels, stored.numpy())
    _write_previews(part / "previews", image, stored.numpy(), pairs, recipe)
    channels, height, width = image.pixels.shape
    return ImageEntry(
        name=image.name,
        source=image.source,
        source_sha256=image.source_sha256,
        shape=(channels, height, width),
        encoding=recipe.preprocess.encoding,
        pairs=pairs,
    )


def _sensitivities(
    representations: Sequence[models.Representation],
    image: Tensor,
    stored: Tensor,
    floor: float,
) -> NDArray[np.float64]:
    local = geometry.LocalGeometry(representations, image, floor)
    return local.sensitivities(stored.flatten(0, 1).to(image))


def _linearity(
    representations: Sequence[models.Representation],
    image: Tensor,
    stored: Tensor,
    recipe: Recipe,
) -> list[LinearityCheck | None]:
    """Return the check of each pair (P, 2, C, H, W), or None for each if it is switched off."""
    if recipe.linearity is None:
        return [None] * len(stored)
    rms = recipe.linearity.amplitudes_rms
    amplitudes = np.sqrt(image.numel()) * np.array(rms)
    found = geometry.linearity(
        representations, image, stored.flatten(0, 1), amplitudes, recipe.floor
    )
    largest = np.array([0.0, *rms])[found.steps]
    return [
        LinearityCheck(
            amplitudes_rms=rms,
            tolerance=found.tolerance,
            largest_rms=dict(zip(found.names, largest[:, u : u + 2].tolist(), strict=True)),
            log_ratios=dict(zip(found.names, _finite(found.log_ratios(u, u + 1).T), strict=True)),
            reversals=found.reversals(u, u + 1).tolist(),
        )
        for u in range(0, 2 * len(stored), 2)
    ]


def _finite(rows: NDArray[np.float64]) -> list[tuple[float | None, ...]]:
    return [tuple(float(x) if np.isfinite(x) else None for x in row) for row in rows]


def _digest(resolved: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()


def _write_arrays(path: Path, image: NDArray[np.float32], distortions: NDArray[np.float32]) -> None:
    with path.open("wb") as file:
        np.savez(file, image=image, distortions=distortions)


def _write_previews(
    folder: Path,
    image: BaseImage,
    distortions: NDArray[np.float32],
    pairs: Sequence[Pair],
    recipe: Recipe,
) -> None:
    """Write the base image, each distortion scaled to the full range, and each added to it."""
    amplitude = PREVIEW_RMS * np.sqrt(image.pixels.size)
    _write_png(folder / f"{image.name}.png", image.pixels, recipe)
    for pair, both in zip(pairs, distortions, strict=True):
        for number, distortion in enumerate(both, start=1):
            stem = f"{image.name}-{pair.name}-{number}"
            scaled = 0.5 + 0.5 * distortion / np.abs(distortion).max()
            _write_png(folder / f"{stem}.png", scaled, recipe)
            _write_png(folder / f"{stem}-added.png", image.pixels + amplitude * distortion, recipe)


def _write_png(path: Path, image: NDArray[np.floating], recipe: Recipe) -> None:
    screen = Display(dither="none")
    levels = quantise(image, screen, recipe.preprocess.encoding, np.random.default_rng(0))
    pixels = levels.astype(np.uint8)
    Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2)).save(path)


def _write_manifest(
    part: Path,
    name: str,
    recipe: Recipe,
    resolved: dict[str, Any],
    entries: Sequence[ImageEntry],
) -> None:
    files = sorted(p for p in part.rglob("*") if p.is_file() and p.name != stimulus_set.MANIFEST)
    manifest = Manifest(
        schema_version=stimulus_set.SCHEMA_VERSION,
        name=name,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions=versions("torch", "numpy", "pillow", "scikit-image"),
        recipe=resolved,
        floor=recipe.floor,
        models=tuple(recipe.models),
        images=tuple(entries),
        files={str(f.relative_to(part).as_posix()): stimulus_set.sha256_of(f) for f in files},
    )
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
    _write_atomically(part / stimulus_set.MANIFEST, text.encode())


def _write_atomically(path: Path, data: bytes) -> None:
    partial = path.with_name(f"{path.name}.part")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
