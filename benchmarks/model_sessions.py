"""What sessions that ask about models save, whether their verdicts hold, and what a trial costs.

``python benchmarks/model_sessions.py --study FOLDER``, a study that ``pdpsych demo`` made: one
person who sees like a model at finite amplitude, or exactly between two, but for a normal misfit of
each distortion, on the images of the set, each several times with misfits of their own. Methods in
turn, with the same people: adaptive, and models, choosing amplitudes or conditions too. A row says
after how many trials a model was first declared the closest by the analysis, looked at in steps;
when the belief that sessions ask by was first sure of one, whatever the method; when the rule to
stop would have ended the session, and how far ratios were off then. ``--nasty`` has people whom no
model or no assumption is right about. ``--time`` is the next trial of 50 conditions, 30 models, 40
amplitudes.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sides import ANALYSIS, EXPERIMENT, between, world
from sides import World as Demo

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.participant import estimate
from pdpsych.analysis.fitting.trials import COLUMNS
from pdpsych.analysis.names import CONDITION
from pdpsych.analysis.prediction.evidence import Evidence
from pdpsych.analysis.scoring.score import score_ratios
from pdpsych.common.errors import InputError
from pdpsych.common.parallel import spread
from pdpsych.experiments import ModelObserver
from pdpsych.experiments.design import Condition, PlannedTrial, arrange
from pdpsych.experiments.placement.methods import METHODS
from pdpsych.experiments.placement.models.model_placements import ModelPlacements
from pdpsych.experiments.placement.models.stop import Stop
from pdpsych.experiments.placement.placement import Showable
from pdpsych.experiments.sessions.course import Course
from pdpsych.experiments.sessions.placements import together
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.thresholds import efficiency_for

METHODS_ASKED = {
    "adaptive": {"kind": "adaptive"},
    "amplitude": {"kind": "models", "choose": "amplitude"},
    "models": {"kind": "models"},
}
# Of thresholds, as the demo's participants have it.
MEDIAN_RMS = 0.002
# Looks at a session: the first, and by how much later the next.
FIRST, STEP = 100, 1.2
STOP = Stop()
Own = Mapping[Condition, FiniteResponse]


@dataclass(frozen=True)
class Set:
    """Conditions of a set, each image so often, and what models see of them."""

    responses: Mapping[Condition, Mapping[str, FiniteResponse]]
    ratios: pd.DataFrame
    root: float

    @classmethod
    def of(cls, demo: Demo, times: int) -> Set:
        """Return the set of a demo, with each image so often."""
        names = {f"{image}-{k}": image for image in demo.ratios["image"] for k in range(times)}
        responses = {
            c._replace(image=name): of
            for name, image in names.items()
            for c, of in demo.responses.items()
            if c.image == image
        }
        tables = [
            demo.ratios[demo.ratios["image"] == i].assign(image=name) for name, i in names.items()
        ]
        return cls(responses, pd.concat(tables, ignore_index=True), demo.root)

    @property
    def models(self) -> list[str]:
        """Names of the models."""
        return list(dict.fromkeys(self.ratios["model"]))

    def like(self, model: str) -> Own:
        """Return what somebody sees who sees like a model."""
        return {c: of[model] for c, of in self.responses.items()}


class Person(NamedTuple):
    """Who answers: what is seen, the model that is right (empty for none), and what is not so."""

    name: str
    own: Own
    right: str
    misfit: float
    lapse: float = 0.02
    exponent: tuple[float, float] = (1.0, 1.0)
    shared: bool = False


class Answers:
    """Simulated observers of u and v, who may have exponents of their own."""

    def __init__(self, known: Set, person: Person, rng: np.random.Generator) -> None:
        own = person.own
        k = efficiency_for(list(own.values()), [MEDIAN_RMS * known.root] * len(own))
        deviation = _deviations(own, person, rng)
        seed = int(rng.integers(2**32))
        self.thresholds = {c: one.first_crossing(deviation[c] / k) for c, one in own.items()}
        self._both = [
            ModelObserver(
                own,
                {c: k / deviation[c] for c in own},
                exponent=exponent,
                lapse=person.lapse,
                seed=seed,
            )
            for exponent in person.exponent
        ]

    def answer(self, planned: PlannedTrial, amplitude: float) -> int:
        """Answer a trial."""
        return self._both[planned.condition.distortion - 1].answer(planned, amplitude)


def _deviations(own: Own, person: Person, rng: np.random.Generator) -> dict[Condition, float]:
    """Return factors of thresholds: of each distortion by itself, or of both of an image."""
    drawn = {c: person.misfit * rng.standard_normal() for c in own}
    if person.shared:
        drawn = {c: drawn[c._replace(distortion=1)] for c in own}
    return {c: float(np.exp(x)) for c, x in drawn.items()}


class Found(NamedTuple):
    """What a study came to; numbers of trials are infinite where that never was.

    Attributes
    ----------
    trials, closest
        After how many trials a model was first declared the closest, and which.
    sure, believed
        After how many one was first the nearest with the probability asked for, and which.
    stop, nearest
        After how many the session would have ended, and with which model the nearest.
    at_stop
        Model declared the closest then.
    bias
        Mean error of log ratios then, away from 0, in nats.
    """

    trials: float
    closest: str
    sure: float
    believed: str
    stop: float
    nearest: str
    at_stop: str
    bias: float


class Believed(NamedTuple):
    """When one model was first sure to be the nearest, and when the session might have ended."""

    sure: tuple[float, str] = (np.inf, "")
    stop: tuple[float, str] = (np.inf, "")


def study(known: Set, method: str, person: Person, most: int, looks: bool, number: int) -> Found:
    """Simulate a session, and look at it in steps, or at its end alone."""
    rng = np.random.default_rng([number, *person.name.encode()])
    answers = Answers(known, person, rng)
    table, believed = session(known, method, answers, most, looks, rng)
    trials, closest = (np.inf, "")
    if looks:
        sizes = np.unique((FIRST * STEP ** np.arange(40)).astype(int))
        for size in sizes[sizes <= len(table)]:
            declared = verdict(known, table[:size])[0]
            if declared:
                trials, closest = float(size), declared
                break
    at_stop, bias, stop = "", np.nan, believed.stop[0]
    if np.isfinite(stop):
        at_stop, human = verdict(known, table[: int(stop)])
        bias = bias_of(human, answers.thresholds)
    return Found(trials, closest, *believed.sure, *believed.stop, at_stop, bias)


def session(
    known: Set, method: str, answers: Answers, most: int, on: bool, rng: np.random.Generator
) -> tuple[pd.DataFrame, Believed]:
    """Return the trials, and what was believed when, by the same belief whatever the method.

    With ``on`` the session goes on after it might have ended.
    """
    settings = METHODS_ASKED[method]
    schema = METHODS[settings["kind"]](**settings)
    experiment = EXPERIMENT.model_copy(update={"method": schema, "trials_per_condition": 100})
    showable = {
        c: Showable(c.name, 0.0, min(r.largest for r in of.values()), known.root)
        for c, of in known.responses.items()
    }
    begun = {c: schema.begin(one, 0) for c, one in showable.items()}
    placements = together(schema, begun, known.responses)
    asks = isinstance(placements, ModelPlacements)
    watched = placements if asks else ModelPlacements(begun, known.responses, 0.0)
    course = Course(arrange(list(showable), experiment, rng), placements, experiment)
    rows, found = [], Believed()
    while len(rows) < most and (planned := course.next()) is not None:
        amplitude = course.place(planned).amplitude
        answer = answers.answer(planned, amplitude)
        correct = answer == planned.position
        course.learn(planned.condition, amplitude, correct)
        if not asks:
            watched.update(planned.condition, amplitude, correct, planned.easy)
        where = "01", "01", planned.number - 1, *planned.condition
        rows.append((*where, amplitude, planned.easy, answer, correct, np.nan, planned.sign))
        found = _believed(found, watched, len(rows))
        if not on and np.isfinite(found.stop[0]):
            break
    return pd.DataFrame(rows, columns=COLUMNS), found


def _believed(found: Believed, placements: ModelPlacements, trials: int) -> Believed:
    near = placements.nearest
    best = max(near, key=lambda m: near[m])
    if near[best] < STOP.probability or np.isfinite(found.stop[0]):
        return found
    now = float(trials), best
    sure = found.sure if np.isfinite(found.sure[0]) else now
    return Believed(sure, now if placements.measured else found.stop)


def verdict(known: Set, table: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return the model declared the closest, "" if none is, and log ratios of people."""
    ordered = table.sort_values([*CONDITION, "order"], kind="stable")
    found, none = estimate(ordered, ANALYSIS.level), pd.DataFrame()
    settings = {"name": "", "level": ANALYSIS.level, "samples": ANALYSIS.samples, "seed": 0}
    posteriors = {"01": found.posterior}
    fitted = Fit(settings, {}, found.thresholds, none, none, none, none, posteriors)
    try:
        scores = score_ratios(fitted, known.ratios, Evidence(table, known.responses))
    except InputError:
        return "", none
    human = scores.human
    return scores.closest, human[human["participant"] == "01"]


