"""How long commands take to start, beside Python with NumPy, pandas and SciPy.

    python benchmarks/start.py

Each command runs in a new study, where nothing is generated yet, up to what it finds missing;
``--simulate``, ``score`` and the like have loaded by then what they work with. Seconds are those of
the processor, the least of several runs, in turns with the reference, so that what else the machine
does counts for little. Modules are compiled, as those of an installed package are. What makes sets
has to load PyTorch, and is compared with that too.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from pdpsych import studies

RUNS = 5
REFERENCE = ["-c", "import numpy, pandas, scipy"]
TORCH = ["-c", "import torch"]
LIMIT = 1.5
NAME = "early-vision"
COMMANDS = (
    "--version",
    "--help",
    "models list",
    "init full",
    "check study",
    "status study",
    f"inspect study/stimuli/sets/{NAME}",
    f"calibrate study/stimuli/sets/{NAME} --display study/experiments/displays/srgb-8bit.yaml",
    "display show study/experiments/displays/srgb-8bit.yaml",
    f"run study/experiments/{NAME}.yaml --participant 01 --simulate LGN",
    f"export study/experiments/{NAME}.yaml --bids bids",
    f"fit study/analysis/{NAME}.yaml",
    f"score study/analysis/{NAME}.yaml",
    f"plan study/analysis/{NAME}.yaml",
    "verify study",
    "pack study",
    "unpack missing.zip",
    "generate missing.yaml",
    f"respond study/stimuli/sets/{NAME}",
    "models show missing:net",
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        studies.init(Path(folder, "study"))
        Path(folder, "full").mkdir()
        Path(folder, "full", "file").touch()
        torch = min(_seconds(TORCH, folder) for _ in range(3))
        print(f"{'command':<20}  seconds  of reference")
        worst = 0.0
        for command in COMMANDS:
            words = ["-m", "pdpsych", *command.split()]
            _seconds(words, folder)
            turns = [[_seconds(each, folder) for each in (REFERENCE, words)] for _ in range(RUNS)]
            reference, own = (min(side) for side in zip(*turns, strict=True))
            needs_torch = command.split()[0] in ("generate", "respond") or "show missing" in command
            beside = f"; import torch takes {torch:.2f} s" if needs_torch else ""
            name = " ".join(w for w in command.split()[:2] if "/" not in w and "." not in w)
            print(f"{name:<20}  {own:7.2f}  {own / reference:12.2f}{beside}", flush=True)
            worst = worst if needs_torch else max(worst, own / reference)
        print(f"\nthe most without PyTorch: {worst:.2f}; the limit is {LIMIT}")


def _seconds(words: list[str], folder: str) -> float:
    """Return the processor's seconds that Python takes for what follows it."""
    # Where it is set, what is installed to be edited is compiled anew at each start.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
