"""Kill every command at random moments, start it again, and compare with an undisturbed run.

``OMP_NUM_THREADS=1 python benchmarks/kill.py`` makes a small study of real photographs, and for
each command a reference: what an undisturbed run makes of a fresh copy. Then it starts the command
in other fresh copies and ends it by SIGKILL. Half of the kills are at moments uniform over the
duration of a run; the others follow one of its changes of files (an open for writing, a write to a
log, a rename, a removal), chosen at random, by up to 3 ms.
``check`` and ``status`` then have to end with status 0 to 2 on what is left, and the same command,
run again, with status 0, the files of the reference and no others; only ``init`` and ``display
import`` refuse a second run where the first had done everything. The process ends with status 1 if
anything of this did not hold.

Compared byte for byte but for what tells the time: ``created`` (manifests, calibrations),
``started`` and ``time`` (logs, whose chain of ``sha256`` depends on them), ``added`` and so
``row_sha256`` (leaderboards), and the date in PDF files. The log of a session in a window, on a
virtual screen of Xvfb, has times of frames, and after a kill another order of trials: it is to
have every trial, and all lines that it had. Processes are forked after all imports, not to wait for
these hundreds of times.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path

import numpy as np
import yaml

# Of one run in the parent and in a child that may start threads of its own.
os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "studies"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from screens import virtual_screen
from small import SMALLER

TIMES = re.compile(
    rb'^{"record": "resumed", .*\n|"(?:created|started|time)": ?"[^"]*"'
    rb'|, "sha256": "[0-9a-f]{64}"}$'
    rb"|,[0-9-]{10}T[0-9:+]{14},|,[0-9a-f]{64}\r?$|/CreationDate \([^)]*\)",
    re.MULTILINE,
)
# Of a session: 8 conditions of 10 trials, and practice.
TRIALS = 90
LONGEST_DELAY = 0.003
LONGEST = 600.0
RECIPE = "study/stimuli/early-vision.yaml"
SET = "study/stimuli/sets/early-vision"
DISPLAY = "study/experiments/displays/srgb-8bit.yaml"
EXPERIMENT = "study/experiments/early-vision.yaml"
LOG = "study/experiments/data/early-vision/sub-03_ses-01.jsonl"
# The same in a window, of 8 conditions of 2 trials and practice, with the shortest phases.
WINDOW = "study/experiments/window.yaml"
WINDOW_LOG = "study/experiments/data/window/sub-03_ses-01.jsonl"
WINDOW_TRIALS = 18
SHORTEST = {"gap": 20, "fixation": 20, "image": 20, "blank": 20, "feedback": 20}
ANALYSIS = "study/analysis/early-vision.yaml"
SIZES = {"participants": 1, "images": 2, "trials": 10, "studies": 2, "jobs": 1}
READINGS = "study/readings.csv"
EXPORT = ("export", EXPERIMENT, "--bids", "study/bids", "--psych-ds", "study/psych-ds")

Files = dict[str, str]


@dataclass(frozen=True)
class Command:
    """A command that is killed.

    Attributes
    ----------
    start
        The state that it begins with.
    share
        Of all kills.
    unlost
        Tells, of a wreck and of what a second run made of it, whether no work was lost.
    once
        Whether it refuses to do again what is done.
    varies
        A file that no two runs make the same.
    """

    name: str
    start: str
    arguments: tuple[str, ...]
    share: float
    unlost: Callable[[Path, Path], bool] | None = None
    once: bool = False
    varies: str = ""


@dataclass
class Tally:
    """What became of kills: how many hit between the first and the last change, and faults."""

    kills: int = 0
    midway: int = 0
    lost: int = 0
    differing: int = 0
    leftovers: int = 0
    refused: int = 0
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Give the numbers in columns."""
        numbers = (self.lost, self.differing, self.leftovers, self.refused)
        return f"{self.kills:6}{self.midway:8}" + "".join(f"{number:10}" for number in numbers)

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def same_lines(wreck: Path, final: Path, log: str = LOG, trials: int = TRIALS) -> bool:
    """Return whether every whole line of a log with answers is still where it was."""
    there = wreck / log
    lines = there.read_bytes().split(b"\n")[:-1] if there.exists() else []
    ended = (final / log).read_bytes()
    numbers = [int(n) for n in re.findall(rb'^{"record": "trial", "trial": (\d+)', ended, re.M)]
    if numbers != list(range(1, trials + 1)):
        return False
    # Without a trial a session begins anew.
    begun = any(line.startswith(b'{"record": "trial"') for line in lines)
    return not begun or ended.split(b"\n")[: len(lines)] == lines


