"""What is analysed, and how: ``analysis/NAME.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section, load
from pdpsych.experiments.experiment import Experiment

# Of fewer simulated experiments a quantile of 95 % is no more than a guess.
_LEAST_EXPERIMENTS = 200


class Analysis(Section):
    """An analysis, ``analysis/NAME.yaml``; paths are relative to its folder.

    Parameters
    ----------
    experiment
        The experiment whose sessions are analysed.
    participants
        Those analysed, all who have a log by default.
    exclude
        Participants to leave out.
    exclude_timing
        Whether to leave out trials whose frames were off by more than one.
    max_clipped
        Trials in which a larger share of the pixel values was clipped are left out.
    min_response_time, max_response_time
        Trials answered sooner or later are left out, in s after the question.
    level
        Probability of every interval.
    samples
        Number of posterior samples.
    bootstrap
        Number of simulated experiments for a second interval of each threshold.
    seed
        What samples are drawn with.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> chosen = analysis.Analysis(experiment="experiments/early.yaml", exclude=("03",))
    >>> chosen.level, chosen.exclude
    (0.95, ('03',))
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

    @field_validator("max_response_time")
    @classmethod
    def _some_time_left(cls, most: float | None, info: ValidationInfo) -> float | None:
        least = info.data.get("min_response_time")
        if least is not None and most is not None and least >= most:
            raise ValueError(f"is to be above min_response_time, {least:g}")
        return most

    @field_validator("bootstrap")
    @classmethod
    def _enough_experiments(cls, number: int) -> int:
        if 0 < number < _LEAST_EXPERIMENTS:
            raise ValueError(f"is to be 0 (none) or at least {_LEAST_EXPERIMENTS}")
        return number

    @property
    def results(self) -> Path:
        """Folder of everything the analysis produces."""
        return self.resolve("results") / self.stem

    def open_experiment(self) -> Experiment:
        """Read the experiment whose logs are analysed."""
        path = self.resolve(self.experiment)
        if not path.exists():
            raise InputError(
                "no such file",
                file=self.label,
                field="experiment",
                value=self.experiment.as_posix(),
                allowed=sorted(file.name for file in path.parent.glob("*.yaml")),
            )
        return load(path, Experiment)

    @property
    def has_sessions(self) -> bool:
        """Whether anybody took part in the experiment."""
        return any(self.open_experiment().logs.glob("sub-*_ses-*.jsonl"))


def open_analysis(source: str | Path | Analysis) -> Analysis:
    """Return the analysis of a YAML file or of a study folder that has exactly one.

    Parameters
    ----------
    source
        The file, the folder of the study, or an analysis, which passes through.

    Raises
    ------
    InputError
        If the file cannot be used, or the study has no analysis or several.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> opened = analysis.open_analysis("study")
    >>> opened.stem, opened.samples
    ('main', 500)
    """
    if isinstance(source, Analysis):
        return source
    found = open_analyses(source)
    if len(found) > 1:
        raise InputError(
            "several analyses",
            file=source,
            allowed=", ".join(analysis.label for analysis in found),
            remedy="give the file of one",
        )
    return found[0]


def open_analyses(source: str | Path) -> tuple[Analysis, ...]:
    """Return the analysis of a YAML file, or all of a study folder in the order of their names.

    Parameters
    ----------
    source
        The file, or the folder of the study.

    Raises
    ------
    InputError
        If a file cannot be used, or the study has no analysis.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> [opened.stem for opened in analysis.open_analyses("study")]
    ['main']
    """
    if not Path(source).is_dir():
        return (load(source, Analysis),)
    folder = Path(source) / "analysis"
    found = sorted(folder.glob("*.yaml"))
    if not found:
        remedy = "write analysis/NAME.yaml or run pdpsych init"
        raise InputError("no analysis here", file=folder, remedy=remedy)
    return tuple(load(path, Analysis) for path in found)


def select_participants(analysis: Analysis, found: list[str]) -> list[str]:
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
                    "a participant without a log",
                    file=analysis.label,
                    field=field,
                    value=name,
                    allowed=found,
                )
    wanted = [p for p in analysis.participants or found if p not in analysis.exclude]
    if not wanted:
        raise InputError(
            "nobody is left",
            file=analysis.label,
            field="exclude",
            value=", ".join(analysis.exclude),
            remedy=f"exclude fewer of {', '.join(found)}",
        )
    return wanted
