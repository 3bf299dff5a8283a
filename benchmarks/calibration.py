"""Tries to refute the whole chain: studies simulated from trials to the verdict on models.

``python benchmarks/calibration.py`` prints a row for each case of ``cases.py``: people who answer
as the fit assumes, or break it, or are as far from two models; small studies and unbalanced ones.
``--rows slopes finite`` takes those whose names have one of the words. Amplitudes are placed by the
answers, as in a session.

- Coverage of 95 % intervals of thresholds, of participants' own log ratios, of their means, of
  mean scores, and of the score of the model that is right, 0. A bound covers what is on its side;
  ``bounds`` is the share of thresholds of which the trials give no more.
- Of each panel of models, how often one was declared the closest that is so, and one that is not,
  with a Wilson interval of the latter.
- How far log ratios are off, v above u and away from 0, in nats; the share of studies in which a
  participant is flagged, and of participants.

A row ends with what it refutes: a coverage surely outside .93 to .97 (of the score that is 0,
surely below) where fewer than 80 % of studies have a flag, or wrong verdicts surely more often than
in 6 % of studies, 8 % with one participant.
"""

from __future__ import annotations

import argparse
import re
import time
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from cases import CASES, Case, Size
from people import Person
from placements import ask, begin, run_course, run_session
from rows import HEADER, Result, Row
from worlds import Models, World, expected_scores

from pdpsych.analysis import Analysis, Fit, Scores
from pdpsych.analysis.fitting.fit import fit_table
from pdpsych.analysis.names import CONDITION, EVERYONE
from pdpsych.analysis.prediction.evidence import Evidence
from pdpsych.analysis.scoring.score import score_ratios
from pdpsych.common.errors import InputError
from pdpsych.common.parallel import spread
from pdpsych.common.terminal import progress_bar
from pdpsych.displays import Display
from pdpsych.experiments import Experiment
from pdpsych.experiments.design import Condition, arrange

ANALYSIS = Analysis(experiment=Path("none"), samples=1000)
Counts = tuple[tuple[int, int], tuple[int, int]]
BOUNDED = re.compile(r"\d+ of \d+ thresholds ")
NONE: Counts = ((0, 0), (0, 0))
EXPERIMENT = Experiment(stimulus_set=Path("none"), display=Display())


def study(case: Case, asked: Size, number: int) -> Result:
    """Simulate a study, analyse it, and compare with what it was drawn from."""
    rng = np.random.default_rng([number, *case.name.encode()])
    size = case.size(asked)
    world = World(case.sight, size.images, rng)
    panels = [panel.draw(world.human, rng) for panel in case.panels]
    table, truth = sessions(case, size, world, panels[0], rng)
    fitted = fit_table(table, ANALYSIS.model_copy(update={"seed": number}))
    scored = [scores_of(fitted, table, world, models, rng) for models in panels]
    rows, found = fitted.thresholds, ratios_of(scored[0])
    thresholds = inside(by_trials(rows), np.exp(truth[pd.MultiIndex.from_frame(rows[CONDITION])]))
    return Result(
        (thresholds, *of_ratios(found, truth, world), *of_scores(scored[0], case)),
        tuple(scores.closest if scores else "" for scores in scored),
        float((rows["bound"] != "exact").mean()),
        *biases(found, truth),
        float(fitted.participants["flags"].map(is_flagged).mean()),
    )


def sessions(
    case: Case, size: Size, world: World, models: Models, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.Series]:
    """Return trials, and the true log thresholds by condition."""
    tables, truths, observer = [], [], case.observer.of_study(rng)
    for number in range(size.people):
        name = f"{number:02d}"
        seen, trials = attended(case, size, rng)
        conditions = [world.conditions[c] for c in seen]
        apart = case.sight.deviations(len(world.conditions), rng)
        apart += world.towards(models, rng) if case.towards else 0.0
        design = EXPERIMENT.model_copy(update={"trials_per_condition": trials})
        planned = arrange(conditions, design, rng)
        distortion = np.array([condition.distortion for condition in conditions])
        person = Person(observer.of_person(rng), distortion, len(planned), rng)
        strength = partial(own_strength, world, seen, np.exp(-apart))
        if case.method == "models":
            asking = ask(planned, world.responses(models, rng), design, case.sight.most)
            tables.append(run_course(asking, conditions, strength, person, name))
        else:
            placements = begin(case.method, case.sight.most, len(conditions))
            tables.append(run_session(planned, conditions, placements, strength, person, name))
        keys = pd.MultiIndex.from_tuples([(name, *c) for c in conditions], names=CONDITION)
        truths.append(pd.Series(world.log_thresholds(apart)[seen], index=keys))
    return pd.concat(tables, ignore_index=True), pd.concat(truths)


