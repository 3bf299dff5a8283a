"""Whether scores find an observer who is a model at visible amplitudes.

``python benchmarks/finite_observers.py`` lets each of the early models in turn, and each of 12
layers of EfficientNet-Lite0, trained and with random weights, and -Lite1, trained, be the observer
on principal distortions of three photographs at 64×64, with thresholds of RMS contrast .005, .01
and .02. Without noise: the right model's score at threshold, and its local one, in nats, median and
most over those observers who reach both thresholds of a pair inside the gamut. With 40 trials a
condition: how often the right model is first by each of the three scores.
Needs what ``benchmarks/networks.py --against`` needs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import search
import torch
from scipy.special import ndtr

from pdpsych import geometry
from pdpsych.analysis import Analysis
from pdpsych.analysis.fitting.fit import fit_table
from pdpsych.analysis.planning.simulated_study import simulate_session
from pdpsych.analysis.prediction.at_threshold import predict_thresholds, ratio_bounds
from pdpsych.analysis.prediction.evidence import Evidence
from pdpsych.analysis.scoring.score import score_ratios
from pdpsych.common.errors import InputError
from pdpsych.displays import Display
from pdpsych.experiments import Experiment, ModelObserver
from pdpsych.experiments.design import Condition, arrange
from pdpsych.experiments.placement.methods import METHODS
from pdpsych.experiments.placement.placement import Showable
from pdpsych.models import Representation
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.signal_curve import SignalCurve
from pdpsych.stimuli.thresholds import efficiency_for

PICTURES = ("astronaut", "cat", "coffee")
SIDE = 64
# Peaks of principal distortions are 7 to 21 times their RMS: larger thresholds need the room.
DARKEST, BRIGHTEST = 0.25, 0.75
# Of the six layers of a network.
LAYERS = (0, 2, 3, 5)
THRESHOLDS = (0.005, 0.01, 0.02)
TRIALS = 40
ANALYSIS = Analysis(experiment=Path("none"), samples=1000)
EXPERIMENT = Experiment(
    stimulus_set=Path("none"), display=Display(), trials_per_condition=TRIALS, practice_trials=0
)


class World(NamedTuple):
    """What models see of the distortions, at visible amplitudes and locally."""

    responses: dict[Condition, dict[str, FiniteResponse]]
    ratios: pd.DataFrame
    root: float


def networks() -> list[Representation]:
    """Return four layers each of three networks."""
    kinds = (("lite0", True), ("lite0", False), ("lite1", True))
    found = [search.lite(name, trained) for name, trained in kinds]
    return [layers[place] for layers in found for place in LAYERS]


def world(
    representations: Callable[[], list[Representation]], colour: bool, iterations: int
) -> World:
    """Find principal distortions of each photograph, and what the models see of them."""
    responses: dict[Condition, dict[str, FiniteResponse]] = {}
    rows, loaded = [], representations()
    for picture in PICTURES:
        image = DARKEST + (BRIGHTEST - DARKEST) * search.photograph(picture, SIDE, colour=colour)
        local = geometry.LocalGeometry(loaded, image, floor=search.FLOOR)
        space = geometry.DistortionSpace(image, window=None if colour else 1.0)
        budget = geometry.Budget(iterations=iterations)
        found = geometry.principal_distortions_at(local, space=space, budget=budget)
        seen = geometry.finite_responses(loaded, image, found.distortions, floor=search.FLOOR)
        for number, curves in enumerate(seen.curves, start=1):
            responses[Condition(picture, "principal", number)] = {
                name: FiniteResponse(
                    curves.amplitudes[: curves.known(n)], curves.values[n][:, : curves.known(n)]
                )
                for n, name in enumerate(seen.names)
            }
        for name, ratio in zip(seen.names, found.log_ratios, strict=True):
            rows.append((picture, "principal", "principal", name, float(ratio)))
    columns = ["image", "pair", "kind", "model", "log_ratio"]
    return World(responses, pd.DataFrame(rows, columns=columns), float(image.numel() ** 0.5))


def true_threshold(response: FiniteResponse, k: float) -> float:
    """Return the amplitude at which P(correct), mean over both signs, is Φ(1/√2); NaN if none."""
    amplitudes = np.geomspace(response.largest * 1e-4, response.largest, 4000)
    both = [ndtr(k * response.at(amplitudes, sign) / np.sqrt(2)) for sign in (1, -1)]
    above = np.mean(both, axis=0) >= ndtr(1 / np.sqrt(2))
    return float(amplitudes[above.argmax()]) if above.any() else np.nan


def without_noise(known: World, model: str, rms: float) -> tuple[float, float]:
    """Return the model's own score at threshold, and its local one, of an observer who is it."""
    own = [of[model] for of in known.responses.values()]
    k = efficiency_for(own, [rms * known.root] * len(own))
    people = np.log([true_threshold(response, k) for response in own])
    predicted = predict_thresholds([SignalCurve(response) for response in own], people, people)
    ratios = known.ratios[known.ratios["model"] == model]["log_ratio"].to_numpy()
    by_threshold, local = [], []
    for pair, ratio in enumerate(ratios):
        u, v = 2 * pair, 2 * pair + 1
        human = people[v] - people[u]
        if np.isfinite(human):
            low, high = ratio_bounds(predicted, u, v)
            by_threshold.append(max(low - human, human - high, 0.0))
            local.append(abs(ratio - human))
    if not local:
        return np.nan, np.nan
    return float(np.mean(by_threshold)), float(np.mean(local))


