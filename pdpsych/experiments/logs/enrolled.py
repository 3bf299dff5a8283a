"""What a log says of its person's place in the roster of the study."""

from __future__ import annotations

from pydantic import Field

from pdpsych.common.section import Part


class Enrolled(Part):
    """Where a session stands in the roster of its study, as that was when the session began.

    ``place`` is that of the person, ``group`` the group, ``number`` the person's in it, ``order``
    that of the experiments that change places, and ``swapped`` says whether answer keys are the
    other way round where they are balanced; all None in a session of somebody who has no place.
    ``session`` is the number of the session, None where it is none of the person's; ``sha256`` is
    that of what decides in the roster, and ``despite`` what it said against the session.
    """

    place: int | None = Field(None, ge=1)
    group: str | None = None
    number: int | None = Field(None, ge=1)
    order: tuple[str, ...] | None = None
    swapped: bool | None = None
    session: int | None = Field(None, ge=1)
    sha256: str
    despite: str | None = None

    def describe(self) -> str:
        """Say it in a line."""
        told = {"place": self.place, "group": self.group, "session": self.session}
        known = [f"{name} {value}" for name, value in told.items() if value is not None]
        swapped = ["answer keys swapped"] if self.swapped else []
        despite = [f"unplanned, despite {self.despite}"] if self.despite else []
        return ", ".join([*known, *swapped, *despite])
