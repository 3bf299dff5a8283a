"""Reading files of text and YAML, which may hold anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pdpsych.common.errors import InputError, clipped, did_you_mean

# A study file has some hundred values.
_MOST_VALUES = 100_000


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


def read_yaml(path: Path, known_as: str) -> Any:
    """Read a YAML file as plain data; ``known_as`` says what it should be, for messages.

    Raises
    ------
    InputError
        If it is missing, cannot be read, is not YAML, or is enormous.
    """
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
