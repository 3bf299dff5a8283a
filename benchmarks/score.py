"""Speed, memory and calibration of scores.

``python benchmarks/score.py`` times the score of a large study, measures its memory, and prints
how often intervals cover the truth, for simulated ratios of people.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
import pandas as pd

from pdpsych.analysis import Fit
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import CONDITION
from pdpsych.analysis.scoring.mean_score import Distances, mean_interval, mean_scores
from pdpsych.analysis.scoring.pooling import pool
from pdpsych.analysis.scoring.score import score_ratios

LEVEL = 0.95
# images, participants, trial noise of a ratio, sd between participants on each image and on all,
# nats; models.
CASES = (
    (3, 3, 0.3, 0.2, 0.0, 2),
    (4, 3, 0.3, 0.3, 0.0, 2),
    (6, 1, 0.3, 0.0, 0.0, 2),
    (10, 2, 0.2, 0.1, 0.1, 2),
    (10, 4, 0.3, 0.3, 0.3, 2),
    (30, 6, 0.4, 0.2, 0.3, 2),
    (6, 4, 0.3, 0.3, 0.0, 8),
    (20, 4, 0.3, 0.3, 0.1, 8),
)


def made_fit(
    rng: np.random.Generator, participants: int, images: int, samples: int
) -> tuple[Fit, np.ndarray]:
    """Return a fit with posteriors of a made-up study, and the true ratio of each image."""
    truth = rng.normal(0, 1, images)
    conditions = [
        (f"{p:02}", f"image-{k:02}", "principal", n)
        for p in range(participants)
        for k in range(images)
        for n in (1, 2)
    ]
    table = pd.DataFrame(conditions, columns=CONDITION).assign(measured=True)
    mean = np.outer(truth, (-0.5, 0.5)).ravel()
    posteriors = {}
    for p in range(participants):
        noisy = mean + rng.normal(0, 0.25, mean.size)
        flat, group = np.zeros((mean.size, 5)), np.zeros(mean.size, int)
        # A prior so wide that it says nothing.
        shared = Shared.of(spread=np.exp(20.0), means=[0.0])
        posteriors[f"{p:02}"] = Posterior(
            noisy, np.full(mean.size, 0.2), flat, group, shared, np.eye(5), True
        )
    analysis = {"name": "made", "level": LEVEL, "samples": samples, "seed": 0}
    unused = {name: pd.DataFrame() for name in ("participants", "goodness", "bins", "excluded")}
    return Fit(analysis, {}, table, **unused, posteriors=posteriors), truth


def speed(participants: int, images: int, models: int, samples: int) -> None:
    """Time the score of a study and print the largest memory of the process."""
    rng = np.random.default_rng(0)
    fitted, truth = made_fit(rng, participants, images, samples)
    ratios = pd.DataFrame(
        [
            (f"image-{k:02}", "principal", "principal", f"model-{m:02}", truth[k] + error)
            for m in range(models)
            for k, error in enumerate(rng.normal(0, 0.2 + 0.05 * m, images))
        ],
        columns=["image", "pair", "kind", "model", "log_ratio"],
    )
    start = time.perf_counter()
    score_ratios(fitted, ratios)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
    print(
        f"{participants} participants, {images} images, {models} models, {samples} samples: "
        f"{seconds:.1f} s, {memory:.2f} GB"
    )


def simulate(
    rng: np.random.Generator, case: tuple[int, int, float, float, float, int], samples: int
) -> tuple[Distances, float]:
    """Return distances of models that are all equally good, and their true mean score."""
    images, people, noise, between, common, models = case
    truth = rng.normal(0, 1, images)
    seen = truth + between * rng.standard_normal((people, images))
    seen += common * rng.standard_normal((people, 1)) + noise * rng.standard_normal(seen.shape)
    drawn = seen + noise * rng.standard_normal((samples, people, images))
    ratios = truth + rng.normal(0, 1, (models, images))
    names = np.array([f"image-{k}" for k in range(images)], dtype=object)
    # A score holds the noise of the human ratio.
    variance = 1 + (noise**2 + between**2 + common**2) / people
    labels = [f"model-{m}" for m in range(models)]
    return Distances(labels, names, ratios, pool(drawn, rng)), float(np.sqrt(2 * variance / np.pi))


def calibration(studies: int, samples: int = 500) -> None:
    """Print coverage and false alarms for each case."""
    print(f"{studies} studies each; intervals of {100 * LEVEL:g} %")
    print("images people noise between common models   mean covered   median covered")
    for case in CASES:
        rng = np.random.default_rng(1)
        covered, middle = [], []
        for _ in range(studies):
            distances, mean = simulate(rng, case, samples)
            means = mean_scores(distances, rng)
            low, high = mean_interval(means, LEVEL)
            covered.append(low[0] < mean < high[0])
            # The median of |N(0, s²)| is 0.6745 s, its mean √(2/π) s.
            low, high = np.quantile(means.medians[:, 0], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            middle.append(low < 0.6745 * mean * np.sqrt(np.pi / 2) < high)
        images, people, noise, between, common, models = case
        print(
            f"{images:6} {people:6} {noise:5.1f} {between:7.1f} {common:6.1f} {models:6}"
            f"{np.mean(covered):15.3f}{np.mean(middle):17.3f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=20)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--models", type=int, default=30)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--studies", type=int, default=500)
    arguments = parser.parse_args()
    speed(arguments.participants, arguments.images, arguments.models, arguments.samples)
    calibration(arguments.studies)


if __name__ == "__main__":
    main()
