"""Who answers a trial: the protocol, and observers that are simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol, cast

import numpy as np
from pydantic import Field, model_validator

from pdpsych.common.errors import InputError, did_you_mean
from pdpsych.common.files.digests import seed_of
from pdpsych.common.section import Section, load
from pdpsych.displays.rendering import Shown
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.logs.timing import TrialTiming
from pdpsych.experiments.tasks.phases import PlannedPhase
from pdpsych.experiments.tasks.task import Position
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.stimuli.thresholds import expected_thresholds

Thresholds = dict[Condition, float]
# No display shows the least; nobody who is given the most sees anything.
_LEAST_RMS, _MOST_RMS = 1e-6, 1e6


class Progress(NamedTuple):
    """How far a session is: trials answered and planned, practice trials and those right."""

    done: int
    total: int
    practice: int
    practice_correct: int


@dataclass(frozen=True)
class Presentation:
    """What a trial shows.

    Attributes
    ----------
    planned
        The trial of the design.
    requested
        Amplitude asked for, in model units.
    shown
        What reaches the display of it, with the realised amplitude.
    dither_seed
        Seed of the generator that drew the dither: of the distorted image, of the undistorted
        one, and of the reference shown before them.
    phases
        What is shown until the question, in order.
    progress
        How far the session is before it.
    """

    planned: PlannedTrial
    requested: float
    shown: Shown
    dither_seed: int
    phases: tuple[PlannedPhase, ...]
    progress: Progress

    @property
    def realised(self) -> float:
        """Realised amplitude, in model units."""
        return self.shown.realised


@dataclass(frozen=True)
class Response:
    """The position chosen, the seconds it took and the flips, None where nobody timed them."""

    position: Position
    seconds: float | None = None
    timing: TrialTiming | None = None


class SessionStopped(Exception):
    """The person stopped; everything answered is in the log."""


class Observer(Protocol):
    """Answers trials."""

    @property
    def description(self) -> str:
        """Who it is, as recorded in the trial log."""

    def respond(self, presentation: Presentation) -> Response:
        """Say where the distorted image was; SessionStopped ends the session."""


@dataclass(frozen=True)
class SimulatedObserver:
    """Compares two noisy responses, as the psychometric function of the design assumes.

    The image with the distortion has mean d′ = (α/τ)^b at the realised amplitude, the other
    has mean 0, both have unit variance. Answers depend on seed and trial number only, so that
    a resumed session gets the answers of an undisturbed one.

    Parameters
    ----------
    thresholds
        τ of each (image, pair, distortion), in model units.
    exponent, lapse
        b and λ; a share 2λ of the trials is answered by guessing.
    bias
        Preference for the first (or left) image in units of d′.
    """

    thresholds: Mapping[Condition, float] | Mapping[tuple[str, str, int], float]
    exponent: float = 1.0
    lapse: float = 0.02
    bias: float = 0.0
    seed: int = 0
    description: str = "simulated from given thresholds"

    def respond(self, presentation: Presentation) -> Response:
        """Draw the answer to a trial."""
        return Response(self.answer(presentation.planned, presentation.realised))

    def answer(self, planned: PlannedTrial, realised: float) -> Position:
        """Draw the answer to a trial of a realised amplitude, which needs no frames."""
        rng = np.random.default_rng(seed_of(self.seed, "answer", planned.number))
        noise = rng.standard_normal(2)
        if rng.random() < 2 * self.lapse:
            return cast(Position, int(rng.integers(1, 3)))
        ratio = max(realised, 0.0) / self._threshold(planned.condition)
        signal = np.zeros(2)
        signal[planned.position - 1] = ratio**self.exponent
        first, second = signal + noise
        return 1 if first - second + self.bias > 0 else 2

    def _threshold(self, condition: Condition) -> float:
        try:
            return cast(Mapping[Condition, float], self.thresholds)[condition]
        except KeyError:
            raise InputError(
                f"simulated observer: no threshold for image {condition.image}, pair "
                f"{condition.pair}, distortion {condition.distortion}"
            ) from None


class ObserverSpec(Section):
    """A simulated observer, ``NAME.yaml``: one who sees like a model, or has given thresholds.

    ``thresholds_rms`` holds image → pair → (τ₁, τ₂) in RMS contrast. With ``model`` the
    thresholds are inverse to its sensitivities, with the median observer's geometric mean over
    the set at ``median_threshold_rms``. ``spread`` is the standard deviation between
    participants, in nats, drawn for each participant and condition.
    """

    known_as: ClassVar[str] = "an observer, experiments/observers/NAME.yaml"
    model: str | None = None
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
            raise ValueError("give exactly one of model, thresholds_rms")
        return self


def observer_from(
    source: str | Path | ObserverSpec,
    opened: StimulusSet,
    participant: str = "01",
    session: str = "01",
) -> SimulatedObserver:
    """Return the simulated observer of a specification.

    Parameters
    ----------
    source
        The name of a model of the set, or the YAML file of an :class:`ObserverSpec`.
    participant, session
        Participants have thresholds of their own where the specification has a spread;
        participants and sessions have their own random draws.

    Raises
    ------
    InputError
        If the set has no such model, or a threshold is missing or not above zero.
    """
    is_name = isinstance(source, str) and not source.endswith((".yaml", ".yml"))
    spec = ObserverSpec(model=cast(str, source)) if is_name else load(source, ObserverSpec)
    if spec.model is None:
        thresholds = _given_thresholds(spec, opened)
    else:
        thresholds = _model_thresholds(spec.model, spec.median_threshold_rms, opened)
    fields = spec.model_dump(exclude_none=True).items()
    return SimulatedObserver(
        {c: t * _deviation(spec, participant, c) for c, t in thresholds.items()},
        spec.exponent,
        spec.lapse,
        spec.bias,
        seed_of(spec.seed, participant, session),
        f"simulated: {', '.join(f'{name} {value}' for name, value in fields)}",
    )


def _model_thresholds(model: str, median_rms: float, opened: StimulusSet) -> Thresholds:
    """Return τ = 1/(k·d) with k such that τ/√D has the geometric mean ``median_rms``."""
    if model not in opened.models:
        raise InputError(
            f'observer: "{model}" is neither a model of {opened.path} nor a YAML file; '
            f"{did_you_mean(model, opened.models)}"
        )
    found = expected_thresholds(opened, model, median_rms)
    return {Condition(*key): value for key, value in found.items()}


def _given_thresholds(spec: ObserverSpec, opened: StimulusSet) -> Thresholds:
    thresholds: Thresholds = {}
    for image, pairs in (spec.thresholds_rms or {}).items():
        root = float(np.sqrt(np.prod(opened.entry(image).shape)))
        for pair, values in pairs.items():
            for number, value in enumerate(values, start=1):
                opened.distortion(image, pair, number)
                if not _LEAST_RMS <= value <= _MOST_RMS:
                    raise InputError(
                        f"{spec.label}: thresholds_rms.{image}.{pair}: from "
                        f"{_LEAST_RMS:g} to {_MOST_RMS:g}, got {value}"
                    )
                thresholds[Condition(image, pair, number)] = value * root
    return thresholds


def _deviation(spec: ObserverSpec, participant: str, condition: Condition) -> float:
    rng = np.random.default_rng(seed_of(spec.seed, "spread", participant, *condition))
    return float(np.exp(spec.spread * rng.standard_normal()))
