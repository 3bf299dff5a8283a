"""Whether a number that somebody changes in a finished study can change a score unnoticed.

``python benchmarks/proofs.py`` makes a small study, from a recipe to its report, with two simulated
participants and a calibration that asked the models. Then it changes numbers, one at a time, in any
of its files: manifest, arrays, responses, calibration, logs, YAML files, tables, fit, scores,
report. Each is to be noticed: by ``check`` and ``status``, or by ``verify``. What is not is scored
again, and counts as harmless only if every score is what it was. It prints a table by kind of file,
and ends with status 1 if a score changed unnoticed.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from pdpsych import analysis, experiments, stimuli
from pdpsych.analysis import Analysis, open_analysis
from pdpsych.analysis.scoring.scores import Scores
from pdpsych.analysis.written import edited
from pdpsych.common.errors import InputError
from pdpsych.studies.comparing import compare
from pdpsych.studies.study_state import study_state
from pdpsych.studies.verifying import compute

RECIPE = """\
images: [{sample: cat}, {sample: camera}, {sample: coffee}]
preprocess: {size: 32, range: [0.1, 0.9]}
models: [LN, LG, LGN]
distortions: [{kind: principal, iterations: 6}, {kind: random}]
"""
EXPERIMENT = """\
stimulus_set: ../stimuli/sets/small
display: {curve: 2.2}
trials_per_condition: 20
"""
ANALYSIS = "experiment: ../experiments/small.yaml\nsamples: 300\n"
# Not inside names, digests and dates.
NUMBER = re.compile(r"(?<![\w.\-])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.\-])")
TEXT = {".json", ".jsonl", ".yaml", ".csv", ".html", ".md"}


def main() -> int:
    """Make the study, change numbers, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=10_000, help="Numbers to change.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = made(Path(folder) / "study")
        bench = Bench(root, Path(folder) / "again")
        rng = np.random.default_rng(given.seed)
        for number in range(given.number):
            bench.change(rng)
            if not (number + 1) % 1000:
                print(f"{number + 1} changed, {len(bench.unnoticed)} unnoticed", flush=True)
        print(bench.table())
        return 1 if bench.unnoticed else 0


def made(root: Path) -> Path:
    """Make a study and all that follows."""
    for file, text in (("stimuli", RECIPE), ("experiments", EXPERIMENT), ("analysis", ANALYSIS)):
        path = root / file / "small.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    opened = stimuli.generate(root / "stimuli/small.yaml")
    experiment = root / "experiments/small.yaml"
    screen = experiments.Experiment(stimulus_set=opened.path, display={"curve": 2.2}).screen()
    stimuli.calibrate(opened, screen, models=True)
    for participant in ("01", "02"):
        experiments.run(experiment, participant, observer="LGN")
    scores = analysis.score(root)
    analysis.report(root, scores=scores)
    return root


class Bench:
    """A finished study whose files are changed and restored."""

    def __init__(self, root: Path, again: Path) -> None:
        self.root, self.again = root, again
        again.mkdir()
        self.analysis: Analysis = open_analysis(root)
        compute(self.analysis, again, progress=False)
        self.scores = Scores.from_json(again / "score.json")
        pictures = {".png", ".pdf", ".part"}
        self.files = sorted(
            p for p in root.rglob("*")
            if p.is_file() and p.suffix not in pictures and not p.name.startswith(".")
        )  # fmt: skip
        self.counts: Counter[tuple[str, str]] = Counter()
        self.unnoticed: list[str] = []

    def change(self, rng: np.random.Generator) -> None:
        """Change a number of a file, and look who notices."""
        file = self.files[rng.integers(len(self.files))]
        before = file.read_bytes()
        after = changed(file, before, rng)
        if after is None or after == before:
            return
        kind = self.kind(file)
        file.write_bytes(after)
        try:
            told = self.noticed(file)
        finally:
            file.write_bytes(before)
        self.counts[kind, told] += 1
        if told == "UNNOTICED":
            self.unnoticed.append(str(file))

    def kind(self, file: Path) -> str:
        """Return what a file is."""
        name = file.relative_to(self.root).parts
        if "results" in name:
            return f"results: {file.suffix}"
        if "calibrations" in name:
            return "calibration"
        return f"{name[0]}: {'sets, ' if 'sets' in name else ''}{file.suffix}"

    def noticed(self, file: Path) -> str:
        """Return who notices what the file is now."""
        if file.parent == self.analysis.results:
            # As status and check ask.
            try:
                told = edited(self.analysis.results)
            except InputError:
                return "status"
            if told:
                return "status"
            computed = self.again / file.name
            if not computed.exists():
                return "verify"
            texts = (path.read_text(encoding="utf-8") for path in (file, computed))
            try:
                if compare(file.name, *texts, str).differences:
                    return "verify"
            except ValueError:
                return "verify"
        state = study_state(self.root)
        if state.study.problems:
            return "check"
        if state.outdated:
            return "status"
        if file.parent == self.analysis.results:
            # Within the rounding that verify states.
            return "harmless"
        return self.rescored()

    def rescored(self) -> str:
        """Fit and score again; scores as they were are harmless."""
        with tempfile.TemporaryDirectory() as folder:
            again = Path(folder)
            try:
                fitted = analysis.fit(self.analysis, write=False, progress=False)
                fitted.put_into(again)
                analysis.score(self.analysis, fit=fitted, write=False).put_into(again)
            except InputError:
                return "verify"
            for path in sorted(again.iterdir()):
                texts = ((place / path.name).read_text(encoding="utf-8")
                         for place in (self.analysis.results, again))  # fmt: skip
                if compare(path.name, *texts, str).differences:
                    return "verify"
            same = Scores.from_json(again / "score.json").ranking.equals(self.scores.ranking)
            return "harmless" if same else "UNNOTICED"

    def table(self) -> str:
        """Return how often who noticed, by kind of file."""
        who = ["check", "status", "verify", "harmless", "UNNOTICED"]
        kinds = sorted({kind for kind, _ in self.counts})
        lines = [f"{'changed in':28}" + "".join(f"{w:>11}" for w in who)]
        for kind in [*kinds, ""]:
            row = [
                sum(n for (k, told), n in self.counts.items() if told == w and kind in (k, ""))
                for w in who
            ]
            lines.append(f"{kind or 'all':28}" + "".join(f"{n:>11}" for n in row))
        return "\n".join([*lines, *self.unnoticed])


def changed(file: Path, data: bytes, rng: np.random.Generator) -> bytes | None:
    """Return the file with one number changed, in a digit that counts, or a byte of an array."""
    if file.suffix not in TEXT:
        place = int(rng.integers(len(data)))
        return data[:place] + bytes([data[place] ^ (1 << int(rng.integers(8)))]) + data[place + 1 :]
    text = data.decode("utf-8")
    # Pictures are not compared.
    limit = re.sub(r"base64,[A-Za-z0-9+/=]+", lambda m: "x" * len(m[0]), text)
    found = list(NUMBER.finditer(limit))
    if not found:
        return None
    one = found[int(rng.integers(len(found)))]
    number = one[0]
    digits = [k for k, c in enumerate(number.partition("e")[0]) if c.isdigit()]
    counts = [k for k in digits if number[: k + 1].strip("-0.")][:5] or digits[-1:]
    place = counts[int(rng.integers(len(counts)))]
    other = str((int(number[place]) + 1 + int(rng.integers(9))) % 10)
    new = number[:place] + other + number[place + 1 :]
    return (text[: one.start()] + new + text[one.end() :]).encode()


if __name__ == "__main__":
    sys.exit(main())
