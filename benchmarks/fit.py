"""Time and error of the hierarchical fit beside fits of one condition, and how intervals cover.

``python benchmarks/fit.py`` simulates 2AFC trials and prints two tables. All methods are timed in
the same run on one core, in seconds of its time; the slow ones on a subset of the conditions.
Coverage is that of 95 % intervals of log thresholds and of log ratios of pairs, for three ways to
place trials.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings
from collections.abc import Callable

import numpy as np
import psignifit
from scipy.optimize import minimize
from scipy.special import expit, logit

from pdpsych.analysis.fitting.bootstrap import bootstrap, bootstrap_interval
from pdpsych.analysis.fitting.integration import solve
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.experiments.placement.psychometric import proportion_correct

Trials = tuple[np.ndarray, np.ndarray]


def simulate(
    rng: np.random.Generator, truth: np.ndarray, trials: int, lapse: float = 0.02
) -> Trials:
    """Place trials at each condition's running estimate; (trials, C) log amplitudes, answers."""
    grid = np.linspace(-4, 4, 65)
    posterior = np.tile(-0.5 * (grid / 1.5) ** 2, (truth.size, 1))
    placed, correct = np.empty((trials, truth.size)), np.empty((trials, truth.size), bool)
    for t in range(trials):
        weight = np.exp(posterior - posterior.max(axis=1, keepdims=True))
        estimate = weight @ grid / weight.sum(axis=1)
        easy = rng.random(truth.size) < 0.1
        placed[t] = estimate + np.where(easy, np.log(6), rng.normal(0.35, 0.35, truth.size))
        alpha = np.exp(placed[t])
        correct[t] = rng.random(truth.size) < proportion_correct(alpha, np.exp(truth), 1, lapse)
        likely = proportion_correct(alpha[:, None], np.exp(grid), 1, lapse)
        posterior += np.log(np.where(correct[t][:, None], likely, 1 - likely))
    return placed, correct


def staircase(
    rng: np.random.Generator, truth: np.ndarray, trials: int, lapse: float = 0.02
) -> Trials:
    """Step down after 3 correct answers in a row and up after a wrong one, by a quarter nat."""
    level, right = np.full(truth.size, 1.4), np.zeros(truth.size, int)
    placed, correct = np.empty((trials, truth.size)), np.empty((trials, truth.size), bool)
    for t in range(trials):
        placed[t] = np.where(rng.random(truth.size) < 0.1, level + 1.4, level)
        chance = proportion_correct(np.exp(placed[t]), np.exp(truth), 1, lapse)
        correct[t] = rng.random(truth.size) < chance
        right = np.where(correct[t], right + 1, 0)
        level = level + np.where(correct[t], np.where(right == 3, -0.25, 0.0), 0.25)
        right[right == 3] = 0
    return placed, correct


def constant(
    rng: np.random.Generator, truth: np.ndarray, trials: int, lapse: float = 0.02
) -> Trials:
    """Show seven levels equally often, whatever is answered."""
    placed = np.tile(np.resize(np.linspace(-2, 2, 7), trials)[:, None], truth.size)
    chance = proportion_correct(np.exp(placed), np.exp(truth), 1, lapse)
    return placed, rng.random(placed.shape) < chance


def by_scipy(log_amplitude: np.ndarray, correct: np.ndarray) -> float:
    """Fit log τ, b and λ of one condition by maximum posterior, priors as in the hierarchy."""

    def loss(x: np.ndarray) -> float:
        guess = expit(x[2])
        p = proportion_correct(np.exp(log_amplitude), np.exp(x[0]), np.exp(x[1]), guess / 2)
        prior = (x[0] / 2.2) ** 2 / 2 + (x[1] / 0.3) ** 2 / 2
        prior -= 2 * np.log(guess) + 25 * np.log1p(-guess)
        return float(prior - np.log(np.where(correct, p, 1 - p)).sum())

    start = [log_amplitude.mean() - 0.35, 0.0, logit(0.05)]
    return float(minimize(loss, start, method="L-BFGS-B").x[0])


