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
from scipy.special import expit, ndtr

from pdpsych.analysis.fitting.integration import solve
from pdpsych.analysis.fitting.observations import Observations

_COMMON = 6


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


def log_prior(shared: np.ndarray, x: np.ndarray, group: np.ndarray, centre: float) -> np.ndarray:
    """Return the log prior density, (n,), by SciPy's distributions."""
    groups = (shared.shape[1] - _COMMON) // 2
    guess = expit(shared[:, 0])
    density = 0.9 * stats.beta.pdf(guess, 2, 25) + 0.1 * stats.beta.pdf(guess, 1, 1)
    value = np.log(density * guess * (1 - guess))
    for place, sd in zip(range(1, 6), (0.5, 0.5, 1.0, 0.5, 0.7), strict=True):
        value += stats.norm.logpdf(shared[:, place], 0, sd)
    exponents, means = np.split(shared[:, _COMMON:], 2, axis=1)
    # Of all people and of how they differ.
    scale = (0.7**2 + 0.2**2) * np.eye(groups) + 0.3**2 + 0.15**2
    value += np.atleast_1d(stats.multivariate_t.logpdf(exponents, np.zeros(groups), scale, 7))
    together = np.eye(groups) + 4
    value += stats.multivariate_normal.logpdf(means, np.full(groups, centre), together)
    spread = np.exp(shared[:, [5]])
    return value + stats.norm.logpdf(x, means[:, group], spread).sum(axis=1)


def sample(
    trials: Observations, rng: np.random.Generator, chains: int = 160, steps: int = 2000
) -> Chains:
    """Sample by differential evolution of many chains (ter Braak 2006), the first third left out.

    Every step moves each log τ by itself, then what is shared, then all together: by a multiple of
    the difference of two chains of the other half, which stands still meanwhile. Moved all at once
    they would end up a tenth too far apart. Half of the chains are more than there are unknowns.
    """
    groups, count = trials.groups, trials.starts.size
    centre = trials.centres().mean()
    shared = rng.normal(0, 0.2, (chains, _COMMON + 2 * groups))
    shared[:, 0] -= 2.5
    shared[:, -groups:] += centre
    x = trials.centres() + rng.normal(0, 0.5, (chains, count))
    each = log_likelihood(trials, shared, x)
    kept = []
    halves = np.split(rng.permutation(chains), 2)
    for step in range(steps):
        for own, other in (halves, halves[::-1]):
            here = shared[own], x[own], each[own]
            there = shared[other], x[other]
            here = _move_thresholds(trials, *here, there[1], rng)
            for which in ("shared", "levels", "all"):
                here = _move_all(trials, *here, np.concatenate(there, axis=1), centre, which, rng)
            shared[own], x[own], each[own] = here
        if step >= steps // 3 and step % 10 == 0:
            kept.append((shared.copy(), x.copy()))
    shared, x = (np.concatenate(part) for part in zip(*kept, strict=True))
    return Chains(shared, x, _by_trials(trials, shared, rng))


def _difference(others: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return for each chain the difference of two of as many others."""
    number = len(others)
    one = rng.integers(0, number, number)
    other = (one + rng.integers(1, number, number)) % number
    return others[one] - others[other]


def _move_thresholds(trials, shared, x, each, others, rng):  # type: ignore[no-untyped-def]
    """Move each log τ given φ; conditions are independent then."""
    groups = trials.groups
    moved = x + rng.choice([0.7, 1.7], len(x))[:, None] * _difference(others, rng)
    moved += rng.normal(0, 1e-4, x.shape)
    there = log_likelihood(trials, shared, moved)
    mean, spread = shared[:, _COMMON + groups :][:, trials.group], np.exp(shared[:, [5]])
    gain = there - each + ((x - mean) ** 2 - (moved - mean) ** 2) / (2 * spread**2)
    taken = np.log(rng.random(x.shape)) < gain
    return shared, np.where(taken, moved, x), np.where(taken, there, each)


def _move_all(trials, shared, x, each, others, centre, which, rng):  # type: ignore[no-untyped-def]
    """Move φ, its part that trials do not depend on, or φ and log τ together."""
    groups = trials.groups
    place = np.ones(shared.shape[1], bool)
    if which == "levels":
        place[:5] = place[_COMMON : _COMMON + groups] = False
    both = np.concatenate([shared, x], axis=1)
    part = np.concatenate([place, np.full(x.shape[1], which == "all")])
    step = 2.38 / np.sqrt(2 * part.sum()) * rng.choice([0.5, 1.0], len(x))[:, None]
    moved = both + part * (step * _difference(others, rng) + rng.normal(0, 1e-4, both.shape))
    to_shared, to_x = moved[:, : shared.shape[1]], moved[:, shared.shape[1] :]
    there = each if which == "levels" else log_likelihood(trials, to_shared, to_x)
    gain = there.sum(axis=1) - each.sum(axis=1)
    gain += log_prior(to_shared, to_x, trials.group, centre)
    gain -= log_prior(shared, x, trials.group, centre)
    taken = (np.log(rng.random(len(x))) < gain)[:, None]
    return (
        np.where(taken, to_shared, shared),
        np.where(taken, to_x, x),
        np.where(taken, there, each),
    )


def _by_trials(
    trials: Observations, shared: np.ndarray, rng: np.random.Generator, number: int = 400
) -> np.ndarray:
    """Sample log τ given φ from the likelihood alone, on a fine even grid around the amplitudes."""
    grid = np.linspace(-7, 7, 561)
    drawn = []
    for row in shared[rng.choice(len(shared), number)]:
        repeated = np.tile(row, (grid.size, 1))
        height = log_likelihood(trials, repeated, trials.centres() + grid[:, None])
        mass = np.exp(height - height.max(axis=0)).cumsum(axis=0)
        place = (mass < rng.random(mass.shape[1]) * mass[-1]).sum(axis=0)
        drawn.append(trials.centres() + grid[place])
    return np.array(drawn)


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
    parser.add_argument("--steps", type=int, default=3000)
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
