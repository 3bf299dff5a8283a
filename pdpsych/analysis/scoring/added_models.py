"""Models that came later, on the distortions of a finished study; needs the ``models`` extra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.digests import json_sha256
from pdpsych.analysis.written import check_written, record_written
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.files.locks import locked
from pdpsych.common.results import Result
from pdpsych.common.section import validate
from pdpsych.common.terminal import progress_bar
from pdpsych.displays.display import Display
from pdpsych.experiments.experiment import Experiment
from pdpsych.models.address import ORIGIN_OF_FILES, Address, representation_names
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.log_ratios import nothing_seen
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.response_file import DistortionResponses, ImageResponses, Key
from pdpsych.stimuli.set_image import SetImage
from pdpsych.stimuli.stimulus_set import StimulusSet

if TYPE_CHECKING:
    from pdpsych.models import Representation

SCHEMA = Schema("added model", 2, "score again: pdpsych score ANALYSIS.yaml --add-model ADDRESS")
ModelName = str | Mapping[str, Any] | Address


@dataclass(frozen=True)
class AddedModel:
    """Sensitivities and responses of one model to all distortions of a set.

    Attributes
    ----------
    record
        Everything they depend on: the set, its floor and precision, the model, its noise and
        preprocessing, the SHA-256 of its weights, and the calibration whose frames it saw.
    sensitivities
        d(u), d(v) by image and pair.
    responses
        D(ε, ±α) by image, of each of its distortions: of what the calibration's display shows,
        where the models of the set were asked that, else of s ± αε.
    """

    record: dict[str, Any]
    sensitivities: dict[str, dict[str, tuple[float, float]]]
    responses: dict[str, tuple[DistortionResponses, ...]]

    @property
    def name(self) -> str:
        """Name of the model."""
        return str(self.record["name"])


@dataclass(frozen=True, eq=False, repr=False)
class AddedModels(Result):
    """Models that took no part in choosing the distortions of a set, with their sensitivities.

    Attributes
    ----------
    stimulus_set
        The set.
    added
        What is known of each model.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> added = analysis.add_models("study", ["LGG"])
    >>> added
    <AddedModels: LGG on stimulus set small>
    >>> analysis.score("study", added=added).ranking["model"].nunique()
    4
    """

    stimulus_set: StimulusSet = field(compare=False)
    added: list[AddedModel]

    def describe(self) -> str:
        """Give the log ratio of each model, mean over the pairs of each kind."""
        mean = self.log_ratios().groupby(["model", "kind"], sort=False)["log_ratio"].mean()
        rows = mean.reset_index().itertuples(index=False, name=None)
        lines = [f"  {model}: {ratio:+.2f} on {kind}" for model, kind, ratio in rows]
        return "\n".join([f"{self._line()}; mean log d(u)/d(v):", *lines])

    def _line(self) -> str:
        names = ", ".join(model.name for model in self.added)
        return f"{names} on stimulus set {self.stimulus_set.name}"

    def log_ratios(self) -> pd.DataFrame:
        """Return log d(u)/d(v), one row per image, pair and model; took_part is false.

        Raises
        ------
        InputError
            If one is not finite: the model sees nothing of a distortion.
        """
        rows = [
            (entry.name, pair.name, pair.pooled_as, model.name, False)
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
            raise unseen.within(file=self.stimulus_set.path, field=f"images.{row.image}.{row.pair}")
        return table.drop(columns=["u", "v"])

    def finite_responses(self) -> dict[Key, dict[str, FiniteResponse]]:
        """Return D(ε, ±α) by image, pair and number of the distortion, then by model.

        As :func:`pdpsych.stimuli.shown_responses` does of the models of the set.
        """
        found: dict[Key, dict[str, FiniteResponse]] = {}
        for image in self.stimulus_set:
            for model in self.added:
                for one in model.responses[image.name]:
                    key = image.name, one.pair, one.distortion
                    found.setdefault(key, {}).update(one.responses(image.dimension))
        return found

    def models(self) -> dict[str, dict[str, Any]]:
        """Return what is known of each model: no part taken, its weights, surrogates if any."""
        return {
            model.name: {"took_part": False, "weights_sha256": model.record["weights_sha256"]}
            | _surrogate(model.record)
            for model in self.added
        }


def add_models(
    analysis: str | Path | Analysis,
    models: Sequence[ModelName],
    *,
    write: bool = True,
    progress: bool = False,
) -> AddedModels:
    """Return sensitivities and responses of other models to the distortions people were shown.

    What was found is kept under a hash of all it depends on, weights included, and not computed
    again. Needs the ``models`` extra.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    models
        As :func:`pdpsych.models.load` takes them; relative paths are relative to the working
        directory.
    write
        Whether to keep what is computed in the results folder of the analysis.
    progress
        Whether to show a progress bar over images.

    Raises
    ------
    InputError
        If a model cannot be read, does not take the images, has a derivative that is not its own,
        or is in the set already; or if the ``models`` extra is missing.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> added = analysis.add_models("study", ["identity"], write=False)
    >>> added
    <AddedModels: identity on stimulus set small>
    >>> added.log_ratios()["log_ratio"].abs().max() < 1e-6  # It sees all distortions alike.
    np.True_
    """
    return add_to(open_analysis(analysis), models, "models", write, progress)


def add_to(
    analysis: Analysis, models: Sequence[ModelName], field: str, write: bool, progress: bool
) -> AddedModels:
    """Return :func:`add_models`; ``field`` is what the caller calls the models in messages."""
    experiment = analysis.open_experiment()
    stimulus_set = experiment.open_set()
    cache = analysis.results / "added_models"
    try:
        frames = _frames(experiment, stimulus_set)
        return _added(models, stimulus_set, frames, cache, write, progress)
    except InputError as error:
        raise error.within(field=field) from None


@dataclass(frozen=True)
class _Frames:
    """What people saw: a display and its calibration, whose frames the set's models saw too."""

    display: Display
    calibration: Calibration


