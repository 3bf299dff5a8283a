"""Time and error of the hierarchical fit beside fits of one condition at a time.

``python benchmarks/fit.py`` simulates adaptive 2AFC trials and prints a table. All methods are
timed in the same run on one core; the slow ones on a subset of the conditions.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import psignifit
from scipy.optimize import minimize
from scipy.special import expit, logit

from pdpsych.analysis.hierarchy import solve
from pdpsych.analysis.likelihood import Observations
from pdpsych.experiments.psychometric import proportion_correct

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


def by_psignifit(log_amplitude: np.ndarray, correct: np.ndarray) -> float:
    """Fit one condition by psignifit, trials pooled in bins of 0.2 nats, no overdispersion."""
    number = np.round(log_amplitude / 0.2).astype(int)
    rows = [
        (number_ * 0.2, correct[number == number_].sum(), (number == number_).sum())
        for number_ in np.unique(number)
    ]
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


def timed(function: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    start = time.perf_counter()
    return function(), time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conditions", type=int, default=5000)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--subset", type=int, default=25)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.8, arguments.conditions)
    placed, correct = simulate(rng, truth, arguments.trials)
    condition = np.tile(np.arange(truth.size), arguments.trials)
    built = Observations.build(condition, np.exp(placed.ravel()), correct.ravel())
    some = range(min(arguments.subset, truth.size))
    methods: dict[str, Callable[[], np.ndarray]] = {
        "pdpsych, all at once": lambda: solve(built).mean,
        "scipy minimize, 3 numbers": lambda: np.array(
            [by_scipy(placed[:, c], correct[:, c]) for c in some]
        ),
        "psignifit 4.3, pooled": lambda: np.array(
            [by_psignifit(placed[:, c], correct[:, c]) for c in some]
        ),
    }
    print(f"{arguments.conditions} conditions × {arguments.trials} trials")
    print(f"{'method':28}{'conditions':>11}{'s':>9}{'ms each':>10}{'ratio':>8}{'error sd':>10}")
    first = None
    for name, method in methods.items():
        estimate, seconds = timed(method)
        each = 1000 * seconds / estimate.size
        first = first or each
        error = np.std(estimate[: len(some)] - truth[: len(some)])
        numbers = (
            f"{estimate.size:>11}{seconds:>9.2f}{each:>10.3f}{each / first:>8.0f}{error:>10.2f}"
        )
        print(f"{name:28}{numbers}")


if __name__ == "__main__":
    main()
