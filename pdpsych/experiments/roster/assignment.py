"""What the person at a place of a roster does: group, order, keys, sessions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pdpsych.common.files.digests import seed_of
from pdpsych.experiments.logs.enrolled import Enrolled
from pdpsych.experiments.roster.roster import Roster


@dataclass(frozen=True)
class Assignment:
    """What a roster says of one of its places; it depends on nothing but the two.

    Groups are drawn in rounds of their shares, so that after each they have their sizes. Of a
    group each round of people has every order of :func:`balanced_orders` once, and every second
    order has the answer keys the other way round; in the next round the others have. So two rounds
    have every combination of order and keys once.

    Attributes
    ----------
    roster, place
        From 1.

    Examples
    --------
    >>> from pdpsych import experiments
    >>> roster = experiments.Roster(sessions=("a", "b"), balance=("a", "b"), seed=1)
    >>> [Assignment(roster, place).order for place in (1, 2)]
    [('a', 'b'), ('b', 'a')]
    """

    roster: Roster
    place: int

    @cached_property
    def _drawn(self) -> tuple[str, int]:
        """The group, and how many of it are at earlier places."""
        roster, before = self.roster, self.place - 1
        if isinstance(roster.participants, dict):
            given = list(roster.participants.values())
            return given[before], given[:before].count(given[before])
        names = [name for name, group in roster.groups.items() for _ in range(group.share)] or [""]
        round_, at = divmod(before, len(names))
        seats = [names[i] for i in _shuffled(len(names), roster.seed, "groups", round_)]
        return seats[at], round_ * names.count(seats[at]) + seats[:at].count(seats[at])

    @property
    def group(self) -> str:
        """Name of the group, empty where there are none."""
        return self._drawn[0]

    @property
    def number(self) -> int:
        """Number of the person in the group, from 1."""
        return self._drawn[1] + 1

    @cached_property
    def _turn(self) -> tuple[int, int]:
        """The round of orders, and which of the orders."""
        orders = balanced_orders(len(self.roster.balanced(self.group)))
        round_, at = divmod(self.number - 1, len(orders))
        return round_, int(
            _shuffled(len(orders), self.roster.seed, "orders", self.group, round_)[at]
        )

    @property
    def order(self) -> tuple[str, ...]:
        """The experiments that change places, in the person's order."""
        names = self.roster.balanced(self.group)
        return tuple(names[i] for i in balanced_orders(len(names))[self._turn[1]])

    @property
    def swapped(self) -> bool:
        """Whether the answer keys are the other way round, where an experiment balances them."""
        round_, turn = self._turn
        drawn = seed_of(self.roster.seed, "keys", self.group, round_ // 2)
        return (round_ + turn + drawn) % 2 == 1

    @property
    def cells(self) -> int:
        """How many combinations of order and keys there are in the group."""
        return 2 * len(balanced_orders(len(self.order)))

    @property
    def cell(self) -> int:
        """Which of them this is, counted on from those of the two rounds before."""
        round_, turn = self._turn
        return self.cells * (round_ // 2) + 2 * turn + self.swapped

    @property
    def days(self) -> tuple[tuple[str, ...], ...]:
        """The experiments of each session, in order."""
        places = dict(zip(self.roster.balanced(self.group), self.order, strict=True))
        return tuple(
            tuple(places.get(name, name) for name in day) for day in self.roster.days(self.group)
        )

    def enrolled(self, session: int | None, despite: str | None = None) -> Enrolled:
        """Return what the log of a session says of it.

        Parameters
        ----------
        session
            Number of the session, None for one that is none of the person's.
        despite
            What was against it.
        """
        return Enrolled(
            place=self.place,
            group=self.group or None,
            order=self.order,
            swapped=self.swapped,
            cell=self.cell,
            cells=self.cells,
            session=session,
            sha256=self.roster.sha256,
            despite=despite,
        )


def balanced_orders(count: int) -> tuple[tuple[int, ...], ...]:
    """Return orders of things in which each has every place equally often, and every neighbour.

    Each thing comes directly after every other equally often. These are Williams' squares: all
    orders of up to three things, ``count`` orders of an even number, twice as many of an odd one
    (Williams, Australian Journal of Scientific Research A 2, 149, 1949).

    Parameters
    ----------
    count
        Number of things; of none or one there is one order.

    Examples
    --------
    >>> balanced_orders(4)
    ((0, 3, 1, 2), (1, 0, 2, 3), (2, 1, 3, 0), (3, 2, 0, 1))
    """
    if count < 2:
        return (tuple(range(count)),)
    # 0, −1, 1, −2, 2, …: all differences modulo an even count, each once.
    first = [(-(i + 1) // 2 if i % 2 else i // 2) % count for i in range(count)]
    square = [tuple((name + shift) % count for name in first) for shift in range(count)]
    return tuple(square + [row[::-1] for row in square] * (count % 2))


def _shuffled(count: int, *drawn_for: str | int) -> list[int]:
    rng = np.random.default_rng(seed_of(*drawn_for))
    return [int(i) for i in rng.permutation(count)]
