"""What becomes of broken and hostile files: each is refused with a message, or does no harm.

``python benchmarks/fuzz.py 10000`` builds a small study, breaks one of its files, or an option,
10,000 times, runs a command that reads it, and prints how many inputs of each kind succeeded, were
refused, or ended in anything else: a traceback, a hang of 30 s, 1 GB of memory, a partial result,
a message that does not name the file. ``--kind`` tries one kind only, ``--seed`` draws others. Each
broken one is printed with its number, and ``--only NUMBER`` tries it alone; ``--jobs`` processes
share the work. Seconds are the processor's. Linux.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "fuzz"))

import attempts  # noqa: E402
import kinds  # noqa: E402
import study  # noqa: E402

Ended = tuple[str, attempts.Outcome]


def tried(numbers: Sequence[int], names: Sequence[str], seed: int, told: bool) -> list[Ended]:
    """Try inputs by their numbers, each kind in turn, on a study of their own; print the broken."""
    ended = []
    with tempfile.TemporaryDirectory() as folder:
        bench = attempts.Bench(study.build(Path(folder, "study")), Path(folder))
        for number in numbers:
            name = names[number % len(names)]
            rng = np.random.default_rng([seed, list(kinds.DRAWS).index(name), number])
            command, change, named = kinds.DRAWS[name](rng)
            outcome = bench.try_out(command, change, named)
            ended.append((name, outcome))
            if outcome.verdict == "broken" or told:
                print(f"--- {number} {name}: {str(command)[:200]}\n{outcome.message}", flush=True)
    return ended


def table(found: dict[str, list[attempts.Outcome]]) -> str:
    lines = [f"{'kind':<18} inputs  succeeded  refused  broken  mean [s]  slowest [s]"]
    everything = [outcome for outcomes in found.values() for outcome in outcomes]
    for name, outcomes in [*found.items(), ("all", everything)]:
        counts = Counter(outcome.verdict for outcome in outcomes)
        seconds = [outcome.seconds for outcome in outcomes]
        lines.append(
            f"{name:<18} {len(outcomes):>6}  {counts['succeeded']:>9}  {counts['refused']:>7}  "
            f"{counts['broken']:>6}  {np.mean(seconds):>8.2f}  {max(seconds):>11.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("--kind", action="append", choices=list(kinds.DRAWS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    names = given.kind or list(kinds.DRAWS)
    alone = given.only is not None
    numbers = [given.only] if alone else range(given.count)
    found: dict[str, list[attempts.Outcome]] = defaultdict(list)
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        parts = [numbers[job :: given.jobs] for job in range(given.jobs)]
        for ended in pool.map(partial(tried, names=names, seed=given.seed, told=alone), parts):
            for name, outcome in ended:
                found[name].append(outcome)
    print(table(found))


if __name__ == "__main__":
    main()
