"""Whether what is declared holds: the power of the side test, and its false winners.

``python benchmarks/sides.py`` simulates log ratios of people with noise, and prints a table of how
often a model is declared the closest that is, and that is not. With ``--study FOLDER``, one that
``pdpsych demo`` made, it also simulates sessions of one person, from trials to the verdict: people
like each model but for a normal misfit of .3 nat a condition, people exactly between two models,
and, beside the rule, a Bayesian who declares the model with a posterior of .95 among people like a
model, between two and exactly half-way.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import combinations, permutations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from pdpsych.analysis import Analysis
from pdpsych.analysis.binomial import wilson
from pdpsych.analysis.fitting.fit import fit_table
from pdpsych.analysis.planning.simulated_study import simulate_session
from pdpsych.analysis.prediction.evidence import Evidence
from pdpsych.analysis.prediction.seen import known_responses
from pdpsych.analysis.scoring.score import score_ratios
from pdpsych.analysis.scoring.sides import LEAST_IMAGES, compare, locate, side_of
from pdpsych.displays import Display
from pdpsych.experiments import Experiment, ModelObserver
from pdpsych.experiments.design import Condition, arrange
from pdpsych.experiments.placement.methods import METHODS
from pdpsych.experiments.placement.placement import Showable
from pdpsych.stimuli import StimulusSet
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.thresholds import efficiency_for

LEVEL = 0.95
# Of a condition that a model does not explain; of a ratio by 40 trials a condition; nats.
MISFIT, TRIAL_NOISE = 0.3, 0.28
TRIALS, MEDIAN_RMS = 40, 0.004
ANALYSIS = Analysis(experiment=Path("none"), samples=1000)
EXPERIMENT = Experiment(
    stimulus_set=Path("none"), display=Display(), trials_per_condition=TRIALS, practice_trials=0
)
# Of the Bayesian: shares of the way from a model to another, and misfit of a condition.
SHARES, SPREADS = (0.0, 0.2, 0.4, 0.5), (0.15, 0.3, 0.5, 0.8)

Ratios = dict[str, np.ndarray]


class Drawn(NamedTuple):
    """Log ratios of people without noise of trials, (P, I), and of models."""

    people: np.ndarray
    models: Ratios


def uncorrelated(shape: tuple[int, ...], sd: float) -> np.ndarray:
    """Return samples, (2PK, P, K), of noise whose covariance is exactly sd² on the diagonal."""
    number = int(np.prod(shape))
    points = sd * np.sqrt(number) * np.eye(number)
    return np.concatenate([points, -points]).reshape(-1, *shape)


def winner(people: np.ndarray, models: Ratios, noise: float, rng: np.random.Generator) -> str:
    """Return who is declared by log ratios of people, (P, I), measured with noise."""
    measured = people + noise * rng.standard_normal(people.shape)
    located = locate(measured, measured, measured + uncorrelated(people.shape, noise))
    images = np.array([f"image-{i:02d}" for i in range(people.shape[1])], dtype=object)
    for name, own in models.items():
        others = [x for other, x in models.items() if other != name]
        found = [side_of(compare(located, (own, own), (x, x), images), LEVEL) for x in others]
        if all(side.low > 0 and side.images >= LEAST_IMAGES for side in found):
            return name
    return ""


def other_shape(rng: np.random.Generator, people: int, images: int) -> Drawn:
    """Of the same mean score: A .4 off on every image, B right on half of them and .8 off else."""
    sign = rng.choice([-1.0, 1.0], (2, images))
    half = (np.arange(images) + rng.integers(2)) % 2
    seen = np.zeros((people, images))
    return Drawn(seen, {"A": 0.4 * sign[0], "B": 0.8 * sign[1] * half})


def independent(rng: np.random.Generator, people: int, images: int) -> Drawn:
    """Two models, equally and independently off; people who differ."""
    a, b = rng.normal(0, 0.5, (2, images))
    return Drawn(rng.normal(0, 0.15, (people, images)), {"A": a, "B": b})


def along_line(rng: np.random.Generator, people: int, images: int) -> Drawn:
    """People spread evenly along the line between two models."""
    a = 0.8 * rng.choice([-1.0, 1.0], images)
    return Drawn(np.outer(rng.uniform(-1, 1, people), a), {"A": a, "B": -a})


def half_way(rng: np.random.Generator, people: int, images: int) -> Drawn:
    """People half-way between two models with unequal gaps, but for misfit."""
    a = rng.normal(0, 0.6, images)
    misfit = np.sqrt(2) * MISFIT * rng.standard_normal(images)
    return Drawn(misfit + rng.normal(0, 0.15, (people, images)), {"A": a, "B": -a})


def like_one(rng: np.random.Generator, people: int, images: int) -> Drawn:
    """People like A but for misfit; B 1.2 nat off, root mean square."""
    a, b = rng.normal(0, 0.6, (2, images)) * [[1], [-1]]
    b = a + 1.2 * rng.standard_normal(images)
    misfit = np.sqrt(2) * MISFIT * rng.standard_normal(images)
    return Drawn(a + misfit + rng.normal(0, 0.15, (people, images)), {"A": a, "B": b})


def show(name: str, right: int, wrong: int, of: int) -> None:
    """Print a row with Wilson intervals."""
    cells = [
        f"{n / of:6.3f} ({low:.3f}, {high:.3f})"
        for n in (right, wrong)
        for low, high in [wilson(n, of, LEVEL)]
    ]
    print(f"{name:<44} {cells[0]:>24} {cells[1]:>24}  of {of}", flush=True)


def by_ratios(studies: int) -> None:
    """Print how often somebody is declared, by log ratios of people with known noise."""
    for made in (half_way, independent, other_shape, along_line, like_one):
        for people in (1, 2, 3, 4):
            for images in (5, 8, 12, 24, 48):
                rng = np.random.default_rng([people, images])
                if made is along_line and people == 1:
                    continue
                found = []
                for _ in range(studies):
                    drawn = made(rng, people, images)
                    found.append(winner(*drawn, TRIAL_NOISE, rng))
                right = sum(name == "A" for name in found) if made is like_one else 0
                name = f"{made.__name__}, {people} people, {images} images"
                show(name, right, sum(map(bool, found)) - right, studies)


class World(NamedTuple):
    """A demo's set: what models see of its principal pairs, and their local log ratios."""

    responses: dict[Condition, dict[str, FiniteResponse]]
    ratios: pd.DataFrame
    root: float

    @property
    def models(self) -> list[str]:
        """Names of the models."""
        return list(dict.fromkeys(self.ratios["model"]))


