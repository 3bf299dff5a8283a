"""One study to break, and the bench that breaks it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# For the modules beside this file, which the benchmark uses too.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def broken_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import study

    return study.build(tmp_path_factory.mktemp("fuzz") / "study")


@pytest.fixture(scope="session")
def bench(broken_study: Path, tmp_path_factory: pytest.TempPathFactory):
    """Return what breaks the study and runs a command on it."""
    import attempts

    return attempts.Bench(broken_study, tmp_path_factory.mktemp("work"))
