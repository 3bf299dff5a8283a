"""How much data a study needs: the experiment simulated at several sizes, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from pdpsych.analysis.binomial import wilson
from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.planning.columns import CELL_COLUMNS, PLAN, SIZE, STUDY_COLUMNS, WANTED
from pdpsych.analysis.planning.simulated_study import Outcome, Size, simulate_studies
from pdpsych.analysis.planning.world import build_world
from pdpsych.analysis.words import counted
from pdpsych.common import tables
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.files.locks import locked
from pdpsych.common.results import Result
from pdpsych.common.section import load
from pdpsych.experiments.observers.spec import ObserverSpec
from pdpsych.stimuli.stimulus_set import StimulusSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = Schema("plan", 2, "plan again: pdpsych plan ANALYSIS.yaml")

# Of log thresholds between people, in nats, where no observer's file says otherwise.
_SPREAD = 0.2
# Participants, images or trials of a study that is simulated.
_MOST = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Result):
    """What simulated studies of several sizes find.

    Attributes
    ----------
    analysis
        Name of the analysis.
    kind
        The kind of distortions that are simulated and decide.
    observer
        The participants, as recorded in a simulated trial log.
    studies
        A row for each simulated study and size: columns
        :data:`pdpsych.analysis.planning.columns.STUDY_COLUMNS`.
    cells
        A row for each size: columns :data:`pdpsych.analysis.planning.columns.CELL_COLUMNS`.
    alike
        Each two models that no trial tells apart.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> planned = analysis.plan(
    ...     "study", participants=[1], images=[3], trials=[10], studies=3, jobs=1, write=False
    ... )
    >>> planned
    <Plan: main, 1 size simulated 3 times>
    >>> planned.cells[["participants", "images", "trials", "right", "wrong"]]
       participants  images  trials  right  wrong
    0             1       3      10      0      0
    >>> planned == analysis.Plan.from_json(planned.to_json("copy.json"))
    True
    """

    analysis: str
    kind: str
    observer: dict[str, Any]
    studies: pd.DataFrame
    cells: pd.DataFrame
    alike: tuple[str, ...] = ()

    def describe(self) -> str:
        """Give a line for each size, and the smallest study that is enough."""
        head = (
            f"{self.analysis}: {self.cells['studies'].iloc[0]} simulated studies of each size, "
            f"{self.kind} distortions\n"
            "  right, wrong: the true model, another one is declared the closest\n"
            "  score, ratio: mean width of the intervals of its score, of a human log ratio; nats"
        )
        names = (
            "participants  images  trials/distortion  trials/person  "
            "right  (95 % int.)  wrong  score  ratio"
        )
        lines = [
            f"{row['participants']:>12}  {row['images']:>6}  {row['trials']:>17}  "
            f"{row['trials_each']:>13}  {row['power']:>5.0%}  ({row['power_low']:>4.0%}, "
            f"{row['power_high']:>4.0%})  {row['wrong'] / row['studies']:>5.0%}  "
            f"{row['score_width']:>5.2f}  {row['ratio_width']:>5.2f}"
            for row in self.cells.to_dict("records")
        ]
        settings = ", ".join(f"{name} {value}" for name, value in self.observer.items())
        said = [names, *lines, *self._beside, *self._not_told, self.advice]
        return "\n".join([head, f"  participants: {settings}", *said])

    @property
    def _not_told(self) -> list[str]:
        """Say which models nobody's answers tell apart, a line for each two."""
        return [
            f"No trial of this set tells {models} apart: neither is declared."
            for models in self.alike
        ]

    @property
    def _beside(self) -> list[str]:
        """Say what choosing trials saves, if they are chosen: a line for the largest study."""
        if self.cells["adaptive_power"].isna().all():
            return []
        largest = self.cells.iloc[-1]
        size = ["participants", "images"]
        own = self.studies[(self.studies[size] == largest[size].tolist()).all(axis=1)]
        found = {}
        for name in ("closest", "adaptive"):
            right = own["trials"].where(own[name] == own["truth"], np.inf)
            found[name] = float(right.groupby(own["study"]).min().median())
        here, there = (_trials(found[name], int(largest["trials"])) for name in found)
        saved = found["closest"] / found["adaptive"]
        told = f": {saved:.2f} times as many" if np.isfinite(saved) else ""
        return [
            f"Trials of each distortion until the true model is declared, median of "
            f"{counted(largest['participants'], 'participant')} × "
            f"{counted(largest['images'], 'image')}: {here} here, {there} with method: "
            f"{{kind: adaptive}}{told}."
        ]

    def _line(self) -> str:
        times = counted(self.studies["study"].nunique(), "time")
        return f"{self.analysis}, {counted(len(self.cells), 'size')} simulated {times}"

    def plot(self) -> Figure:
        """Draw how often the true model is found, and how wide the intervals of scores are."""
        from pdpsych.analysis.planning.figures import plan_panels

        return plan_panels(self.cells)

    def to_json(self, path: str | Path) -> Path:
        """Write the plan.

        Parameters
        ----------
        path
            File to write.
        """
        frames = {name: tables.to_plain(getattr(self, name)) for name in PLAN}
        return SCHEMA.write(path, vars(self) | frames)

    @classmethod
    def from_json(cls, path: str | Path) -> Plan:
        """Read a plan written by :meth:`to_json`.

        Parameters
        ----------
        path
            File to read.
        """
        with SCHEMA.reading(path) as data:
            del data["schema_version"]
            found = {name: tables.from_plain(data[name]) for name in PLAN}
            return cls(**data | found | {"alike": tuple(data["alike"])})

    @property
    def advice(self) -> str:
        """The size with the fewest trials in all that is enough, in words."""
        enough = self.cells[self.cells["power"] >= WANTED]
        if enough.empty:
            best = self.cells.iloc[int(self.cells["power"].argmax())]
            return (
                f"No size reaches {WANTED:.0%}; {_described(best)}, comes closest with "
                f"{best['power']:.0%}. Hardest to find there: {best['hardest']}. "
                "Try more images, or more participants."
            )
        total = enough["participants"] * enough["trials_each"]
        best = enough.iloc[int(total.argmin())]
        alone = " What one participant sees does not extend to others."
        return (
            f"Fewest trials that reach {WANTED:.0%}: {_described(best)} "
            f"({best['power']:.0%} [{best['power_low']:.0%}, {best['power_high']:.0%}])."
            + (alone if best["participants"] == 1 else "")
        )

    def put_into(self, folder: Path) -> list[Path]:
        """Write planned.json, plan.csv and plan_studies.csv with dictionaries, and the figure.

        The lock of the folder is to be held meanwhile.
        """
        from pdpsych.common.drawing import save

        return [
            self.to_json(folder / "planned.json"),
            tables.write_table(folder, "plan", self.cells, CELL_COLUMNS),
            tables.write_table(folder, "plan_studies", self.studies, STUDY_COLUMNS),
            *save(self.plot(), folder / "plan", formats=("png", "pdf")),
        ]


