"""What a schema finds wrong with data: the key, the value, and what is allowed."""

from __future__ import annotations

import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from pdpsych.common.errors import clipped, did_you_mean

# What is wrong with a few values is enough to be told.
_MOST_LINES = 20
# What pydantic names by Python's types, as it is written in YAML.
_IN_YAML = {
    "string_type": 'should be text; write it in quotes, as in "01"',
    "tuple_type": "should be a list, as in [a, b]",
    "list_type": "should be a list, as in [a, b]",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
}


def describe(error: ValidationError, schema: type[BaseModel], label: str) -> str:
    """Return a line for each problem, ``label: key.path: problem``; of very many, the first."""
    lines = [_problem(label, schema, problem) for problem in _told(error.errors())]
    return "\n".join(_few(list(dict.fromkeys(lines))))


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
