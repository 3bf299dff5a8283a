"""When a session may end before its design does."""

from __future__ import annotations

import math

from pydantic import Field, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Part

# By how many nats the log likelihood of a threshold falls to either side where it is measured: half
# the quantile of χ² that the analysis asks for.
MEASURED = 1.92
# A right answer speaks by log 2 at most against nothing being seen; and one is to be wrong.
LEAST_TRIALS = math.ceil(MEASURED / math.log(2)) + 1


class Stop(Part):
    """A session ends when one model is the nearest with this probability and all is measured.

    But not before the ``least`` number of trials that count, and with the ``most`` in any case.
    """

    probability: float = Field(0.95, gt=0.5, lt=1)
    least: int = Field(0, ge=0, le=1_000_000)
    most: int | None = Field(None, ge=1, le=1_000_000)

    def describe(self) -> str:
        """Say when the session ends."""
        after = f", after {self.least} trials or more" if self.least else ""
        most = f"; at the latest after {self.most} trials" if self.most else ""
        return (
            f"when one model is the nearest with probability {self.probability:g} and every "
            f"distortion is measured{after}{most}"
        )

    @model_validator(mode="after")
    def _in_order(self) -> Stop:
        if self.most is not None and self.most <= self.least:
            raise InputError(
                "the session would end at once when it may",
                field="most",
                value=self.most,
                allowed=f"more than least, {self.least}",
            )
        return self
