"""A simulated observer as a file, ``experiments/observers/NAME.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, cast

import numpy as np
from pydantic import Field, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import seed_of
from pdpsych.common.section import Section, load
from pdpsych.experiments.design import Condition
from pdpsych.experiments.observers.model_observer import ModelObserver
from pdpsych.experiments.observers.simulated import SimulatedObserver
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.shown import shown_responses
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.stimuli.thresholds import efficiency, expected_thresholds

Thresholds = dict[Condition, float]
# No display shows the least; nobody who is given the most sees anything.
_LEAST_RMS, _MOST_RMS = 1e-6, 1e6


class ObserverSpec(Section):
    """A simulated observer, ``NAME.yaml``: one who sees like a model, or has given thresholds.

    Attributes
    ----------
    model
        A model of the set, which the observer sees like at the amplitudes and signs shown.
    local
        Whether thresholds are inverse to the sensitivities of the model instead, as though it
        were linear.
    thresholds_rms
        Image → pair → (τ₁, τ₂) in RMS contrast, in place of a model.
    median_threshold_rms
        With a model, the median observer's geometric mean threshold over the set.
    exponent, lapse, bias
        As of a :class:`SimulatedObserver`.
    spread
        Standard deviation of log thresholds between participants, in nats, drawn for each
        participant and condition.
    seed
        Seed of all that is random.

    Examples
    --------
    >>> from pdpsych.experiments import ObserverSpec
    >>> ObserverSpec(model="LGN", spread=0.2).lapse
    0.02
    """

    known_as: ClassVar[str] = "an observer, experiments/observers/NAME.yaml"
    model: str | None = None
    local: bool = False
    thresholds_rms: dict[str, dict[str, tuple[float, float]]] | None = None
    median_threshold_rms: float = Field(0.01, ge=_LEAST_RMS, le=1)
    exponent: float = Field(1.0, gt=0, le=10)
    lapse: float = Field(0.02, ge=0, lt=0.5)
    bias: float = Field(0.0, ge=-10, le=10)
    spread: float = Field(0.0, ge=0, le=5)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _exactly_one(self) -> ObserverSpec:
        if (self.model is None) == (self.thresholds_rms is None):
            raise InputError("give exactly one of model, thresholds_rms")
        if self.local and self.model is None:
            raise InputError("goes with a model", field="local", value=self.local)
        return self

    @property
    def description(self) -> str:
        """Who it is, as recorded in the trial log: of local observers as in version 0.1.0."""
        fields = self.model_dump(exclude_none=True, exclude={"local"}).items()
        how = "" if self.local or self.model is None else " at the amplitudes shown"
        return f"simulated{how}: {', '.join(f'{name} {value}' for name, value in fields)}"


def observer_from(
    source: str | Path | ObserverSpec,
    stimulus_set: StimulusSet,
    participant: str = "01",
    *,
    session: str = "01",
    calibration: Calibration | None = None,
) -> SimulatedObserver | ModelObserver:
    """Return the simulated observer of a specification.

    Parameters
    ----------
    source
        The name of a model of the set, or the YAML file of an :class:`ObserverSpec`, or one.
    stimulus_set
        The set whose distortions it is to see.
    participant
        Participants have thresholds of their own where the specification has a spread, and
        their own random draws.
    session
        Sessions have their own random draws too; with several runs, session and run.
    calibration
        What a display shows of the set: the observer then sees the frames of that display, if the
        models were asked what they see of them.

    Raises
    ------
    InputError
        If the set has no such model, or does not say what it sees at visible amplitudes, or a
        threshold is missing or not above zero.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pdpsych import experiments, stimuli
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> pair = stimuli.NewPair(u, v, sensitivities={"LN": (2.0, 8.0), "LGN": (9.0, 3.0)})
    >>> image = stimuli.NewImage(np.full((1, 8, 8), 0.5), {"dots": pair})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = stimuli.StimulusSet.create(f"{folder}/dots", {"grey": image})
    >>> spec = experiments.ObserverSpec(model="LGN", local=True)
    >>> observer = experiments.observer_from(spec, made)
    >>> u, v = observer.thresholds.values()
    >>> round(v / u, 1)
    3.0
    """
    spec = spec_from(source, stimulus_set)
    seed = seed_of(spec.seed, participant, session)
    if spec.model is None:
        thresholds = _given_thresholds(spec, stimulus_set)
    elif spec.local:
        found = expected_thresholds(stimulus_set, spec.model, spec.median_threshold_rms)
        thresholds = {Condition(*key): value for key, value in found.items()}
    else:
        responses = _responses(spec.model, stimulus_set, calibration)
        typical = efficiency(stimulus_set, responses, spec.median_threshold_rms)
        return ModelObserver(
            responses,
            {c: typical / _deviation(spec, participant, c) for c in responses},
            exponent=spec.exponent,
            lapse=spec.lapse,
            bias=spec.bias,
            seed=seed,
            description=spec.description,
        )
    return SimulatedObserver(
        {c: t * _deviation(spec, participant, c) for c, t in thresholds.items()},
        exponent=spec.exponent,
        lapse=spec.lapse,
        bias=spec.bias,
        seed=seed,
        description=spec.description,
    )


def spec_from(source: str | Path | ObserverSpec, stimulus_set: StimulusSet) -> ObserverSpec:
    """Return a specification, given by itself, its file or a model's name, whose model is known."""
    is_name = isinstance(source, str) and not source.endswith((".yaml", ".yml"))
    spec = ObserverSpec(model=cast(str, source)) if is_name else load(source, ObserverSpec)
    if spec.model is not None and spec.model not in stimulus_set.models:
        raise InputError(
            f"is neither a model of {stimulus_set.path} nor a YAML file"
            if is_name
            else f"is no model of {stimulus_set.path}",
            file=None if is_name else spec.label,
            field="observer" if is_name else "model",
            value=spec.model,
            allowed=stimulus_set.models,
        )
    return spec


def _responses(
    model: str, stimulus_set: StimulusSet, calibration: Calibration | None
) -> dict[Condition, FiniteResponse]:
    """Return D of a model in all conditions of the set."""
    try:
        known = shown_responses(stimulus_set, calibration)
    except InputError as error:
        raise error.within(
            remedy="give an observer's file with local: true, who sees as though the model were "
            "linear"
        ) from None
    return {Condition(*key): of[model] for key, of in known.items() if model in of}


def _given_thresholds(spec: ObserverSpec, opened: StimulusSet) -> Thresholds:
    thresholds: Thresholds = {}
    for image, pairs in (spec.thresholds_rms or {}).items():
        root = float(np.sqrt(opened[image].dimension))
        for pair, values in pairs.items():
            known = opened[image][pair].name
            for number, value in enumerate(values, start=1):
                if not _LEAST_RMS <= value <= _MOST_RMS:
                    raise InputError(
                        "is no threshold in RMS contrast",
                        file=spec.label,
                        field=f"thresholds_rms.{image}.{pair}[{number - 1}]",
                        value=value,
                        allowed=f"{_LEAST_RMS:g} to {_MOST_RMS:g}",
                    )
                thresholds[Condition(image, known, number)] = value * root
    return thresholds


def _deviation(spec: ObserverSpec, participant: str, condition: Condition) -> float:
    rng = np.random.default_rng(seed_of(spec.seed, "spread", participant, *condition))
    return float(np.exp(spec.spread * rng.standard_normal()))
