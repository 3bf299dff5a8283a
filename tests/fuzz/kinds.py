"""The kinds of files that the program reads: how to break each, and who reads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutators
from attempts import Command
from mutators import Rng, pick
from study import NAME, UNFINISHED, network

RECIPE = f"stimuli/{NAME}.yaml"
SET = f"stimuli/sets/{NAME}"
EXPERIMENT = f"experiments/{NAME}.yaml"
ANALYSIS = f"analysis/{NAME}.yaml"
PLAIN, MEASURED = (f"experiments/displays/{name}.yaml" for name in ("plain", "measured"))
RESULTS = f"analysis/results/{NAME}"
LOG = f"experiments/data/{NAME}/sub-01_ses-01.jsonl"

Change = Callable[[Path], None]
_CHECK, _STATUS = ["check"], ["status"]
_RUN = ["run", EXPERIMENT, "--participant", "03", "--simulate", "LN"]
_OUTLINE = ["run", EXPERIMENT, "--dry-run"]
_DUE = ["run", ".", "--participant", "03", "--simulate", "LN"]
_FIT, EXPORT = ["fit", ANALYSIS], ["export", EXPERIMENT, "--bids", "bids", "--psych-ds", "psych"]


@dataclass(frozen=True)
class Kind:
    """A kind of file: where one is, how to break it, who reads it, what a refusal names.

    ``after`` puts in order what else would only tell that the file was changed.
    """

    name: str
    files: Sequence[str]
    mutate: Callable[[bytes, Rng], bytes]
    commands: Sequence[Command]
    named: Sequence[str] = ()
    after: Change = lambda root: None

    def draw(self, rng: Rng) -> tuple[Command, Change, Sequence[str]]:
        """Return a command, what to do to a study before it, and what its refusal names."""
        file = pick(rng, self.files)

        def change(root: Path) -> None:
            path = next(root.glob(file))
            path.write_bytes(self.mutate(path.read_bytes(), rng))
            self.after(root)

        named = (Path(file).name, *self.named, *mutators.PATHS, "x" * 50)
        return pick(rng, self.commands), change, named


def _generate(recipe: str) -> list[str]:
    return ["generate", recipe, "--out", "made", "--jobs", "1"]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sealed(records: Sequence[Any]) -> bytes:
    """Return a trial log of records as it would have been written; their own seals are dropped."""
    from pdpsych.experiments.logs import hash_chain

    lines, digest = [], ""
    for record in records:
        record.pop(hash_chain.KEY, None)
        line, digest = hash_chain.seal(record, digest)
        lines.append(line)
    return "\n".join([*lines, ""]).encode()


def reseal(root: Path) -> None:
    """Write the SHA-256 of a set's arrays into its manifest."""
    manifest = root / SET / "manifest.json"
    data = json.loads(manifest.read_bytes())
    for file in data["files"]:
        data["files"][file] = sha256(root / SET / file)
    manifest.write_text(json.dumps(data))


def reseal_unit(root: Path) -> None:
    record = next(root.glob("stimuli/sets/.*.units/[!.]*/unit.json"))
    data = json.loads(record.read_bytes())
    for file in data["files"]:
        data["files"][file] = sha256(record.parent / file)
    record.write_text(json.dumps(data))


def read_arrays(root: Path) -> None:
    from pdpsych.stimuli import StimulusSet

    opened = StimulusSet.open(root / SET)
    for image in opened.images:
        _ = opened[image].base


def _load_image(root: Path) -> None:
    from pdpsych.stimuli.photographs.images import load_image

    for path in sorted(root.glob("stimuli/[io]*s/?.*")):
        load_image(path)


def load_network(root: Path) -> None:
    from pdpsych.models.sources import checkpoint

    path = root / "networks" / "one.pt"
    checkpoint.load_weights(network(), path)


def _read_fit(root: Path) -> None:
    from pdpsych.analysis import Fit

    Fit.from_json(root / RESULTS / "fit.json")


