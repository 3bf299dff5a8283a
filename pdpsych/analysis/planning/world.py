"""What simulated studies are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from pdpsych.analysis.definition import Analysis
from pdpsych.analysis.names import Floats
from pdpsych.analysis.prediction.seen import Responses, known_models, known_responses
from pdpsych.analysis.scoring.conclusion import deciding_kind
from pdpsych.common.errors import InputError
from pdpsych.experiments.design import Condition, conditions
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.labels import Labels
from pdpsych.experiments.observers.model_observer import ModelObserver
from pdpsych.experiments.observers.simulated import SimulatedObserver
from pdpsych.experiments.observers.spec import ObserverSpec
from pdpsych.experiments.placement.adaptive import Adaptive
from pdpsych.experiments.placement.models.method import Models
from pdpsych.experiments.placement.placement import Placement
from pdpsych.experiments.placement.posterior import Prior
from pdpsych.experiments.sessions.placements import begin_placements
from pdpsych.experiments.sessions.predictions import alike
from pdpsych.experiments.sessions.preparation import Preparation
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.stimuli.thresholds import efficiency, expected_thresholds


@dataclass(frozen=True)
class World:
    """What a study is drawn from.

    Attributes
    ----------
    analysis, experiment
        How sessions are designed and analysed.
    observer
        Exponent, lapse, bias, seed of the participants, and the spread of their log thresholds.
    thresholds
        Of each model, the thresholds of people who see as though it were linear, in model units.
    ratios
        image, pair, kind, model, log_ratio of the models, on one kind of distortion.
    placements
        Of each condition before the first trial.
    responses
        Of each model in each condition; people see like that. Empty where it is not known: they
        are then local.
    efficiencies
        k of people who see like each model.
    after
        Whether the session of each person begins with what those before answered.
    """

    analysis: Analysis
    experiment: Experiment
    observer: ObserverSpec
    thresholds: dict[str, dict[Condition, float]]
    ratios: pd.DataFrame
    placements: Mapping[Condition, Placement]
    responses: Responses = field(default_factory=dict)
    efficiencies: Mapping[str, float] = field(default_factory=dict)
    after: bool = False

    @property
    def asks(self) -> bool:
        """Whether trials are chosen by what they tell of the nearest model."""
        return isinstance(self.experiment.method, Models)

    @property
    def alike(self) -> tuple[str, ...]:
        """Each two models that no trial tells apart; none where responses are not known."""
        shown = {c: self.responses[c] for c in self.placements} if self.responses else {}
        return tuple(map(" and ".join, alike(shown))) if shown else ()

    def adaptively(self) -> World:
        """Return the same with the adaptive method, of the same prior."""
        kept = self.experiment.method.model_dump(include=set(Prior.model_fields))
        update = {"method": Adaptive(**kept), "stop": None}
        return replace(self, experiment=self.experiment.model_copy(update=update))

    def person(
        self, truth: str, shown: Mapping[Condition, Condition], deviation: Floats, seed: int
    ) -> SimulatedObserver | ModelObserver:
        """Return somebody who sees like a model.

        Parameters
        ----------
        shown
            Conditions of the study, each with that of the set which it shows.
        deviation
            Factor of each threshold.
        """
        spec = self.observer
        if self.responses:
            k = self.efficiencies[truth] / deviation
            return ModelObserver(
                {c: self.responses[original][truth] for c, original in shown.items()},
                dict(zip(shown, k.tolist(), strict=True)),
                exponent=spec.exponent,
                lapse=spec.lapse,
                bias=spec.bias,
                seed=seed,
            )
        typical = np.array([self.thresholds[truth][original] for original in shown.values()])
        return SimulatedObserver(
            dict(zip(shown, (typical * deviation).tolist(), strict=True)),
            exponent=spec.exponent,
            lapse=spec.lapse,
            bias=spec.bias,
            seed=seed,
        )


def build_world(opened: Analysis, stimulus_set: StimulusSet, spec: ObserverSpec) -> World:
    """Return what studies of an analysis are drawn from, on the kind of pairs that decides."""
    # Every participant sees all images that a study has; before the first nobody was measured.
    experiment, after = opened.open_experiment().model_copy(update={"groups": 1}), False
    if isinstance(experiment.method, Models):
        after = bool(experiment.method.after)
        alone = experiment.method.model_copy(update={"after": ()})
        experiment = experiment.model_copy(update={"method": alone})
    measured = conditions(experiment, stimulus_set)
    shown = pd.MultiIndex.from_tuples({(c.image, c.pair) for c in measured})
    ratios = stimulus_set.log_ratios(rivals=True)
    ratios = ratios[pd.MultiIndex.from_frame(ratios[["image", "pair"]]).isin(shown)]
    ratios = ratios[ratios["kind"] == deciding_kind(ratios["kind"])]
    deciding = set(zip(ratios["image"], ratios["pair"], strict=True))
    measured = tuple(c for c in measured if (c.image, c.pair) in deciding)
    calibration = Calibration.of(stimulus_set, experiment.screen())
    responses = {} if spec.local else _responses(stimulus_set, calibration, measured)
    if isinstance(experiment.method, Models) and not responses:
        raise InputError(
            "trials are chosen by what models see at visible amplitudes, and so people see here",
            file=experiment.label,
            field="method",
            remedy="plan without local: true, with responses of all models: pdpsych respond SET",
        )
    models, rms = stimulus_set.models, spec.median_threshold_rms
    prepared = Preparation(
        experiment, stimulus_set, experiment.screen(), calibration, Labels("plan"),
        {c: min(responses[c][m].largest for m in models) for c in measured} if responses else None,
    )  # fmt: skip
    return World(
        opened,
        experiment,
        spec,
        {model: _thresholds(stimulus_set, model, rms) for model in models},
        ratios,
        begin_placements(prepared, measured),
        responses,
        {
            m: efficiency(
                stimulus_set, {key: of[m] for key, of in responses.items() if m in of}, rms
            )
            for m in (models if responses else ())
        },
        after,
    )


def _responses(
    stimulus_set: StimulusSet, calibration: Calibration | None, measured: Sequence[Condition]
) -> Responses:
    """Return all known responses; none where those of some model to what is measured are not."""
    known = known_responses(stimulus_set, calibration)
    every = known_models(known, measured, stimulus_set.models)
    return known if len(every) == len(stimulus_set.models) else {}


def _thresholds(stimulus_set: StimulusSet, model: str, median_rms: float) -> dict[Condition, float]:
    found = expected_thresholds(stimulus_set, model, median_rms)
    return {Condition(*key): value for key, value in found.items()}
