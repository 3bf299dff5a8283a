"""Start every command twice at the same time, on the same files, and compare with a single run.

``OMP_NUM_THREADS=1 python benchmarks/together.py --times 200`` makes the study of ``kill.py``. It
starts each command in two processes at once, up to 30 ms apart, on a fresh copy. One of the two has
to end with status 0; the other with status 0 too, or with status 2 and one message. What both leave
has to be the files of an undisturbed run, byte for byte but for what tells the time, and no others;
and the same command, or for commands that run once ``check``, has to end well after them. The
process ends with status 1 if anything of this did not hold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from kill import COMMANDS, Bench, Child, Command, Files, import_all, prepare, undisturbed

LATEST = 0.03


@dataclass
class Tally:
    """What became of pairs: how many times both did it, or one was refused, and faults."""

    pairs: int = 0
    both: int = 0
    refused: int = 0
    words: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def race(
    bench: Bench, command: Command, made: Files, rng: np.random.Generator, found: Tally
) -> None:
    """Start a command twice and look at what is left."""
    bench.begin(command.start)
    outputs = [bench.output.with_name(f"output{n}") for n in (1, 2)]
    first = Child(bench.here, command.arguments, outputs[0])
    time.sleep(rng.uniform(0, LATEST))
    second = Child(bench.here, command.arguments, outputs[1])
    ends = [child.status() for child in (first, second)]
    said = [path.read_text(encoding="utf-8", errors="replace") for path in outputs]
    found.pairs += 1
    found.both += ends == [0, 0]
    found.refused += sorted(ends) == [0, 2]
    found.words |= {_last_line(text) for end, text in zip(ends, said, strict=True) if end == 2}
    found.notes += _faults(bench, command, made, ends, said)


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1][:160] if text.strip() else "(nothing)"


def _faults(
    bench: Bench, command: Command, made: Files, ends: Sequence[int], said: Sequence[str]
) -> list[str]:
    left = bench.files()
    faults = {
        f"ended with {sorted(ends)}: {said[0][-500:]} | {said[1][-500:]}": (
            sorted(ends) not in ([0, 0], [0, 2])
        ),
        f"a traceback: {''.join(said)[-1000:]}": any("Traceback" in text for text in said),
        f"differs: {sorted(k for k in made if left.get(k) != made[k])}": any(
            left.get(k) != digest for k, digest in made.items()
        ),
        f"left over: {sorted(left.keys() - made)}": bool(left.keys() - made),
    }
    again = ("check", "study") if command.once else command.arguments
    after = Child(bench.here, again, bench.output)
    status = after.status()
    faults[f"afterwards: status {status}: {bench.said[-1000:]}"] = status not in (
        (0, 2) if command.once else (0,)
    )
    return [text for text, is_one in faults.items() if is_one]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200, help="in all, at least one each")
    parser.add_argument("--only", nargs="+", help="commands, by their names")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    import_all()
    rng = np.random.default_rng(options.seed)
    chosen = [c for c in COMMANDS if options.only is None or c.name in options.only]
    total = Tally()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name).resolve())
        prepare(bench)
        print(f"{'command':18}{'pairs':>7}{'both':>7}{'one refused':>13}{'faults':>8}")
        for command in chosen:
            made, found = undisturbed(bench, command).made, Tally()
            for _ in range(max(1, round(options.times / len(chosen)))):
                race(bench, command, made, rng, found)
            print(
                f"{command.name:18}{found.pairs:7}{found.both:7}{found.refused:13}"
                f"{len(found.notes):8}"
            )
            for text in [*sorted(found.words), *dict.fromkeys(found.notes)]:
                print(f"    {text}")
            sys.stdout.flush()
            total.pairs += found.pairs
            total.notes += found.notes
    print(f"{'all':18}{total.pairs:7}{'':20}{len(total.notes):8}")
    sys.exit(bool(total.notes))


if __name__ == "__main__":
    main()
