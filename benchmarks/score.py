"""Speed, memory and calibration of scores.

``python benchmarks/score.py`` times the score of a large study, measures its memory, and prints,
for simulated ratios of people, how often intervals cover the truth: of mean scores of models from
perfect to poor and of errors that are not normal, and of mean ratios of which some are bounds.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
import pandas as pd

from pdpsych.analysis import Fit
from pdpsych.analysis.binomial import wilson
from pdpsych.analysis.fitting.hierarchy import Mode
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.posterior import Conditionals, Posterior
from pdpsych.analysis.fitting.prior import Exponents, Prior
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import CONDITION
from pdpsych.analysis.scoring.human import interval
from pdpsych.analysis.scoring.mean_score import Distances, mean_interval, mean_scores
from pdpsych.analysis.scoring.pooling import pool
from pdpsych.analysis.scoring.score import score_ratios

LEVEL = 0.95
# People and images of a study; trial noise of a ratio, and sd between participants on each image
# and on all, nats.
SIZES = tuple((people, images) for people in (1, 2, 4) for images in (2, 8, 12, 24, 48))
NOISE, BETWEEN, COMMON = 0.35, 0.2, 0.1
# Models: sd of normal errors over images, or another shape; all of those have mean 0.4.
MODELS = (0.0, 0.05, 0.1, 0.2, 0.4, 1.3, "all 0.4", "half 0.8", "t3")
# People cannot see further than this: ratios above are bounds.
LIMIT = 0.7


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
    ends = {"trials_low": 1e-6, "trials_high": 1e6}
    table = pd.DataFrame(conditions, columns=CONDITION).assign(bound="exact", **ends)
    mean = np.outer(truth, (-0.5, 0.5)).ravel()
    posteriors = {}
    for p in range(participants):
        noisy = mean + rng.normal(0, 0.25, mean.size)
        # Trials that nobody has made up; what they say is known, and the prior says nothing.
        ones, group = np.ones(mean.size), np.arange(mean.size) % 2
        trials = Observations.build(np.arange(mean.size), ones, ones, group)
        places = noisy[:, None] + 0.2 * np.linspace(-8, 8, 161)
        shared = Shared.of(spread=np.exp(20.0), means=np.zeros(2))
        given = Conditionals(trials, places, Shared(shared.values[None]))
        vars(given)["log_likelihoods"] = -(((places - noisy[:, None]) / 0.2) ** 2)[None] / 2
        sds = np.full(noisy.size, 0.2)
        prior, wide = Prior(0.0, Exponents.of_anybody(2)), np.eye(len(shared.values))
        mode = Mode(shared, wide, noisy, sds, prior, True)
        posteriors[f"{p:02}"] = Posterior(given, np.ones(1), mode)
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


def errors_of(model: float | str, images: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the errors of a model."""
    if model == "all 0.4":
        return np.full(images, 0.4)
    if model == "half 0.8":
        return 0.8 * (rng.random(images) < 0.5)
    if model == "t3":
        # The mean of |t| with 3 degrees of freedom is 2√3/π.
        return 0.4 * np.pi / (2 * np.sqrt(3)) * rng.standard_t(3, images)
    return float(model) * rng.standard_normal(images)


def mean_distance(model: float | str) -> float:
    return 0.4 if isinstance(model, str) else model * np.sqrt(2 / np.pi)


def ratios(
    people: int, images: int, rng: np.random.Generator, samples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true log ratios, of people and of those who took part, and samples of the latter."""
    truth = rng.normal(0, 1, images)
    own = np.tile(truth, (people, 1))
    if people > 1:
        own += BETWEEN * rng.standard_normal(own.shape)
        own += COMMON * rng.standard_normal((people, 1))
    seen = own + NOISE * rng.standard_normal(own.shape)
    return truth, own, seen + NOISE * rng.standard_normal((samples, people, images))


def study(
    people: int, images: int, rng: np.random.Generator, samples: int = 400
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return whether intervals of mean scores cover, means, and raw means."""
    truth, _, drawn = ratios(people, images, rng, samples)
    human = pool(drawn, rng)
    wrong = [errors_of(model, images, rng) for model in MODELS]
    names = np.array([f"image-{k:02}" for k in range(images)], dtype=object)
    labels = [str(number) for number in range(len(wrong))]
    means = mean_scores(Distances(labels, names, truth + np.stack(wrong), human), rng)
    low, high = mean_interval(means, LEVEL)
    expected = np.array([mean_distance(model) for model in MODELS])
    covered = (low <= expected) & (expected <= high)
    return covered, means.mean, means.raw


def scores(studies: int) -> None:
    """Print coverage of mean scores, and means, for each size."""
    print(f"{studies} studies each: intervals of mean scores that cover, mean (raw) score")
    print("people images " + "".join(f"{model!s:>17}" for model in MODELS))
    for people, images in SIZES:
        rng = np.random.default_rng([people, images])
        found = [study(people, images, rng) for _ in range(studies)]
        covered, mean, raw = (np.mean(x, axis=0) for x in zip(*found, strict=True))
        cells = "".join(
            f" {c:.3f} {m:.2f} ({r:.2f})".rjust(17)
            for c, m, r in zip(covered, mean, raw, strict=True)
        )
        print(f"{people:6} {images:6} {cells}", flush=True)
    low, high = wilson(round(0.95 * studies), studies, LEVEL)
    print(f"a share of 0.95 of {studies} has the interval {low:.3f} to {high:.3f}")


def bounds(studies: int, samples: int = 400) -> None:
    """Print coverage of mean ratios of which some are above what people can see."""
    print(f"{studies} studies each of 12 images, nobody sees beyond a ratio of {LIMIT}")
    print("people   exact ratios cover   of them biased by   bounds hold   all   (95 % int.)")
    for people in (1, 2, 4, 8):
        rng = np.random.default_rng(people)
        held, exact, errors = [], [], []
        for _ in range(studies):
            truth, own, drawn = ratios(people, 12, rng, samples)
            middle, unseen = drawn.mean(axis=0), own > LIMIT
            drawn[:, unseen] = np.nan
            ends = np.where(unseen, LIMIT, middle), np.where(unseen, np.inf, middle)
            pooled = pool(drawn, rng, *ends)
            low, high = interval(pooled.wide_samples, LEVEL)
            inside = np.where(pooled.exact, (low < truth) & (truth < high), pooled.low < truth)
            held += inside.tolist()
            exact += pooled.exact.tolist()
            errors += (pooled.estimate - truth)[pooled.exact].tolist()
        hold, known = np.array(held), np.array(exact)
        ends = wilson(hold.sum(), hold.size, LEVEL)
        print(
            f"{people:6} {hold[known].mean():20.3f} {np.mean(errors):+19.3f} "
            f"{hold[~known].mean():13.3f} {hold.mean():5.3f}  ({ends[0]:.3f}, {ends[1]:.3f})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=20)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--models", type=int, default=30)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--studies", type=int, default=300)
    arguments = parser.parse_args()
    speed(arguments.participants, arguments.images, arguments.models, arguments.samples)
    if arguments.studies:
        scores(arguments.studies)
        bounds(arguments.studies)


if __name__ == "__main__":
    main()
