"""Study files: YAML checked by a schema, and where a study keeps what it makes."""

from __future__ import annotations

import typing
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, PrivateAttr, ValidationError

from pdpsych.errors import InputError, clipped, did_you_mean
from pdpsych.whole import whole

P = TypeVar("P", bound="Part")
S = TypeVar("S", bound="Section")

# A study file has some hundred values; what is wrong with a few of them is enough to be told.
_MOST_VALUES, _MOST_LINES = 100_000, 20
# What pydantic names by Python's types, as it is written in YAML.
_IN_YAML = {
    "string_type": 'should be text; write it in quotes, as in "01"',
    "tuple_type": "should be a list, as in [a, b]",
    "list_type": "should be a list, as in [a, b]",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
}


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
    data = _read_yaml(path, schema.known_as)
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
        lines = [_problem(label, schema, problem) for problem in _told(error.errors())]
        raise InputError("\n".join(_few(list(dict.fromkeys(lines))))) from None


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


def _read_yaml(path: Path, known_as: str) -> Any:
    try:
        return _parse_yaml(read_text(path))
    except FileNotFoundError:
        near = [p.name for p in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, sorted(near)) if near else f"give {known_as}"
        raise InputError(f"{path}: no such file; {hint}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; give {known_as}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        what = getattr(error, "problem", None) or str(error)
        raise InputError(f"{path}: {where}not valid YAML: {clipped(what)}") from None
    except RecursionError:
        raise InputError(f"{path}: not valid YAML: nested too deep") from None
    # Dates, numbers and text that Python cannot hold.
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read: {clipped(str(error))}") from None


def read_text(path: Path) -> str:
    """Read a file of text; one that never ends, such as a device, is refused.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or is not text in UTF-8.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError("not a regular file")
    return path.read_text(encoding="utf-8")


def _parse_yaml(text: str) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values of a document, with repetitions: a few lines of aliases can be millions."""
    if id(node) in known:
        return known[id(node)]
    # Of a node that is not counted yet: met again inside itself, it is endless.
    known[id(node)] = _MOST_VALUES
    parts = node.value if isinstance(node, yaml.CollectionNode) else []
    inner = [part for pair in parts for part in (pair if isinstance(pair, tuple) else (pair,))]
    known[id(node)] = 1 + sum(_count(part, known) for part in inner)
    if known[id(node)] > _MOST_VALUES:
        raise yaml.YAMLError(f"more than {_MOST_VALUES} values, aliases counted where they stand")
    return known[id(node)]


def _told(problems: list[Any]) -> list[Any]:
    """Leave out that a list is too short where that is for its items, which are told."""
    return [
        problem
        for problem in problems
        if problem["type"] != "too_short"
        or not any(_within(other["loc"], problem["loc"]) for other in problems)
    ]


def _within(inner: tuple[Any, ...], outer: tuple[Any, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _problem(label: str, schema: type[BaseModel], problem: Any) -> str:
    location = problem["loc"]
    if problem["type"] == "extra_forbidden":
        owner = _schema_at(schema, location[:-1])
        allowed = list(owner.model_fields) if owner else []
        name = clipped(str(location[-1]))
        what = f'unknown key "{name}"; {did_you_mean(name, allowed)}'
        return f"{label}: {clipped(_dotted(schema, location))}: {what}"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message[:1].lower() + message[1:]
    message = _IN_YAML.get(problem["type"], message)
    given = problem.get("input")
    no_value = problem["type"] == "missing" or isinstance(given, dict)
    shown = "" if no_value else f", got {clipped(_repr(given))}"
    if problem["type"] == "literal_error":
        choices = [
            c.strip("'") for c in problem["ctx"]["expected"].replace(" or ", ", ").split(", ")
        ]
        message = did_you_mean(_repr(given).strip("'"), choices)
    key = _dotted(schema, location)
    return f"{label}: {clipped(key) + ': ' if key else ''}{clipped(message, 1000)}{shown}"


def _few(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[:_MOST_LINES], f"and {more} problems more"]


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # Python writes no integer of more than some thousand digits.
        return "a number that is too large"


def _dotted(schema: type[BaseModel], location: tuple[Any, ...]) -> str:
    """Write ``images[0].file``; union members that pydantic names in between are left out."""
    parts: list[str] = []
    for step in location:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif not (step[:1].isupper() or "[" in step or step in ("str", "int", "float", "list")):
            parts.append(f".{step}")
    return "".join(parts).lstrip(".")


def _schema_at(schema: type[BaseModel], location: tuple[Any, ...]) -> type[BaseModel] | None:
    """Follow a location into nested schemas, to list the keys allowed there."""
    here: type[BaseModel] | None = schema
    for step in location:
        if here is None or isinstance(step, int):
            continue
        field = here.model_fields.get(step)
        if field is not None:
            here = next(iter(_schemas_in(field.annotation)), None)
        elif step[:1].isupper():
            here = next((s for s in _all_schemas(schema) if s.__name__ == step), here)
    return here


def _schemas_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [s for inner in typing.get_args(annotation) for s in _schemas_in(inner)]


def _all_schemas(schema: type[BaseModel]) -> list[type[BaseModel]]:
    nested = [s for f in schema.model_fields.values() for s in _schemas_in(f.annotation)]
    return [schema, *(deeper for s in nested for deeper in _all_schemas(s))]


def _kind(data: Any) -> str:
    return "an empty file" if data is None else f"a {type(data).__name__}"
