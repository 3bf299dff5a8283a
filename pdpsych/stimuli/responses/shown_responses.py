"""What models see of the distortions of a set at visible amplitudes."""

from __future__ import annotations

from collections.abc import Mapping

from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.stimulus_set import StimulusSet


def shown_responses(
    stimulus_set: StimulusSet, calibration: Calibration | None
) -> Mapping[tuple[str, str, int], Mapping[str, FiniteResponse]]:
    """Return D of each model by image, pair and number of the distortion; empty if not known."""
    return stimulus_set.finite_responses() if stimulus_set.has_finite_responses else {}
