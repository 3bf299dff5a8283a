"""The responses that analyses compare with answers: to what was shown, where that is known."""

from __future__ import annotations

from collections.abc import Mapping

from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.response_file import Key
from pdpsych.stimuli.stimulus_set import StimulusSet


def shown_responses(
    stimulus_set: StimulusSet, calibration: Calibration | None
) -> Mapping[Key, Mapping[str, FiniteResponse]]:
    """Return D(ε, ±α) by image, pair and number of the distortion, then by model.

    Parameters
    ----------
    stimulus_set
        A set.
    calibration
        That of the display which showed it; where its models were asked they are the responses
        to what is shown, by realised amplitude, else those of the set.

    Raises
    ------
    InputError
        If neither is known; with the command that adds those of the set.

    Examples
    --------
    >>> import tempfile
    >>> from pdpsych import stimuli
    >>> recipe = stimuli.Recipe(
    ...     images=[{"sample": "cat"}],
    ...     preprocess={"size": 8, "range": [0.2, 0.8]},
    ...     models=["identity", "LN"],
    ...     distortions=[{"kind": "random"}],
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = stimuli.generate(recipe, out=f"{folder}/small")
    ...     known = stimuli.shown_responses(made, None)["cat", "random-1", 1]
    >>> round(float(known["identity"].mean(0.1)), 6)
    0.100045
    """
    if calibration is not None and calibration.has_finite_responses(stimulus_set):
        return calibration.finite_responses(stimulus_set)
    return stimulus_set.finite_responses()
