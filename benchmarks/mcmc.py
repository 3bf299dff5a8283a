"""The fit beside Markov chains: standard deviations of thresholds, of log ratios and their mean.

``python benchmarks/mcmc.py`` simulates participants of three designs (24 conditions × 40 trials, 6
× 15, and 12 × 40 with two distortions never seen), fits each, samples the same posterior by Markov
chains, and prints the ratios of standard deviations, of the fit over the chains.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import expit, logsumexp, ndtr

from pdpsych.analysis.fitting.integration import solve
from pdpsych.analysis.fitting.observations import Observations

_COMMON = 6
# Of log τ around the amplitudes shown, nats.
_STEP = 0.1
_GRID = np.arange(-8.0, 8.0 + _STEP / 2, _STEP)
# Samples of thresholds.
_DRAWN = 1500


class Chains(NamedTuple):
    """Samples of what is shared, (n, F), of log τ, (n, C), and of log τ by the trials, (n, C)."""

    shared: np.ndarray
    log_threshold: np.ndarray
    by_trials: np.ndarray


def log_likelihood(trials: Observations, shared: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return that of each condition, (n, C), at φ, (n, F), and log τ, (n, C): trial by trial."""
    condition, groups = trials.condition, (shared.shape[1] - _COMMON) // 2
    guess_logit, learning, c0, c1, c2 = (shared[:, [k]] for k in range(5))
    exponent = np.exp(shared[:, _COMMON : _COMMON + groups])[:, trials.group[condition]]
    z = trials.log_amplitude - learning * trials.progress - x[:, condition]
    signal = np.exp(np.clip(exponent * z, -300, 5)) / np.sqrt(2)
    towards = signal + trials.position * (c0 + c1 * trials.progress + c2 * trials.previous)
    chosen = ndtr(trials.sign * towards)
    guess = expit(guess_logit)
    return np.add.reduceat(np.log(guess / 2 + (1 - guess) * chosen), trials.starts, axis=1)


def log_prior(shared: np.ndarray) -> np.ndarray:
    """Return the log prior density of φ but for the means of groups, (n,), by SciPy."""
    guess = expit(shared[:, 0])
    density = 0.9 * stats.beta.pdf(guess, 2, 25) + 0.1 * stats.beta.pdf(guess, 1, 1)
    value = np.log(density * guess * (1 - guess))
    for place, sd in zip(range(1, 6), (0.5, 0.5, 1.0, 0.5, 0.7), strict=True):
        value += stats.norm.logpdf(shared[:, place], 0, sd)
    exponents, _ = np.split(shared[:, _COMMON:], 2, axis=1)
    groups = exponents.shape[1]
    # Of all people and of how they differ.
    scale = (0.7**2 + 0.2**2) * np.eye(groups) + 0.3**2 + 0.15**2
    return value + np.atleast_1d(stats.multivariate_t.logpdf(exponents, np.zeros(groups), scale, 7))


def log_prior_of_means(shared: np.ndarray, centre: float) -> np.ndarray:
    """Return the log prior density of the means of groups, (n,)."""
    _, means = np.split(shared[:, _COMMON:], 2, axis=1)
    groups = means.shape[1]
    together = np.eye(groups) + 4
    return np.atleast_1d(stats.multivariate_normal.logpdf(means, np.full(groups, centre), together))


