"""An observer that is simulated from a model's responses at the amplitudes shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.observers.decision import decide
from pdpsych.experiments.observers.presentation import Presentation, Response
from pdpsych.experiments.tasks.task import Position
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.realised import seen


@dataclass(frozen=True)
class ModelObserver:
    """Sees like a model at the realised amplitude and sign of each trial: d′ = (k D)^b.

    It decides as a :class:`SimulatedObserver` does.

    Parameters
    ----------
    responses
        D of the model by condition.
    efficiencies
        k of each condition.
    exponent, lapse, bias, seed, description
        As of a :class:`SimulatedObserver`.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych.experiments import ModelObserver
    >>> from pdpsych.experiments.design import Condition
    >>> from pdpsych.stimuli.responses.finite_response import FiniteResponse
    >>> amplitudes = np.array([0.1, 0.2, 0.4])
    >>> cat = Condition("cat", "principal", 1)
    >>> responses = {cat: FiniteResponse(amplitudes, np.tile(amplitudes, (2, 1)))}
    >>> round(ModelObserver(responses, {cat: 3.0}).thresholds[cat], 3)
    0.333
    """

    responses: Mapping[Condition, FiniteResponse]
    efficiencies: Mapping[Condition, float]
    _: KW_ONLY
    exponent: float = 1.0
    lapse: float = 0.02
    bias: float = 0.0
    seed: int = 0
    description: str = "simulated from given responses"

    @property
    def thresholds(self) -> dict[Condition, float]:
        """First amplitude with k D̄ = 1 of each condition; infinite where none known is."""
        return {
            condition: response.first_crossing(1 / self.efficiencies[condition])
            for condition, response in self.responses.items()
        }

    @property
    def known_up_to(self) -> dict[Condition, float]:
        """Largest amplitude of each condition at which the model is known."""
        return {condition: response.largest for condition, response in self.responses.items()}

    def respond(self, presentation: Presentation) -> Response:
        """Draw the answer to a trial's presentation."""
        return Response(self.answer(presentation.planned, presentation.realised))

    def answer(self, planned: PlannedTrial, realised: float) -> Position:
        """Draw the answer to a planned trial of a realised amplitude, which needs no frames."""
        condition = planned.condition
        found = float(seen(self._response(condition), realised, planned.sign))
        if np.isnan(found):
            raise InputError(
                "more was shown than the simulated observer's model is known at",
                field=condition.name,
                value=realised,
                allowed=f"up to {self.responses[condition].largest:g}, in model units",
                remedy="ask the models for what the display shows: pdpsych calibrate --models",
            )
        return decide(self, planned, self.efficiencies[condition] * found)

    def _response(self, condition: Condition) -> FiniteResponse:
        try:
            return self.responses[condition]
        except KeyError:
            raise InputError(
                "the simulated observer knows nothing of this image, pair and distortion",
                field="responses",
                value=condition.name,
                remedy="give the responses to each condition that the experiment measures",
            ) from None