def world(study: Path) -> World:
    """Open the set of a study that ``pdpsych demo`` made."""
    opened = StimulusSet.open(study / "stimuli" / "sets" / "demo")
    known = known_responses(opened, None)
    ratios = opened.log_ratios()
    ratios = ratios[ratios["kind"] == "principal"].reset_index(drop=True)
    responses = {Condition(*key): dict(of) for key, of in known.items() if key[1] == "principal"}
    dimension = opened[ratios["image"].iloc[0]].dimension
    return World(responses, ratios, float(np.sqrt(dimension)))


def between(a: FiniteResponse, b: FiniteResponse, share: float = 0.5) -> FiniteResponse:
    """Return the response of somebody on the way from one model to another."""
    size = min(len(a.amplitudes), len(b.amplitudes))
    values = a.values[:, :size] ** (1 - share) * b.values[:, :size] ** share
    return FiniteResponse(a.amplitudes[:size], values)


def session(
    known: World, own: dict[Condition, FiniteResponse], rng: np.random.Generator
) -> pd.DataFrame:
    """Return the trials of one person who sees like a model, but for misfit."""
    k = efficiency_for(list(own.values()), [MEDIAN_RMS * known.root] * len(own))
    misfit = np.exp(MISFIT * rng.standard_normal(len(own)))
    factors = dict(zip(own, (k * misfit).tolist(), strict=True))
    observer = ModelObserver(own, factors, lapse=0.02, seed=int(rng.integers(2**32)))
    placements = {
        c: METHODS["adaptive"](kind="adaptive").begin(
            Showable(c.name, 0.0, min(r.largest for r in known.responses[c].values()), known.root),
            0,
        )
        for c in own
    }
    return simulate_session(arrange(list(own), EXPERIMENT, rng), placements, observer, "01")


