"""What is analysed, and how: ``analysis/NAME.yaml``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pdpsych.errors import InputError, did_you_mean
from pdpsych.experiments.experiment import Experiment
from pdpsych.study import Section, load


class Analysis(Section):
    """An analysis, ``analysis/NAME.yaml``; paths are relative to its folder.

    ``participants`` are those analysed, all who have a log by default; ``exclude`` leaves some of
    them out. ``level`` is the probability of every interval, ``samples`` the number of posterior
    samples, ``seed`` what they are drawn with.
    """

    experiment: Path
    participants: tuple[str, ...] | None = Field(None, min_length=1)
    exclude: tuple[str, ...] = ()
    level: float = Field(0.95, gt=0.5, lt=1)
    samples: int = Field(2000, ge=200, le=100_000)
    seed: int = Field(0, ge=0)

    @property
    def results(self) -> Path:
        """Folder of everything the analysis produces."""
        return self.resolve("results") / self.stem

    def open_experiment(self) -> Experiment:
        """Read the experiment whose logs are analysed."""
        return load(self.resolve(self.experiment), Experiment)


def open_analysis(source: str | Path | Analysis) -> Analysis:
    """Return the analysis of a YAML file or of a study folder that has exactly one.

    Raises
    ------
    InputError
        If the file cannot be used, or the study has no analysis or several.
    """
    if isinstance(source, Analysis) or not Path(source).is_dir():
        return load(source, Analysis)
    folder = Path(source) / "analysis"
    found = sorted(folder.glob("*.yaml"))
    if not found:
        raise InputError(
            f"{folder}: no analysis here; write analysis/NAME.yaml or run pdpsych init"
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(f"{folder}: several analyses, give the file of one: {names}")
    return load(found[0], Analysis)


def select(analysis: Analysis, found: list[str]) -> list[str]:
    """Return the participants to analyse among those who have a log.

    Raises
    ------
    InputError
        If a participant is named who has no log, or nobody is left.
    """
    for field in ("participants", "exclude"):
        for name in getattr(analysis, field) or ():
            if name not in found:
                raise InputError(
                    f'{analysis.label}: {field}: participant "{name}" has no log; '
                    f"{did_you_mean(name, found)}"
                )
    wanted = [p for p in analysis.participants or found if p not in analysis.exclude]
    if not wanted:
        raise InputError(f"{analysis.label}: exclude: nobody is left; found: {', '.join(found)}")
    return wanted
