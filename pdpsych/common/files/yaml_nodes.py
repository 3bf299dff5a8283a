"""YAML 1.2 as PyYAML reads it, from the nodes of a document to plain data, and back.

Scalars are those of the core schema, https://yaml.org/spec/1.2.2/#103-core-schema, but for
integers that begin with 0, which YAML 1.1 takes for octal and 1.2 for decimal: they are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from pdpsych.common.errors import clipped
from pdpsych.common.files.faults import MOST_DEPTH, MOST_DIGITS, TOO_DEEP, Fault, twice, unfit

# A study file has some hundred values; a few lines of aliases can stand for millions.
_MOST_VALUES = 100_000
_YAML = "tag:yaml.org,2002:"
_FORMS = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?(?:0|[1-9][0-9]*)[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN"
    ),
}
_FIRST = {"null": ["~", "n", "N", ""], "bool": list("tTfF")}
_BASES = {"0o": 8, "0x": 16}
_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029]")


class Misplaced(Exception):
    """A part of a document is not plain data."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.problem)
        self.fault = fault


class Loader(yaml.SafeLoader):
    """Knows no other scalars than :data:`_FORMS`, and how deep it is."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own way)
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node that is not too deep."""
        self.depth += 1
        event = self.peek_event()
        if self.depth > MOST_DEPTH and isinstance(event, yaml.CollectionStartEvent):
            where = event.start_mark.index if event.start_mark else 0
            raise Misplaced(Fault(f"not valid YAML: {TOO_DEEP}", where))
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class Dumper(yaml.SafeDumper):
    """Writes what both versions of YAML read alike."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: list(known) for first, known in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: Any) -> bool:
        """Write out what is there twice."""
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Quote text with ends of lines that YAML 1.1 knows and would fold."""
        style = '"' if _OTHER_BREAKS.search(data) else None
        return self.represent_scalar(_YAML + "str", data, style)


Dumper.add_representer(str, Dumper.represent_str)

for _kind, _form in _FORMS.items():
    for _class in (Loader, Dumper):
        _class.add_implicit_resolver(
            _YAML + _kind, re.compile(rf"(?:{_form})$"), _FIRST.get(_kind, list("-+.0123456789"))
        )


def compose(text: str) -> yaml.Node | None:
    """Return the root of a document; Misplaced or YAMLError if there is none to be read."""
    loader = Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    if node is not None:
        _count(node, {})
    return node


def line_in(node: yaml.Node | None, location: tuple[Any, ...]) -> int | None:
    """Return the line of what is at a location below a node, or nearest around it."""
    line = None
    for step in location:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    node, line = value, key.start_mark.line + 1
                    break
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    for part in node.value if isinstance(node, yaml.CollectionNode) else ():
        yield from part if isinstance(part, tuple) else (part,)


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values of a document, aliases where they stand."""
    if id(node) in known:
        return known[id(node)]
    # Of a node that is not counted yet: met again inside itself, it is endless.
    known[id(node)] = _MOST_VALUES
    known[id(node)] = 1 + sum(_count(part, known) for part in _parts(node))
    if known[id(node)] > _MOST_VALUES:
        raise _misplaced(node, f"more than {_MOST_VALUES} values, aliases counted where they stand")
    return known[id(node)]


def _misplaced(node: yaml.Node, problem: str) -> Misplaced:
    return Misplaced(Fault(f"not valid YAML: {clipped(problem)}", node.start_mark.index))


def plain(node: yaml.Node) -> Any:
    """Return what a node stands for; Misplaced if that is not plain data."""
    tag = node.tag.removeprefix(_YAML)
    if isinstance(node, yaml.MappingNode) and tag == "map":
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode) and tag == "seq":
        return [plain(part) for part in node.value]
    if isinstance(node, yaml.ScalarNode) and tag == "str":
        if problem := unfit(node.value):
            raise _misplaced(node, problem)
        return node.value
    if isinstance(node, yaml.ScalarNode) and tag in _FORMS:
        return _scalar(node, tag)
    raise _misplaced(node, f"the tag {node.tag} is not read")


def _mapping(node: yaml.MappingNode) -> dict[Any, Any]:
    data: dict[Any, Any] = {}
    lines: dict[Any, int] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise _misplaced(key_node, "a key is text or a number")
        key = plain(key_node)
        if key == "<<" and not key_node.style:
            raise _misplaced(key_node, "merge keys, <<, are not read; write their values out")
        if key in data:
            raise Misplaced(twice(str(key), key_node.start_mark.index, lines[key]))
        data[key], lines[key] = plain(value_node), key_node.start_mark.line + 1
    return data


def _scalar(node: yaml.ScalarNode, tag: str) -> bool | int | float | None:
    text: str = node.value
    if not re.fullmatch(_FORMS[tag], text):
        raise _misplaced(node, f"is no {tag}: {text}")
    if len(text) > MOST_DIGITS:
        raise _misplaced(node, f"a number of {len(text)} characters")
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag == "int":
        return int(text[2:], _BASES[text[:2]]) if text[:2] in _BASES else int(text)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
