"""The method of an experiment that asks which model people are nearest to."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from pdpsych.common.errors import InputError
from pdpsych.experiments.placement.adaptive import AdaptivePlacement
from pdpsych.experiments.placement.placement import Showable
from pdpsych.experiments.placement.posterior import Prior


class Models(Prior):
    """Trials go to the pairs of which answers tell most of the nearest model.

    ``choose: condition`` chooses condition and amplitude, after a ``first_round`` of so many trials
    of each condition in the order of the design; ``choose: amplitude`` keeps the design. The share
    ``explore`` of the trials goes to the threshold that is known least well of all. The set has to
    know what models respond at visible amplitudes. A session may begin with what earlier
    participants answered, ``after`` their logs: it expects thresholds near theirs, and people like
    them to be half as likely as not; when it ends is said by its own answers alone.
    """

    kind: Literal["models"]
    choose: Literal["condition", "amplitude"] = "condition"
    explore: float = Field(0.1, ge=0, le=1)
    first_round: int = Field(2, ge=1, le=1000)
    after: tuple[Path, ...] = ()

    @property
    def uses_models(self) -> bool:
        """Whether models are asked about: always."""
        return True

    @field_validator("after")
    @classmethod
    def _once(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        if len(set(paths)) < len(paths):
            raise InputError("each log once", value=", ".join(map(str, paths)))
        return paths

    def begin(self, showable: Showable, seed: int) -> AdaptivePlacement:
        """Return what is known of a condition before its first trial; nothing in it is random."""
        return AdaptivePlacement(self, showable)