def first(known: World, model: str, rms: float, number: int) -> tuple[bool, bool, bool]:
    """Return whether a model is first by each score, of the trials of an observer who is it."""
    conditions = list(known.responses)
    own = {condition: known.responses[condition][model] for condition in conditions}
    k = efficiency_for(list(own.values()), [rms * known.root] * len(own))
    rng = np.random.default_rng([number, round(1e4 * rms)])
    observer = ModelObserver(own, dict.fromkeys(conditions, k), seed=int(rng.integers(2**32)))
    placements = {
        c: METHODS["adaptive"](kind="adaptive").begin(
            Showable(c.name, 0.0, min(r.largest for r in known.responses[c].values()), known.root),
            0,
        )
        for c in conditions
    }
    table = simulate_session(arrange(conditions, EXPERIMENT, rng), placements, observer, "01")
    fitted = fit_table(table, ANALYSIS.model_copy(update={"seed": number}))
    try:
        scores = score_ratios(fitted, known.ratios, Evidence(table, known.responses))
    except InputError:
        return False, False, False
    rankings = scores.predictive_ranking, scores.at_threshold_ranking, scores.ranking
    predicted, threshold, local = (
        bool(len(rows)) and rows["model"].iloc[0] == model for rows in rankings
    )
    return predicted, threshold, local


def show(name: str, known: World, repeats: int) -> None:
    """Print a row for each threshold."""
    models = list(dict.fromkeys(known.ratios["model"]))
    for rms in THRESHOLDS:
        alone = np.array([without_noise(known, model, rms) for model in models])
        found = np.array(
            [first(known, model, rms, n) for model in models for n in range(repeats)], dtype=float
        )
        seen = alone[np.isfinite(alone[:, 0])]
        middle, most = (
            (np.median(seen, axis=0), seen.max(axis=0)) if len(seen) else np.full((2, 2), np.nan)
        )
        shares = "  ".join(f"{share:>10.0%}" for share in found.mean(axis=0))
        print(
            f"{name:<9} {rms:>6g}  {len(seen):>2} of {len(models):<2}  {middle[0]:>8.4f} "
            f"{most[0]:>8.4f}  {middle[1]:>8.3f} {most[1]:>8.3f}  {shares}  of {len(found)}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4, help="sessions of each observer")
    parser.add_argument("--iterations", type=int, default=25)
    options = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    both = f"{'median':>8} {'most':>8}"
    print(f"{'':<26}  {'at threshold':<17}  {'local':<17}  first by")
    print(
        f"{'models':<9} {'RMS':>6}  {'reached':<8}  {both}  {both}  {'predictive':>10}  "
        f"{'threshold':>10}  {'local':>10}"
    )
    for name, made, colour in (("early", search.early, False), ("networks", networks, True)):
        show(name, world(made, colour, options.iterations), options.repeats)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
