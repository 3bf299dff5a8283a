"""Which sensitivities of the models go with the sessions: those to what was really shown."""

from __future__ import annotations

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.stimulus_set import StimulusSet


def calibration_shown(fit: Fit, stimulus_set: StimulusSet) -> Calibration | None:
    """Return the calibration that all sessions of a fit were run with, if it asked the models.

    None where sessions differ, were run without one, or it has no sensitivities: the models are
    then scored by their sensitivity to the distortions as they were made.
    """
    named = {session.get("calibration") for session in fit.source["sessions"]}
    sha256 = named.pop() if len(named) == 1 else None
    found = Calibration.with_sha256(stimulus_set, sha256) if sha256 else None
    return found if found and found.has_sensitivities else None