def by_psignifit(log_amplitude: np.ndarray, correct: np.ndarray, width: float) -> float:
    """Fit one condition by psignifit, no overdispersion; trials pooled in bins of ``width`` nats.

    A width of 0 gives psignifit every trial as it is.
    """
    if width:
        number = np.round(log_amplitude / width).astype(int)
        rows = [
            (n * width, correct[number == n].sum(), (number == n).sum()) for n in np.unique(number)
        ]
    else:
        rows = [(x, int(k), 1) for x, k in zip(log_amplitude, correct, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = psignifit.psignifit(
            np.array(rows),
            sigmoid="weibull",
            experiment_type="2AFC",
            stimulus_range=(-3.0, 3.0),
            fixed_parameters={"eta": 0.0},
        )
        # d′ = 1 is at 2Φ(1/√2) − 1 = 0.52 of the way from chance to certain.
        return float(result.threshold(0.5205, unscaled=True, return_ci=False))


def observed(trials: Trials) -> Observations:
    """Return the trials of conditions that are in turn distortion u and v."""
    placed, correct = trials
    condition = np.tile(np.arange(placed.shape[1]), len(placed))
    group = np.arange(placed.shape[1]) % 2
    order = np.arange(placed.size)
    return Observations.build(condition, np.exp(placed.ravel()), correct.ravel(), group, order)


def compare(arguments: argparse.Namespace, rng: np.random.Generator) -> None:
    """Print time and error of each method; ``inside``: estimates inside our 95 % interval."""
    truth = rng.normal(0, 0.8, arguments.conditions)
    placed, correct = simulate(rng, truth, arguments.trials)
    built = observed((placed, correct))

    def each(method: Callable[..., float], number: int, *options: float) -> np.ndarray:
        some = range(min(number, truth.size))
        return np.array([method(placed[:, c], correct[:, c], *options) for c in some])

    start = time.process_time()
    ours = solve(built)
    first = (time.process_time() - start) / truth.size
    methods: dict[str, Callable[[], np.ndarray]] = {
        "scipy minimize, 3 numbers": lambda: each(by_scipy, arguments.subset),
        "psignifit, pooled": lambda: each(by_psignifit, arguments.subset, 0.2),
        "psignifit, every trial": lambda: each(by_psignifit, arguments.subset // 4, 0.0),
    }
    print(f"{arguments.conditions} conditions × {arguments.trials} trials")
    head = f"{'method':28}{'conditions':>11}{'s':>9}{'ms each':>10}{'ratio':>8}"
    print(f"{head}{'error sd':>10}{'inside':>8}")
    line("pdpsych, all at once", ours.mean, first * truth.size, first, truth, ours)
    for name, method in methods.items():
        start = time.process_time()
        estimate = method()
        line(name, estimate, time.process_time() - start, first, truth, ours)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {peak:.2f} GB")


def line(
    name: str,
    estimate: np.ndarray,
    seconds: float,
    first: float,
    truth: np.ndarray,
    ours: Posterior,
) -> None:
    number = estimate.size
    each = seconds / number
    error = np.std(estimate - truth[:number])
    inside = np.abs(estimate - ours.mean[:number]) < 1.96 * ours.sd[:number]
    print(
        f"{name:28}{number:>11}{seconds:>9.2f}{1000 * each:>10.3f}{each / first:>8.0f}"
        f"{error:>10.2f}{inside.mean():>8.2f}"
    )


def cover(arguments: argparse.Namespace, rng: np.random.Generator) -> None:
    """Print how often 95 % intervals hold the truth, over simulated participants."""
    print(f"\n{arguments.participants} participants × 24 conditions × 60 trials")
    print(
        f"{'placement':12}{'error sd':>9}{'threshold':>11}{'ratio':>8}{'bootstrap':>11}{'bias':>8}"
    )
    for place in (simulate, staircase, constant):
        rows = []
        for _ in range(arguments.participants):
            truth = np.tile([-0.6, 0.6], 12) + rng.normal(0, 0.4, 24)
            built = observed(place(rng, truth, 60))
            found = solve(built)
            error = found.mean - truth
            draws = found.draws(1000, rng)[0]
            ratio, spread = error[1::2] - error[::2], (draws[:, 1::2] - draws[:, ::2]).std(axis=0)
            errors = bootstrap(found, arguments.bootstrap, rng)
            low, high = bootstrap_interval(found.mean, errors, 0.95)
            rows.append(
                (
                    (error**2).mean(),
                    (np.abs(error) < 1.96 * found.sd).mean(),
                    (np.abs(ratio) < 1.96 * spread).mean(),
                    ((low < truth) & (truth < high)).mean(),
                    ratio.mean(),
                )
            )
        square, threshold, of_ratio, by_bootstrap, bias = np.mean(rows, axis=0)
        name = {simulate: "adaptive", staircase: "staircase", constant: "constant"}[place]
        print(
            f"{name:12}{np.sqrt(square):>9.2f}{threshold:>11.3f}{of_ratio:>8.3f}"
            f"{by_bootstrap:>11.3f}{bias:>8.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conditions", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--subset", type=int, default=24)
    parser.add_argument("--participants", type=int, default=100)
    parser.add_argument("--bootstrap", type=int, default=40)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    if arguments.conditions:
        compare(arguments, rng)
    if arguments.participants:
        cover(arguments, rng)


if __name__ == "__main__":
    main()
