"""Versioned documents, JSON with a ``schema_version``, and how those of earlier ones are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pdpsych.common.errors import InputError, clipped
from pdpsych.common.files.atomic import write_text
from pdpsych.common.files.parsing import read_json

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

_KEY = "schema_version"


@dataclass(frozen=True)
class Schema:
    """A kind of file whose data say their version, as ``schema_version``.

    Parameters
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

    Examples
    --------
    >>> import tempfile
    >>> ruler = Schema("ruler", 2, "measure again", {1: lambda d: d | {"schema_version": 2}})
    >>> ruler.upgrade({"schema_version": 1, "cm": 30}, 1)
    {'schema_version': 2, 'cm': 30}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ruler.read(ruler.write(f"{folder}/ruler.json", {"cm": 30}))
    {'schema_version': 2, 'cm': 30}
    """

    kind: str
    version: int
    remake: str
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)

    def read(self, path: str | Path) -> dict[str, Any]:
        """Read a file, and return its data as those of the present version.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        MissingFile
            If there is none.
        InputError
            If it cannot be read, is not strict JSON, or of a version that cannot be read.
        """
        with self.reading(path) as data:
            return data

    @contextmanager
    def reading(self, path: str | Path) -> Iterator[dict[str, Any]]:
        """Give a file's data as :meth:`read` does, and say it is damaged if they cannot be used.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        InputError
            As :meth:`read`, and for what is missing, or of another kind than was written.
        """
        try:
            data = read_json(path, known_as=f"a {self.kind}")
        except InputError as error:
            raise error.within(remedy=self.remake) from None
        version = self.version_of(data, path)
        try:
            yield self.upgrade(data, version)
        except InputError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            what = clipped(f"{type(error).__name__}: {error}")
            raise InputError(f"is damaged: {what}", file=path, remedy=self.remake) from None

    def write(self, path: str | Path, data: Mapping[str, Any]) -> Path:
        """Write data of the present version, and return where they are.

        Parameters
        ----------
        path
            The file; see :func:`pdpsych.common.files.atomic.replacing`.
        data
            Plain data; their version is written before them.

        Raises
        ------
        InputError
            If the file cannot be written.
        ValueError
            If a number is infinite or not a number.
        """
        document = {_KEY: self.version} | dict(data) | {_KEY: self.version}
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        return write_text(path, text + "\n")

    def version_of(self, data: Any, label: str | Path, line: int | None = None) -> int:
        """Return the version of a file's data.

        Parameters
        ----------
        data
            What the file holds.
        label, line
            Where they are from, for messages.

        Raises
        ------
        InputError
            If it has none, or one that this pdpsych cannot read: a newer one, or an older one
            without a way up to the present.
        """
        if not isinstance(data, dict):
            raise InputError(
                f"a {self.kind}: expected a mapping of keys to values",
                file=label,
                line=line,
                remedy=self.remake,
            )
        version = data.get(_KEY)
        problem = self._problem(version)
        if isinstance(version, int) and not problem:
            return version
        newer = type(version) is int and version > self.version
        raise InputError(
            problem,
            file=label,
            line=line,
            field=_KEY,
            value=version,
            allowed=f"up to {self.version}" if newer else "",
            remedy="install a newer pdpsych" if newer else self.remake,
        )

    def upgrade(self, data: dict[str, Any], version: int) -> dict[str, Any]:
        """Return data of a version as those of the present one.

        Parameters
        ----------
        data, version
            As :meth:`version_of` found them; they stay as they are.
        """
        for step in range(version, self.version):
            data = self.upgrades[step](data)
        return data

    def _problem(self, version: Any) -> str:
        """Say why a version cannot be read, or nothing."""
        if type(version) is not int or version < 1:
            return f"expected the version of the {self.kind}, a number from 1 up"
        if version > self.version:
            return f"the {self.kind} is of a newer version than this pdpsych reads"
        if not self.upgrades.keys() >= set(range(version, self.version)):
            return (
                f"the {self.kind} has {version}, which is read no more, this pdpsych writes "
                f"{self.version}"
            )
        return ""
