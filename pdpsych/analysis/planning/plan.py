"""How much data a study needs: the experiment simulated at several sizes, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.fitting.binomial import wilson
from pdpsych.analysis.planning.simulated_study import Outcome, Size, World, simulate_study
from pdpsych.analysis.scoring.conclusion import deciding_kind
from pdpsych.common import tables
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError, clipped, did_you_mean
from pdpsych.common.parallel import spread
from pdpsych.common.section import load
from pdpsych.common.terminal import progress_bar
from pdpsych.experiments.design import Condition, conditions
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.labels import Labels
from pdpsych.experiments.observers.spec import ObserverSpec
from pdpsych.experiments.placement.placement import Placement
from pdpsych.experiments.sessions.placements import begin_placements
from pdpsych.experiments.sessions.preparation import Preparation
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.stimuli.thresholds import expected_thresholds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = Schema("plan", 1, "plan again: pdpsych plan ANALYSIS.yaml")

# Of log thresholds between people, in nats, where no observer's file says otherwise.
_SPREAD = 0.2
# Participants, images or trials of a study that is simulated.
_MOST = 1000
# What a planned study should reach.
WANTED = 0.95

SIZE = ["participants", "images", "trials"]
_SIZE_COLUMNS: tables.Columns = {
    "participants": ("number of participants", "count"),
    "images": ("number of base images", "count"),
    "trials": ("trials of each distortion and participant", "count"),
}
CELL_COLUMNS: tables.Columns = _SIZE_COLUMNS | {
    "trials_each": ("trials of each participant", "count"),
    "studies": ("simulated studies", "count"),
    "right": ("studies in which the true model was declared the closest", "count"),
    "wrong": ("studies in which another model was declared the closest", "count"),
    "power": ("right / studies", "none"),
    "power_low": ("lower end of its 95 % interval (Wilson)", "none"),
    "power_high": ("upper end of its 95 % interval (Wilson)", "none"),
    "hardest": ("true model that is declared the closest least often", "none"),
    "hardest_power": ("share of studies in which it is", "none"),
    "score_width": ("mean width of the interval of the true model's score", "nat"),
    "ratio_width": ("mean width of the interval of a human log ratio", "nat"),
}
STUDY_COLUMNS: tables.Columns = _SIZE_COLUMNS | {
    "study": ("number of the simulated study; smaller studies are parts of the largest", "none"),
    "truth": ("model that the participants see like", "none"),
    "closest": ("model declared the closest; empty: none", "none"),
    "score_width": ("width of the interval of the true model's score", "nat"),
    "ratio_width": ("width of the interval of a human log ratio, mean over pairs", "nat"),
}


@dataclass(frozen=True)
class Plan:
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
        A row for each simulated study and size: columns :data:`STUDY_COLUMNS`.
    cells
        A row for each size: columns :data:`CELL_COLUMNS`.
    """

    analysis: str
    kind: str
    observer: dict[str, Any]
    studies: pd.DataFrame
    cells: pd.DataFrame

    def __str__(self) -> str:
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
        return "\n".join([head, f"  participants: {settings}", names, *lines, self.advice])

    __repr__ = __str__

    def plot(self) -> Figure:
        """Draw how often the true model is found, and how wide the intervals of scores are."""
        from pdpsych.analysis.planning.figures import plan_panels

        return plan_panels(self.cells)

    def to_json(self, path: str | Path) -> Path:
        """Write the plan."""
        frames = {name: tables.to_plain(getattr(self, name)) for name in ("studies", "cells")}
        return SCHEMA.write(path, vars(self) | frames)

    @classmethod
    def from_json(cls, path: str | Path) -> Plan:
        """Read a plan written by :meth:`to_json`."""
        data = SCHEMA.read(path)
        del data["schema_version"]
        return cls(**data | {name: tables.from_plain(data[name]) for name in ("studies", "cells")})

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

    def write(self, folder: Path) -> list[Path]:
        """Write planned.json, plan.csv and plan_studies.csv with dictionaries, and the figure."""
        from pdpsych.analysis.figures.scores import save_figure

        return [
            self.to_json(folder / "planned.json"),
            tables.write_table(folder, "plan", self.cells, CELL_COLUMNS),
            tables.write_table(folder, "plan_studies", self.studies, STUDY_COLUMNS),
            *save_figure(self.plot(), folder / "plan"),
        ]