def attended(case: Case, size: Size, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Return numbers of the conditions that somebody sees, and how often."""
    if not case.unbalanced:
        return np.arange(2 * size.images), size.trials
    images = np.sort(rng.permutation(size.images)[: -(-2 * size.images // 3)])
    pairs = 2 * images[:, None] + np.arange(2)
    return pairs.ravel(), round(size.trials * rng.uniform(0.5, 1.5))


def own_strength(
    world: World,
    seen: np.ndarray,
    efficiency: np.ndarray,
    amplitude: np.ndarray,
    number: np.ndarray,
) -> np.ndarray:
    """Return the strength of amplitudes for somebody who sees some conditions, numbered anew."""
    return efficiency[seen[number]] * world.strength(amplitude, seen[number])


def is_flagged(flags: str) -> bool:
    """Return whether answers are said to be other than is assumed; bounds are no such thing."""
    return any(flag and not BOUNDED.match(flag) for flag in flags.split("; "))


def scores_of(
    fitted: Fit, table: pd.DataFrame, world: World, models: Models, rng: np.random.Generator
) -> Scores | None:
    """Score models; None where no ratio was measured."""
    evidence = Evidence(table, world.responses(models, rng))
    try:
        return score_ratios(fitted, ratio_table(models, world.conditions), evidence)
    except InputError:
        return None


def ratio_table(models: Models, conditions: list[Condition]) -> pd.DataFrame:
    """Return log ratios of models as a score takes them."""
    return pd.DataFrame(
        {"image": c.image, "pair": c.pair, "kind": c.pair, "model": name, "log_ratio": x}
        for name, values in models.items()
        for c, x in zip(conditions[::2], values, strict=True)
    )


def ratios_of(scores: Scores | None) -> pd.DataFrame:
    """Return log ratios of people of which something is known; none where nothing was scored."""
    if scores is None:
        return pd.DataFrame()
    return scores.human[scores.human[["low", "high"]].notna().any(axis=1)]


def by_trials(thresholds: pd.DataFrame) -> pd.DataFrame:
    """Return ends of intervals, of what is a bound those by the trials alone."""
    exact = thresholds["bound"] == "exact"
    ends = {
        end: thresholds[end].where(exact, thresholds[f"trials_{end}"]) for end in ("low", "high")
    }
    return pd.DataFrame(ends)


def inside(intervals: pd.DataFrame, truth: pd.Series | np.ndarray) -> tuple[int, int]:
    """Return how many intervals hold the truth, of how many; an end that is empty is nowhere.

    Those without any end say nothing, and do not count.
    """
    ends = intervals[["low", "high"]].to_numpy(dtype=float)
    some = ~np.isnan(ends).all(axis=1)
    values = np.asarray(truth)
    held = ~(ends[:, 0] > values) & ~(values > ends[:, 1])
    return int(held[some].sum()), int(some.sum())


def of_ratios(human: pd.DataFrame, truth: pd.Series, world: World) -> Counts:
    """Return the coverage of own and of mean log ratios."""
    if human.empty:
        return NONE
    everyone = human["participant"] == EVERYONE
    means = dict(zip((c.image for c in world.conditions[::2]), world.ratios, strict=True))
    return (
        inside(human[~everyone], true_ratios(human[~everyone], truth)),
        inside(human[everyone], human[everyone]["image"].map(means)),
    )


def true_ratios(own: pd.DataFrame, truth: pd.Series) -> np.ndarray:
    names = own[["participant", "image", "pair"]]
    u, v = (pd.MultiIndex.from_frame(names.assign(distortion=n)) for n in (1, 2))
    return np.asarray(truth[v].to_numpy() - truth[u].to_numpy())


def of_scores(scores: Scores | None, case: Case) -> Counts:
    """Return the coverage of local mean scores: of models that are off, of one that is not."""
    if scores is None:
        return NONE
    expected = expected_by(case)
    ranking = scores.ranking.set_index("model")
    # A score that is 0 may be a little more by rounding.
    groups = [[m for m, s in expected.items() if (s > 1e-9) == off] for off in (True, False)]
    return tuple(inside(ranking.loc[g], np.array([expected[m] for m in g])) for g in groups)


@lru_cache
def expected_by(case: Case) -> dict[str, float]:
    return expected_scores(case.sight, case.panels[0])


def biases(human: pd.DataFrame, truth: pd.Series) -> tuple[float, float]:
    """Return the mean error of log ratios, and of it what is away from 0; bounds do not count."""
    if human.empty:
        return np.nan, np.nan
    known = human["low"].notna() & human["high"].notna() & (human["participant"] != EVERYONE)
    if not known.any():
        return np.nan, np.nan
    right = true_ratios(human[known], truth)
    error = human[known]["log_ratio"].to_numpy() - right
    return float(error.mean()), float((np.sign(right) * error).mean())


def chosen(words: list[str]) -> list[Case]:
    """Return the cases whose names have one of the words; all where there are none."""
    return [case for case in CASES if not words or any(word in case.name for word in words)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", nargs="*", default=[], help="words of the names of rows")
    parser.add_argument("--studies", type=int, default=200, help="of each row")
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--trials", type=int, default=40, help="of each distortion and person")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    asked = Size(options.people, options.images, options.trials)
    print(f"{asked}, {options.studies} studies a row; intervals of 95 %")
    print(HEADER)
    for case in chosen(options.rows):
        start, results = time.perf_counter(), []
        with progress_bar(options.studies, "study", True, description=case.name) as bar:
            for one in spread(partial(study, case, asked), range(options.studies), options.jobs):
                results.append(one)
                bar.update()
        print(
            f"{Row(case, case.size(asked), results)}  {time.perf_counter() - start:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
