"""What is refused, checked by the attributes of the error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pdpsych.common.errors import InputError


@contextmanager
def refused(**expected: Any) -> Iterator[pytest.ExceptionInfo[InputError]]:
    """Expect an InputError with these attributes.

    ``file`` may be a path; it is compared by its end, since messages may give it relative or
    absolute. ``allowed`` and ``remedy`` need only hold what is expected, all else is equal.
    """
    with pytest.raises(InputError) as told:
        yield told
    for name, value in expected.items():
        assert _is(told.value, name, value), (name, getattr(told.value, name), str(told.value))


def problem_of(done: Any) -> BaseException | None:
    """Return what ended a command that typer's runner has invoked, None if nothing did."""
    ended = done.exception
    return None if ended is None else ended.__context__.__cause__


def tells(error: InputError, **expected: Any) -> bool:
    """Whether an error has these attributes, compared as ``refused`` does."""
    return all(_is(error, name, value) for name, value in expected.items())


def _is(error: InputError, name: str, value: Any) -> bool:
    found = getattr(error, name)
    if name == "file":
        return str(found).endswith(Path(value).name)
    return bool(value in found if name in ("allowed", "remedy") else found == value)
