"""What a log says of its person's place in the roster of the study."""

from __future__ import annotations

import math

from pydantic import Field

from pdpsych.common.section import Part


class Enrolled(Part):
    """Where a session stands in the roster of its study, as that was when the session began.

    Attributes
    ----------
    place
        Of the person; None, as all that follows from it, where the person has none.
    group
        Of the person, where there are groups.
    order
        Of the experiments that change places.
    swapped
        Whether answer keys are the other way round, where an experiment balances them.
    cell, cells
        Which combination of order and keys, of how many in the group, counted on over its people.
    session
        Number of the session, None where it is none of the person's.
    sha256
        Of what decides in the roster.
    despite
        What the roster said against the session.
    """

    place: int | None = Field(None, ge=1)
    group: str | None = None
    order: tuple[str, ...] | None = None
    swapped: bool | None = None
    cell: int | None = Field(None, ge=0)
    cells: int = Field(1, ge=1)
    session: int | None = Field(None, ge=1)
    sha256: str
    despite: str | None = None

    def share(self, shares: int) -> int | None:
        """Return which of so many shares of the images, from 1; None without a place.

        Shares go round over the combinations of order and keys. Where that comes back to where it
        began, one is passed over: so all are crossed with all combinations, and as often.
        """
        if self.cell is None:
            return None
        return 1 + (self.cell + self.cell // math.lcm(self.cells, shares)) % shares

    def describe(self) -> str:
        """Say it in a line."""
        told = {"place": self.place, "group": self.group, "session": self.session}
        known = [f"{name} {value}" for name, value in told.items() if value is not None]
        swapped = ["answer keys swapped"] if self.swapped else []
        despite = [f"unplanned, despite {self.despite}"] if self.despite else []
        return ", ".join([*known, *swapped, *despite])
