"""What models predict of a session's conditions, where its trials are chosen by it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.experiments.design import Condition
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.placement.models.method import Models
from pdpsych.experiments.placement.models.predicted_ratios import largest_differences
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.shown import shown_responses
from pdpsych.stimuli.stimulus_set import StimulusSet

Responses = Mapping[Condition, Mapping[str, FiniteResponse]]

# Models whose log ratios are nowhere further apart, in nats, are not told apart by any trials.
_ALIKE = 0.1


def known_responses(
    experiment: Experiment,
    stimulus_set: StimulusSet,
    calibration: Calibration | None,
    measured: Sequence[Condition],
) -> Responses:
    """Return D of the models that are known in all conditions.

    Raises
    ------
    InputError
        If the set does not know it, or of no model. Where trials ask about models, also if it
        does of less than two, or no two of them differ; where two do not, also if the session is to
        go on until they are told apart.
    """
    asks = isinstance(experiment.method, Models)
    try:
        known = shown_responses(stimulus_set, calibration)
    except InputError as error:
        without = "choose another method than models" if asks else "leave method.prior out"
        raise error.within(remedy=f"{error.remedy}; or {without}") from None
    models = [m for m in stimulus_set.models if all(m in known[c] for c in measured)]
    found = {c: {m: known[c][m] for m in models} for c in measured}
    if len(models) < (2 if asks else 1):
        raise InputError(
            "knows the responses of one model only" if models else "knows no model's responses",
            file=stimulus_set.path,
            field="models",
            value=", ".join(models),
            remedy="method: {kind: adaptive} needs no models; trials can be chosen for two or more",
        )
    if asks:
        _check_apart(experiment, found)
    return found


def _check_apart(experiment: Experiment, responses: Responses) -> None:
    found, models = alike(responses), len(next(iter(responses.values())))
    all_of_them = len(found) == models * (models - 1) // 2
    if not found or (experiment.stop is None and not all_of_them):
        return
    raise InputError(
        f"log ratios of models differ by less than {_ALIKE} nat on everything measured: "
        f"{'; '.join(map(' and '.join, found))}",
        file=experiment.label,
        field="method" if all_of_them else "stop",
        remedy="measure pairs that tell them apart, or "
        + ("method: {kind: adaptive}" if all_of_them else "leave stop out"),
    )


def alike(responses: Responses) -> list[tuple[str, str]]:
    """Return each two models that no trials of the conditions tell apart."""
    return [pair for pair, most in largest_differences(responses).items() if most < _ALIKE]


def responses_sha256(responses: Responses) -> str:
    """Return the SHA-256 of responses, in hexadecimal."""
    digest = hashlib.sha256()
    for condition, of in sorted(responses.items()):
        for model, one in of.items():
            digest.update(f"{condition.name} {model}\n".encode())
            digest.update(np.ascontiguousarray(one.amplitudes, dtype="<f8").tobytes())
            digest.update(np.ascontiguousarray(one.values, dtype="<f8").tobytes())
    return digest.hexdigest()
