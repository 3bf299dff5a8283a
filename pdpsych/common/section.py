"""Study files: YAML checked by a schema."""

from __future__ import annotations

import typing
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, PrivateAttr, ValidationError

from pdpsych.common.errors import InputError, clipped, did_you_mean
from pdpsych.common.files.atomic import whole
from pdpsych.common.files.reading import read_yaml
from pdpsych.common.problems import describe

P = TypeVar("P", bound="Part")
S = TypeVar("S", bound="Section")


class Part(BaseModel):
    """A part of a study file: unknown keys are refused, values never change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Section(Part):
    """A part that can be a file of its own, and then knows which.

    ``known_as`` says what such a file is and where it lies, for messages.
    """

    known_as: ClassVar[str] = "a YAML file"
    _file: Path | None = PrivateAttr(default=None)

    def resolve(self, path: str | Path) -> Path:
        """Return a path written in this file, relative to the file's folder."""
        folder = self._file.parent if self._file else Path()
        return folder / path

    @property
    def label(self) -> str:
        """The file this was read from, for messages."""
        return str(self._file) if self._file else type(self).__name__

    @property
    def stem(self) -> str:
        """The name of the file without its ending: the name of what it defines."""
        return self._file.stem if self._file else type(self).__name__.lower()


def one_of(names: Collection[str]) -> AfterValidator:
    """Return the validator of a text that is one of some names."""

    def known(name: str) -> str:
        if name not in names:
            raise ValueError(did_you_mean(name, names))
        return name

    return AfterValidator(known)


def load(source: str | Path | S, schema: type[S]) -> S:
    """Read a YAML file into ``schema``; a section already read passes through.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, or does not fit the schema; each problem is one
        line, ``file: key.path: problem``.
    """
    if isinstance(source, schema):
        return source
    path = Path(typing.cast("str | Path", source))
    data = read_yaml(path, schema.known_as)
    _check_kind(data, schema, path)
    section = validate(data, schema, str(path))
    section._file = path.resolve()
    return section


def validate(data: Any, schema: type[P], label: str) -> P:
    """Check plain data against ``schema``, with messages that begin with ``label``."""
    if not isinstance(data, dict):
        raise InputError(f"{label}: expected a mapping of keys to values, got {_kind(data)}")
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        raise InputError(describe(error, schema, label)) from None


def dump(section: Section, path: Path) -> None:
    """Write a section as YAML, keys in the order of its schema."""
    data = section.model_dump(mode="json", exclude_none=True)
    with whole(path) as part:
        part.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _check_kind(data: Any, schema: type[Section], path: Path) -> None:
    """Refuse a file of another kind at once: most of its keys are none of the schema's."""
    keys = [clipped(str(key)) for key in data] if isinstance(data, dict) else []
    unknown = [key for key in keys if key not in schema.model_fields]
    if len(unknown) > max(2, len(keys) / 2):
        raise InputError(
            f"{path}: is not {schema.known_as}: {len(unknown)} of its {len(keys)} keys are "
            f"unknown, {', '.join(unknown[:3])}, …; allowed: {', '.join(schema.model_fields)}"
        )


def _kind(data: Any) -> str:
    return "an empty file" if data is None else f"a {type(data).__name__}"
