"""What every command costs, from a new study to its report, each in a process of its own.

``python benchmarks/product.py`` makes the study of early visual models, with one photograph, and
goes through it; the table gives wall and processor time and peak memory. ``--peer FOLDER`` measures
a checkout of another version beside it, command by command, and prints the ratio of processor
times, which other work on the machine disturbs less. ``--networks`` generates one image of a
deep-network recipe too, its weights random.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
PARTICIPANTS = ("01", "02")
RECIPE, EXPERIMENT = "stimuli/early-vision.yaml", "experiments/early-vision.yaml"
ANALYSIS = "analysis/early-vision.yaml"
SET, NETWORKS = "stimuli/sets/early-vision", "stimuli/dnn-shape-bias.yaml"
COMMANDS = (
    "--help",
    "init .",
    "check .",
    f"generate {RECIPE}",
    f"inspect {SET}",
    f"calibrate {SET} --display experiments/displays/srgb-8bit.yaml",
    *(f"run {EXPERIMENT} --participant {who} --simulate LGN" for who in PARTICIPANTS),
    "status .",
    f"export {EXPERIMENT} --bids exported",
    f"fit {ANALYSIS}",
    f"score {ANALYSIS}",
    f"plan {ANALYSIS} --studies 4 --participants 2 --trials 40",
    "display show experiments/displays/srgb-8bit.yaml",
    "models list",
    "models show torchvision:resnet50@random",
)


class Cost(NamedTuple):
    """Of one process: s, s, MB."""

    wall: float
    processor: float
    memory: float


def measure(command: str, folder: Path, checkout: Path) -> Cost:
    """Run a command of a checkout in the folder of a study."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    log = folder.with_suffix(".txt")
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "pdpsych", *command.split()],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{command}\n{log.read_text()[-2000:]}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3)


def one_image(path: Path) -> None:
    """Write the recipe of that name for one photograph, and random weights of networks."""
    recipe = yaml.safe_load((ROOT / "stimuli" / path.name).read_text())
    recipe["images"] = [{"sample": "cat"}]
    for model in recipe["models"]:
        if isinstance(model, dict):
            model["weights"] = "random"
    path.write_text(yaml.safe_dump(recipe))


def compare(command: str, folders: list[Path], checkouts: list[Path]) -> None:
    """Run a command of each checkout in its own study, and print a row of the table."""
    costs = [measure(command, *where) for where in zip(folders, checkouts, strict=True)]
    ours = costs[0]
    text = f"{command:66}{ours.wall:>8.1f}{ours.processor:>8.2f}{ours.memory:>7.0f}"
    if len(costs) > 1:
        text += f"{costs[1].processor:>8.2f}{costs[1].processor / ours.processor:>7.2f}"
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path, help="checkout of another version")
    parser.add_argument("--networks", action="store_true")
    options = parser.parse_args()
    checkouts = [ROOT] + ([options.peer.resolve()] if options.peer else [])
    print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch "
          f"{version('torch')}, {os.environ.get('OMP_NUM_THREADS', 'all')} threads")  # fmt: skip
    head = f"{'pdpsych':66}{'wall s':>8}{'CPU s':>8}{'MB':>7}"
    print(head + (f"{'peer s':>8}{'ratio':>7}" if options.peer else ""))
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary) / str(number) for number in range(len(checkouts))]
        for folder in folders:
            folder.mkdir()
        for command in COMMANDS:
            compare(command, folders, checkouts)
            if command == "init .":
                for folder in folders:
                    one_image(folder / RECIPE)
        if options.networks:
            for folder in folders:
                one_image(folder / NETWORKS)
            compare(f"generate {NETWORKS}", folders, checkouts)


if __name__ == "__main__":
    main()