def plan(
    analysis: str | Path | Analysis,
    *,
    truth: str | Path | ObserverSpec | None = None,
    participants: Sequence[int] = (1, 2, 4, 8),
    images: Sequence[int] = (5, 10, 20),
    trials: Sequence[int] = (40, 60, 100),
    studies: int = 50,
    jobs: int | None = None,
    write: bool = True,
    progress: bool = False,
) -> Plan:
    """Simulate an experiment whose participants see like a model, and analyse it.

    Design, placement, fit, score and the rule of the conclusion are those of real studies; no
    frames are made. Where the set does not say what models see at visible amplitudes, participants
    see as though models were linear, and scores are local. Images are those of the set in random
    order, over again with other participants' deviations where more are asked for. Where trials ask
    about models, each study is simulated with the adaptive method too.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    truth
        What participants see like: a model of the set, or the YAML file of an observer that sees
        like one. By default each model of the set in turn.
    participants
        Numbers of people to try.
    images
        Numbers of images to try.
    trials
        Numbers of trials of each distortion and person to try.
    studies
        Simulated studies, each at all sizes.
    jobs
        Processes; by default one for each core.
    write
        Whether to write the plan into the results folder of the analysis, over one that is there.
    progress
        Whether to show a progress bar over studies.

    Raises
    ------
    InputError
        If something given cannot be used, or the set has fewer than two models.
    KeyboardInterrupt
        At Ctrl-C, when the plan of the studies that are simulated is written.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> planned = analysis.plan(
    ...     "study", truth="LGN", images=[2], participants=[1], trials=[10], studies=2, jobs=1
    ... )
    >>> planned.observer["model"], planned.cells["studies"].tolist()
    ('LGN', [2])
    """
    opened = open_analysis(analysis)
    sizes = _sizes(participants, images, trials)
    for name, value in (("studies", studies), ("jobs", jobs or 1)):
        if value < 1:
            raise InputError("too few", field=name, value=value, allowed="at least 1")
    stimulus_set = opened.open_experiment().open_set()
    truths, spec = _participants(truth, stimulus_set)
    world = build_world(opened, stimulus_set, spec)
    todo = [(truths[number % len(truths)], number) for number in range(studies)]
    outcomes: list[Outcome] = []
    done = 0
    try:
        for simulated in simulate_studies(world, todo, sizes, jobs, progress):
            outcomes += simulated
            done += 1
    except KeyboardInterrupt:
        if not (outcomes and write):
            raise
    found = pd.DataFrame(outcomes, columns=Outcome._fields)
    observer = spec.model_dump(exclude_none=True) | {"model": ", ".join(truths)}
    observer["local"] = not world.responses
    per_image = len(world.placements) / len({c.image for c in world.placements})
    kind = str(world.ratios["kind"].iloc[0])
    cells = size_table(found, per_image, world.asks)
    planned = Plan(opened.stem, kind, observer, found, cells, world.alike)
    if write:
        with locked(opened.results, doing="the plan is written"):
            planned.put_into(opened.results)
    if done < studies:
        kept = opened.results / "plan.csv"
        raise KeyboardInterrupt(f"{kept} is of the {done} studies that were simulated")
    return planned


