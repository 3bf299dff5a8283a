"""What is not a file, or not text, at every place where one is read.

``python benchmarks/places.py`` puts a FIFO, /dev/zero, a folder, NUL, a lone surrogate, a key twice
and CRLF in the place of every kind of file that a command reads, runs each command that reads it,
and prints how many were refused with a message that names the file. CRLF has to change nothing.
A hang of 30 s, 1 GB of memory, a traceback or a partial result counts as broken; then the process
ends with status 1. Linux.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "fuzz"))

import attempts  # noqa: E402
import places  # noqa: E402
import study  # noqa: E402


def main() -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        bench = attempts.Bench(study.build(Path(folder, "study")), Path(folder))
        for kind, what, command, outcome in places.attempts_at(bench):
            counts[what][outcome.verdict] += 1
            if not places.allowed(kind, what, outcome):
                wrong += 1
                print(f"--- {kind}, {what}: {str(command)[:100]}: {outcome.verdict}")
                print(outcome.message[-1000:], flush=True)
    print(f"{'in the place of a file':<24}tried  refused  succeeded  broken")
    for what, found in counts.items():
        print(
            f"{what:<24}{found.total():>5}{found['refused']:>9}{found['succeeded']:>11}"
            f"{found['broken']:>8}"
        )
    print(f"not as it should be: {wrong}")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
