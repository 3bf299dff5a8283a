"""What simulated studies are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pdpsych.analysis.definition import Analysis
from pdpsych.analysis.scoring.conclusion import deciding_kind
from pdpsych.experiments.design import Condition, conditions
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.labels import Labels
from pdpsych.experiments.observers.spec import ObserverSpec
from pdpsych.experiments.placement.placement import Placement
from pdpsych.experiments.sessions.placements import begin_placements
from pdpsych.experiments.sessions.preparation import Preparation
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.stimuli.thresholds import expected_thresholds


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
        Of each model, the thresholds of people who see like it, in model units.
    ratios
        image, pair, kind, model, log_ratio of the models, on one kind of distortion.
    placements
        Of each condition before the first trial.
    """

    analysis: Analysis
    experiment: Experiment
    observer: ObserverSpec
    thresholds: dict[str, dict[Condition, float]]
    ratios: pd.DataFrame
    placements: dict[Condition, Placement]


def build_world(opened: Analysis, stimulus_set: StimulusSet, spec: ObserverSpec) -> World:
    """Return what studies of an analysis are drawn from, on the kind of pairs that decides."""
    # Every participant sees all images that a study has.
    experiment = opened.open_experiment().model_copy(update={"groups": 1})
    measured = conditions(experiment, stimulus_set)
    shown = pd.MultiIndex.from_tuples({(c.image, c.pair) for c in measured})
    ratios = stimulus_set.log_ratios(rivals=True)
    ratios = ratios[pd.MultiIndex.from_frame(ratios[["image", "pair"]]).isin(shown)]
    ratios = ratios[ratios["kind"] == deciding_kind(ratios["kind"])]
    deciding = set(zip(ratios["image"], ratios["pair"], strict=True))
    measured = tuple(c for c in measured if (c.image, c.pair) in deciding)
    return World(
        opened,
        experiment,
        spec,
        {model: _thresholds(stimulus_set, model, spec) for model in stimulus_set.models},
        ratios,
        _placements(experiment, stimulus_set, measured),
    )


def _thresholds(
    stimulus_set: StimulusSet, model: str, spec: ObserverSpec
) -> dict[Condition, float]:
    found = expected_thresholds(stimulus_set, model, spec.median_threshold_rms)
    return {Condition(*key): value for key, value in found.items()}


def _placements(
    experiment: Experiment, stimulus_set: StimulusSet, measured: Sequence[Condition]
) -> dict[Condition, Placement]:
    """Return the placement of each condition as a session begins."""
    display = experiment.screen()
    calibration = Calibration.of(stimulus_set, display)
    prepared = Preparation(experiment, stimulus_set, display, calibration, Labels("plan"))
    return begin_placements(prepared, measured)
