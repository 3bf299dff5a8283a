"""The same searches with this package and with another checkout of it, in turns.

What ``solver.py --against PATH`` and ``networks.py --against PATH`` run: each search in a process
of its own (``search.py``) with PYTHONPATH set. Times are of the processor, one thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SEARCH = Path(__file__).with_name("search.py")
SHARES = (0.95, 0.99, 0.999, 0.9999)


@dataclass(frozen=True)
class Problem:
    """A search: models/side/photograph, and at how many products it is looked at."""

    name: str
    products: tuple[int, ...]


def options(parser: ArgumentParser) -> None:
    """Add what the comparison is asked."""
    parser.add_argument("--against", type=Path, help="another checkout: the same searches with it")
    parser.add_argument("--problems", nargs="+", default=[""], help="parts of names of searches")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", type=Path)


def compare(problems: Sequence[Problem], asked: Any) -> None:
    """Run and print each problem whose name is asked for; write everything to ``asked.json``."""
    kept: dict[str, Any] = {}
    for problem in problems:
        if not any(part in problem.name for part in asked.problems):
            continue
        found = {}
        for seed in asked.seeds:
            order = ("here", "there") if seed % 2 == 0 else ("there", "here")
            for side in order:
                path = ROOT if side == "here" else asked.against.resolve()
                found[(side, seed)] = searched(problem, seed, path)
        kept[problem.name] = {f"{side} {seed}": search for (side, seed), search in found.items()}
        _print(problem, asked.seeds, found)
        if asked.json:
            asked.json.write_text(json.dumps(kept))


def searched(problem: Problem, seed: int, path: Path) -> dict[str, Any]:
    """Run one search with the package at a path."""
    command = [sys.executable, str(SEARCH), problem.name, str(seed), *map(str, problem.products)]
    environment = os.environ | {"PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=path, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} with {path}:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if Path(found["package"]).resolve() != path.resolve():
        raise RuntimeError(f"{found['package']} answered in place of {path}")
    return found


def _print(problem: Problem, seeds: Sequence[int], found: dict[tuple[str, int], Any]) -> None:
    best = max(state["objective"] for search in found.values() for state in search["states"])
    heads = [f"{side:>10} F   gradient  products   CPU s" for side in ("here", "there")]
    print(f"\n{problem.name}   best {best:.5f}\n  seed  asked   {'     '.join(heads)}")
    for seed in seeds:
        here, there = (found[(side, seed)]["states"] for side in ("here", "there"))
        for number in range(max(len(here), len(there))):
            cells = [_state(s[number]) if number < len(s) else " " * 38 for s in (here, there)]
            asked = problem.products[min(number, len(problem.products) - 1)]
            print(f"  {seed:4d}  {asked:5d}   {'     '.join(cells)}")
        ends = [f"{s[-1]['stopped']:>38}" for s in (here, there)]
        print(f"  {seed:4d}          {'     '.join(ends)}")
    for share in SHARES:
        cells = []
        for side in ("here", "there"):
            reached = [_reached(found[(side, seed)]["curve"], share * best) for seed in seeds]
            cells.append("  ".join(f"{cell:>14}" for cell in reached))
        print(f"  {100 * share:6.2f} % of best: products (CPU s)   {'   |   '.join(cells)}")
    sys.stdout.flush()


def _state(state: dict[str, Any]) -> str:
    return (
        f"{state['objective']:12.5f}   {state['gradient']:8.1e}  "
        f"{state['products']:8.0f}  {state['seconds']:6.1f}"
    )


def _reached(curve: Sequence[Sequence[float]], wanted: float) -> str:
    for products, seconds, objective in curve:
        if objective >= wanted:
            return f"{products:.0f} ({seconds:.1f})"
    return "–"
