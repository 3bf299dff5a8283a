"""The keys and buttons that a person answers with: ``keys`` of an experiment."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section

Names = str | Annotated[tuple[str, ...], Field(min_length=1)]
_FIELDS = ("first", "second", "pause", "go_on")
# A key of the numeric pad is the same key to whoever presses it.
_PAD = {**{str(digit): f"num_{digit}" for digit in range(10)}, "return": "num_enter"}
BUTTON = "button:"


class Keys(Section):
    """Names of the keys: first (or left) image, second (or right) image, pause, go on.

    Each is one name or a list of them, of which texts name the first. A digit is that of the
    numeric pad too. ``button:N`` is a button of the device that the experiment names as
    ``buttons``. Where ``balance`` is true, half of the participants have first and second the
    other way round.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)
    first: Names = "1"
    second: Names = "2"
    pause: Names = "escape"
    go_on: Names = "space"
    balance: bool = False

    @model_validator(mode="after")
    def _distinct(self) -> Keys:
        names = [name for field in _FIELDS for name in self.names(field)]
        if len(set(names)) < len(names):
            raise InputError("four different keys", value=", ".join(names))
        return self

    def written(self, field: str) -> tuple[str, ...]:
        """Return the names of a field as they are written."""
        names: Names = getattr(self, field)
        return (names,) if isinstance(names, str) else names

    def names(self, field: str) -> tuple[str, ...]:
        """Return all names of a field, with those of the numeric pad."""
        own = self.written(field)
        return tuple(dict.fromkeys([*own, *(_PAD[name] for name in own if name in _PAD)]))

    @property
    def shown(self) -> dict[str, str]:
        """What texts call each of them."""
        return {field: self.written(field)[0] for field in _FIELDS}

    @property
    def all_written(self) -> dict[str, tuple[str, ...]]:
        """The names of each as they are written."""
        return {field: self.written(field) for field in _FIELDS}

    @property
    def swapped(self) -> Keys:
        """The same with first and second the other way round."""
        return self.model_copy(update={"first": self.second, "second": self.first})

    @property
    def plain(self) -> dict[str, Any]:
        """Plain data, as before there was ``balance`` where it is not asked for."""
        return self.model_dump(mode="json", exclude=set() if self.balance else {"balance"})
