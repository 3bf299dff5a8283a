"""Versions of the files that pdpsych writes, and how those of earlier ones are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pdpsych.common.errors import InputError

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Schema:
    """A kind of file whose data say their version, as ``schema_version``.

    Attributes
    ----------
    kind
        What a file of this kind is called in messages.
    version
        The version that is written.
    remake
        How to make such a file again, where its version can no longer be read.
    upgrades
        By version: what makes data of the next version of it, without changing those given.
        Versions are read from the first of an unbroken row up to the present.
    """

    kind: str
    version: int
    remake: str
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)

    def version_of(self, data: Any, label: str) -> int:
        """Return the version of a file's data.

        Raises
        ------
        InputError
            If it has none, or one that this pdpsych cannot read: a newer one, or an older one
            without a way up to the present. The message begins with ``label``.
        """
        if not isinstance(data, dict):
            raise InputError(
                f"{label}: a {self.kind}: expected a mapping of keys to values; {self.remake}"
            )
        version = data.get("schema_version")
        if type(version) is not int or version < 1:
            raise InputError(
                f"{label}: schema_version: expected the version of the {self.kind}, a number from "
                f"1 up, got {version!r}; {self.remake}"
            )
        if version > self.version:
            raise InputError(
                f"{label}: schema_version: the {self.kind} has {version}, this pdpsych reads up to "
                f"{self.version}; install a newer pdpsych"
            )
        if not self.upgrades.keys() >= set(range(version, self.version)):
            raise InputError(
                f"{label}: schema_version: the {self.kind} has {version}, which is read no more, "
                f"this pdpsych writes {self.version}; {self.remake}"
            )
        return version

    def upgrade(self, data: dict[str, Any], version: int) -> dict[str, Any]:
        """Return data of a version as those of the present one."""
        for step in range(version, self.version):
            data = self.upgrades[step](data)
        return data