def same_units(wreck: Path, final: Path) -> bool:
    """Return whether finished images, which are in their place, were not made again."""
    units = [p.parent for p in wreck.glob("**/unit.json") if p.parent.suffix != ".part"]
    before = {p.name: p.stat() for unit in units for p in unit.glob("arrays/*")}
    arrays = {p.name: p.stat() for p in (final / SET / "arrays").iterdir()}
    return all(arrays[name].st_mtime_ns == stat.st_mtime_ns for name, stat in before.items())


COMMANDS = (
    Command("init", "nothing", ("init", "study"), 0.05, once=True),
    Command(
        "display import",
        "new",
        ("display", "import", READINGS, "--out", "study/experiments/displays/lab.yaml"),
        0.05,
        once=True,
    ),
    Command("generate", "new", ("generate", RECIPE), 0.16, same_units),
    Command("calibrate", "generated", ("calibrate", SET, "--display", DISPLAY), 0.1),
    Command(
        "run",
        "calibrated",
        ("run", EXPERIMENT, "--participant", "03", "--simulate", "LGN"),
        0.22,
        same_lines,
    ),
    Command(
        "run in a window",
        "calibrated",
        ("run", WINDOW, "--participant", "03", "--simulate", "LGN", "--show", "--windowed"),
        0.05,
        partial(same_lines, log=WINDOW_LOG, trials=WINDOW_TRIALS),
        varies=WINDOW_LOG,
    ),
    Command("fit", "run", ("fit", ANALYSIS), 0.1),
    Command("score and report", "run", ("score", ANALYSIS, "--leaderboard", "study/board"), 0.03),
    Command("export", "run", EXPORT, 0.11),
    Command("export again", "exported", EXPORT, 0.11),
    Command(
        "plan",
        "run",
        ("plan", ANALYSIS, *(f"--{name}={n}" for name, n in SIZES.items())),
        0.07,
    ),
)