def log_prior_of_thresholds(shared: np.ndarray, x: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the log prior density of each log τ given φ, (n, C)."""
    _, means = np.split(shared[:, _COMMON:], 2, axis=1)
    return np.asarray(stats.norm.logpdf(x, means[:, group], np.exp(shared[:, [5]])))


def sample(
    trials: Observations, rng: np.random.Generator, chains: int = 64, steps: int = 800
) -> Chains:
    """Sample φ by differential evolution of chains (ter Braak 2006), the first third left out.

    Thresholds are integrated out on an even grid, and drawn on it at the end. A chain moves by a
    multiple of the difference of two chains of the other half, which stands still meanwhile: moved
    all at once chains would end up too far apart. Half of them are more than there are unknowns.
    """
    groups = trials.groups
    centre = float(trials.centres().mean())
    shared = rng.normal(0, 0.1, (chains, _COMMON + 2 * groups))
    shared[:, 0] -= 2.5
    shared[:, -groups:] += centre
    value = _log_posterior(trials, shared, centre)
    kept = []
    halves = np.split(rng.permutation(chains), 2)
    for step in range(steps):
        for own, other in (halves, halves[::-1]):
            one = rng.integers(0, other.size, own.size)
            two = (one + rng.integers(1, other.size, own.size)) % other.size
            size = 2.38 / np.sqrt(2 * shared.shape[1]) * rng.choice([0.5, 1.0], own.size)
            moved = shared[own] + size[:, None] * (shared[other[one]] - shared[other[two]])
            moved += rng.normal(0, 1e-4, moved.shape)
            there = _log_posterior(trials, moved, centre)
            taken = np.log(rng.random(own.size)) < there - value[own]
            shared[own[taken]], value[own[taken]] = moved[taken], there[taken]
        if step >= steps // 3 and step % 10 == 0:
            kept.append(shared.copy())
    found = np.concatenate(kept)
    some = found[rng.choice(len(found), min(len(found), _DRAWN), replace=False)]
    drawn, by_trials = (
        np.array([_drawn(trials, row, rng, prior=prior) for row in some]) for prior in (1, 0)
    )
    return Chains(found, drawn, by_trials)


def _on_grid(trials: Observations, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log τ on the grid, and the log likelihood there at one φ, (K, C) each."""
    x = trials.centres() + _GRID[:, None]
    return x, log_likelihood(trials, np.tile(row, (_GRID.size, 1)), x)


def _log_posterior(trials: Observations, shared: np.ndarray, centre: float) -> np.ndarray:
    """Return the log posterior density of φ with thresholds integrated out, (n,)."""
    value = log_prior(shared) + log_prior_of_means(shared, centre)
    for number, row in enumerate(shared):
        x, height = _on_grid(trials, row)
        height += log_prior_of_thresholds(row[None], x, trials.group)
        value[number] += logsumexp(height, axis=0).sum()
    return value


def _drawn(
    trials: Observations, row: np.ndarray, rng: np.random.Generator, prior: int
) -> np.ndarray:
    """Draw log τ of each condition given φ, from its posterior or from its likelihood alone."""
    x, height = _on_grid(trials, row)
    height += prior * log_prior_of_thresholds(row[None], x, trials.group)
    mass = np.exp(height - height.max(axis=0)).cumsum(axis=0)
    place = (mass < rng.random(mass.shape[1]) * mass[-1]).sum(axis=0)
    return np.asarray(x[place, np.arange(x.shape[1])] + rng.uniform(-0.5, 0.5) * _STEP)


def participant(
    rng: np.random.Generator, conditions: int, trials: int, never: int = 0
) -> Observations:
    """Return trials of u and v in turn, amplitudes around thresholds; the last v are never seen."""
    truth = np.tile([-0.5, 0.5], conditions // 2) + rng.normal(0, 0.5, conditions)
    seen = np.ones(conditions)
    seen[conditions - 2 * never + 1 :: 2] = 0
    which = np.concatenate([rng.permutation(conditions) for _ in range(trials)])
    log_amplitude = truth[which] + rng.normal(0.3, 0.6, which.size)
    exponent = np.array([0.9, 1.2])[which % 2]
    signal = seen[which] * np.exp(exponent * (log_amplitude - truth[which])) / np.sqrt(2)
    position = rng.integers(1, 3, which.size)
    chosen = ndtr(signal + np.where(position == 1, 0.2, -0.2))
    correct = rng.random(which.size) < 0.02 + 0.96 * chosen
    group, order = np.arange(conditions) % 2, np.arange(which.size)
    return Observations.build(which, np.exp(log_amplitude), correct, group, order, position)


def compared(trials: Observations, chains: Chains, rng: np.random.Generator) -> dict[str, float]:
    """Return the standard deviations of the fit over those of the chains, geometric means.

    Those by trials are of the conditions whose threshold the trials bound.
    """
    found = solve(trials)
    drawn, by_trials = found.draws(4000, rng)[0], found.draws_by_trials(4000, rng)
    bound = chains.by_trials.std(axis=0) < 1.0

    def ratio(one: np.ndarray, other: np.ndarray) -> float:
        if not one.size:
            return np.nan
        return float(np.exp(np.mean(np.log(one.std(axis=0) / other.std(axis=0)))))

    def apart(values: np.ndarray) -> np.ndarray:
        return values[:, 1::2] - values[:, ::2]

    both = bound[1::2] & bound[::2]
    result = {
        "log τ": ratio(drawn, chains.log_threshold),
        "ratios": ratio(apart(drawn), apart(chains.log_threshold)),
        "mean ratio": ratio(
            apart(drawn).mean(axis=1), apart(chains.log_threshold).mean(axis=1)
        ),
        "by trials": ratio(by_trials[:, bound], chains.by_trials[:, bound]),
        "their ratios": ratio(apart(by_trials)[:, both], apart(chains.by_trials)[:, both]),
    }  # fmt: skip
    off = (found.mean - chains.log_threshold.mean(axis=0)) / chains.log_threshold.std(axis=0)
    return result | {"mean off, sd": float(np.sqrt(np.mean(off**2)))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=3)
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    for conditions, trials, never in ((24, 40, 0), (6, 15, 0), (12, 40, 2)):
        rows, start = [], time.process_time()
        for number in range(options.people):
            rng = np.random.default_rng(number)
            built = participant(rng, conditions, trials, never)
            rows.append(compared(built, sample(built, rng, steps=options.steps), rng))
        print(f"{conditions} × {trials}, {never} never seen, {time.process_time() - start:.0f} s")
        for name in rows[0]:
            values = np.array([row[name] for row in rows])
            print(f"  {name:14}{np.exp(np.log(values).mean()):.3f}   {values.round(2).tolist()}")


if __name__ == "__main__":
    main()