def _frames(experiment: Experiment, stimulus_set: StimulusSet) -> _Frames | None:
    display = experiment.screen()
    found = Calibration.of(stimulus_set, display)
    if found is None or not found.has_finite_responses(stimulus_set):
        return None
    return _Frames(display, found)


def _added(
    models: Sequence[ModelName],
    stimulus_set: StimulusSet,
    frames: _Frames | None,
    cache: Path,
    write: bool,
    progress: bool,
) -> AddedModels:
    for name in representation_names(models):
        if name in stimulus_set.models:
            raise InputError(
                f"in the stimulus set {stimulus_set.name} already, and scored with it", value=name
            )
    loaded = _loaded(models, stimulus_set)
    seen = None if frames is None else frames.calibration.sha256
    records = {
        model.name: _record(model, stimulus_set) | {"calibration_sha256": seen}
        for model in next(iter(loaded.values()))
    }
    known = {name: _cached(_file(cache, record), record) for name, record in records.items()}
    missing = [name for name, found in known.items() if found is None]
    for name, (values, responses) in _found(
        missing, loaded, stimulus_set, frames, progress
    ).items():
        known[name] = made = AddedModel(records[name], values, responses)
        if write:
            _keep(_file(cache, records[name]), made)
    return AddedModels(stimulus_set, [found for found in known.values() if found is not None])


def _loaded(
    models: Sequence[ModelName], stimulus_set: StimulusSet
) -> dict[str, list[Representation]]:
    """Return the models for each encoding among the images of a set."""
    try:
        import torch

        from pdpsych.models import load
    except ImportError as error:
        raise InputError(f"needs {error.name}", remedy="pip install 'pdpsych[models]'") from None
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
        **{k: v for k, v in asdict(model.origin).items() if v or k not in ORIGIN_OF_FILES},
        "stimulus_set_sha256": stimulus_set.sha256,
        "floor": stimulus_set.manifest.floor,
        "precision": _precision(stimulus_set),
        "derivative": model.derivative,
    }


def _surrogate(record: Mapping[str, Any]) -> dict[str, str]:
    return {"derivative": "surrogate"} if record["derivative"] == "surrogate" else {}


def _file(cache: Path, record: dict[str, Any]) -> Path:
    return cache / f"{json_sha256(record)[:32]}.json"


