"""The whole pipeline on real photographs, with simulated participants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pdpsych import analysis, experiments, stimuli
from pdpsych.common.errors import InputError
from pdpsych.common.section import Section, dump, load
from pdpsych.common.terminal import quoted, say
from pdpsych.displays import Display
from pdpsych.stimuli.distortions import Principal, Random
from pdpsych.stimuli.recipe import Preprocess, Recipe, Source, Space

NAME = "demo"


@dataclass(frozen=True)
class Size:
    """How much the demo does; windows keep 16 pixels from the border, where padding counts."""

    photographs: tuple[str, ...]
    side: int
    window: float
    iterations: int
    participants: int
    trials: int


FULL = Size(
    ("astronaut", "brick", "camera", "cat", "coffee", "grass", "gravel", "rocket"),
    side=128,
    window=0.75,
    iterations=13,
    participants=8,
    trials=100,
)
QUICK = Size(("astronaut", "camera", "cat", "coffee"), 96, 0.65, 16, participants=3, trials=80)


def run(out: str | Path, *, quick: bool = False, observer: str = "LGN") -> analysis.Scores:
    """Make a study in ``out``: generate, simulate, fit, score, report; go on where it stopped.

    Parameters
    ----------
    out
        Folder of the study.
    quick
        Fewer, smaller images, fewer trials.
    observer
        The model of the set that the simulated participants see like.

    Raises
    ------
    InputError
        If ``out`` holds something else, or the model is unknown.
    """
    # Loads PyTorch: without it nothing is written.
    generate = stimuli.generate
    folder, size = Path(out), QUICK if quick else FULL
    files = _write_study(folder, size, observer)
    _say(f"pdpsych generate {quoted(files['recipe'])}")
    opened = generate(files["recipe"], progress=True)
    say(opened.summary())
    for number in range(1, size.participants + 1):
        participant = f"{number:02d}"
        simulate = f"--simulate {quoted(files['observer'])}"
        _say(f"pdpsych run {quoted(files['experiment'])} --participant {participant} {simulate}")
        experiments.run(files["experiment"], participant, observer=files["observer"], progress=True)
    _say(f"pdpsych score {quoted(files['analysis'])}")
    fitted = analysis.fit(files["analysis"], progress=True)
    scores = analysis.score(files["analysis"], fit=fitted)
    page = analysis.report(files["analysis"], fit=fitted, scores=scores)
    say(f"\n{scores.describe()}")
    say(
        f"\nNo person took part: {size.participants} simulated participants saw like {observer}, "
        "with lapses\nand differences between them. On these data a score should find "
        f"{observer} first."
    )
    say(f"\nreport: {page}")
    return scores


def _write_study(folder: Path, size: Size, observer: str) -> dict[str, Path]:
    """Write the study's files, or find the same ones there."""
    recipe = Recipe(
        images=tuple(Source(sample=name) for name in size.photographs),
        preprocess=Preprocess(size=size.side, resize=size.side * 8 // 7, range=(0.05, 0.95)),
        models=("LN", "LG", "LGG", "LGN"),
        space=Space(window=size.window),
        distortions=(
            Principal(kind="principal", iterations=size.iterations),
            Random(kind="random", pairs=1),
        ),
    )
    experiment = experiments.Experiment(
        stimulus_set=Path("..", "stimuli", "sets", NAME),
        display=Display(),
        trials_per_condition=size.trials,
    )
    # Most distortions can be shown well above it.
    spec = experiments.ObserverSpec(
        model=observer, median_threshold_rms=0.002, lapse=0.02, spread=0.1
    )
    sections: dict[str, tuple[str, Section]] = {
        "recipe": (f"stimuli/{NAME}.yaml", recipe),
        "experiment": (f"experiments/{NAME}.yaml", experiment),
        "observer": ("experiments/observers/simulated.yaml", spec),
        "analysis": (
            f"analysis/{NAME}.yaml",
            analysis.Analysis(experiment=Path("..", "experiments", f"{NAME}.yaml")),
        ),
    }
    for file, section in sections.values():
        _write_same(folder / file, section)
    return {key: folder / file for key, (file, _) in sections.items()}


def _write_same(path: Path, section: Section) -> None:
    if path.exists():
        if load(path, type(section)).model_dump() != section.model_dump():
            raise InputError(
                "holds another study",
                file=path.parents[1],
                remedy="delete it, or choose another folder: `out`",
            )
        return
    dump(section, path)


def _say(command: str) -> None:
    say(f"\n$ {command}")