class Child:
    """The command line in a forked process, which tells of each change of files by a byte."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], output: Path) -> None:
        self._told, telling = os.pipe()
        self.changes = 0
        self.took = 0.0
        self.began = time.monotonic()
        sys.stdout.flush()
        self.process = os.fork()
        if not self.process:
            os.close(self._told)
            _become(folder, arguments, output, telling)
        os.close(telling)
        # The child does it too: whoever is first.
        with contextlib.suppress(OSError):
            os.setpgid(self.process, self.process)

    def wait(self, seconds: float, changes: int) -> bool:
        """Wait so long or for so many changes; return whether the process goes on."""
        end = self.began + seconds
        while self.changes < changes and (left := end - time.monotonic()) > 0:
            if select.select([self._told], [], [], left)[0]:
                told = os.read(self._told, 1)
                if not told:
                    return False
                self.changes += 1
        return True

    def kill(self) -> None:
        """End the process and all it started."""
        os.killpg(self.process, signal.SIGKILL)

    def status(self) -> int:
        """Wait for the end; the exit status, or less than 0 if it was killed."""
        self.wait(LONGEST, sys.maxsize)
        self.took = time.monotonic() - self.began
        os.close(self._told)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def _become(folder: Path, arguments: tuple[str, ...], output: Path, telling: int) -> None:
    """Run the command line in this process, and end."""
    status = 70
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        with output.open("wb") as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
        _tell_changes(telling)
        status = _command(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _command(arguments: tuple[str, ...]) -> int:
    from pdpsych.cli.main import main

    sys.argv = ["pdpsych", *arguments]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _tell_changes(telling: int) -> None:
    """Tell of everything that changes a file or folder, just before it happens."""
    write, sync = os.write, os.fsync
    changing = {"rename", "mkdir", "remove", "rmdir", "link", "chmod", "truncate"}

    def tell() -> None:
        # Once enough was told nobody listens.
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        with contextlib.suppress(BrokenPipeError):
            write(telling, b".")

    def audit(event: str, details: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(details[2], int) and details[2] & 3
        if writes or event.removeprefix("os.") in changing:
            tell()

    def telling_of(method: Callable[..., object]) -> Callable[..., object]:
        def calling(*given: object) -> object:
            tell()
            return method(*given)

        return calling

    os.write, os.fsync = telling_of(write), telling_of(sync)
    sys.addaudithook(audit)


class Bench:
    """A folder in which commands run, always under the same path, from states that are kept."""

    def __init__(self, folder: Path) -> None:
        self.states = folder / "states"
        self.here = folder / "here"
        self.wreck = folder / "wreck"
        self.output = folder / "output"
        (self.states / "nothing").mkdir(parents=True)

    def begin(self, state: str) -> None:
        """Put a fresh copy of a state into place."""
        _copy(self.states / state, self.here)

    def run(self, *arguments: str) -> Child:
        """Run a command to its end; InputError and other errors end this process."""
        child = Child(self.here, arguments, self.output)
        if status := child.status():
            sys.exit(f"{arguments}: status {status}\n{self.said}")
        return child

    @property
    def said(self) -> str:
        """What the last command wrote to the terminal."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def keep(self, state: str) -> None:
        """Keep what is there as a state."""
        _copy(self.here, self.states / state)

    def files(self) -> Files:
        """Return a digest of every file without times, "folder" for a folder."""
        return {
            path.relative_to(self.here).as_posix(): "folder" if path.is_dir() else _digest(path)
            for path in self.here.rglob("*")
        }


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target)


def _digest(path: Path) -> str:
    return hashlib.sha256(TIMES.sub(b"", path.read_bytes())).hexdigest()


