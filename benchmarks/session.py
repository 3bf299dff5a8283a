"""What a session in a window costs, and what a crash in it does.

``python benchmarks/session.py`` runs a simulated observer in a real window at 512 × 512 colour
with 50 images: time to the first trial, memory, and the milliseconds of each step of preparing a
trial and showing a frame. ``--kill 50`` ends sessions of a person at random moments and checks the
trials on disk. Both start a virtual screen, on which software draws (Mesa's llvmpipe) and nothing
waits for a vertical blank: flips are held to 60 Hz by a clock instead. So the figures cannot say
what a graphics card, its driver or the desktop's compositor adds, nor when light leaves the screen:
they only bound what this program does before each flip, on a computer slower at it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

TRIALS = 24
IMAGES = 50
SIDE = 512


def timed(target: object, name: str, spent: dict[str, list[float]], label: str) -> None:
    """Note how long every call of a method takes, in ms."""
    method = getattr(target, name)

    def calling(*arguments: object, **fields: object) -> object:
        begun = time.perf_counter()
        try:
            return method(*arguments, **fields)
        finally:
            spent[label].append(1000 * (time.perf_counter() - begun))

    setattr(target, name, calling)


def work_between_flips(spent: dict[str, list[float]]) -> None:
    """Note the processor's time from each flip of a phase to the next, in ms."""
    from pdpsych.displays.lab import screen
    from pdpsych.experiments.person import frames

    show, flip = frames.Phases.show, screen.Screen.flip
    since: list[float] = []

    def showing(*arguments: object) -> None:
        since[:] = [time.thread_time()]
        show(*arguments)
        since.clear()

    def flipping(self: screen.Screen) -> float:
        if since:
            spent["all work before a flip, processor time"].append(
                1000 * (time.thread_time() - since[0])
            )
        moment = flip(self)
        if since:
            since[:] = [time.thread_time()]
        return moment

    frames.Phases.show, screen.Screen.flip = showing, flipping


def inside(experiment: str, started: float) -> None:
    """Run a session in a window, in a process of its own, and print what it cost."""
    import watched

    from pdpsych import experiments
    from pdpsych.experiments import read_log
    from pdpsych.experiments.logs.timing import TrialTiming, summarize
    from pdpsych.experiments.person import window
    from pdpsych.experiments.sessions import course, stage

    watched.keep_time(60, {})
    spent: dict[str, list[float]] = defaultdict(list)
    timed(course.Course, "place", spent, "placement")
    timed(stage.Stage, "present", spent, "placement, composition and dither of all frames")
    timed(window.Window, "_load", spent, "upload to the card")
    timed(window.Window, "_draw", spent, "drawing a frame")
    work_between_flips(spent)
    first: list[tuple[float, float]] = []
    respond = window.Window.respond

    def responding(self: window.Window, presentation: object) -> object:
        first.append((time.time() - started, time.process_time()))
        if len(first) > TRIALS:
            raise experiments.SessionStopped
        return respond(self, presentation)

    window.Window.respond = responding
    with contextlib.suppress(experiments.SessionStopped):
        experiments.run(experiment, observer="LGN", show=True, windowed=True)
    log = Path(experiment).parent / "data" / "big" / "sub-01_ses-01.jsonl"
    trials = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    timings = {t["trial"]: TrialTiming(**t["timing"]) for t in trials}
    told = {
        "first": first[0],
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "spent": {k: [float(x) for x in np.percentile(v, [50, 95, 100])] for k, v in spent.items()},
        "timing": summarize(timings).describe(),
        "renderer": read_log(log).header.system.get("gl_renderer", ""),
    }
    print("@" + json.dumps(told))


def measure(environment: dict[str, str], folder: Path) -> None:
    """Print what a session of many large images costs."""
    from stimulus_sets import SENSITIVITIES, write_set

    contents = {f"image{n:02}": SENSITIVITIES["camel"] for n in range(IMAGES)}
    write_set(folder / "set", 3, SIDE, contents)
    big = {
        "stimulus_set": "set",
        "display": {"width_px": 640, "height_px": 640, "refresh_hz": 60},
        "trials_per_condition": 10,
    }
    (folder / "big.yaml").write_text(yaml.safe_dump(big))
    command = [sys.executable, __file__, "--inside", str(folder / "big.yaml"), str(time.time())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("@")]
    if not lines:
        sys.exit(done.stdout + done.stderr)
    told = json.loads(lines[0][1:])
    print(f"{IMAGES} images of {SIDE} × {SIDE} in colour, {4 * IMAGES} conditions interleaved")
    wall, processor = told["first"]
    print(
        f"start to first trial  {wall:8.1f} s     (below 10; {processor:.1f} s of processor time)"
    )
    print(f"memory                {told['memory']:8.0f} MB    (below 1500)\n")
    print(f"{'ms':48}{'median':>8}{'95 %':>8}{'most':>8}")
    for label, numbers in told["spent"].items():
        print(f"{label:48}" + "".join(f"{number:8.1f}" for number in numbers))
    print(f"\nat 60 Hz: {told['timing']}")


def kill(environment: dict[str, str], folder: Path, count: int, seed: int) -> None:
    """Kill sessions at random moments and print what was left of them."""
    from person import Moment, Person
    from stimulus_sets import write_set

    write_set(folder / "set")
    brief = dict.fromkeys(("gap", "fixation", "reference", "image", "blank", "feedback"), 50)
    fields = {
        "stimulus_set": "set",
        "display": {"width_px": 320, "height_px": 240, "refresh_hz": 60},
        "timing": brief,
        "trials_per_condition": 100,
        "practice_trials": 3,
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(fields))
    arguments = ("run", str(folder / "small.yaml"), "--uncalibrated", "--windowed")
    log = folder / "data" / "small" / "sub-01_ses-01.jsonl"
    person = Person(environment, folder)
    rng = np.random.default_rng(seed)
    lost = twice = killed = answered = 0

    def reacting(moments: list[Moment], last: int, delay: float) -> Callable[[Moment], None]:
        timer = threading.Timer(delay, person.kill)

        def react(moment: Moment) -> None:
            moments.append(moment)
            if len(moments) == last:
                timer.start()
            if moment.text == "1 or 2?":
                person.press("1")
            elif moment.text and moment.phase != "feedback":
                person.press("space")

        return react

    try:
        for _ in range(count):
            moments: list[Moment] = []
            react = reacting(moments, int(rng.integers(2, 60)), float(rng.uniform(0, 0.05)))
            sitting = person.sit(*arguments, "--participant", "01", react=react)
            killed += sitting.status < 0
            numbers = [json.loads(x)["trial"] for x in log.read_text().split("\n")[1:-1]]
            # A trial begins when the one before is saved: all before the last shown were answered.
            answered = max(answered, moments[-1].trial - 1)
            lost += answered > len(numbers)
            twice += numbers != list(range(1, len(numbers) + 1))
    finally:
        person.leave()
    print(f"{killed} of {count} sessions killed, {len(numbers)} trials kept")
    print(f"sessions that lost an answered trial: {lost}; with a trial twice or missing: {twice}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kill", type=int, default=0, help="sessions to kill instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return inside(options.inside[0], float(options.inside[1]))
    from screens import virtual_screen

    with tempfile.TemporaryDirectory() as name, virtual_screen() as display:
        folder = Path(name)
        environment = {**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)}
        if options.kill:
            kill(environment, folder, options.kill, options.seed)
        else:
            measure(environment, folder)


if __name__ == "__main__":
    main()
