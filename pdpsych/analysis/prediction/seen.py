"""What models see of the trials that people were shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.common.files.digests import digest
from pdpsych.common.files.reading import DOCUMENT, read_bytes
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.realised import seen
from pdpsych.stimuli.responses.response_file import response_path
from pdpsych.stimuli.responses.shown import shown_responses
from pdpsych.stimuli.stimulus_set import StimulusSet

Responses = Mapping[tuple[str, str, int], Mapping[str, FiniteResponse]]
"""D of each model by image, pair and number of the distortion."""

_CONDITION = ["image", "pair", "distortion"]


@dataclass(frozen=True)
class Seen:
    """Trials, and the logarithm of each model's D at their amplitude and sign.

    Attributes
    ----------
    models
        Those that are known at all conditions of the trials.
    trials
        Those that all of the models are known at.
    log_response
        log D, (M, trials); minus infinity where nothing is seen.
    beyond
        Number of trials left out: above the largest amplitude at which some model is known.
    """

    models: list[str]
    trials: pd.DataFrame
    log_response: Floats
    beyond: int

    def select(self, chosen: NDArray[np.bool_]) -> Seen:
        """Return what is seen of some of the trials."""
        trials = self.trials[chosen].reset_index(drop=True)
        return Seen(self.models, trials, self.log_response[:, chosen], self.beyond)


def known_responses(stimulus_set: StimulusSet, calibration: Calibration | None) -> Responses:
    """Return what models see of what was shown, see :func:`shown_responses`; empty if not known."""
    there = calibration is not None and calibration.has_finite_responses(stimulus_set)
    if there or stimulus_set.has_finite_responses:
        return shown_responses(stimulus_set, calibration)
    return {}


def known_sha256(stimulus_set: StimulusSet, calibration: Calibration | None) -> str:
    """Return the digest of all that scores take of the models of a set.

    It is of their sensitivities and of the files of their responses, as the calibration has them
    where its models were asked.
    """
    known = calibration or stimulus_set
    if isinstance(known, Calibration):
        table, there = known.sensitivities(stimulus_set, rivals=True), known.folder
    else:
        table, there = known.sensitivities(rivals=True), known.path
    if calibration is None or not calibration.has_finite_responses(stimulus_set):
        there = stimulus_set.path
    files = (response_path(there, image) for image in stimulus_set.images)
    return digest(
        {
            "sensitivities": [[str(cell) for cell in row] for row in table.itertuples(index=False)],
            "responses": {path.name: _text_sha256(path) for path in files if path.is_file()},
        }
    )


def _text_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's text, whatever ends its lines."""
    return hashlib.sha256(read_bytes(path, DOCUMENT).replace(b"\r\n", b"\n")).hexdigest()


def calibration_shown(
    sessions: Iterable[Mapping[str, Any]], stimulus_set: StimulusSet
) -> Calibration | None:
    """Return the calibration that all sessions were run with, if it asked the models.

    None where sessions differ, were run without one, or it has no sensitivities: the models are
    then scored by their sensitivity to the distortions as they were made.
    """
    named = {session.get("calibration") for session in sessions}
    sha256 = named.pop() if len(named) == 1 else None
    found = Calibration.with_sha256(stimulus_set, sha256) if sha256 else None
    return found if found and found.has_sensitivities else None


def curve_ratio_sd(
    sessions: Iterable[Mapping[str, Any]], stimulus_set: StimulusSet, measured: pd.DataFrame
) -> float:
    """Return the largest standard error of a measured log ratio from the displays' curves.

    0 where no curve was measured, or calibrations do not say.

    Parameters
    ----------
    measured
        Columns image, pair.
    """
    pairs = set(measured[["image", "pair"]].itertuples(index=False, name=None))
    named = {str(s["calibration"]) for s in sessions if s.get("calibration")}
    found = (Calibration.with_sha256(stimulus_set, sha256) for sha256 in named)
    known = [c for one in found if one for c in one.conditions if (c.image, c.pair) in pairs]
    return max((c.curve_ratio_sd or 0.0 for c in known), default=0.0)


def known_models(
    responses: Responses, conditions: Sequence[tuple[str, str, int]], models: Sequence[str]
) -> list[str]:
    """Return those of ``models`` whose responses to all ``conditions`` are known."""
    there = [responses.get(condition, {}) for condition in conditions]
    return [model for model in models if all(model in known for known in there)]


def seen_by(trials: pd.DataFrame, responses: Responses, models: Sequence[str]) -> Seen:
    """Return what models see of trials at their realised amplitude and sign.

    Trials above the largest amplitude at which some model is known are left out, see
    :func:`pdpsych.stimuli.responses.realised.seen`.

    Parameters
    ----------
    trials
        Columns image, pair, distortion, sign, amplitude.
    """
    rows: dict[tuple[str, str, int], dict[int, list[int]]] = {}
    columns = trials[[*_CONDITION, "sign"]].itertuples(index=False, name=None)
    for row, (image, pair, number, sign) in enumerate(columns):
        rows.setdefault((image, pair, number), {}).setdefault(sign, []).append(row)
    known = known_models(responses, list(rows), models)
    amplitude = trials["amplitude"].to_numpy(dtype=float)
    response = np.full((len(known), len(trials)), np.nan)
    for condition, by_sign in rows.items():
        for m, model in enumerate(known):
            for sign, own in by_sign.items():
                response[m, own] = seen(responses[condition][model], amplitude[own], sign)
    with np.errstate(divide="ignore"):
        log_response = np.log(response)
    inside = ~np.isnan(log_response).any(axis=0)
    every = Seen(known, trials.reset_index(drop=True), log_response, int((~inside).sum()))
    return every.select(inside)