def size_table(studies: pd.DataFrame, pairs_per_image: float, beside: bool = False) -> pd.DataFrame:
    """Return one row a size: how often the right model is declared the closest, and widths.

    With ``beside`` also how often it is with the adaptive method.
    """
    rows = []
    for size, own in studies.groupby(SIZE, sort=True):
        participants, images, trials = cast("tuple[int, int, int]", size)
        hit = own["closest"] == own["truth"]
        by_truth = hit.groupby(own["truth"], sort=False).mean()
        low, high = wilson(hit.sum(), len(own), 0.95)
        rows.append(
            {
                "participants": participants,
                "images": images,
                "trials": trials,
                "trials_each": round(images * trials * pairs_per_image),
                "studies": len(own),
                "right": int(hit.sum()),
                "wrong": int((~hit & (own["closest"] != "")).sum()),
                "power": float(hit.mean()),
                "power_low": float(low),
                "power_high": float(high),
                "adaptive_power": (
                    float((own["adaptive"] == own["truth"]).mean()) if beside else np.nan
                ),
                "hardest": str(by_truth.idxmin()),
                "hardest_power": float(by_truth.min()),
                "score_width": float(own["score_width"].mean()),
                "ratio_width": float(own["ratio_width"].mean()),
            }
        )
    return pd.DataFrame(rows)


def _sizes(participants: Sequence[int], images: Sequence[int], trials: Sequence[int]) -> list[Size]:
    for name, values in (("participants", participants), ("images", images), ("trials", trials)):
        if not values or min(values) < 1 or max(values) > _MOST:
            allowed = f"numbers from 1 to {_MOST}"
            raise InputError("cannot be simulated", field=name, value=values, allowed=allowed)
    return [
        Size(*size)
        for size in product(sorted(set(participants)), sorted(set(images)), sorted(set(trials)))
    ]


def _participants(
    truth: str | Path | ObserverSpec | None, stimulus_set: StimulusSet
) -> tuple[list[str], ObserverSpec]:
    """Return the models that participants see like, in turn, and what else is known of them."""
    models = list(stimulus_set.models)
    if len(models) < 2:
        raise InputError(
            "has one model only; a plan tells models apart",
            file=stimulus_set.path,
            field="models",
            value=", ".join(models),
        )
    if truth is None:
        return models, ObserverSpec(model=models[0], spread=_SPREAD)
    if isinstance(truth, str) and not truth.endswith((".yaml", ".yml")):
        spec, file, field = ObserverSpec(model=truth, spread=_SPREAD), None, "truth"
    else:
        spec = load(truth, ObserverSpec)
        file, field = spec.label, "model"
    if spec.model not in models:
        raise InputError(
            f"no model of {stimulus_set.path}",
            file=file,
            field=field,
            value=spec.model,
            allowed=models,
        )
    return [spec.model], spec


def _trials(median: float, most: int) -> str:
    return f"{median:g}" if np.isfinite(median) else f"more than {most}"


def _described(row: pd.Series) -> str:
    return (
        f"{counted(row['participants'], 'participant')} × {counted(row['images'], 'image')} × "
        f"{row['trials']} trials of each distortion, {row['trials_each']} for each participant"
    )
