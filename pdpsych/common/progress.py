"""Progress bars: live on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
from typing import NoReturn

from tqdm import tqdm


def progress_bar(total: int, unit: str, shown: bool, initial: int = 0) -> tqdm[NoReturn]:
    """Return a bar on standard error, silent unless ``shown``."""
    live = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=initial,
        unit=unit,
        disable=not shown,
        leave=not live,
        mininterval=0.1 if live else 30,
        miniters=None if live else 1,
    )