def _read_scores(root: Path) -> None:
    from pdpsych.analysis import Scores

    Scores.from_json(root / RESULTS / "score.json")


def _add_to_board(root: Path) -> None:
    from pdpsych.analysis import Scores, add_to_leaderboard

    scores = Scores.from_json(root / RESULTS / "score.json")
    add_to_leaderboard(root / ANALYSIS, scores, root / "board")


_CALIBRATE = ["calibrate", SET, "--display"]
_SHOW = ["display", "show"]
_UNIT = f"stimuli/sets/.{UNFINISHED}.units/*"
_IMAGES = ("a.png", "b.jpg", "c.npy")
_SET_NAMES = ("manifest.json", SET, "arrays/", EXPERIMENT)

KINDS = (
    Kind(
        "recipe",
        [RECIPE],
        mutators.broken_yaml,
        [["check"], ["check", RECIPE], _generate(RECIPE)],
        _IMAGES,
    ),
    Kind(
        "experiment",
        [EXPERIMENT],
        mutators.broken_yaml,
        [_CHECK, ["check", EXPERIMENT], _RUN, _OUTLINE, _FIT, EXPORT],
        (NAME, "/experiments/"),
    ),
    Kind(
        "display",
        [PLAIN],
        mutators.broken_yaml,
        [_CHECK, [*_SHOW, PLAIN], [*_CALIBRATE, PLAIN], _RUN, _OUTLINE],
    ),
    Kind(
        "measured display",
        [MEASURED],
        mutators.broken_yaml,
        [[*_SHOW, MEASURED], ["display", "fit", MEASURED], [*_CALIBRATE, MEASURED]],
        ("measured.csv", "displays"),
    ),
    Kind(
        "measurements",
        ["experiments/displays/measured.csv"],
        mutators.broken_csv,
        [
            [*_SHOW, MEASURED],
            ["display", "fit", MEASURED],
            ["display", "import", "experiments/displays/measured.csv", "--out", "new.yaml"],
        ],
    ),
    Kind(
        "verification",
        ["experiments/displays/measured.verified.json"],
        mutators.broken_json,
        [[*_SHOW, MEASURED]],
    ),
    Kind(
        "observer",
        ["experiments/observers/one.yaml"],
        mutators.broken_yaml,
        [_CHECK, [*_RUN[:-1], "experiments/observers/one.yaml"]],
        ("observer",),
    ),
    Kind(
        "analysis", [ANALYSIS], mutators.broken_yaml, [_CHECK, _STATUS, _FIT], (NAME, "/analysis")
    ),
    Kind(
        "manifest",
        [f"{SET}/manifest.json"],
        mutators.broken_json,
        [["inspect", SET], _RUN, _OUTLINE, _CHECK, [*_CALIBRATE, PLAIN]],
        _SET_NAMES,
    ),
    Kind(
        "arrays",
        [f"{SET}/arrays/a.npz", f"{SET}/arrays/c.npz"],
        mutators.broken_arrays,
        [read_arrays, _RUN, [*_CALIBRATE, PLAIN]],
        _SET_NAMES,
        reseal,
    ),
    Kind(
        "unit",
        [f"{_UNIT}/unit.json"],
        mutators.broken_json,
        [["generate", f"stimuli/{UNFINISHED}.yaml"]],
        ("unit.json", UNFINISHED),
    ),
    Kind(
        "unit's arrays",
        [f"{_UNIT}/arrays/a.npz"],
        mutators.broken_arrays,
        [["generate", f"stimuli/{UNFINISHED}.yaml"]],
        (UNFINISHED,),
        reseal_unit,
    ),
    Kind(
        "calibration",
        [f"{SET}/calibrations/plain/calibration.json"],
        mutators.broken_json,
        [["inspect", SET], _RUN, _OUTLINE, _CHECK],
    ),
    Kind(
        "trial log",
        [LOG],
        mutators.broken_log,
        [
            _CHECK,
            _STATUS,
            _FIT,
            EXPORT,
            ["run", EXPERIMENT, "--participant", "01", "--simulate", "LN"],
        ],
        (NAME,),
    ),
    Kind("fit", [f"{RESULTS}/fit.json"], mutators.broken_json, [_read_fit, _STATUS]),
    Kind("scores", [f"{RESULTS}/score.json"], mutators.broken_json, [_read_scores, _STATUS]),
    Kind("leaderboard", ["board/leaderboard.csv"], mutators.broken_csv, [_add_to_board]),
    Kind(
        "image",
        ["stimuli/images/?.*", "stimuli/others/?.*"],
        mutators.broken_image,
        [_load_image, _load_image, _generate(RECIPE)],
        (*_IMAGES, "d.tif", "e.bmp"),
    ),
    Kind(
        "checkpoint",
        ["networks/one.pt"],
        mutators.broken_checkpoint,
        [load_network],
    ),
    Kind(
        "roster",
        ["sessions.yaml"],
        mutators.broken_yaml,
        [_CHECK, ["check", "sessions.yaml"], _STATUS, _RUN, _OUTLINE, _DUE],
        (NAME, "/experiments", "sub-"),
    ),
    Kind("answers", ["experiments/data/participants.yaml"], mutators.broken_yaml, [_CHECK, EXPORT]),
)

