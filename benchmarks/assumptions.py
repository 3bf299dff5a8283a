"""How often intervals of one participant hold the truth where assumptions of the fit are broken.

``python benchmarks/assumptions.py`` simulates participants of 24 conditions (u and v of 12 images)
× 40 adaptive trials, and prints the shares of 95 % intervals that hold log thresholds and, by the
trials alone, log ratios; how far ratios are off on average; and how many thresholds are said to be
only bounded, whose intervals and ratios do not count.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from pdpsych.analysis import Analysis
from pdpsych.analysis.fitting.participant import fit_participant

IMAGES, TRIALS = 12, 40
ANALYSIS = Analysis(experiment="none")


@dataclass(frozen=True)
class Case:
    """What answers depend on; preferences are in units of d′."""

    name: str
    exponents: tuple[float, float] = (1.0, 1.0)
    lapse: float = 0.02
    drift: float = 0.0
    repetition: float = 0.0
    bursts: bool = False
    unseen: int = 0


CASES = (
    Case("assumptions hold"),
    Case("slopes: u 0.7, v 1.7", exponents=(0.7, 1.7)),
    Case("criterion drifts ±1.2", drift=1.2),
    Case("repeats answers", repetition=0.6),
    Case("lapses in bursts", bursts=True),
    Case("v unseen in 4 of 12", unseen=4),
    Case("lapse 0.30", lapse=0.30),
    Case("exponent 4", exponents=(4.0, 4.0)),
)


def answered(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, pd.DataFrame]:
    """Return true log thresholds, (2 · IMAGES,), and trials placed at each one's estimate."""
    count = 2 * IMAGES
    truth = np.tile([-0.6, 0.6], IMAGES) + rng.normal(0, 0.6, count)
    seen = np.ones(count)
    seen[1 : 2 * case.unseen : 2] = 0
    exponent = np.tile(case.exponents, IMAGES)
    grid = np.linspace(-4, 4, 65)
    log_posterior = np.tile(-0.5 * (grid / 1.5) ** 2, (count, 1))
    rows, before = [], 0.0
    for _ in range(TRIALS):
        for c in rng.permutation(count):
            weight = np.exp(log_posterior[c] - log_posterior[c].max())
            estimate = weight @ grid / weight.sum()
            easy = rng.random() < 0.1
            x = min(estimate + (np.log(6) if easy else rng.normal(0.35, 0.35)), 4.0)
            position = rng.integers(1, 3)
            towards = 1 if position == 1 else -1
            progress = len(rows) / (TRIALS * count) - 0.5
            bias = 2 * case.drift * progress + case.repetition * before
            signal = seen[c] * np.exp(exponent[c] * (x - truth[c]))
            guess = 2 * case.lapse
            if case.bursts:
                guess = 0.6 if (len(rows) // 50) % 6 == 3 else 0.02
            chosen = ndtr((signal + towards * bias) / np.sqrt(2))
            correct = rng.random() < guess / 2 + (1 - guess) * chosen
            response = position if correct else 3 - position
            before = 1 if response == 1 else -1
            rows.append((c, np.exp(x), correct, response, len(rows)))
            likely = 0.02 + 0.96 * ndtr(np.exp(np.minimum(x - grid, 4)) / np.sqrt(2))
            log_posterior[c] += np.log(likely if correct else 1 - likely)
    table = pd.DataFrame(rows, columns=["c", "amplitude", "correct", "response", "order"])
    table = table.assign(participant="01", session="01", pair="principal")
    table["image"] = [f"{c // 2:02}" for c in table["c"]]
    table["distortion"] = table["c"] % 2 + 1
    return truth, table.assign(sign=rng.choice([-1, 1], len(table))).drop(columns="c")


def study(case: Case, number: int) -> dict[str, float]:
    """Return what one participant's fit holds."""
    rng = np.random.default_rng(number)
    truth, table = answered(case, rng)
    found = fit_participant(table, ANALYSIS, number, False)
    own, posterior = found.thresholds, found.posterior
    exact = (own["bound"] == "exact").to_numpy()
    # No threshold is true of what is never seen.
    real = np.ones(truth.size, bool)
    real[1 : 2 * case.unseen : 2] = False
    held = (np.log(own["low"]) < truth) & (truth < np.log(own["high"]))
    drawn = posterior.draws_by_trials(4000, rng)
    ratio = drawn[:, 1::2] - drawn[:, ::2]
    low, high = np.quantile(ratio, [0.025, 0.975], axis=0)
    right = truth[1::2] - truth[::2]
    both = (exact & real)[1::2] & (exact & real)[::2]
    return {
        "thresholds": held[exact & real].mean(),
        "ratios": ((low < right) & (right < high))[both].mean() if both.any() else np.nan,
        "bias": (ratio.mean(axis=0) - right)[both].mean() if both.any() else np.nan,
        "bounds": (~exact).mean(),
        "falsely exact": exact[~real].mean() if case.unseen else 0.0,
        "exponent": found.row["exponent"],
        "lapse": found.row["lapse"],
        "flagged": found.row["flags"] != "",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=40)
    options = parser.parse_args()
    for number, case in enumerate(CASES):
        start = time.process_time()
        table = pd.DataFrame([study(case, n) for n in range(options.people)])
        if not number:
            print(f"{'':24}" + " ".join(f"{name:>13}" for name in table))
        numbers = " ".join(f"{value:13.3f}" for value in table.mean())
        print(f"{case.name:24}{numbers}   {time.process_time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
