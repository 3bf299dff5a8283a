"""The placements that a session begins with, of what the display can show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import seed_of
from pdpsych.displays.rendering import largest_amplitude
from pdpsych.experiments.design import Condition
from pdpsych.experiments.placement.placement import Placement, Showable
from pdpsych.experiments.sessions.preparation import Preparation


def begin_placements(
    prepared: Preparation, measured: Sequence[Condition]
) -> dict[Condition, Placement]:
    """Return the placement of each condition before its first trial.

    Raises
    ------
    InputError
        If a condition cannot be shown.
    """
    _check_shown(prepared, measured)
    return {condition: _begin(prepared, condition) for condition in measured}


def _begin(prepared: Preparation, condition: Condition) -> Placement:
    experiment, who = prepared.experiment, prepared.labels
    seed = seed_of(experiment.seed, who.participant, who.occasion, "placement", *condition)
    showable = _showable(prepared, condition)
    try:
        return experiment.method.begin(showable, seed)
    except InputError as error:
        raise error.within(file=experiment.label, field="method") from None


def _showable(prepared: Preparation, condition: Condition) -> Showable:
    experiment, opened = prepared.experiment, prepared.stimulus_set
    image = opened[condition.image]
    base, distortion = image.base, image[condition.pair].distortion(condition.distortion)
    most = largest_amplitude(base, distortion, experiment.max_clipped)
    # A distortion of fewer pixels than may clip: until its largest pixel spans the gamut.
    most = most if np.isfinite(most) else float(1 / np.abs(distortion).max())
    least = 0.0
    if prepared.calibration is not None:
        least, largest = prepared.calibration.condition(*condition).range or (0.0, 0.0)
        most = min(most, largest)
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
    return Showable(condition.name, least, most, float(np.sqrt(base.size)))


def _check_shown(prepared: Preparation, measured: Sequence[Condition]) -> None:
    if prepared.calibration is None:
        return
    found = {c.name: prepared.calibration.condition(*c) for c in measured}
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