def bayesian(estimate: np.ndarray, variance: np.ndarray, models: Ratios) -> str:
    """Return the model with a posterior of .95, summed over people nearer to it than to others."""
    height: dict[str, list[float]] = {}
    for (one, a), (_, b) in permutations(models.items(), 2):
        for share in SHARES:
            for spread in SPREADS:
                wide = variance + 2 * spread**2
                off = estimate - (1 - share) * a - share * b
                likelihood = float(-((off**2 / wide + np.log(wide)).sum()) / 2)
                height.setdefault("" if share == 0.5 else one, []).append(likelihood)
    total = logsumexp([h for heights in height.values() for h in heights])
    best = max(height, key=lambda name: float(logsumexp(height[name])))
    return best if logsumexp(height[best]) - total > np.log(LEVEL) else ""


def observers(known: World) -> Iterator[tuple[str, str, dict[Condition, FiniteResponse]]]:
    """Yield who is simulated: a name, the model that is right, and what is seen."""
    for model in known.models:
        yield model, model, {c: of[model] for c, of in known.responses.items()}
    for a, b in combinations(known.models, 2):
        yield f"{a}–{b}", "", {c: between(of[a], of[b]) for c, of in known.responses.items()}


def by_trials(study: Path, studies: int) -> None:
    """Print how often somebody is declared, from trials on, and by the Bayesian."""
    known = world(study)
    wide = known.ratios.pivot(index="model", columns="image", values="log_ratio")
    models = {str(name): row.to_numpy() for name, row in wide.iterrows()}
    for place, (name, right, own) in enumerate(observers(known)):
        found: dict[str, list[str]] = {"trials": [], "trials, local": [], "trials, Bayesian": []}
        for number in range(studies):
            rng = np.random.default_rng([number, place])
            table = session(known, own, rng)
            fitted = fit_table(table, ANALYSIS.model_copy(update={"seed": number}))
            scores = score_ratios(fitted, known.ratios, Evidence(table, known.responses))
            found["trials"].append(scores.closest)
            found["trials, local"].append(score_ratios(fitted, known.ratios).closest)
            human = scores.human[scores.human["participant"] == "01"].set_index("image")
            # A bound has no sd that a Bayesian could know.
            human = human[human["bound"] == "exact"]
            measured = wide[human.index]
            of = {str(m): row.to_numpy() for m, row in measured.iterrows()}
            y = human["log_ratio"].to_numpy()
            found["trials, Bayesian"].append(bayesian(y, human["sd"].to_numpy() ** 2, of))
        for rule, names in found.items():
            hit = sum(n == right != "" for n in names)
            show(f"{name}, {rule}", hit, sum(map(bool, names)) - hit, studies)
        if right:
            without_trials(name, models, studies)


def without_trials(model: str, models: Ratios, studies: int) -> None:
    """Print the same of log ratios without noise of trials."""
    rng = np.random.default_rng(1)
    rules: dict[str, Callable[[np.ndarray], str]] = {
        "no noise": lambda y: winner(y[None], models, 1e-6, rng),
        "no noise, Bayesian": lambda y: bayesian(y, np.full(y.size, 1e-6), models),
    }
    misfit = np.sqrt(2) * MISFIT * rng.standard_normal((studies, models[model].size))
    for rule, declare in rules.items():
        names = [declare(models[model] + e) for e in misfit]
        hit = sum(n == model for n in names)
        show(f"{model}, {rule}", hit, sum(map(bool, names)) - hit, studies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200, help="of each row by log ratios")
    parser.add_argument("--study", type=Path, help="made by pdpsych demo: from trials too")
    parser.add_argument("--sessions", type=int, default=20, help="of each row from trials")
    options = parser.parse_args()
    print(f"{'':<44} {'right':>24} {'wrong':>24}")
    by_ratios(options.studies)
    if options.study:
        by_trials(options.study, options.sessions)


if __name__ == "__main__":
    main()