_SMALL_PLAN = (
    *("--studies", "1", "--jobs", "1", "--truth", "LN"),
    *("--participants", "1", "--images", "2", "--trials", "8"),
)
# Commands with options, each of which takes one of the broken values by turns.
_OPTIONS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("generate", RECIPE): ("--out", "--jobs", "--shard", "--display", "--scheduler"),
    ("calibrate", SET, "--display", PLAIN): ("--max-clipped", "--threshold-rms", "--display"),
    ("run", EXPERIMENT, "--dry-run"): ("--participant", "--session", "--run", "--simulate"),
    ("run", EXPERIMENT, "--simulate", "LN"): ("--participant", "--session", "--run", "--simulate"),
    ("export", EXPERIMENT): ("--bids", "--psych-ds"),
    ("plan", ANALYSIS, *_SMALL_PLAN): (
        "--truth",
        "--participants",
        "--images",
        "--trials",
        "--studies",
        "--jobs",
    ),
    ("models", "show", "torchvision:resnet18"): ("--shape", ""),
    ("models", "show"): ("",),
    ("models", "fetch"): ("",),
    ("score", ANALYSIS): ("--add-model",),
    ("display", "show", MEASURED): ("--figure",),
    ("display", "import", "experiments/displays/measured.csv", "--out", "new.yaml"): (
        "--bit-depth",
        "--instrument",
        "--date",
        "--monitor",
        "--out",
    ),
    ("display", "verify", MEASURED): ("--instrument", "--limit", "--patch", "--settle"),
    ("display", "measure", MEASURED): ("--instrument", "--levels", "--repeats", "--patch"),
    ("init", "new"): ("--from",),
    **{(name,): ("",) for name in ("check", "status", "inspect", "fit", "generate", "run", "init")},
}


def draw_options(rng: Rng) -> tuple[Command, Change, Sequence[str]]:
    """Return a command with one option, or argument, that makes no sense."""
    command = pick(rng, list(_OPTIONS))
    option = pick(rng, _OPTIONS[command])
    value = pick(rng, mutators.OPTION_VALUES)
    added = [*([option] if option else []), *([] if value is None else [value])]
    return [*command, *added], lambda root: None, ()


Draw = Callable[[Rng], tuple[Command, Change, Sequence[str]]]
DRAWS: dict[str, Draw] = {kind.name: kind.draw for kind in KINDS} | {"option": draw_options}
# What is damaged of units is made again; most values of results could be true.
FORGIVEN = ("unit", "unit's arrays", "fit", "scores")
