"""The psychometric functions that models predict, at the efficiency that fits an image best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.names import CONDITION, Floats
from pdpsych.analysis.prediction.efficiency_tables import Answers, EfficiencyTables
from pdpsych.analysis.prediction.evidence import Evidence, sorted_answers
from pdpsych.analysis.prediction.predictive import likeliest_exponent
from pdpsych.analysis.prediction.seen import seen_by
from pdpsych.experiments.placement.psychometric import proportion_correct
from pdpsych.stimuli.responses.finite_response import SIGNS, FiniteResponse

_POINTS = 120
# Curves begin at this part of the smallest amplitude shown.
_BELOW = 0.8


def predicted_curves(
    fit: Fit, evidence: Evidence, models: Sequence[str], conditions: Sequence[tuple[str, ...]]
) -> pd.DataFrame:
    """Return what each model predicts in some conditions, mean over both signs.

    The exponent is the participant's likeliest under the model, k the likeliest for the answers
    to the image.

    Parameters
    ----------
    conditions
        Participant, image, pair, distortion.

    Returns
    -------
    pandas.DataFrame
        Columns participant, image, pair, distortion, model, amplitude, correct.
    """
    seen = seen_by(evidence.timed(), evidence.responses, models)
    frames = []
    for participant in dict.fromkeys(condition[0] for condition in conditions):
        own = seen.select((seen.trials["participant"] == participant).to_numpy())
        answers, log_response, images = sorted_answers(fit, participant, own)
        wanted = [c for c in conditions if c[0] == participant and c[1] in images]
        for model, x in zip(seen.models, log_response, strict=True):
            exponent, log_k = _fitted(x, answers)
            for condition in wanted:
                chosen = own.trials[(own.trials[CONDITION] == list(condition)).all(axis=1)]
                response = evidence.responses[condition[1:]][model]  # type: ignore[index]
                amplitudes = _amplitudes(chosen["amplitude"].to_numpy(float), response)
                k = float(np.exp(log_k[images.index(condition[1])]))
                correct = _curve(response, amplitudes, k, exponent, answers.lapse)
                where = dict(zip(CONDITION, condition, strict=True))
                frames.append(
                    pd.DataFrame(
                        where | {"model": model, "amplitude": amplitudes, "correct": correct}
                    )
                )
    return pd.concat(frames, ignore_index=True)


def _fitted(log_response: Floats, answers: Answers) -> tuple[float, Floats]:
    """Return b of a participant, and log k of each image."""
    tables = EfficiencyTables.build(log_response, answers)
    log_exponent, _ = likeliest_exponent(tables, answers)
    likely = tables.at(np.array([np.exp(log_exponent)]))[0]
    of_images = np.add.reduceat(likely, answers.first_conditions, axis=0)
    return float(np.exp(log_exponent)), tables.log_efficiencies[of_images.argmax(axis=1)]


def _amplitudes(shown: Floats, response: FiniteResponse) -> Floats:
    positive = shown[shown > 0]
    last = min(1.25 * positive.max(), response.largest)
    return np.geomspace(min(_BELOW * positive.min(), last), last, _POINTS)


def _curve(
    response: FiniteResponse, amplitudes: Floats, k: float, exponent: float, lapse: float
) -> Floats:
    signs = [
        proportion_correct(k * response.at(amplitudes, sign), 1.0, exponent, lapse)
        for sign in SIGNS
    ]
    return np.asarray(np.mean(signs, axis=0))
