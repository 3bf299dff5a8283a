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
        found = getattr(told.value, name)
        if name == "file":
            assert str(found).endswith(Path(value).name), (name, found, str(told.value))
        elif name in ("allowed", "remedy"):
            assert value in found, (name, found, str(told.value))
        else:
            assert found == value, (name, found, str(told.value))
