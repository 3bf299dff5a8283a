"""The rows of ``calibration.py``: who takes part, what they see, and how large a study is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from people import (
    Bursts,
    Drifting,
    ManySlopes,
    Observer,
    OneSided,
    Saturating,
    TwoSlopes,
    Uncertain,
    Various,
    Warming,
)
from worlds import INDEPENDENT, NEAR, ONE_RIGHT, OPPOSITE, SHAPES, Panel, Sight

USUAL, PLAIN = Observer(), Sight()


class Size(NamedTuple):
    """People, images, and trials of each condition and person."""

    people: int
    images: int
    trials: int


@dataclass(frozen=True)
class Case:
    """What studies are simulated from.

    Attributes
    ----------
    name
        Of the row.
    observer, sight
        How people answer, and what they see.
    panels
        Models that are scored on the same trials, one panel after the other.
    people, images
        Instead of what was asked for.
    method
        Of placement; with ``models`` a session asks about the models of the first panel, and ends
        when the nearest is known.
    towards
        Whether people are spread along the line between the models of the first panel.
    unbalanced
        Whether people see other images, and more or fewer trials, than others do.
    """

    name: str
    observer: Observer = USUAL
    sight: Sight = PLAIN
    panels: tuple[Panel, ...] = (ONE_RIGHT, OPPOSITE)
    people: int | None = None
    images: int | None = None
    method: str = "adaptive"
    towards: bool = False
    unbalanced: bool = False

    def size(self, asked: Size) -> Size:
        """Return the size of its studies."""
        return Size(self.people or asked.people, self.images or asked.images, asked.trials)


ASSUMED = (
    Case("assumptions hold"),
    Case("as various as assumed", Various()),
    Case("two equal models", panels=(INDEPENDENT,)),
    Case("finite", sight=Sight(finite=True)),
    Case("finite, two equal", sight=Sight(finite=True), panels=(INDEPENDENT,)),
)
BROKEN = (
    Case("slopes .7 and 1.7", TwoSlopes()),
    Case("criterion drifts", Drifting()),
    Case("repeats answers", Observer(repeats=1.0)),
    Case("lapses in bursts", Bursts()),
    Case("v never seen in ⅓", sight=Sight(unseen=1 / 3, beyond=100.0, most=0.05)),
    Case("v hardly seen in ⅓", sight=Sight(unseen=1 / 3, beyond=1.5)),
    Case("d′ saturates at 2.2", Saturating()),
    Case("uncertainty", Uncertain()),
    Case("heavy tails", sight=Sight(heavy=True)),
    Case("a slope each", ManySlopes()),
    Case("warm-up", Warming()),
    Case("gamut ends early", sight=Sight(most=0.012)),
    Case("lapse 30 %", Observer(lapse=0.30)),
    Case("lapse 6 %", Observer(lapse=0.06)),
    Case("exponent 4", Observer(exponent=4.0)),
    Case("exponent 1.5", Observer(exponent=1.5)),
    Case("asymmetric signs", OneSided()),
    Case("biased responses", Observer(bias=0.5)),
    Case("learning, −0.5 nat", Observer(learning=-0.5)),
    Case("staircases", method="staircase"),
    Case("staircases, learning", Observer(learning=-0.5), method="staircase"),
)
UNLIKE = (
    *(Case(f"other shape, {n}", panels=(SHAPES,), people=n) for n in (1, 2, 4)),
    *(Case(f"near models, {n}", panels=(NEAR,), people=n) for n in (1, 4)),
    *(
        Case(f"between models, {n}", panels=(INDEPENDENT,), people=n, towards=True)
        for n in (2, 3, 4)
    ),
)
_EVERY = (ONE_RIGHT, OPPOSITE, INDEPENDENT)
SIZES = (
    *(Case(f"people: {n}", panels=_EVERY, people=n) for n in (1, 2, 3)),
    *(Case(f"images: {n}", panels=_EVERY, images=n) for n in (3, 5, 8, 24, 48)),
    Case("48 images, 1 person", panels=(SHAPES, *_EVERY), people=1, images=48),
    Case("unbalanced", panels=_EVERY, unbalanced=True),
)
ASKING = (
    *(
        Case(f"asks: {panel.name}, {n}", panels=(panel,), people=n, method="models")
        for panel in (ONE_RIGHT, INDEPENDENT, OPPOSITE)
        for n in (1, 2)
    ),
)
CASES = ASSUMED + BROKEN + UNLIKE + SIZES + ASKING