def prepare(bench: Bench) -> None:
    """Make the states that commands start from."""
    bench.begin("nothing")
    bench.run("init", "study")
    for file, changes in SMALLER.items():
        path = bench.here / "study" / file
        text = path.read_text(encoding="utf-8")
        for old, new in changes.items():
            assert text.count(old) == 1, (path, old)
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
    rows = [f"{level},{0.5 + 99.5 * (level / 255) ** 2.2:.6g}" for level in range(0, 256, 15)]
    readings = "\n".join(["level,luminance", *rows, ""])
    (bench.here / READINGS).write_text(readings, encoding="utf-8")
    shown = yaml.safe_load((bench.here / EXPERIMENT).read_text(encoding="utf-8"))
    shown |= {"trials_per_condition": 2, "practice_trials": 2, "timing": SHORTEST}
    (bench.here / WINDOW).write_text(yaml.safe_dump(shown), encoding="utf-8")
    bench.keep("new")
    bench.run("generate", RECIPE)
    bench.keep("generated")
    bench.run("calibrate", SET, "--display", DISPLAY)
    bench.keep("calibrated")
    for participant in ("01", "02"):
        bench.run("run", EXPERIMENT, "--participant", participant, "--simulate", "LGN")
    bench.keep("run")
    bench.run(*EXPORT)
    bench.keep("exported")


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run found and made, how long it took, and its changes of files."""

    start: Files
    made: Files
    seconds: float
    changes: int


def undisturbed(bench: Bench, command: Command) -> Reference:
    """Run a command twice from its start; both have to make the same."""
    found = []
    for _ in range(2):
        bench.begin(command.start)
        start = bench.files()
        child = bench.run(*command.arguments)
        found.append(Reference(start, bench.files(), child.took, child.changes))
    first, second = (one.made for one in found)
    differing = {k for k in first.keys() | second if first.get(k) != second.get(k)}
    if differing - {command.varies}:
        sys.exit(f"{command.name}: two undisturbed runs differ in {sorted(differing)}")
    return found[1]


def strike(
    bench: Bench, command: Command, reference: Reference, aimed: bool, rng: np.random.Generator
) -> bool:
    """Start a command from its start and kill it; return whether it had not ended before."""
    bench.begin(command.start)
    child = Child(bench.here, command.arguments, bench.output)
    if aimed:
        goes_on = child.wait(LONGEST, int(rng.integers(1, reference.changes + 1)))
        until = time.monotonic() + rng.uniform(0, LONGEST_DELAY)
        while time.monotonic() < until:
            pass
    else:
        goes_on = child.wait(rng.uniform(0, reference.seconds), sys.maxsize)
    if goes_on:
        child.kill()
    return child.status() == -signal.SIGKILL


def judge(bench: Bench, command: Command, reference: Reference) -> Tally:
    """Look at a wreck, run the command again on it, and compare with the reference."""
    wreck = bench.files()
    _copy(bench.here, bench.wreck)
    found = Tally(kills=1, midway=int(wreck not in (reference.start, reference.made)))
    wrong = [*_complaint(bench, 2, "check", "study"), *_complaint(bench, 2, "status", "study")]
    if not (command.once and wreck == reference.made):
        wrong += _complaint(bench, 0, *command.arguments)
    final = bench.files()
    differing = sorted(
        k
        for k, digest in reference.made.items()
        if final.get(k) != digest and not (k == command.varies and k in final)
    )
    leftovers = sorted(final.keys() - reference.made)
    lost = not wrong and command.unlost and not command.unlost(bench.wreck, bench.here)
    found.refused, found.lost = bool(wrong), bool(lost)
    found.differing, found.leftovers = bool(differing), bool(leftovers)
    found.notes = wrong + ["work was lost"] * found.lost
    found.notes += [f"differs: {differing}"] * found.differing
    found.notes += [f"left over: {leftovers}"] * found.leftovers
    return found


def _complaint(bench: Bench, worst: int, *arguments: str) -> list[str]:
    """Run a command and return what it says if it ends worse than with such a status."""
    status = Child(bench.here, arguments, bench.output).status()
    if 0 <= status <= worst and "Traceback" not in bench.said:
        return []
    return [f"{arguments[0]}: status {status}: {bench.said[-2000:]}"]


def kill(bench: Bench, command: Command, kills: int, rng: np.random.Generator) -> Tally:
    """Kill a command so often and print what became of it."""
    reference = undisturbed(bench, command)
    tally, started = Tally(), 0
    while tally.kills < kills:
        started += 1
        if strike(bench, command, reference, bool(started % 2), rng):
            tally += judge(bench, command, reference)
    print(f"{command.name:18}{reference.seconds:8.1f}{reference.changes:8}{tally}")
    for note in dict.fromkeys(tally.notes):
        print(f"    {note}")
    sys.stdout.flush()
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="in all, at least one each")
    parser.add_argument("--only", nargs="+", help="commands, by their names")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    import_all()
    rng = np.random.default_rng(options.seed)
    total = Tally()
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        commands = [one for one in COMMANDS if not options.only or one.name in options.only]
        if any(one.varies for one in commands):
            os.environ["DISPLAY"] = stack.enter_context(virtual_screen())
        bench = Bench(Path(name).resolve())
        prepare(bench)
        print(f"{'command':18}{'seconds':>8}{'changes':>8}{'kills':>6}{'midway':>8}", end="")
        print("".join(f"{word:>10}" for word in ("lost", "differing", "leftovers", "refused")))
        for command in commands:
            kills = max(1, round(command.share * options.kills))
            total += kill(bench, command, kills, rng)
    print(f"{'all':34}{total}\n{time.monotonic() - began:.0f} s")
    sys.exit(bool(total.notes))


def import_all() -> None:
    """Import what commands import when they run, so that a forked one begins at once."""
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_pdf  # noqa: F401
    import scipy.optimize
    import scipy.stats  # noqa: F401

    import pdpsych.analysis.reporting.report
    import pdpsych.cli.main
    import pdpsych.experiments.sessions.session
    import pdpsych.stimuli.calibration.figures
    import pdpsych.stimuli.generation.builder
    import pdpsych.studies  # noqa: F401


if __name__ == "__main__":
    main()