def bias_of(human: pd.DataFrame, thresholds: Mapping[Condition, float]) -> float:
    """Return the mean error of log ratios away from 0, of those that are no bounds."""
    if human.empty:
        return np.nan
    errors = []
    for row in human[human["low"].notna() & human["high"].notna()].itertuples():
        u, v = (np.log(thresholds[Condition(row.image, row.pair, n)]) for n in (1, 2))
        if np.isfinite(u) and np.isfinite(v):
            errors.append(np.sign(v - u) * (row.log_ratio - (v - u)))
    return float(np.mean(errors)) if errors else np.nan


def usual(known: Set, misfit: float) -> list[Person]:
    """People like each of the models, and exactly between the two most alike, and two others."""
    alike = [Person(m, known.like(m), m, misfit) for m in known.models]
    wide = known.ratios.pivot(index="model", columns="image", values="log_ratio")
    apart = {
        (a, b): float(np.abs(wide.loc[a] - wide.loc[b]).mean())
        for a, b in combinations(known.models, 2)
    }
    pairs = sorted(apart, key=lambda two: apart[two])
    both = [
        {c: between(of[a], of[b]) for c, of in known.responses.items()}
        for a, b in (pairs[0], pairs[len(pairs) // 2])
    ]
    names = [f"between {a} and {b}" for a, b in (pairs[0], pairs[len(pairs) // 2])]
    return alike + [Person(n, own, "", misfit) for n, own in zip(names, both, strict=True)]


def nasty(known: Set, misfit: float) -> list[Person]:
    """People whom a model or an assumption is wrong about."""
    a, b = known.models[0], known.models[-1]
    images = list(dict.fromkeys(c.image for c in known.responses))
    like = {m: known.like(m) for m in (a, b)}
    middle = {c: between(like[a][c], like[b][c]) for c in known.responses}
    half = {c: like[a if images.index(c.image) % 2 else b][c] for c in known.responses}
    return [
        Person(f"between {a} and {b}", middle, "", misfit),
        Person(f"half {a}, half {b}", half, "", misfit),
        Person(f"{b}, lapse 6 %", like[b], b, misfit, lapse=0.06),
        Person(f"{b}, exponent 1.5", like[b], b, misfit, exponent=(1.5, 1.5)),
        Person(f"{b}, slopes 0.7, 1.4", like[b], b, misfit, exponent=(0.7, 1.4)),
        Person(f"{b}, misfit shared", like[b], b, max(misfit, 0.5), shared=True),
    ]


HEAD = (
    f"{'':<34}{'declared: right, median, wrong':>31} | {'sure: median, wrong':>20} | "
    "stop: ended, median, wrong, declared wrong, bias"
)


def row(name: str, person: Person, found: list[Found]) -> str:
    """Say what studies came to."""
    count = len(found)
    right = sum(one.closest == person.right != "" for one in found)
    wrong = sum(one.closest not in ("", person.right) for one in found)
    unsure = sum(one.believed not in ("", person.right) for one in found)
    stopped = [one for one in found if np.isfinite(one.stop)]
    off = sum(one.nearest != person.right for one in stopped)
    declared = sum(one.at_stop not in ("", person.right) for one in stopped)
    biases = [one.bias for one in stopped if np.isfinite(one.bias)]
    bias = f"{np.mean(biases):+.2f}" if biases else ""
    median = {
        name: np.median([getattr(one, name) for one in found])
        for name in ("trials", "sure", "stop")
    }
    return (
        f"{name:<34}{right:>12}{median['trials']:>12.0f}{wrong:>7} | "
        f"{median['sure']:>13.0f}{unsure:>7} | "
        f"{len(stopped):>4}{median['stop']:>6.0f}{off:>4}{declared:>4} {bias:>6}   of {count}"
    )


def next_trial(conditions: int = 50, models: int = 30, trials: int = 100) -> None:
    """Print what choosing a trial costs."""
    rng, unit = np.random.default_rng(0), 100.0
    amplitudes = unit * np.geomspace(1e-4, 0.2, 20)
    names = [Condition(f"{n // 2:02d}", "pair", 1 + n % 2) for n in range(conditions)]
    responses = {
        c: {f"{m}": _response(amplitudes, unit, rng) for m in range(models)} for c in names
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    schema = METHODS["models"](kind="models")
    each = {c: schema.begin(Showable(c.name, 0.0, 0.2 * unit, unit), 0) for c in names}
    start = time.process_time()
    placements = ModelPlacements(each, responses, schema.explore)
    begun, spent = time.process_time() - start, []
    for _ in range(trials):
        start = time.process_time()
        condition = placements.choose(names)
        amplitude = placements.place(condition, False).amplitude
        placements.update(condition, amplitude, bool(rng.random() < 0.8), False)
        spent.append(time.process_time() - start)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    median, late, latest = np.quantile(1000 * np.array(spent), [0.5, 0.95, 1])
    print(
        f"{conditions} conditions, {models} models, {len(each[names[0]].amplitudes)} amplitudes: "
        f"a trial takes {median:.1f} ms, 95 % below {late:.1f} ms, at most "
        f"{latest:.1f} ms of processor time; "
        f"{begun:.1f} s before the first; {more:.0f} MB"
    )


def _response(amplitudes: np.ndarray, unit: float, rng: np.random.Generator) -> FiniteResponse:
    linear = amplitudes * np.exp(rng.standard_normal()) / (0.01 * unit)
    return FiniteResponse(amplitudes, np.tile(linear / (1 + 0.2 * rng.random() * linear), (2, 1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--study", type=Path, help="made by pdpsych demo")
    parser.add_argument("--studies", type=int, default=20, help="of each row")
    parser.add_argument("--first", type=int, default=0, help="number of the first, their seeds")
    parser.add_argument("--times", type=int, default=2, help="that each image is in the set")
    parser.add_argument("--misfit", type=float, default=0.15, help="of a distortion, nats")
    parser.add_argument("--most", type=int, default=900, help="trials of a session")
    parser.add_argument("--methods", nargs="*", default=list(METHODS_ASKED))
    parser.add_argument("--like", nargs="*", default=[], help="people of these names; all")
    parser.add_argument("--end", action="store_true", help="look at the end of sessions alone")
    parser.add_argument("--nasty", action="store_true", help="people whom something is wrong about")
    parser.add_argument("--time", action="store_true", help="what choosing a trial costs")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if options.time:
        next_trial()
    if options.study is None:
        return
    known = Set.of(world(options.study), options.times)
    people = (nasty if options.nasty else usual)(known, options.misfit)
    print(f"{len(known.responses)} conditions, misfit {options.misfit}, {STOP.describe()}")
    print(HEAD)
    for person in people:
        if options.like and person.name not in options.like:
            continue
        for method in options.methods:
            one = partial(study, known, method, person, options.most, not options.end)
            found = list(
                spread(one, range(options.first, options.first + options.studies), options.jobs)
            )
            print(row(f"{person.name}, {method}", person, found), flush=True)


if __name__ == "__main__":
    main()
