"""The study that the tutorials make: the first begins with nothing, the last leaves nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

TUTORIALS = Path(__file__).parents[1] / "tutorials"


def clear(gallery_conf: dict[str, Any], script: str, when: str) -> None:
    """Delete the study before the first script and after the last; sphinx-gallery calls this."""
    scripts = sorted(path.name for path in TUTORIALS.glob("*.py"))
    end = scripts[0] if when == "before" else scripts[-1]
    if Path(script).name == end:
        shutil.rmtree(TUTORIALS / "first-study", ignore_errors=True)
