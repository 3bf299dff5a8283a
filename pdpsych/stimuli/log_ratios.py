"""Log ratios of a model's sensitivities to the two distortions of a pair."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pdpsych.common.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_PAIR = ["image", "pair", "kind", "model"]


def log_ratio(u: float, v: float) -> float:
    """Return log(u/v): ±inf where a model sees one of two distortions, nan where neither."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log(u) - np.log(v))


def log_ratio_table(sensitivities: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Return log d(u)/d(v), one row per image, pair and model.

    Parameters
    ----------
    sensitivities
        One row per image, pair, model and distortion, that of v behind that of u.
    file
        Where they are from.

    Raises
    ------
    InputError
        If one is not finite: the model sees nothing of a distortion.
    """
    u, v = (
        sensitivities[sensitivities["distortion"] == number].reset_index(drop=True)
        for number in (1, 2)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = (np.log(side["sensitivity"].to_numpy(float)) for side in (u, v))
        ratios = u[_PAIR].assign(log_ratio=next(logs) - next(logs))
    blind = np.flatnonzero(~np.isfinite(ratios["log_ratio"]))
    if len(blind):
        image, pair, _, model, _ = ratios.iloc[blind[0]]
        both = (float(side["sensitivity"].iloc[blind[0]]) for side in (u, v))
        raise nothing_seen(model, *both).within(file=file, field=f"images.{image}.{pair}")
    return ratios


def nothing_seen(model: str, u: float, v: float) -> InputError:
    """Return the error of a model whose sensitivities d(u), d(v) have no finite log ratio."""
    return InputError(
        f"model {model} has sensitivities {u:g} and {v:g}, so no finite log ratio: it sees nothing "
        "of a distortion",
        field="sensitivities",
        value=model,
        remedy="choose a layer or a noise model that does, raise the floor, or leave the model out",
    )
