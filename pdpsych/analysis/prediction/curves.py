"""The psychometric functions that models predict, at the efficiency that fits a pair best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.names import CONDITION, Floats
from pdpsych.analysis.prediction.efficiency_tables import Answers, EfficiencyTables
from pdpsych.analysis.prediction.evidence import Evidence, sorted_answers
from pdpsych.analysis.prediction.predictive import likeliest_exponent
from pdpsych.analysis.prediction.seen import seen_by
from pdpsych.stimuli.responses.finite_response import SIGNS, FiniteResponse

_Key = tuple[str, str, int]
_POINTS = 120
# Curves begin at this part of the smallest amplitude shown.
_BELOW = 0.8


def predicted_curves(
    fit: Fit,
    evidence: Evidence,
    models: Sequence[str],
    conditions: Sequence[tuple[str, str, str, int]],
) -> pd.DataFrame:
    """Return what each model predicts in some conditions, mean over both signs.

    The exponent is the participant's likeliest under the model, k the likeliest for the answers
    to both distortions of the pair.

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
        answers, log_response, _ = sorted_answers(fit, participant, own)
        amplitudes = {
            cast("_Key", key): rows.to_numpy(dtype=float)
            for key, rows in own.trials.groupby(CONDITION[1:], sort=True)["amplitude"]
        }
        wanted = [c[1:] for c in conditions if c[0] == participant and c[1:] in amplitudes]
        for model, x in zip(seen.models, log_response, strict=True):
            exponent, likely = _fitted(x, answers)
            for key in wanted:
                pair = [n for n, other in enumerate(amplitudes) if other[:2] == key[:2]]
                log_k = likely.log_efficiencies[likely.values[pair].sum(axis=0).argmax()]
                response = evidence.responses[key][model]
                shown = _amplitudes(amplitudes[key], response)
                correct = _curve(response, shown, float(log_k), exponent, answers)
                where = dict(zip(CONDITION, (participant, *key), strict=True))
                curve = {"model": model, "amplitude": shown, "correct": correct}
                frames.append(pd.DataFrame(where | curve))
    return pd.concat(frames, ignore_index=True)


class _Likely(NamedTuple):
    """Log likelihood of each condition, (C, K), at K values of log k."""

    log_efficiencies: Floats
    values: Floats


def _fitted(log_response: Floats, answers: Answers) -> tuple[float, _Likely]:
    """Return b of a participant, and how likely the answers are by k."""
    tables = EfficiencyTables.build(log_response, answers)
    log_exponent, _ = likeliest_exponent(tables, answers)
    exponent = float(np.exp(log_exponent))
    return exponent, _Likely(tables.log_efficiencies, tables.at(np.array([exponent]))[0])


def _amplitudes(shown: Floats, response: FiniteResponse) -> Floats:
    positive = shown[shown > 0]
    last = min(1.25 * positive.max(), response.largest)
    return np.geomspace(min(_BELOW * positive.min(), last), last, _POINTS)


def _curve(
    response: FiniteResponse, amplitudes: Floats, log_k: float, exponent: float, answers: Answers
) -> Floats:
    with np.errstate(divide="ignore"):
        seen = np.log([response.at(amplitudes, sign) for sign in SIGNS])
    log_signal = np.minimum(exponent * (log_k + seen), 4.0)
    return np.asarray(answers.link.answered(log_signal, 2 * answers.lapse)[0].mean(axis=0))
