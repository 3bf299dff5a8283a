"""Human thresholds from trials: one hierarchical fit a participant, exponents known by others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.fitting.columns import EXCLUDED_COLUMNS, FIT
from pdpsych.analysis.fitting.exclusion import describe_excluded
from pdpsych.analysis.fitting.likelihood import expected_correct
from pdpsych.analysis.fitting.participant import (
    exponents_of,
    fit_participant,
    in_conditions,
    participant_lines,
)
from pdpsych.analysis.fitting.population import samples_of_people
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.fitting.trials import Trials, check_table, read_trials
from pdpsych.analysis.names import CONDITION, Floats
from pdpsych.analysis.sources.given import (
    GivenThresholds,
    given_posteriors,
    given_thresholds,
    posterior_of,
)
from pdpsych.analysis.words import counted
from pdpsych.analysis.written import check_written, record_written
from pdpsych.common import tables
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.files.locks import locked
from pdpsych.common.results import Result
from pdpsych.common.terminal import progress_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pdpsych.stimuli.stimulus_set import StimulusSet

SCHEMA = Schema("fit", 4, "fit again: pdpsych fit ANALYSIS.yaml")


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Result):
    """Thresholds of all participants of an analysis.

    Attributes
    ----------
    analysis
        The resolved analysis.
    source
        Where the data come from: experiment, stimulus set, log headers, counts.
    thresholds
        One row per participant, image, pair and distortion: threshold (amplitude at d′ = 1, in
        model units), its interval low to high, log_threshold and its sd (nats), trials,
        exponent b, outside_range, bound (whether the trials alone bound it, and from which
        side) with trials_low and trials_high; if the analysis asks for it, the interval
        bootstrap_low to bootstrap_high.
    participants
        One row each: exponent b and lapse λ with intervals, trials, proportion_correct,
        converged, what else moved the answers (see
        :class:`pdpsych.analysis.fitting.checks.goodness.Goodness`), flags.
    goodness
        Deviance with what is expected of it, per participant (image "all") and per condition.
    bins
        Proportion correct by predicted d′ per participant, counted and expected.
    excluded
        participant, reason, count of the trials left out.
    posteriors
        The posterior of each participant; conditions in the order of ``thresholds``. Where these
        were measured elsewhere, as they were given; then there is no more than they say, and of
        ``participants`` their names.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> fitted = analysis.fit("study", write=False)
    >>> fitted
    <Fit: 12 thresholds of 1 participant, analysis main>
    >>> fitted.thresholds[["image", "pair", "distortion", "threshold"]].head(2).round(1)
       image       pair  distortion  threshold
    0  camel  principal           1        0.7
    1  camel  principal           2        3.3
    >>> fitted == analysis.Fit.from_json(fitted.to_json("copy.json"))
    True
    """

    analysis: dict[str, Any]
    source: dict[str, Any]
    thresholds: pd.DataFrame
    participants: pd.DataFrame
    goodness: pd.DataFrame
    bins: pd.DataFrame
    excluded: pd.DataFrame
    posteriors: Mapping[str, Posterior | GivenThresholds]
    _left_out = ("posteriors",)

    @property
    def of_trials(self) -> bool:
        """Whether it was fitted to trials; else thresholds were measured elsewhere."""
        return not any(isinstance(p, GivenThresholds) for p in self.posteriors.values())

    def describe(self) -> str:
        """Say what each participant's trials gave, a line each, and what was left out."""
        if not self.of_trials:
            bounds = int((self.thresholds["bound"] != "exact").sum())
            line = f"{self._line()}: measured elsewhere, {counted(bounds, 'bound')} among them"
            return "\n".join([line, *self.source.get("notes", [])])
        lines = [f"  {line}" for line in participant_lines(self.participants)]
        head = f"{len(self.thresholds)} thresholds of {self.analysis['name']}"
        lines = [head, *lines, describe_excluded(self.excluded)]
        return "\n".join([*lines, *self.source.get("notes", [])])

    def _line(self) -> str:
        people = counted(len(self.posteriors), "participant")
        thresholds = counted(len(self.thresholds), "threshold")
        return f"{thresholds} of {people}, analysis {self.analysis['name']}"

    @property
    def level(self) -> float:
        """Probability of the intervals."""
        return float(self.analysis["level"])

    @cached_property
    def samples(self) -> Floats:
        """Posterior samples of log τ, (samples, rows of ``thresholds``); natural log."""
        one = (lambda name: self.draws(name)[0]) if self.of_trials else self.draws_by_trials
        return np.concatenate([one(name) for name in self.posteriors], axis=1)

    def draws_by_trials(self, participant: str) -> Floats:
        """Return samples of log τ with the prior of this participant's thresholds taken off.

        Parameters
        ----------
        participant
            Label of the participant.
        """
        return self.posteriors[participant].draws_by_trials(*self._drawn_with(participant))

    def draws(self, participant: str) -> tuple[Floats, Shared]:
        """Return one participant's posterior samples of log τ and of what conditions share.

        The samples are the same at each call; see :meth:`Posterior.draws`.

        Parameters
        ----------
        participant
            Label of the participant.
        """
        return self.posterior(participant).draws(*self._drawn_with(participant))

    def posterior(self, participant: str) -> Posterior:
        """Return the posterior of the trials of a participant; refused where there are none."""
        found = self.posteriors[participant]
        if isinstance(found, GivenThresholds):
            name = str(self.analysis["name"])
            raise InputError("nothing is known of trials", file=name, field="thresholds")
        return found

    def _drawn_with(self, participant: str) -> tuple[int, np.random.Generator, Floats | None]:
        place = list(self.posteriors).index(participant)
        rng = np.random.default_rng([self.analysis["seed"], place])
        return self.analysis["samples"], rng, self._people[participant]

    @cached_property
    def _people(self) -> Mapping[str, Floats | None]:
        rng = np.random.default_rng([self.analysis["seed"], 0, 2])
        return samples_of_people(self.thresholds, self.analysis["samples"], rng)

    def curves(self, condition: Sequence[str | int]) -> pd.DataFrame:
        """Return posterior samples of the psychometric function of a condition.

        Parameters
        ----------
        condition
            Participant, image, pair, distortion.

        Returns
        -------
        pandas.DataFrame
            threshold (model units), exponent and lapse, a row each sample.
        """
        own = self.thresholds[self.thresholds["participant"] == condition[0]]
        (column,) = np.flatnonzero((own[CONDITION] == list(condition)).all(axis=1))
        log_threshold, shared = self.draws(str(condition[0]))
        group = self.posterior(str(condition[0])).observations.group[column]
        return pd.DataFrame(
            {
                "threshold": np.exp(log_threshold[:, column]),
                "exponent": shared.exponents[:, group],
                "lapse": shared.lapse,
            }
        )

    def with_expected(self, trials: pd.DataFrame) -> pd.DataFrame:
        """Return trials with the proportion correct that the fit expects of each, ``expected``.

        Parameters
        ----------
        trials
            The table of :func:`pdpsych.analysis.read_trials` that was fitted.
        """
        found = []
        for name, rows in trials.groupby("participant", sort=True):
            posterior = self.posterior(str(name))
            mode = posterior.mode
            expected = expected_correct(posterior.observations, mode.mean, mode.shared)
            found.append(in_conditions(rows).assign(expected=expected))
        return pd.concat(found, ignore_index=True)

    def plot(self, stimulus_set: StimulusSet | None, *, ax: Axes | None = None) -> Axes:
        """Draw the thresholds of all participants and conditions.

        Parameters
        ----------
        stimulus_set
            The set that was shown; without one, thresholds are drawn in model units.
        ax
            Axes to draw on, new ones by default.
        """
        from pdpsych.analysis.figures.comparisons import plot_threshold_map

        images = self.thresholds["image"].unique()
        dimensions = None
        if stimulus_set is not None:
            dimensions = {image: stimulus_set[image].dimension for image in images}
        return plot_threshold_map(self.thresholds, dimensions, ax=ax)

    def plot_condition(
        self,
        trials: pd.DataFrame,
        condition: tuple[str, str, str, int],
        *,
        dimension: int | None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw proportion correct against RMS contrast, with the fitted curve and its band.

        Parameters
        ----------
        trials
            The table of :func:`pdpsych.analysis.read_trials`.
        condition
            Participant, image, pair, distortion.
        dimension
            D = C·H·W of the image: RMS contrast is α/√D. None where it is not known.
        ax
            Axes to draw on, new ones by default.
        """
        from pdpsych.analysis.figures.psychometric import plot_psychometric

        task = self.posterior(condition[0]).observations.link.name
        return plot_psychometric(
            trials, self.curves(condition), condition, dimension=dimension,
            thresholds=self.thresholds, level=self.level, task=task, ax=ax,
        )  # fmt: skip

    def to_json(self, path: str | Path) -> Path:
        """Write the fit; samples are drawn again from the posteriors and the seed.

        Parameters
        ----------
        path
            File to write.
        """
        data = {
            "analysis": self.analysis,
            "source": self.source,
            **{name: tables.to_plain(getattr(self, name)) for name in FIT},
            "posteriors": {name: found.to_plain() for name, found in self.posteriors.items()},
        }
        return SCHEMA.write(path, data)

    @classmethod
    def from_json(cls, path: str | Path) -> Fit:
        """Read a fit written by :meth:`to_json`.

        Parameters
        ----------
        path
            File to read; refused in a results folder where it was edited.
        """
        check_written(Path(path))
        with SCHEMA.reading(path) as data:
            found = data["posteriors"].items()
            return cls(
                data["analysis"],
                data["source"],
                **{name: tables.from_plain(data[name]) for name in FIT},
                posteriors={name: posterior_of(plain) for name, plain in found},
            )

    def put_into(self, folder: Path) -> list[Path]:
        """Write fit.json, and each table as .csv with a data dictionary .json beside it.

        The lock of the folder is to be held meanwhile.
        """
        written = [tables.write_table(folder, name, getattr(self, name), FIT[name]) for name in FIT]
        return record_written(folder, [self.to_json(folder / "fit.json"), *written])


def fit(analysis: str | Path | Analysis, *, write: bool = True, progress: bool = False) -> Fit:
    """Fit the thresholds of an analysis.

    P(correct) = λ + (1 − 2λ)Φ(d′/√2 ± c), d′ = (α/τ)^b, at the realised amplitudes α, c a
    preference for a position; :mod:`pdpsych.analysis.fitting.hierarchy` says what is shared.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    write
        Whether to write the fit into the results folder of the analysis, over one that is there.
    progress
        Whether to show a progress bar over participants.

    Raises
    ------
    InputError
        If the analysis, its experiment, a log or the stimulus set cannot be used.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> print(analysis.fit("study").describe())
    12 thresholds of main
      01: 960 trials, exponent 1.12 [0.75, 1.65], lapse 0.017; no flags
    left out: 3 practice; 0 in another log too
    """
    opened = open_analysis(analysis)
    trials = read_trials(opened)
    if trials.thresholds is not None:
        fitted = _given(trials, trials.thresholds, opened)
    else:
        fitted = fit_table(
            trials.table, opened, excluded=trials.excluded, source=trials.source, progress=progress
        )
    if write:
        with locked(opened.results, doing="the fit is written"):
            fitted.put_into(opened.results)
    return fitted


def _given(trials: Trials, given: pd.DataFrame, analysis: Analysis) -> Fit:
    """Return thresholds measured elsewhere as a fit."""
    posteriors = given_posteriors(given)
    empty = {name: pd.DataFrame(columns=list(FIT[name])) for name in ("goodness", "bins")}
    return Fit(
        {"name": analysis.stem, **analysis.settings},
        trials.source,
        given_thresholds(given, analysis.level),
        pd.DataFrame({"participant": list(posteriors)}),
        excluded=trials.excluded,
        posteriors=posteriors,
        **empty,
    )


def fit_table(
    table: pd.DataFrame,
    analysis: Analysis,
    *,
    excluded: pd.DataFrame | None = None,
    source: dict[str, Any] | None = None,
    progress: bool = False,
) -> Fit:
    """Fit a table of trials, read or simulated; ``excluded`` and ``source`` are for the record.

    Raises
    ------
    InputError
        If it holds a trial that cannot have been.
    """
    check_table(table)
    people = [rows for _, rows in table.groupby("participant", sort=True)]
    single = []
    with progress_bar(len(people), "participant", progress) as bar:
        known = exponents_of(people, analysis.link)
        for index, (rows, exponents) in enumerate(zip(people, known, strict=True)):
            single.append(fit_participant(rows, analysis, index, progress, exponents))
            bar.update()
    return Fit(
        {"name": analysis.stem, **analysis.settings},
        source or {},
        pd.concat([one.thresholds for one in single], ignore_index=True),
        pd.DataFrame([one.row for one in single]),
        pd.concat([one.goodness.conditions for one in single], ignore_index=True),
        pd.concat([one.goodness.bins for one in single], ignore_index=True),
        pd.DataFrame(columns=list(EXCLUDED_COLUMNS)) if excluded is None else excluded,
        {str(one.row["participant"]): one.posterior for one in single},
    )
