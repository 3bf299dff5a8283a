"""How much models disagree on each of several pairs, and so how many are worth measuring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pdpsych.common.files.digests import file_sha256
from pdpsych.common.tables import made_of
from pdpsych.stimuli.manifest import SCREE, ImageEntry
from pdpsych.stimuli.question import told

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Every pair may be what the first may, so none has a larger objective than the best first one.
_SAME = 1e-3
_LONGER = "give it more iterations or restarts"


def scree_table(entries: Sequence[ImageEntry]) -> pd.DataFrame:
    """Return the objective of every principal pair but rivals; see :meth:`StimulusSet.scree`."""
    rows = [
        (entry.name, asked.name, pair.name, asked.number, asked.objective)
        for entry in entries
        for pair in entry.without_rivals
        if (asked := pair.asked)
    ]
    columns = ["image", "question", "pair", "number", "objective"]
    return made_of(rows, columns).astype({"objective": float})


def scree_lines(entries: Sequence[ImageEntry]) -> list[str]:
    """Say what each question is, and the objective of each of its pairs."""
    table = scree_table(entries)
    if table.empty:
        return []
    over = f", mean over {len(entries)} images and range" if len(entries) > 1 else ""
    lines = [f"objective F of each pair{over}:"]
    asked = {pair.asked.name: pair.asked for e in entries for pair in e.pairs if pair.asked}
    for name, rows in table.groupby("question", sort=False):
        lines.append(f"  {name}: {asked[str(name)].describe()}")
        numbered = rows.groupby("number")["objective"]
        lines += [f"    {number}  {_mean_and_range(values)}" for number, values in numbered]
        wide = rows.groupby(["image", "number"])["objective"].max().unstack()
        beaten = int((wide.iloc[:, 0] < (1 - _SAME) * wide.max(axis=1)).sum())
        if beaten:
            lines.append(f"    pair 1 is not the best at {beaten} of {len(wide)} images: {_LONGER}")
    return lines


def draw_scree(entries: Sequence[ImageEntry], folder: Path) -> dict[str, str]:
    """Draw it into the folder of a set where a question has several pairs.

    Returns the file with its SHA-256, as a manifest has it.
    """
    table = scree_table(entries)
    if not (table["number"] > 1).any():
        return {}
    from pdpsych.common.drawing import save
    from pdpsych.stimuli.set_figures import plot_scree

    (file,) = save(cast("Figure", plot_scree(table).figure), folder / SCREE)
    return {SCREE: file_sha256(file)}


def _mean_and_range(values: pd.Series) -> str:
    finite = values.dropna()
    if len(finite) < len(values):
        return f"infinite for {len(values) - len(finite)} of {len(values)} images"
    ends = f" [{told(finite.min())}, {told(finite.max())}]" if len(finite) > 1 else ""
    return f"{told(finite.mean())}{ends}"
