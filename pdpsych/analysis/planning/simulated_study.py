"""One simulated study: who would be declared the closest, by how much data.

Nobody takes part: amplitudes are placed and answers simulated, without frames.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.participant import estimate
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.fitting.trials import COLUMNS
from pdpsych.analysis.names import CONDITION, EVERYONE
from pdpsych.analysis.planning.world import World
from pdpsych.analysis.prediction.evidence import Evidence
from pdpsych.analysis.scoring.score import score_ratios
from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import seed_of
from pdpsych.common.parallel import spread
from pdpsych.common.terminal import progress_bar
from pdpsych.experiments.design import Condition, PlannedTrial, arrange
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.placement.models.earlier import Answer
from pdpsych.experiments.placement.models.method import Models
from pdpsych.experiments.placement.placement import Placement
from pdpsych.experiments.sessions.course import Course
from pdpsych.experiments.sessions.placements import together
from pdpsych.experiments.tasks.task import Position


class Size(NamedTuple):
    """How much data a study has: people, images, and trials of each condition and person."""

    participants: int
    images: int
    trials: int


class Outcome(NamedTuple):
    """What a simulated study of one size found.

    ``closest`` is the model declared the closest, "" where none is, and ``adaptive`` that with the
    adaptive method, where trials ask about models. Widths are those of the interval of the true
    model's score, and of the human log ratio, mean over pairs; in nats.
    """

    study: int
    truth: str
    participants: int
    images: int
    trials: int
    closest: str
    score_width: float
    ratio_width: float
    adaptive: str = ""


class Answers(Protocol):
    """Answers trials by their amplitude alone, as simulated observers do."""

    def answer(self, planned: PlannedTrial, realised: float) -> Position:
        """Say where the distorted image was."""


def simulate_studies(
    world: World,
    todo: Sequence[tuple[str, int]],
    sizes: Sequence[Size],
    jobs: int | None = None,
    progress: bool = False,
) -> Iterator[list[Outcome]]:
    """Simulate studies, (truth, number) each, at all sizes; yield the outcomes of each in order."""
    with progress_bar(len(todo), "study", progress) as bar:
        for found in spread(partial(_simulate_one, world, sizes), todo, jobs):
            yield found
            bar.update()


def _simulate_one(world: World, sizes: Sequence[Size], study: tuple[str, int]) -> list[Outcome]:
    return simulate_study(world, *study, sizes)


def simulate_study(world: World, truth: str, number: int, sizes: Sequence[Size]) -> list[Outcome]:
    """Simulate the largest study, and analyse it as well as smaller studies within it.

    Parameters
    ----------
    truth
        The model that participants see like.
    number
        Of the study: another number, other images, participants and answers.
    """
    outcomes = _outcomes(world, truth, number, sizes)
    if not world.asks:
        return outcomes
    beside = _outcomes(world.adaptively(), truth, number, sizes)
    return [
        one._replace(adaptive=other.closest) for one, other in zip(outcomes, beside, strict=True)
    ]


def _outcomes(world: World, truth: str, number: int, sizes: Sequence[Size]) -> list[Outcome]:
    most = Size(*(max(values) for values in zip(*sizes, strict=True)))
    images = _draw_images(world, most.images, number)
    table = _sessions(world, truth, number, most, images)
    outcomes = []
    for count, trials in dict.fromkeys((size.images, size.trials) for size in sizes):
        chosen = dict(list(images.items())[:count])
        shown = first_trials(world.experiment, table[table["image"].isin(chosen)], trials)
        fitted = _fit(world, shown, number)
        ratios, evidence = _ratios(world, chosen), _evidence(world, chosen, shown)
        for size in sizes:
            if size[1:] == (count, trials):
                few = _first_participants(fitted, size.participants)
                found = _score(few, ratios, evidence, truth)
                outcomes.append(Outcome(number, truth, *size, *found))
    return outcomes


def _draw_images(world: World, count: int, number: int) -> dict[str, str]:
    """Return ``count`` images as name → image of the set, each as often as any other."""
    rng = np.random.default_rng(seed_of(world.observer.seed, number, "images"))
    known = list(dict.fromkeys(condition.image for condition in world.placements))
    rounds = [rng.permutation(len(known)) for _ in range(-(-count // len(known)))]
    order = np.concatenate(rounds)[:count]
    return {f"{known[i]}#{place // len(known)}": known[i] for place, i in enumerate(order)}


def _sessions(
    world: World, truth: str, number: int, size: Size, images: dict[str, str]
) -> pd.DataFrame:
    # Where conditions are chosen, those that tell most may have more trials than the mean.
    each = max(size.trials, world.experiment.trials_per_condition if world.asks else 0)
    experiment = world.experiment.model_copy(
        update={"trials_per_condition": each, "practice_trials": 0, "stop": None}
    )
    of_set = {
        condition._replace(image=name): condition
        for name, image in images.items()
        for condition in world.placements
        if condition.image == image
    }
    placements = {c: world.placements[original] for c, original in of_set.items()}
    responses = (
        {c: world.responses[original] for c, original in of_set.items()} if world.asks else {}
    )
    tables: list[pd.DataFrame] = []
    spec = world.observer
    for person in range(size.participants):
        rng = np.random.default_rng(seed_of(spec.seed, number, person, "person"))
        deviation = np.exp(spec.spread * rng.standard_normal(len(of_set)))
        seed = seed_of(spec.seed, number, person, "answers")
        observer = world.person(truth, of_set, deviation, seed)
        trials, name = arrange(list(of_set), experiment, rng), f"{person + 1:03d}"
        if isinstance(experiment.method, Models):
            before = [_answers(table) for table in tables] if world.after else []
            asking = together(experiment.method, placements, responses, before)
            course = Course(trials, asking, experiment)
            tables.append(simulate_course(course, observer, name, size.trials * len(of_set)))
        else:
            tables.append(simulate_session(trials, placements, observer, name))
    return pd.concat(tables, ignore_index=True)


def _answers(table: pd.DataFrame) -> list[Answer]:
    """Return what somebody simulated answered, as later sessions take it."""
    columns = [*CONDITION[1:], "amplitude", "correct", "easy"]
    rows = table[columns].itertuples(index=False, name=None)
    return [Answer(Condition(*row[:3]), *row[3:]) for row in rows]


def simulate_session(
    trials: Sequence[PlannedTrial],
    placements: Mapping[Condition, Placement],
    observer: Answers,
    participant: str,
) -> pd.DataFrame:
    """Return the trials of a session as a table with the columns of trials that were read.

    Amplitudes are placed as in a session, and realised as they are asked for. Answers have no
    response times.

    Parameters
    ----------
    trials
        The design, without practice.
    placements
        Of each condition before the first trial; they stay as they are.
    """
    rows = []
    # Conditions do not influence each other; one after the other, they share cached tables.
    ordered = sorted(trials, key=lambda planned: planned.condition)
    for condition, own in groupby(ordered, key=lambda planned: planned.condition):
        placement = copy.copy(placements[condition])
        for planned in own:
            amplitude = placement.place(planned.easy)
            answer = observer.answer(planned, amplitude)
            correct = answer == planned.position
            placement.update(amplitude, correct, planned.easy)
            where = participant, "01", planned.number - 1, *condition
            drawn = amplitude, planned.easy, answer, correct, np.nan, planned.sign
            rows.append((*where, *drawn))
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("order", ignore_index=True)


def simulate_course(course: Course, observer: Answers, participant: str, most: int) -> pd.DataFrame:
    """Return the trials of a session as :func:`simulate_session` does, one after the other.

    Parameters
    ----------
    course
        The session before its first trial, without practice.
    most
        Number of trials after which it is over.
    """
    rows: list[tuple[object, ...]] = []
    while len(rows) < most and (planned := course.next()) is not None:
        amplitude = course.place(planned).amplitude
        answer = observer.answer(planned, amplitude)
        correct = answer == planned.position
        course.learn(planned.condition, amplitude, correct)
        where = participant, "01", planned.number - 1, *planned.condition
        rows.append((*where, amplitude, planned.easy, answer, correct, np.nan, planned.sign))
    return pd.DataFrame(rows, columns=COLUMNS)


def first_trials(experiment: Experiment, table: pd.DataFrame, each: int) -> pd.DataFrame:
    """Return the trials of a shorter session: so many a condition, in the mean if chosen."""
    if not isinstance(experiment.method, Models):
        return first_passes(table, each)
    most = table.groupby("participant")["order"].rank()
    conditions = len(table.groupby(["image", "pair", "distortion"]))
    return table[most <= each * conditions]


def first_passes(table: pd.DataFrame, passes: int) -> pd.DataFrame:
    """Return the first trials of each condition: what a shorter session would have had.

    Only which trials are easy was drawn for the whole session.
    """
    number = table.groupby(CONDITION).cumcount()
    return table[number < passes]


def _fit(world: World, table: pd.DataFrame, number: int) -> Fit:
    """Fit without the checks of the fit, which take most of its time."""
    analysis = world.analysis
    # What is drawn in the analysis differs between studies too.
    settings = {"name": "", "level": analysis.level, "samples": analysis.samples, "seed": number}
    thresholds: list[pd.DataFrame] = []
    posteriors: dict[str, Posterior] = {}
    for name, rows in table.groupby("participant", sort=True):
        ordered = rows.sort_values([*CONDITION, "order"], kind="stable")
        found = estimate(ordered, analysis.level)
        posteriors[str(name)] = found.posterior
        thresholds.append(found.thresholds)
    every, none = pd.concat(thresholds, ignore_index=True), pd.DataFrame()
    return Fit(settings, {}, every, none, none, none, none, posteriors)


def _first_participants(fit: Fit, count: int) -> Fit:
    posteriors = dict(list(fit.posteriors.items())[:count])
    thresholds = fit.thresholds[fit.thresholds["participant"].isin(posteriors)]
    return replace(fit, thresholds=thresholds.reset_index(drop=True), posteriors=posteriors)


def _ratios(world: World, images: dict[str, str]) -> pd.DataFrame:
    tables = [
        world.ratios[world.ratios["image"] == image].assign(image=name)
        for name, image in images.items()
    ]
    return pd.concat(tables, ignore_index=True)


def _evidence(world: World, images: dict[str, str], trials: pd.DataFrame) -> Evidence | None:
    """Return what models see of the trials; None where that is not known."""
    responses = {
        (name, *condition[1:]): of
        for condition, of in world.responses.items()
        for name, image in images.items()
        if condition[0] == image
    }
    return Evidence(trials, responses) if responses else None


def _score(
    fit: Fit, ratios: pd.DataFrame, evidence: Evidence | None, truth: str
) -> tuple[str, float, float]:
    """Return who is declared the closest, and the widths of intervals."""
    if evidence:
        own = evidence.trials[evidence.trials["participant"].isin(fit.posteriors)]
        evidence = replace(evidence, trials=own)
    try:
        scores = score_ratios(fit, ratios, evidence)
    except InputError:
        # Too few trials to determine any ratio: nothing is declared.
        return "", np.nan, np.nan
    right = scores.ranking.set_index("model").loc[truth]
    human = scores.human[scores.human["participant"] == EVERYONE]
    ratio_width = float((human["high"] - human["low"]).mean())
    return scores.closest, float(right["high"] - right["low"]), ratio_width
