"""The placements that a session begins with, of what the display can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import seed_of
from pdpsych.displays.rendering import largest_amplitude
from pdpsych.experiments.design import Condition
from pdpsych.experiments.logs.records import Trial
from pdpsych.experiments.placement.adaptive import AdaptivePlacement
from pdpsych.experiments.placement.models.earlier import Answer
from pdpsych.experiments.placement.models.expected_thresholds import expecting_models
from pdpsych.experiments.placement.models.method import Models
from pdpsych.experiments.placement.models.model_placements import ModelPlacements
from pdpsych.experiments.placement.placement import Placement, Showable
from pdpsych.experiments.placement.placements import Placements
from pdpsych.experiments.placement.posterior import Prior
from pdpsych.experiments.sessions.course import in_order
from pdpsych.experiments.sessions.preparation import Preparation
from pdpsych.stimuli.responses.finite_response import FiniteResponse


def begin_placements(prepared: Preparation, measured: Sequence[Condition]) -> Placements[Condition]:
    """Return the placements of all conditions before the first trial.

    Raises
    ------
    InputError
        If a condition cannot be shown.
    """
    _check_shown(prepared, measured)
    _check_stop(prepared)
    each = {condition: _begin(prepared, condition) for condition in measured}
    after = [[_answer(trial) for trial in log.counted] for log in prepared.earlier]
    return together(prepared.experiment.method, each, prepared.responses, after)


def together(
    method: Prior,
    each: Mapping[Condition, Placement],
    responses: Mapping[Condition, Mapping[str, FiniteResponse]],
    after: Sequence[Sequence[Answer]] = (),
) -> Placements[Condition]:
    """Return the placements of conditions that a session measures.

    Parameters
    ----------
    method
        The method of the experiment.
    each
        What it began of each condition.
    responses
        D of the models in each condition, where the method uses models.
    after
        What each of some earlier participants answered, where the method asks about models.
    """
    if isinstance(method, Models):
        own = {c: one for c, one in each.items() if isinstance(one, AdaptivePlacement)}
        return ModelPlacements(own, responses, method.explore, after)
    return Placements(expecting_models(each, responses) if method.uses_models else each)


def _begin(prepared: Preparation, condition: Condition) -> Placement:
    experiment, who = prepared.experiment, prepared.labels
    seed = seed_of(experiment.seed, who.participant, who.occasion, "placement", *condition)
    showable = _showable(prepared, condition)
    try:
        return experiment.method.begin(showable, seed)
    except InputError as error:
        raise error.within(file=experiment.label, field="method") from None


def _answer(trial: Trial) -> Answer:
    condition = Condition(trial.image, trial.pair, trial.distortion)
    return Answer(condition, trial.realised, trial.correct, trial.easy)


def _showable(prepared: Preparation, condition: Condition) -> Showable:
    experiment, calibration = prepared.experiment, prepared.calibration
    least, most = 0.0, np.inf
    if calibration is not None:
        least, most = prepared.shown(condition).range or (0.0, 0.0)
    # What clips less than this was asked of the calibration already.
    if calibration is None or calibration.max_clipped > experiment.max_clipped:
        most = min(most, _unclipped(prepared, condition))
    if prepared.known is not None:
        most = min(most, prepared.known.get(condition, 0.0))
        if most <= least:
            raise InputError(
                "the simulated observer's model is known at no amplitude that is shown",
                file=prepared.stimulus_set.path,
                field=condition.name,
                remedy="ask the models for what the display shows: pdpsych calibrate --models",
            )
    if most <= least:
        raise InputError(
            f"no amplitude of {condition.name} clips at most so much of its pixel values and is "
            "shown faithfully",
            file=experiment.label,
            field="max_clipped",
            value=experiment.max_clipped,
            remedy=f"allow more, or map image {condition.image} into a smaller range in the set's "
            "recipe (preprocess.range)",
        )
    dimension = prepared.stimulus_set[condition.image].dimension
    return Showable(condition.name, least, most, float(np.sqrt(dimension)))


def _unclipped(prepared: Preparation, condition: Condition) -> float:
    """Return the largest amplitude that clips no more than the experiment allows."""
    image = prepared.stimulus_set[condition.image]
    distortion = image[condition.pair].distortion(condition.distortion)
    most = largest_amplitude(image.base, distortion, prepared.experiment.max_clipped)
    # A distortion of fewer pixels than may clip: until its largest pixel spans the gamut.
    return most if np.isfinite(most) else float(1 / np.abs(distortion).max())


def _check_stop(prepared: Preparation) -> None:
    stop = prepared.experiment.stop
    if stop is None:
        return
    count, practice = prepared.count, prepared.practice
    first = in_order(prepared.experiment, len(prepared.measured))
    first = first - practice if first < count else 0
    count -= practice
    if stop.least >= count:
        problem, field = "all trials are shown before the session may end", "least"
        allowed = f"less than the {count} trials of the design"
    elif stop.most is not None and not first < stop.most <= count:
        problem, field = "is no number of trials after which the session can end", "most"
        allowed = f"more than {first}, of the first round, up to the {count} of the design"
    else:
        return
    raise InputError(
        problem,
        file=prepared.experiment.label,
        field=f"stop.{field}",
        value=getattr(stop, field),
        allowed=allowed,
    )


def _check_shown(prepared: Preparation, measured: Sequence[Condition]) -> None:
    if prepared.calibration is None:
        return
    found = {c.name: prepared.shown(c) for c in measured}
    problems = {name: one.problems for name, one in found.items() if one.range is None}
    if problems:
        errors = [
            InputError(
                f"cannot be shown: {'; '.join(why)}", file=prepared.experiment.label, field=name
            )
            for name, why in problems.items()
        ]
        raise InputError.of(errors).within(
            remedy=f"leave them out: leave_out: [{', '.join(problems)}]"
        )
