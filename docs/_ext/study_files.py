"""Pages that cannot drift: fields, columns and commands from the code that has them.

`fields` makes a table of a schema's keys, `columns` one of a data dictionary, and
`_command-line.md` is written before each build.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from docutils import nodes
from meanings import meaning_of, unit_of
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pdpsych.common.tables import Column

Row = tuple[str, ...]


class Fields(SphinxDirective):
    """Table of the keys of a schema, `package.module:Name`: meaning, unit, values, default."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        schema = _named(self.arguments[0])
        rows = [
            (
                f"`{name}`",
                meaning_of(schema, name),
                unit_of(schema, name),
                _allowed(field),
                _default(field),
            )
            for name, field in schema.model_fields.items()
        ]
        # What pdpsych writes itself is told in prose or in the data dictionary.
        kept = [n for n in range(5) if n not in (1, 2) or any(row[n] for row in rows)]
        head = ("key", "meaning", "unit", "allowed", "default")
        shown = [tuple(row[n] for n in kept) for row in [head, *rows]]
        return _table(self, shown[0], shown[1:])


class Columns(SphinxDirective):
    """Table of a data dictionary, `package.module:NAME`: what columns mean, in which units."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        columns = _named(self.arguments[0])
        rows = [(f"`{name}`", *_meaning(column)) for name, column in columns.items()]
        return _table(self, ("column", "meaning", "units"), rows)


def _named(address: str) -> Any:
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(module), name)


def _meaning(column: Column | tuple[str, str]) -> Row:
    levels = column.levels if isinstance(column, Column) else None
    meaning = column[0]
    if levels:
        meaning += f" ({'; '.join(f'{value}: {what}' for value, what in levels.items())})"
    return meaning, "" if column[1] == "none" else column[1]


def _allowed(field: FieldInfo) -> str:
    """Say what a field takes, in words and with its limits."""
    kind = _kind(field.annotation)
    if field.default is None:
        # That it may be left out is said by the default.
        kind = kind.removesuffix(" or `null`")
    parts = ", ".join([kind, *_limits(field.metadata)]).split(", ")
    return ", ".join(dict.fromkeys(parts))


def _kind(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits = (limit for item in arguments[1:] for limit in _limits([item]))
        return ", ".join(dict.fromkeys([_kind(arguments[0]), *limits]))
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_kind, arguments)))
    if origin is tuple:
        return _list_of(arguments)
    if origin is dict:
        return f"mapping to {_kind(arguments[1])}"
    return _simple(annotation)


def _list_of(arguments: tuple[Any, ...]) -> str:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return f"list: {_kind(arguments[0])}"
    return f"list of {len(arguments)}: {', '.join(dict.fromkeys(map(_kind, arguments)))}"


def _simple(annotation: type) -> str:
    names = {int: "whole number", float: "number", str: "text", bool: "`true` or `false`"}
    if annotation is NoneType:
        return "`null`"
    if annotation in names:
        return names[annotation]
    if annotation is Any:
        return "anything"
    if issubclass(annotation, PurePath):
        return "path"
    if issubclass(annotation, BaseModel):
        return "mapping"
    return annotation.__name__


def _limits(metadata: list[Any]) -> Iterator[str]:
    """Give the limits of annotated-types and of fields in words."""
    words = {"gt": "above {}", "ge": "at least {}", "lt": "below {}", "le": "at most {}"}
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _limits(item.metadata)
        for name, phrase in words.items():
            if getattr(item, name, None) is not None:
                yield phrase.format(getattr(item, name))
        if getattr(item, "min_length", None):
            yield "not empty"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, tuple):
        plain = [v.kind if isinstance(v, BaseModel) else v for v in value]
        return f"`[{', '.join(map(str, plain))}]`"
    words = {None: "none", True: "`true`", False: "`false`"}
    return words[value] if value is None or isinstance(value, bool) else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _table(directive: SphinxDirective, head: Row, rows: list[Row]) -> list[nodes.Node]:
    """Make a table; cells are Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    text = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    return directive.parse_text_to_nodes(text)


def _write_commands(app: Sphinx) -> None:
    """Write the reference of the command line, as typer makes it."""
    command = [sys.executable, "-m", "typer", "pdpsych.cli.main", "utils", "docs"]
    command += ["--name", "pdpsych", "--title", "Command line"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    (Path(app.srcdir) / "_command-line.md").write_text(made.stdout, encoding="utf-8")


def _without_fields(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """Leave out the arguments of schemas: they are the fields, of which there are tables."""
    schema = isinstance(thing, type) and issubclass(thing, BaseModel)
    return ("", "") if schema else None


def _keep_bars(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Keep |x| in docstrings the size of x, where reStructuredText would see a substitution."""
    lines[:] = [line.replace("|", "\\|") for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives, and write the page of commands before pages are read."""
    app.add_directive("fields", Fields)
    app.add_directive("columns", Columns)
    app.connect("builder-inited", _write_commands)
    app.connect("autodoc-process-signature", _without_fields)
    app.connect("autodoc-process-docstring", _keep_bars)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
