"""Constant stimuli: the same few amplitudes for every trial, in random order."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from pdpsych.common.errors import InputError
from pdpsych.experiments.placement.placement import Placement, Showable
from pdpsych.experiments.placement.posterior import Prior

Contrast = Annotated[float, Field(gt=0, le=1)]


class Constant(Prior):
    """Each level is shown equally often, to one trial, in random order.

    The levels are ``levels_rms``, or ``count`` in equal log steps over ``range_rms``; without
    either, over all that the calibration shows. RMS contrast.
    """

    kind: Literal["constant"]
    levels_rms: tuple[Contrast, ...] | None = Field(None, min_length=1)
    range_rms: tuple[Contrast, Contrast] | None = None
    count: int = Field(7, ge=2, le=100)

    @model_validator(mode="after")
    def _one_way(self) -> Constant:
        if self.levels_rms and self.range_rms:
            raise InputError("give one of levels_rms, range_rms")
        if self.levels_rms and len(set(self.levels_rms)) < len(self.levels_rms):
            raise InputError("each level once", field="levels_rms", value=self.levels_rms)
        if self.range_rms and self.range_rms[0] >= self.range_rms[1]:
            raise InputError("the smaller contrast first", field="range_rms", value=self.range_rms)
        return self

    def begin(self, showable: Showable, seed: int) -> ConstantPlacement:
        """Return the placement of a condition before its first trial; the seed is of its order.

        Raises
        ------
        InputError
            If a level cannot be shown, or nothing says what the levels are.
        """
        levels = self._levels(showable)
        for level in levels:
            if abs(showable.nearest(level) / level - 1) > 1e-9:
                low, high = showable.least / showable.unit, showable.most / showable.unit
                raise InputError(
                    f"an RMS contrast of {showable.condition} cannot be shown",
                    field="levels_rms" if self.levels_rms else "range_rms",
                    value=level / showable.unit,
                    allowed=f"{low:.3g} to {high:.3g}",
                )
        return ConstantPlacement(self, showable, levels, seed)

    def _levels(self, showable: Showable) -> tuple[float, ...]:
        if self.levels_rms:
            return tuple(level * showable.unit for level in self.levels_rms)
        if self.range_rms:
            low, high = (contrast * showable.unit for contrast in self.range_rms)
        elif showable.least:
            low, high = showable.least, showable.most
        else:
            raise InputError(
                "constant stimuli of a set that is not calibrated need levels_rms or range_rms"
            )
        return tuple(map(float, np.geomspace(low, high, self.count)))


class ConstantPlacement(Placement):
    """Goes through its levels in one random order after another; answers do not change it.

    Attributes
    ----------
    levels
        In model units.
    """

    def __init__(
        self, method: Constant, showable: Showable, levels: tuple[float, ...], seed: int
    ) -> None:
        super().__init__(method, showable)
        self.levels = levels
        self._seed = seed
        self._placed = 0

    def next_amplitude(self) -> float:
        """Return the level that is next."""
        number, place = divmod(self._placed, len(self.levels))
        order = np.random.default_rng((self._seed, number)).permutation(len(self.levels))
        return self.levels[order[place]]

    def update(self, amplitude: float, correct: bool, easy: bool) -> None:
        """Take in an answer; after one to a placed amplitude it is the next level's turn."""
        super().update(amplitude, correct, easy)
        self._placed += not easy
