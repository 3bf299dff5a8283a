"""What is analysed, and how: ``analysis/NAME.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from pdpsych.analysis.tasks.links import LINKS, TWO, Link
from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import MissingFile
from pdpsych.common.section import Section, load
from pdpsych.experiments.experiment import Experiment
from pdpsych.stimuli.stimulus_set import StimulusSet

# Of fewer simulated experiments a quantile of 95 % is no more than a guess.
_LEAST_EXPERIMENTS = 200
# Where the data come from: exactly one of them.
_SOURCES = ("experiment", "trials", "thresholds")
# Keys of what was measured elsewhere; not recorded where they are not given, as in version 0.1.0.
_ELSEWHERE = ("trials", "thresholds", "columns", "alternatives", "task", "set", "ratios")
# What trials measured elsewhere do not say.
_OF_LOGS = (
    "exclude_timing",
    "exclude_again",
    "groups",
    "max_clipped",
    "min_response_time",
    "max_response_time",
)


def _several(value: Any) -> str:
    return "Paths" if isinstance(value, list | tuple) else "Path"


class Analysis(Section):
    """An analysis, ``analysis/NAME.yaml``; paths are relative to its folder.

    The data are of one source: sessions of an ``experiment``, ``trials`` or ``thresholds`` that
    were measured elsewhere. What was measured elsewhere is scored against a ``set`` or against the
    ``ratios`` of models.

    Parameters
    ----------
    experiment
        The experiment whose sessions are analysed, or several that show the same stimulus set.
    trials
        A CSV file of trials: participant, image, pair, distortion, amplitude, and correct, or right
        of total; see :func:`pdpsych.analysis.sources.trial_table.read_trial_table`.
    thresholds
        A CSV file of thresholds: participant, image, pair, distortion, log_threshold, sd, bound;
        see :func:`pdpsych.analysis.sources.threshold_table.read_threshold_table`.
    columns
        What columns are called in that file, where it is something else: ``{amplitude: contrast}``.
    alternatives
        Of how many images the distorted one was chosen in each of the ``trials``, 2 by default.
    task
        ``oddity`` where the odd one of three images was chosen.
    set
        The stimulus set whose distortions were shown elsewhere.
    ratios
        A CSV file of log sensitivity ratios in its place: image, pair, model, log_ratio; see
        :func:`pdpsych.analysis.sources.ratio_table.read_ratio_table`.
    participants
        Those analysed, all there are by default.
    exclude
        Participants to leave out.
    groups
        Groups of the study's roster whose people are analysed, all by default.
    exclude_timing
        Whether to leave out trials whose frames were off by more than one.
    exclude_again
        Whether to leave out trials that had been shown before, when they were interrupted.
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
    >>> from_elsewhere = analysis.Analysis(trials="lab.csv", set="sets/early", alternatives=3)
    >>> from_elsewhere.link.words
    'a three-alternative forced choice'
    """

    known_as: ClassVar[str] = "an analysis, analysis/NAME.yaml"
    experiment: (
        Annotated[
            Annotated[Path, Tag("Path")]
            | Annotated[tuple[Path, ...], Field(min_length=1), Tag("Paths")],
            Discriminator(_several),
        ]
        | None
    ) = None
    trials: Path | None = None
    thresholds: Path | None = None
    columns: dict[str, str] | None = None
    alternatives: Literal[2, 3, 4] | None = None
    task: Literal["oddity"] | None = None
    set: Path | None = None
    ratios: Path | None = None
    participants: tuple[str, ...] | None = Field(None, min_length=1)
    exclude: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = Field(None, min_length=1)
    exclude_timing: bool = False
    exclude_again: bool = False
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

    @model_validator(mode="after")
    def _of_one_source(self) -> Analysis:
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            raise InputError(
                f"{' and '.join(given)} are two sources" if given else "no source of data",
                field=given[1] if given else "experiment",
                allowed="one of experiment: FILE.yaml, trials: FILE.csv, thresholds: FILE.csv",
            )
        (source,) = given
        if source == "experiment":
            self._refuse_given(
                _ELSEWHERE, "is of what was measured elsewhere, not of an experiment"
            )
            return self
        if (self.set is None) == (self.ratios is None):
            raise InputError(
                f"{source} are scored against one of set and ratios",
                field="set",
                allowed="set: FOLDER, the stimulus set shown, or ratios: FILE.csv of models",
            )
        self._refuse_given(_OF_LOGS, f"needs logs, and {source} are what was measured elsewhere")
        if source == "thresholds":
            own = ("alternatives", "task", "bootstrap")
            self._refuse_given(own, "is of trials, and these are thresholds")
        if self.task and self.alternatives:
            raise InputError("is of another task than oddity", field="alternatives")
        return self

    def _refuse_given(self, names: tuple[str, ...], problem: str) -> None:
        for name in names:
            if getattr(self, name):
                raise InputError(problem, field=name, value=getattr(self, name), remedy="remove it")

    @property
    def link(self) -> Link:
        """How often answers are right by d′."""
        if self.task:
            return LINKS[self.task]
        return LINKS[f"{self.alternatives}afc"] if self.alternatives else TWO

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as plain data, for the record."""
        unused = {name for name in _ELSEWHERE if getattr(self, name) is None}
        unused |= {name for name in ("exclude_again", "groups") if not getattr(self, name)}
        return self.model_dump(mode="json", exclude=unused)

    @property
    def measured(self) -> Path | None:
        """The file of what was measured elsewhere, None where the analysis is of an experiment."""
        named = self.trials or self.thresholds
        return None if named is None else self.resolve(named)

    @property
    def results(self) -> Path:
        """Folder of everything the analysis produces."""
        return self.resolve("results") / self.stem

    @property
    def experiments(self) -> tuple[Path, ...]:
        """The experiments whose logs are analysed, none where it was measured elsewhere."""
        if self.experiment is None:
            return ()
        named = (self.experiment,) if isinstance(self.experiment, Path) else self.experiment
        return tuple(self.resolve(path) for path in named)

    def open_experiments(self) -> tuple[Experiment, ...]:
        """Read the experiments whose logs are analysed."""
        return tuple(self._open(path) for path in self.experiments)

    def open_experiment(self) -> Experiment:
        """Read the experiment whose logs are analysed, where it is one.

        Raises
        ------
        InputError
            If it cannot be read, there are several, or the data were measured elsewhere.
        """
        if len(self.experiments) == 1:
            return self.open_experiments()[0]
        raise InputError(
            "this needs an analysis of one experiment",
            file=self.label,
            field="experiment",
            value=[path.name for path in self.experiments],
            allowed="experiment: FILE.yaml",
            remedy="write another analysis for it",
        )

    def _open(self, path: Path) -> Experiment:
        if not path.exists():
            raise InputError(
                "no such file",
                file=self.label,
                field="experiment",
                value=path.name,
                allowed=sorted(file.name for file in path.parent.glob("*.yaml")),
            )
        return load(path, Experiment)

    def open_set(self) -> StimulusSet | None:
        """Open the set whose distortions were shown, None where only ratios of models are known.

        Raises
        ------
        InputError
            If it cannot be used, or experiments show different sets.
        """
        if self.set is not None:
            path = self.resolve(self.set)
            try:
                return StimulusSet.open(path.parent.resolve() / path.name)
            except InputError as error:
                raise error.within(remedy=f"or name another set in {self.label}") from None
        if not self.experiments:
            return None
        first, *others = self.open_experiments()
        opened = first.open_set()
        for experiment in others:
            if experiment.open_set().sha256 != opened.sha256:
                raise InputError(
                    "shows another stimulus set than the first of the analysis",
                    file=self.label,
                    field="experiment",
                    value=Path(experiment.label).name,
                    allowed=f"experiments with {opened.path}",
                )
        return opened

    @property
    def has_data(self) -> bool:
        """Whether anybody took part in an experiment, or there is a file measured elsewhere."""
        if self.measured is not None:
            if not self.measured.is_file():
                raise MissingFile("no such file", file=self.measured)
            return True
        logs = (experiment.logs for experiment in self.open_experiments())
        return any(any(folder.glob("sub-*_ses-*.jsonl")) for folder in logs)


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
    """Return the participants to analyse among those of whom there are data.

    Raises
    ------
    InputError
        If a participant is named of whom there are none, or nobody is left.
    """
    for field in ("participants", "exclude"):
        for name in getattr(analysis, field) or ():
            if name not in found:
                raise InputError(
                    "a participant without data"
                    if analysis.measured
                    else "a participant without a log",
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
