"""Models that came later, on the distortions of a finished study; needs the ``models`` extra."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pdpsych.analysis.definition import Analysis
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.terminal import progress_bar
from pdpsych.models.address import Address, representation_names
from pdpsych.stimuli.log_ratios import nothing_seen
from pdpsych.stimuli.manifest import ImageEntry
from pdpsych.stimuli.stimulus_set import StimulusSet

if TYPE_CHECKING:
    from pdpsych.models import Representation

SCHEMA = Schema("added model", 1, "score again: pdpsych score ANALYSIS.yaml --add-model ADDRESS")
ModelName = str | Mapping[str, Any] | Address


@dataclass(frozen=True)
class AddedModel:
    """Sensitivities of one model to all distortions of a set.

    Attributes
    ----------
    record
        Everything they depend on: the set, its floor and precision, the model, its noise and
        preprocessing, the SHA-256 of its weights.
    sensitivities
        d(u), d(v) by image and pair.
    """

    record: dict[str, Any]
    sensitivities: dict[str, dict[str, tuple[float, float]]]

    @property
    def name(self) -> str:
        """Name of the model."""
        return str(self.record["name"])


@dataclass(frozen=True)
class AddedModels:
    """Added models on a set."""

    stimulus_set: StimulusSet
    added: list[AddedModel]

    def log_ratios(self) -> pd.DataFrame:
        """Return log d(u)/d(v), one row per image, pair and model; took_part is false.

        Raises
        ------
        InputError
            If one is not finite: the model sees nothing of a distortion.
        """
        rows = [
            (entry.name, pair.name, pair.kind, model.name, False)
            + model.sensitivities[entry.name][pair.name]
            for model in self.added
            for entry in self.stimulus_set.manifest.images
            for pair in entry.pairs
        ]
        columns = ["image", "pair", "kind", "model", "took_part", "u", "v"]
        table = pd.DataFrame(rows, columns=columns)
        with np.errstate(divide="ignore", invalid="ignore"):
            table["log_ratio"] = np.log(table["u"]) - np.log(table["v"])
        for row in table[~np.isfinite(table["log_ratio"])].itertuples():
            unseen = nothing_seen(str(row.model), row.u, row.v)
            raise unseen.within(field=f"images.{row.image}.{row.pair}")
        return table.drop(columns=["u", "v"])

    def models(self) -> dict[str, dict[str, Any]]:
        """Return, for each model, that it took no part, and the SHA-256 of its weights."""
        return {
            model.name: {"took_part": False, "weights_sha256": model.record["weights_sha256"]}
            for model in self.added
        }


def add_to(analysis: Analysis, models: Sequence[ModelName], progress: bool = False) -> AddedModels:
    """Return :func:`add_models` on the set of an analysis, kept in its results folder."""
    stimulus_set = analysis.open_experiment().open_set()
    return add_models(models, stimulus_set, analysis.results / "added_models", progress)


def add_models(
    models: Sequence[ModelName], stimulus_set: StimulusSet, cache: Path, progress: bool = False
) -> AddedModels:
    """Return the sensitivities of models to the distortions of a set, with its floor.

    What was found is kept in ``cache`` under a hash of all it depends on, weights included, and
    not computed again.

    Parameters
    ----------
    models
        As :func:`pdpsych.models.load` takes them; relative paths are relative to the working
        directory.

    Raises
    ------
    InputError
        If a model cannot be read, does not take the images, or is in the set already; or if the
        ``models`` extra is missing.
    """
    for name in representation_names(models):
        if name in stimulus_set.models:
            raise InputError(
                f'add-model: "{name}" is in the stimulus set {stimulus_set.name} already, and '
                "scored with it"
            )
    loaded = _loaded(models, stimulus_set)
    records = {model.name: _record(model, stimulus_set) for model in next(iter(loaded.values()))}
    known = {name: _cached(_file(cache, record), record) for name, record in records.items()}
    missing = [name for name, found in known.items() if found is None]
    for name, values in _sensitivities(missing, loaded, stimulus_set, progress).items():
        made = AddedModel(records[name], values)
        _keep(_file(cache, records[name]), made)
        known[name] = made
    return AddedModels(stimulus_set, [found for found in known.values() if found is not None])


def _loaded(
    models: Sequence[ModelName], stimulus_set: StimulusSet
) -> dict[str, list[Representation]]:
    """Return the models for each encoding among the images of a set."""
    try:
        import torch

        from pdpsych.models import load
    except ImportError as error:
        raise InputError(f"add-model: needs {error.name}; pip install 'pdpsych[models]'") from None
    dtype = getattr(torch, _precision(stimulus_set))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encodings = dict.fromkeys(entry.encoding for entry in stimulus_set.manifest.images)
    return {e: load(models, encoding=e, device=device, dtype=dtype) for e in encodings}


def _precision(stimulus_set: StimulusSet) -> str:
    return str(stimulus_set.manifest.recipe.get("precision", "float32"))


def _record(model: Representation, stimulus_set: StimulusSet) -> dict[str, Any]:
    return {
        "name": model.name,
        "layer": str(model.layer),
        "noise": type(model.noise).__name__,
        **asdict(model.origin),
        "stimulus_set_sha256": stimulus_set.sha256,
        "floor": stimulus_set.manifest.floor,
        "precision": _precision(stimulus_set),
    }


def _file(cache: Path, record: dict[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    return cache / f"{digest[:32]}.json"


def _cached(path: Path, record: dict[str, Any]) -> AddedModel | None:
    """Return what was found before; None if it was not, or the file is damaged."""
    try:
        data = SCHEMA.read(path)
    except InputError:
        return None
    if data.get("record") != record:
        return None
    found = {
        image: {pair: (float(u), float(v)) for pair, (u, v) in pairs.items()}
        for image, pairs in data["sensitivities"].items()
    }
    return AddedModel(record, found)


def _keep(path: Path, model: AddedModel) -> None:
    SCHEMA.write(path, vars(model))


def _sensitivities(
    names: list[str],
    loaded: dict[str, list[Representation]],
    stimulus_set: StimulusSet,
    progress: bool,
) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """Return d(u), d(v) by model, image and pair; all models of an image at once."""
    found: dict[str, dict[str, dict[str, tuple[float, float]]]] = {name: {} for name in names}
    if not names:
        return found
    entries = stimulus_set.manifest.images
    with progress_bar(len(entries), "image", progress) as bar:
        for entry in entries:
            chosen = [model for model in loaded[entry.encoding] if model.name in found]
            values = _at_image(chosen, stimulus_set, entry)
            for name, both in zip((m.name for m in chosen), values, strict=True):
                pairs = zip(entry.pairs, both.tolist(), strict=True)
                found[name][entry.name] = {pair.name: (u, v) for pair, (u, v) in pairs}
            bar.update()
    return found


def _at_image(
    models: list[Representation], stimulus_set: StimulusSet, entry: ImageEntry
) -> np.ndarray:
    """Return sensitivities to the distortions of an image, (models, pairs, 2)."""
    import torch

    from pdpsych.geometry import LocalGeometry

    like = {"dtype": getattr(torch, _precision(stimulus_set))}
    like["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    image = torch.tensor(stimulus_set[entry.name].base, **like)
    distortions = np.stack(
        [pair.distortion(n) for pair in stimulus_set[entry.name] for n in (1, 2)]
    )
    try:
        local = LocalGeometry(models, image, floor=stimulus_set.manifest.floor)
        values = local.sensitivities(local.block(distortions))
    except InputError as error:
        raise InputError(f"add-model: image {entry.name}: {error}") from None
    return values.reshape(len(models), len(entry.pairs), 2)
