"""Every benchmark, one after the other, with one version on one machine.

``python benchmarks/everything.py`` takes hours: it is for a release, and for a machine that does
nothing else. Each benchmark runs in a process of its own, in sizes at which its table says
something; what it prints is in ``FOLDER/NAME.txt``, and ``FOLDER/summary.md`` says of what version
on what machine, how each ended, and how long it took. Those whose table is there already, of the
same version, are passed over, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
# Stands for the study that `pdpsych demo` makes.
DEMO = "DEMO"
PACKAGES = ("numpy", "scipy", "pandas", "torch", "torchvision", "pydantic", "psychopy")
RUNS = {
    "start": "",
    "product": "",
    "solver": "",
    "networks": "step equal memory layers",
    "linearization": "alexnet resnet50",
    "blocks": "--side 128",
    "visible": "",
    "search": "",
    "solver_constants": "",
    "optima": "--cases 100",
    "derivatives": "",
    "gpu": "",
    "display": "",
    "curve_error": "--displays 60",
    "session": "",
    "fit": "--participants 20",
    "goodness": "--hold 100 --broken 20",
    "mcmc": "--people 2 --steps 500",
    "score": "--studies 100",
    "assumptions": "",
    "finite_observers": "",
    "sides": f"--studies 1000 --study {DEMO} --sessions 5",
    "calibration": "--studies 16",
    "model_sessions": f"--study {DEMO} --studies 4",
    "fuzz": "1000",
    "places": "",
    "kill": "--kills 60",
    "together": "--times 60",
    "proofs": "--number 1000",
}


class Ended(NamedTuple):
    """How a benchmark ended, and its seconds, by the clock and of the processor."""

    status: int
    wall: float
    busy: float


def main() -> int:
    """Run them; status 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("measured"), metavar="FOLDER")
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS), metavar="NAME")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    head = f"pdpsych at {_commit()}; {_machine()}\n"
    failed = False
    for name in given.only:
        file = given.out / f"{name}.txt"
        if file.exists() and file.read_text(encoding="utf-8").startswith(head):
            continue
        words = RUNS[name].replace(DEMO, str(_demo(given.out))).split()
        print(f"{name} {' '.join(words)}", flush=True)
        printed, ended = _run(name, words)
        failed |= ended.status != 0
        if not ended.status:
            file.write_text(f"{head}\n{printed}", encoding="utf-8")
        line = (
            f"| `benchmarks/{name}.py {RUNS[name]}` | {ended.status} "
            f"| {ended.wall / 60:.1f} | {ended.busy / 60:.1f} |"
        )
        _note(given.out / "summary.md", head, line)
    return int(failed)


def _run(name: str, words: list[str]) -> tuple[str, Ended]:
    """Run a benchmark; what it says of its progress goes to the terminal."""
    begin, before = time.perf_counter(), _busy()
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return done.stdout, Ended(done.returncode, time.perf_counter() - begin, _busy() - before)


def _busy() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _note(summary: Path, head: str, line: str) -> None:
    """Add a line to the table of this version."""
    text = summary.read_text(encoding="utf-8") if summary.exists() else ""
    if head not in text:
        text += f"{head}\n| command | status | minutes | of the processor |\n|---|---|---|---|\n"
    summary.write_text(f"{text}{line}\n", encoding="utf-8")


def _demo(out: Path) -> Path:
    study = (out / "demo").resolve()
    if not study.exists():
        command = [sys.executable, "-m", "pdpsych", "demo", "--quiet", "--out", str(study)]
        subprocess.run(command, check=True)
    return study


def _commit() -> str:
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(words, capture_output=True, text=True).stdout.strip() or "no commit"


def _machine() -> str:
    from pdpsych.common.versions import versions

    known = ", ".join(f"{name} {version}" for name, version in versions(*PACKAGES).items())
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; {known}"


if __name__ == "__main__":
    sys.exit(main())
