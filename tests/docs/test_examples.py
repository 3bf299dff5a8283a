"""Docstrings: their examples run, and those of public names say all that a user needs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

import pdpsych

PACKAGE = Path(pdpsych.__file__).parent
# The packages that people import.
FACES = ("geometry", "models", "displays", "stimuli", "experiments", "analysis", "studies")

WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Headings are underlined.
HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
NOT_DESCRIBED = ("self", "cls")


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_give_what_they_say(module, example_study, tmp_path, monkeypatch):
    shutil.copytree(example_study, tmp_path / "study")
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(module)):
        runner.run(test, out=told.append)
    assert not told, "\n".join(told)
    assert runner.summarize(verbose=False).attempted


def _sections(text: str | None) -> dict[str, str]:
    """Return what is below each heading of a docstring in NumPy's style."""
    parts = HEADING.split(inspect.cleandoc(text or ""))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _described(text: str | None) -> set[str]:
    """Return the names that a docstring describes as parameters or attributes."""
    sections = _sections(text)
    listed = "\n".join(sections.get(name, "") for name in ("Parameters", "Attributes"))
    heads = re.findall(r"^(\S.*?)(?: : .*)?$", listed, re.MULTILINE)
    return {name.strip("* ") for head in heads for name in head.split(",")}


def _parameters(function: Callable[..., object]) -> set[str]:
    try:
        named = inspect.signature(function).parameters
    except ValueError:  # an exception that has what all have
        return set()
    return {name for name in named if name not in NOT_DESCRIBED and name[0] != "_"}


def _methods(owner: type) -> Iterator[tuple[str, Callable[..., object]]]:
    """Return the public methods that a class itself has."""
    for name, value in list(vars(owner).items()):
        function = getattr(value, "__func__", value)
        if not name.startswith("_") and inspect.isfunction(function):
            yield name, function


def _said(things: Iterable[object]) -> set[tuple[str, str]]:
    """Return the parameters that docstrings of methods name, in sentences too."""
    return {
        (name, word)
        for thing in things
        if isinstance(thing, type)
        for name, function in _methods(thing)
        for word in _described(function.__doc__) | set(re.findall(r"\w+", function.__doc__ or ""))
    }


def _missing(thing: Callable[..., object], others: Iterable[object] = ()) -> list[str]:
    """Return what the docstrings of a function, or of a class and its methods, do not say.

    Of several classes that have a method of one name, one may describe it for all.
    """
    text = thing.__doc__ or ""
    gaps = [] if ">>> " in _sections(text).get("Examples", "") else ["Examples"]
    if not getattr(thing, "_is_protocol", False):
        gaps += sorted(_parameters(thing) - _described(text))
    said = _said([thing, *others])
    for method, function in _methods(thing) if isinstance(thing, type) else ():
        words = sorted(_parameters(function))
        gaps += [f"{method}({name})" for name in words if (method, name) not in said]
    return gaps


@pytest.mark.parametrize(
    ("package", "name"),
    [
        (f"pdpsych.{package}", name)
        for package in FACES
        for name in importlib.import_module(f"pdpsych.{package}").__all__
    ],
)
def test_a_public_name_has_an_example_and_describes_its_parameters(package, name):
    face = importlib.import_module(package)
    thing, others = getattr(face, name), [getattr(face, other) for other in face.__all__]
    assert not callable(thing) or not _missing(thing, others)


def _good(a, *rest, flag=False):
    """Do it.

    Parameters
    ----------
    a, flag
        Both.
    *rest : int
        The rest.

    Examples
    --------
    >>> 1
    1
    """


def _poor(a, b):
    """Do it with b.

    Parameters
    ----------
    a
        That one.
    """


class _Thing:
    """A thing.

    Attributes
    ----------
    size
        Of it.

    Examples
    --------
    >>> 1
    1
    """

    def __init__(self, size):
        self.size = size

    def grow(self, by, limit):
        """Grow by so much."""


def test_what_is_not_said_is_noticed():
    assert _missing(_good) == []
    assert _missing(_poor) == ["Examples", "b"]
    assert _missing(_Thing) == ["grow(limit)"]
