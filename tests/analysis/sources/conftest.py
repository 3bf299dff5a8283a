"""A study whose trials were measured elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import small_study
import yaml


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes an analysis of tables; ``ratios`` is in place of the set."""

    def write(
        *,
        trials: pd.DataFrame | None = None,
        thresholds: pd.DataFrame | None = None,
        ratios: pd.DataFrame | None = None,
        **settings: object,
    ) -> Path:
        folder = tmp_path_factory.mktemp("elsewhere")
        small_study.write_set(folder / "stimuli/sets/small")
        (folder / "analysis").mkdir()
        content: dict[str, object] = {"samples": 500}
        tables = {"trials": trials, "thresholds": thresholds, "ratios": ratios}
        for name, table in tables.items():
            if table is not None:
                table.to_csv(folder / "analysis" / f"{name}.csv", index=False)
                content[name] = f"{name}.csv"
        if ratios is None:
            content["set"] = "../stimuli/sets/small"
        path = folder / "analysis/lab.yaml"
        path.write_text(yaml.safe_dump(content | settings))
        return path

    return write