def _cached(path: Path, record: dict[str, Any]) -> AddedModel | None:
    """Return what was found before; None if it was not, or the file is damaged or edited."""
    try:
        check_written(path)
        data = SCHEMA.read(path)
    except InputError:
        return None
    if data.get("record") != record:
        return None
    try:
        found = {
            image: {pair: (float(u), float(v)) for pair, (u, v) in pairs.items()}
            for image, pairs in data["sensitivities"].items()
        }
        responses = {
            image: tuple(validate(one, DistortionResponses, path) for one in each)
            for image, each in data["responses"].items()
        }
    except (InputError, LookupError, TypeError, ValueError, AttributeError):
        return None
    return AddedModel(record, found, responses)


def kept_models(analysis: Analysis, stimulus_set: StimulusSet, names: Sequence[str]) -> AddedModels:
    """Return models that were added to an analysis as they were kept, without their code."""
    found: dict[str, list[AddedModel]] = {name: [] for name in names}
    for path in sorted((analysis.results / "added_models").glob(f"{'?' * 32}.json")):
        record = SCHEMA.read(path).get("record", {})
        own = record.get("name") in found and stimulus_set.is_known_as(
            record.get("stimulus_set_sha256")
        )
        if own and path == _file(path.parent, record) and (kept := _cached(path, record)):
            found[kept.name].append(kept)
    for name, kept_as in found.items():
        if len(kept_as) != 1:
            problem, remedy = "is not kept in one file", "score again with --add-model"
            raise InputError(
                problem, file=analysis.results / "added_models", value=name, remedy=remedy
            )
    return AddedModels(stimulus_set, [kept_as[0] for kept_as in found.values()])


def _keep(path: Path, model: AddedModel) -> None:
    own = model.responses.items()
    responses = {image: [one.model_dump(mode="json") for one in each] for image, each in own}
    with locked(path.parent, doing="an added model is written"):
        record_written(path.parent, [SCHEMA.write(path, vars(model) | {"responses": responses})])


Sensitivities = dict[str, dict[str, tuple[float, float]]]
Responses = dict[str, tuple[DistortionResponses, ...]]


def _found(
    names: list[str],
    loaded: dict[str, list[Representation]],
    stimulus_set: StimulusSet,
    frames: _Frames | None,
    progress: bool,
) -> dict[str, tuple[Sensitivities, Responses]]:
    """Return what is found of each model, by its name; all models of an image at once."""
    found: dict[str, tuple[Sensitivities, Responses]] = {name: ({}, {}) for name in names}
    if not names:
        return found
    with progress_bar(len(stimulus_set), "image", progress) as bar:
        for image in stimulus_set:
            chosen = [model for model in loaded[image.encoding] if model.name in found]
            values, responses = _at_image(chosen, stimulus_set, image, frames)
            for name, both in zip((m.name for m in chosen), values, strict=True):
                pairs = zip(image.with_rivals, both.tolist(), strict=True)
                found[name][0][image.name] = {pair.name: (u, v) for pair, (u, v) in pairs}
                found[name][1][image.name] = tuple(
                    one.of_model(name) for one in responses.distortions
                )
            bar.update()
    return found


def _at_image(
    models: list[Representation],
    stimulus_set: StimulusSet,
    image: SetImage,
    frames: _Frames | None,
) -> tuple[np.ndarray, ImageResponses]:
    """Return sensitivities to the distortions of an image, (models, pairs, 2), and responses."""
    import torch

    from pdpsych.geometry import LocalGeometry, finite_responses_at
    from pdpsych.models import check_derivatives
    from pdpsych.stimuli.calibration.shown_responses import shown_responses_of
    from pdpsych.stimuli.generation.image_responses import responses_of

    like = {"dtype": getattr(torch, _precision(stimulus_set))}
    like["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    base = torch.tensor(image.base, **like)
    pairs = image.with_rivals
    distortions = np.stack([pair.distortion(n) for pair in pairs for n in (1, 2)])
    try:
        local = LocalGeometry(models, base, floor=stimulus_set.manifest.floor)
        block = local.block(distortions)
        check_derivatives(models, base, distortions=block[:2])
        if frames is None:
            found = finite_responses_at(local, block)
            values = found.sensitivities
            responses = responses_of(image.entry, image.arrays_sha256, found)
        else:
            values = local.sensitivities(block)
            own = [c for c in frames.calibration.conditions if c.image == image.name]
            responses = shown_responses_of(image, frames.display, local, own)
    except InputError as error:
        raise error.within(field=f"images.{image.name}") from None
    return values.reshape(len(models), len(pairs), 2), responses
