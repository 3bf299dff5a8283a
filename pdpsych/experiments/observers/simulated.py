"""An observer that is simulated from its thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import cast

from pdpsych.common.errors import InputError
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.observers.decision import decide
from pdpsych.experiments.observers.presentation import Presentation, Response
from pdpsych.experiments.tasks.task import Position


@dataclass(frozen=True)
class SimulatedObserver:
    """Compares two noisy responses, as the psychometric function of the design assumes.

    The image with the distortion has mean d′ = (α/τ)^b at the realised amplitude, the other
    has mean 0, both have unit variance. Answers depend on seed and trial number only, so that
    a resumed session gets the answers of an undisturbed one.

    Parameters
    ----------
    thresholds
        τ of each (image, pair, distortion), in model units.
    exponent
        b, the growth of d′ with amplitude.
    lapse
        λ; a share 2λ of the trials is answered by guessing.
    bias
        Preference for the first (or left) image in units of d′.
    seed
        Seed of its answers.
    description
        Who it is, as recorded in the trial log.

    Examples
    --------
    >>> from pdpsych.experiments import SimulatedObserver
    >>> observer = SimulatedObserver({("cat", "principal", 1): 0.3}, lapse=0.01)
    >>> observer.description
    'simulated from given thresholds'
    """

    thresholds: Mapping[Condition, float] | Mapping[tuple[str, str, int], float]
    _: KW_ONLY
    exponent: float = 1.0
    lapse: float = 0.02
    bias: float = 0.0
    seed: int = 0
    description: str = "simulated from given thresholds"

    def respond(self, presentation: Presentation) -> Response:
        """Draw the answer to a trial's presentation."""
        return Response(self.answer(presentation.planned, presentation.realised))

    def answer(self, planned: PlannedTrial, realised: float) -> Position:
        """Draw the answer to a planned trial of a realised amplitude, which needs no frames."""
        ratio = max(realised, 0.0) / self._threshold(planned.condition)
        return decide(self, planned, ratio)

    def _threshold(self, condition: Condition) -> float:
        try:
            return cast(Mapping[Condition, float], self.thresholds)[condition]
        except KeyError:
            raise InputError(
                "the simulated observer has no threshold of this image, pair and distortion",
                field="thresholds",
                value=condition.name,
                remedy="give one of each condition that the experiment measures",
            ) from None
