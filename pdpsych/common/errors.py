"""What a user sees when something they gave is wrong."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

# Stands for a value that is not told; None may be one.
UNTOLD: Any = object()


class InputError(ValueError):
    """A file, field or value given by the user cannot be used.

    The message stands on its own: commands print it without a traceback and end with status 2.
    Parameters of functions are written in backquotes; the command line words them as options.

    Parameters
    ----------
    problem
        What is wrong, or what is expected, in words.
    file
        Where it stands: a path, or the name of what was given.
    line, column
        Where in the file, from 1.
    field
        Key, column or parameter, as in ``images[0].file``.
    value
        What was given.
    allowed
        What could be there instead: words, or names, of which the nearest is suggested.
    remedy
        What to do.

    Examples
    --------
    >>> print(InputError("must be above 0", file="lab.yaml", field="distance_cm", value=-57))
    lab.yaml: distance_cm: must be above 0, got -57
    >>> error = InputError("unknown model", field="models", value="LGM", allowed=["LN", "LGN"])
    >>> print(error)
    models: unknown model, got "LGM"; did you mean "LGN"? allowed: LN, LGN
    >>> error.field, error.value, error.allowed
    ('models', 'LGM', ('LN', 'LGN'))
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        column: int | None = None,
        field: str = "",
        value: Any = UNTOLD,
        allowed: str | Iterable[str] = (),
        remedy: str = "",
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.file = None if file is None else str(file)
        self.line, self.column = line, column
        self.field = field
        self.has_value = value is not UNTOLD
        self.value = None if value is UNTOLD else value
        self.allowed = allowed if isinstance(allowed, str) else tuple(allowed)
        self.remedy = remedy
        self.problems: tuple[InputError, ...] = ()

    @classmethod
    def of(cls, problems: Sequence[InputError], more: int = 0) -> InputError:
        """Return one error that tells several; its attributes are those of the first.

        ``more`` is how many there are besides.
        """
        first, *others = problems
        if not others and not more:
            return first
        whole = copy.copy(first)
        whole.problems = tuple(problems)
        whole.remedy = f"and {more} problems more" if more else ""
        return whole

    def within(
        self, *, file: str | Path | None = None, field: str = "", remedy: str = ""
    ) -> InputError:
        """Return the same error as seen from outside.

        Parameters
        ----------
        file
            Where it happened, if the error does not say.
        field
            What the error's own field is a part of.
        remedy
            What else could be done.
        """
        outer = copy.copy(self)
        outer.problems = tuple(p.within(file=file, field=field) for p in self.problems)
        outer.file = self.file if self.file is not None or file is None else str(file)
        outer.field = _joined(field, self.field)
        outer.remedy = "; or ".join(filter(None, (self.remedy, remedy)))
        return outer

    def __copy__(self) -> InputError:
        # Not by copyreg: tblib, which dask imports, registers copies that share their attributes.
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__)
        return twin

    def __str__(self) -> str:
        if self.problems:
            return "\n".join([*map(str, self.problems), *filter(None, [self.remedy])])
        line = f"line {self.line}" if self.line is not None else ""
        line += f", column {self.column}" if line and self.column is not None else ""
        where = [part for part in (clipped(self.file or "", 500), line, self.field) if part]
        got = f", got {shown(self.value)}" if self.has_value else ""
        return "; ".join(
            filter(None, [": ".join([*where, self.problem]) + got, self._hint(), self.remedy])
        )

    def _hint(self) -> str:
        if isinstance(self.allowed, str):
            return f"allowed: {self.allowed}" if self.allowed else ""
        return did_you_mean(self.value, self.allowed) if self.allowed else ""


def shown(value: Any) -> str:
    """Return a value as it may stand in a message: text in quotes, of what is long the beginning.

    Examples
    --------
    >>> shown("cat"), shown(0.1 + 0.2), shown((1, 2))
    ('"cat"', '0.3', '(1, 2)')
    """
    if isinstance(value, str):
        return f'"{clipped(value)}"'
    if isinstance(value, float):
        return f"{value:g}"
    try:
        return clipped(str(value))
    except ValueError:  # Python writes no integer of more than some thousand digits.
        return "a number that is too large"


def clipped(text: str, most: int = 200) -> str:
    """Return a text, cut where it is longer than anybody reads in a message."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def did_you_mean(value: object, allowed: Iterable[str]) -> str:
    """Say what is allowed, with the nearest name first where one is near."""
    names = list(allowed)
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    return f"{hint}allowed: {', '.join(names)}"


def _joined(outer: str, inner: str) -> str:
    between = "" if not outer or not inner or inner.startswith("[") else "."
    return f"{outer}{between}{inner}"