def plan(
    analysis: str | Path | Analysis,
    truth: str | Path | ObserverSpec | None = None,
    *,
    participants: Sequence[int] = (1, 2, 4, 8),
    images: Sequence[int] = (5, 10, 20),
    trials: Sequence[int] = (40, 60, 100),
    studies: int = 50,
    jobs: int | None = None,
    progress: bool = False,
) -> Plan:
    """Simulate an experiment whose participants see like a model, and analyse it.

    Design, placement, fit, score and the rule of the conclusion are those of real studies; no
    frames are made. Images are those of the set in random order, over again with other
    participants' deviations where more are asked for. Writes into the results folder.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    truth
        What participants see like: a model of the set, or the YAML file of an observer that sees
        like one. By default each model of the set in turn.
    participants, images, trials
        Sizes to try: people, images, trials of each distortion and person.
    studies
        Simulated studies, each at all sizes.
    jobs
        Processes; by default one for each core.
    progress
        Whether to show a progress bar over studies.

    Raises
    ------
    InputError
        If something given cannot be used, or the set has fewer than two models.
    """
    opened = open_analysis(analysis)
    sizes = _sizes(participants, images, trials)
    for name, value in (("studies", studies), ("jobs", jobs or 1)):
        if value < 1:
            raise InputError(f"plan: {name}: at least 1, got {value}")
    stimulus_set = opened.open_experiment().open_set()
    truths, spec = _participants(truth, stimulus_set)
    world = build_world(opened, stimulus_set, spec)
    todo = [(truths[number % len(truths)], number) for number in range(studies)]
    found = pd.DataFrame(simulate(world, todo, sizes, jobs, progress), columns=Outcome._fields)
    observer = spec.model_dump(exclude_none=True) | {"model": ", ".join(truths)}
    per_image = len(world.placements) / len({c.image for c in world.placements})
    planned = Plan(
        opened.stem, str(world.ratios["kind"].iloc[0]), observer, found, cells(found, per_image)
    )
    planned.write(opened.results)
    return planned


def build_world(opened: Analysis, stimulus_set: StimulusSet, spec: ObserverSpec) -> World:
    """Return what studies of an analysis are drawn from, on the kind of pairs that decides."""
    # Every participant sees all images that a study has.
    experiment = opened.open_experiment().model_copy(update={"groups": 1})
    measured = conditions(experiment, stimulus_set)
    shown = pd.MultiIndex.from_tuples({(c.image, c.pair) for c in measured})
    ratios = stimulus_set.log_ratios()
    ratios = ratios[pd.MultiIndex.from_frame(ratios[["image", "pair"]]).isin(shown)]
    ratios = ratios[ratios["kind"] == deciding_kind(ratios["kind"])]
    deciding = set(zip(ratios["image"], ratios["pair"], strict=True))
    measured = tuple(c for c in measured if (c.image, c.pair) in deciding)
    return World(
        opened,
        experiment,
        spec,
        {model: _thresholds(stimulus_set, model, spec) for model in stimulus_set.models},
        ratios,
        _placements(experiment, stimulus_set, measured),
    )


def _thresholds(
    stimulus_set: StimulusSet, model: str, spec: ObserverSpec
) -> dict[Condition, float]:
    found = expected_thresholds(stimulus_set, model, spec.median_threshold_rms)
    return {Condition(*key): value for key, value in found.items()}


def _placements(
    experiment: Experiment, stimulus_set: StimulusSet, measured: Sequence[Condition]
) -> dict[Condition, Placement]:
    """Return the placement of each condition as a session begins."""
    display = experiment.screen()
    calibration = Calibration.of(stimulus_set, display)
    prepared = Preparation(experiment, stimulus_set, display, calibration, Labels("plan"))
    return begin_placements(prepared, measured)


def simulate(
    world: World,
    todo: Sequence[tuple[str, int]],
    sizes: Sequence[Size],
    jobs: int | None = None,
    progress: bool = False,
) -> list[Outcome]:
    """Simulate studies, (truth, number) each, at all sizes; outcomes in the order of studies."""
    outcomes: list[Outcome] = []
    with progress_bar(len(todo), "study", progress) as bar:
        for found in spread(partial(_simulate_one, world, sizes), todo, jobs):
            outcomes += found
            bar.update()
    return outcomes


def _simulate_one(world: World, sizes: Sequence[Size], study: tuple[str, int]) -> list[Outcome]:
    return simulate_study(world, *study, sizes)


def cells(studies: pd.DataFrame, pairs_per_image: float) -> pd.DataFrame:
    """Return one row a size: how often the right model is declared the closest, and widths."""
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
            given = clipped(str(list(values)))
            raise InputError(f"plan: {name}: numbers from 1 to {_MOST}, got {given}")
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
        raise InputError(f"{stimulus_set.path}: has one model only; a plan tells models apart")
    if truth is None:
        return models, ObserverSpec(model=models[0], spread=_SPREAD)
    if isinstance(truth, str) and not truth.endswith((".yaml", ".yml")):
        spec, label = ObserverSpec(model=truth, spread=_SPREAD), "plan: truth"
    else:
        spec = load(truth, ObserverSpec)
        label = f"{spec.label}: model"
    if spec.model not in models:
        raise InputError(f'{label}: "{spec.model}"; {did_you_mean(str(spec.model), models)}')
    return [spec.model], spec


def _described(row: pd.Series) -> str:
    return (
        f"{_counted(row['participants'], 'participant')} × {_counted(row['images'], 'image')} × "
        f"{row['trials']} trials of each distortion, {row['trials_each']} for each participant"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"
