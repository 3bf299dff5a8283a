"""How often each check of the fit speaks up: where its assumptions hold, and where one is broken.

``python benchmarks/goodness.py`` simulates single participants, whose trials each method of
placement places, fits them, and prints the share of participants with each flag. In the rows
"assumptions hold" these are false alarms; in the others, the column of what is broken is power.
"""

from __future__ import annotations

import argparse
import re
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
import pandas as pd
from calibration import (
    ANALYSIS,
    EXPERIMENT,
    IMAGE_SD,
    PLACEMENTS,
    RATIO_SD,
    Case,
    person_of,
)

from pdpsych.analysis.binomial import wilson
from pdpsych.analysis.fitting.fit import fit_table
from pdpsych.analysis.planning.simulated_study import simulate_session
from pdpsych.experiments import SimulatedObserver
from pdpsych.experiments.design import Condition, PlannedTrial, Position, arrange
from pdpsych.experiments.placement.constant import Constant
from pdpsych.experiments.placement.placement import Showable

IMAGES, TRIALS, BLOCK = 8, 60, 50
METHODS = PLACEMENTS | {
    "constant": Constant(kind="constant", range_rms=(0.001, 0.2)).begin(
        Showable("any", 0.0, 0.5, 1.0), 0
    )
}
CASES = (
    Case("assumptions hold"),
    Case("learning, −0.5 nat", learning=-0.5),
    Case("bias 0.5", bias=0.5),
    Case("exponent 1.5", exponent=1.5),
    Case("lapse 6 %", lapse=0.06),
)
INATTENTIVE = Case("inattention")
# By what each flag says, in the order of the table's columns.
FLAGS = {
    "curve": "proportion correct by d′",
    "deviance": "deviance larger",
    "learning": "thresholds change",
    "blocks": "answers vary",
    "position": "prefers a position",
    "lapse": "lapse above",
    "exponent": "exponent differs",
    "outside": "thresholds outside",
    "unmeasured": "not determined by trials",
    "converged": "did not converge",
}


@dataclass(frozen=True)
class Inattentive:
    """Somebody who only guesses in some blocks of trials."""

    observer: SimulatedObserver
    guesses: frozenset[int]
    seed: int

    def answer(self, planned: PlannedTrial, realised: float) -> Position:
        """Say where the distorted image was."""
        if planned.number // BLOCK not in self.guesses:
            return self.observer.answer(planned, realised)
        return 1 if np.random.default_rng([self.seed, planned.number]).random() < 0.5 else 2


def flags(case: Case, method: str, number: int) -> dict[str, bool]:
    """Simulate and fit a participant; return which flags were raised."""
    table = session(case, method, np.random.default_rng([number, *case.name.encode()]))
    fitted = fit_table(table, ANALYSIS.model_copy(update={"seed": number}))
    said = fitted.participants["flags"].iloc[0]
    found = {name: text in said for name, text in FLAGS.items()}
    assert sum(found.values()) == len(re.findall("; ", said)) + bool(said), said
    return found


def session(case: Case, method: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return the trials of one participant."""
    conditions = [
        Condition(f"image-{i}", "principal", number) for i in range(IMAGES) for number in (1, 2)
    ]
    human, common = rng.normal(0, (RATIO_SD, IMAGE_SD), (IMAGES, 2)).T
    log_threshold = np.log(0.01) + np.stack([common - human / 2, common + human / 2], axis=1)
    trials = arrange(
        conditions, EXPERIMENT.model_copy(update={"trials_per_condition": TRIALS}), rng
    )
    thresholds = dict(zip(conditions, np.exp(log_threshold).ravel(), strict=True))
    observer = person_of(case, thresholds, trials, rng)
    if case == INATTENTIVE:
        blocks = len(trials) // BLOCK
        chosen = rng.choice(blocks, round(0.15 * blocks), replace=False)
        observer = Inattentive(observer, frozenset(chosen.tolist()), int(rng.integers(2**32)))
    return simulate_session(trials, dict.fromkeys(conditions, METHODS[method]), observer, "01")


def summary(case: Case, method: str, found: pd.DataFrame) -> str:
    """Return a line of the table."""
    shares = " ".join(f"{found[name].mean():>10.3f}" for name in FLAGS)
    any_flag = found.any(axis=1)
    low, high = wilson(any_flag.sum(), len(found), 0.95)
    return f"{method:<10} {case.name:<20} {shares} {any_flag.mean():>6.3f} ({low:.2f}, {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hold", type=int, default=200, help="participants, assumptions hold")
    parser.add_argument("--broken", type=int, default=50, help="participants of each other case")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    start = time.perf_counter()
    print(
        f"{IMAGES} images, {TRIALS} trials of each distortion; inattention: 15 % of the blocks of"
    )
    print(f"of {BLOCK} trials. Shares of participants with each flag, and with any.")
    print(f"{'':<31} {' '.join(f'{name:>10}' for name in FLAGS)} {'any':>6} (95 % int.)")
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        for method in METHODS:
            for case in (*CASES, INATTENTIVE):
                count = options.hold if case is CASES[0] else options.broken
                found = pd.DataFrame(pool.map(partial(flags, case, method), range(count)))
                print(summary(case, method, found), flush=True)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
