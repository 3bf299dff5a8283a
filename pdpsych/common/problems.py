"""What a schema finds wrong with data: the key, the value, and what is allowed."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pdpsych.common.errors import UNTOLD, InputError, clipped

LineAt = Callable[[tuple[Any, ...]], int | None]
# What is wrong with a few values is enough to be told.
_MOST = 20
_TYPE, _RANGE, _SIZE = "is of another type", "is out of range", "is of another length"
# By pydantic's names: what is wrong, and what is allowed as it is written in YAML.
_WORDS = {
    "string_type": (_TYPE, 'text; write it in quotes, as in "01"'),
    "tuple_type": (_TYPE, "a list, as in [a, b]"),
    "list_type": (_TYPE, "a list, as in [a, b]"),
    "bool_type": (_TYPE, "true or false"),
    "int_type": (_TYPE, "a whole number"),
    "int_from_float": (_TYPE, "a whole number"),
    "float_type": (_TYPE, "a number"),
    "float_parsing": (_TYPE, "a number"),
    "finite_number": (_RANGE, "a finite number"),
    "dict_type": (_TYPE, "keys with values"),
    "model_type": (_TYPE, "keys with values"),
    "model_attributes_type": (_TYPE, "keys with values"),
    "path_type": (_TYPE, "a path"),
    "date_type": (_TYPE, "a date, as in 2026-01-31"),
    "date_parsing": (_TYPE, "a date, as in 2026-01-31"),
    "date_from_datetime_parsing": (_TYPE, "a date, as in 2026-01-31"),
    "datetime_type": (_TYPE, "a date and time"),
    "greater_than": (_RANGE, "above {gt:g}"),
    "greater_than_equal": (_RANGE, "at least {ge:g}"),
    "less_than": (_RANGE, "below {lt:g}"),
    "less_than_equal": (_RANGE, "at most {le:g}"),
    "too_short": (_SIZE, "at least {min_length} items"),
    "too_long": (_SIZE, "at most {max_length} items"),
    "string_too_short": (_SIZE, "at least {min_length} characters"),
    "string_too_long": (_SIZE, "at most {max_length} characters"),
}


def refusal(
    error: ValidationError,
    data: Mapping[str, Any],
    schema: type[BaseModel],
    file: str | Path,
    line_at: LineAt,
) -> InputError:
    """Return what pydantic found as one error, of very many problems the first.

    Parameters
    ----------
    error
        What it raised.
    data, schema
        What does not fit, and what it should fit.
    file
        Where they are from.
    line_at
        Gives the line of a location in them, None where it has none.
    """
    problems = _told(error.errors())
    placed = [(_problem(data, schema, p).within(file=file), p["loc"]) for p in problems]
    found = list({str(told): (told, location) for told, location in placed}.values())
    for told, location in found[:_MOST]:
        told.line = told.line or line_at(location)
    return InputError.of([told for told, _ in found[:_MOST]], max(len(found) - _MOST, 0))


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


def _problem(data: Mapping[str, Any], schema: type[BaseModel], problem: Any) -> InputError:
    location, kind = problem["loc"], problem["type"]
    context, given = problem.get("ctx", {}), problem.get("input")
    field = clipped(_dotted(location, data, is_missing=kind == "missing"))
    if kind == "extra_forbidden":
        owner = _schema_at(schema, location[:-1])
        allowed: Any = list(owner.model_fields) if owner else ()
        return InputError("unknown key", field=field, value=str(location[-1]), allowed=allowed)
    if isinstance(context.get("error"), InputError):
        told: InputError = context["error"].within(field=field)
        return told
    if kind == "union_tag_invalid":
        key = context["discriminator"].strip("'")
        names = _names(context["expected_tags"])
        return _unknown(f"{field}.{key}".lstrip("."), context["tag"], names)
    if kind == "literal_error":
        return _unknown(field, given, _names(context["expected"]))
    if kind == "unknown_name":
        return _unknown(field, given, context["allowed"])
    # Of a mapping, its keys say where it is; it is too much to repeat.
    value = UNTOLD if kind == "missing" or isinstance(given, dict) else given
    if kind in _WORDS:
        words, allowed = _WORDS[kind]
        return InputError(words, field=field, value=value, allowed=allowed.format(**context))
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = clipped(message[:1].lower() + message[1:], 1000)
    return InputError(message, field=field, value=value)


def _unknown(field: str, given: Any, names: list[str]) -> InputError:
    return InputError("is none of what is allowed", field=field, value=given, allowed=names)


def _names(listed: str) -> list[str]:
    """Return the names of pydantic's ``'a', 'b' or 'c'``."""
    return [name.strip("'") for name in listed.replace(" or ", ", ").split(", ")]


def _dotted(location: tuple[Any, ...], data: Any, is_missing: bool) -> str:
    """Write ``images[0].file``; members of unions, which pydantic names too, are left out."""
    written, here = "", data
    for place, step in enumerate(location, start=1):
        listed = isinstance(here, list | tuple) and isinstance(step, int) and step < len(here)
        known = listed or (isinstance(here, Mapping) and step in here)
        if known:
            here = here[step]
        if known or (is_missing and place == len(location)):
            written += f"[{step}]" if isinstance(step, int) else f".{step}"
    return written.lstrip(".")


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
    # To Python 3.10 tuple[X, ...] is a type too.
    if inner := typing.get_args(annotation):
        return [schema for each in inner for schema in _schemas_in(each)]
    is_schema = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return [annotation] if is_schema else []


def _all_schemas(schema: type[BaseModel]) -> list[type[BaseModel]]:
    nested = [s for f in schema.model_fields.values() for s in _schemas_in(f.annotation)]
    return [schema, *(deeper for s in nested for deeper in _all_schemas(s))]
