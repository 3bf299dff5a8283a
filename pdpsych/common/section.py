"""Study files: YAML checked by a schema."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    PrivateAttr,
    ValidationError,
)
from pydantic_core import CoreSchema, PydanticCustomError

from pdpsych.common.errors import InputError, clipped
from pdpsych.common.files.atomic import write_text
from pdpsych.common.files.parsing import parse_yaml, to_yaml
from pdpsych.common.files.reading import STUDY_FILE, read_text
from pdpsych.common.files.yaml_nodes import compose, line_in
from pdpsych.common.problems import LineAt, refusal

P = TypeVar("P", bound="Part")
S = TypeVar("S", bound="Section")
# Of these pydantic also takes text that looks like them.
_EXACT = ("int", "float", "bool")
# What a core schema holds that is no schema, and keys, which JSON has as text only.
_DATA = ("default", "metadata", "expected", "serialization", "keys_schema")


def _exact(schema: Any) -> Any:
    """Return a schema of pydantic whose numbers and truths are taken only for themselves."""
    if isinstance(schema, list):
        return [_exact(inner) for inner in schema]
    if isinstance(schema, tuple):
        return tuple(map(_exact, schema))
    if not isinstance(schema, dict):
        return schema
    kept = _DATA if isinstance(schema.get("type"), str) else ()
    strict = {"strict": True} if schema.get("type") in _EXACT else {}
    return {k: v if k in kept else _exact(v) for k, v in schema.items()} | strict


class Part(BaseModel):
    """A part of a study file: unknown keys are refused, values never change once read.

    Text is not taken for a number or a truth, and no truth for a number. Parts can be hashed,
    whatever they hold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return cast(CoreSchema, _exact(handler(source)))

    def __hash__(self) -> int:
        return _content_hash(self)


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
            raise PydanticCustomError("unknown_name", "unknown", {"allowed": list(names)})
        return name

    return AfterValidator(known)


def load(source: str | Path | S, schema: type[S]) -> S:
    """Read a YAML file into ``schema``; a section already read passes through.

    Parameters
    ----------
    source
        The file, or what was read from it.
    schema
        What it should be.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, or does not fit the schema; with every problem.
    """
    if isinstance(source, schema):
        return source
    path = Path(cast("str | Path", source))
    text = read_text(path, STUDY_FILE, schema.known_as)
    data = parse_yaml(text, path)
    _check_kind(data, schema, path)
    root = functools.cache(lambda: compose(text))
    section = _validated(data, schema, path, lambda location: line_in(root(), location))
    section._file = path.resolve()
    return section


def validate(data: Any, schema: type[P], label: str | Path, line: int | None = None) -> P:
    """Check plain data against a schema.

    Parameters
    ----------
    data
        A mapping.
    schema
        What it should fit.
    label, line
        Where it is from, for messages.

    Raises
    ------
    InputError
        If it does not fit; with every problem.
    """
    return _validated(data, schema, label, lambda _: line)


def _validated(data: Any, schema: type[P], label: str | Path, line_at: LineAt) -> P:
    if not isinstance(data, dict):
        what = "an empty file" if data is None else f"a {type(data).__name__}"
        raise InputError(
            f"expected a mapping of keys to values, got {what}", file=label, line=line_at(())
        )
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        raise refusal(error, data, schema, label, line_at) from None


def dump(section: Section, path: str | Path) -> None:
    """Write a section as YAML, keys in the order of its schema.

    Parameters
    ----------
    section, path
        What to write, and where.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    write_text(path, to_yaml(section.model_dump(mode="json", exclude_none=True)))


def _check_kind(data: Any, schema: type[Section], path: Path) -> None:
    """Refuse a file of another kind at once: most of its keys are none of the schema's."""
    keys = [clipped(str(key)) for key in data] if isinstance(data, dict) else []
    unknown = [key for key in keys if key not in schema.model_fields]
    if len(unknown) > max(2, len(keys) / 2):
        raise InputError(
            f"is not {schema.known_as}: {len(unknown)} of its {len(keys)} keys are unknown, "
            f"{', '.join(unknown[:3])}, …",
            file=path,
            allowed=", ".join(schema.model_fields),
        )


def _content_hash(value: Any) -> int:
    """Return a hash that is the same for values that are equal."""
    if isinstance(value, BaseModel):
        return hash((type(value).__name__, _content_hash(value.__dict__)))
    if isinstance(value, Mapping):
        return hash(frozenset((key, _content_hash(inner)) for key, inner in value.items()))
    if isinstance(value, (list, tuple)):
        return hash(tuple(map(_content_hash, value)))
    try:
        return hash(value)
    except TypeError:
        return 0
