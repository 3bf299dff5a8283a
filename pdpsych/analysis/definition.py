"""What is analysed, and how: ``analysis/NAME.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, model_validator

from pdpsych.common.errors import InputError, did_you_mean
from pdpsych.common.section import Section, load
from pdpsych.experiments.experiment import Experiment


class Analysis(Section):
    """An analysis, ``analysis/NAME.yaml``; paths are relative to its folder.

    ``participants`` are those analysed, all who have a log by default; ``exclude`` leaves some of
    them out. ``exclude_timing`` leaves out trials whose frames were off by more than one,
    ``max_clipped`` those in which a larger share of the pixel values was clipped, and
    ``min_response_time`` and ``max_response_time`` those answered sooner or later, in s after the
    question. ``level`` is the probability of every interval, ``samples`` the number of posterior
    samples, ``bootstrap`` that of simulated experiments for a second interval of each threshold,
    ``seed`` what they are drawn with.
    """

    known_as: ClassVar[str] = "an analysis, analysis/NAME.yaml"
    experiment: Path
    participants: tuple[str, ...] | None = Field(None, min_length=1)
    exclude: tuple[str, ...] = ()
    exclude_timing: bool = False
    max_clipped: float | None = Field(None, ge=0, lt=1)
    min_response_time: float | None = Field(None, ge=0)
    max_response_time: float | None = Field(None, gt=0)
    level: float = Field(0.95, gt=0.5, lt=1)
    samples: int = Field(2000, ge=200, le=100_000)
    bootstrap: int = Field(0, ge=0, le=100_000)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _some_time_left(self) -> Analysis:
        least, most = self.min_response_time, self.max_response_time
        if least is not None and most is not None and least >= most:
            raise ValueError(
                f"min_response_time below max_response_time, got {least:g} and {most:g}"
            )
        if 0 < self.bootstrap < 200:
            raise ValueError(f"bootstrap: 0 (none) or at least 200, got {self.bootstrap}")
        return self

    @property
    def results(self) -> Path:
        """Folder of everything the analysis produces."""
        return self.resolve("results") / self.stem

    def open_experiment(self) -> Experiment:
        """Read the experiment whose logs are analysed."""
        path = self.resolve(self.experiment)
        if not path.exists():
            known = sorted(file.name for file in path.parent.glob("*.yaml"))
            hint = f"; {did_you_mean(path.name, known)}" if known else ""
            raise InputError(f"{self.label}: experiment: {self.experiment}: no such file{hint}")
        return load(path, Experiment)

    @property
    def has_sessions(self) -> bool:
        """Whether anybody took part in the experiment."""
        return any(self.open_experiment().logs.glob("sub-*_ses-*.jsonl"))


def open_analysis(source: str | Path | Analysis) -> Analysis:
    """Return the analysis of a YAML file or of a study folder that has exactly one.

    Raises
    ------
    InputError
        If the file cannot be used, or the study has no analysis or several.
    """
    if isinstance(source, Analysis):
        return source
    found = open_analyses(source)
    if len(found) > 1:
        names = ", ".join(analysis.label for analysis in found)
        raise InputError(f"{source}: several analyses, give the file of one: {names}")
    return found[0]


def open_analyses(source: str | Path) -> tuple[Analysis, ...]:
    """Return the analysis of a YAML file, or all of a study folder in the order of their names.

    Raises
    ------
    InputError
        If a file cannot be used, or the study has no analysis.
    """
    if not Path(source).is_dir():
        return (load(source, Analysis),)
    folder = Path(source) / "analysis"
    found = sorted(folder.glob("*.yaml"))
    if not found:
        raise InputError(
            f"{folder}: no analysis here; write analysis/NAME.yaml or run pdpsych init"
        )
    return tuple(load(path, Analysis) for path in found)


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
