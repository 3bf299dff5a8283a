"""Human thresholds from trials: one hierarchical fit a participant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.fitting.bootstrap import bootstrap, bootstrap_interval
from pdpsych.analysis.fitting.exclusion import EXCLUDED_COLUMNS, describe
from pdpsych.analysis.fitting.goodness import BIN_COLUMNS, GOODNESS_COLUMNS, Goodness, goodness
from pdpsych.analysis.fitting.hierarchy import Posterior, solve
from pdpsych.analysis.fitting.likelihood import Floats, Observations
from pdpsych.analysis.fitting.trials import CONDITION, Trials, gather
from pdpsych.common import tables
from pdpsych.common.documents import Schema
from pdpsych.common.terminal import progress_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pdpsych.stimuli.stimulus_set import StimulusSet

SCHEMA = Schema("fit", 3, "fit again: pdpsych fit ANALYSIS.yaml")
_MOST_LINES = 18
# Above this lapse a participant is flagged: one answer in ten given without looking.
_HIGH_LAPSE = 0.05
# Tests of a participant's trials flag at this p value; realised discrepancies at a larger one,
# which they fall below more seldom than it says.
_FLAG_P = 0.01
_FLAG_DISCREPANCY_P = 0.05
# A preference for one position is flagged if it is large enough to see.
_HIGH_PREFERENCE = 0.05
# A threshold counts as measured if its trials alone place it within a factor e or so. Otherwise
# it is what the other conditions are, which is no basis for comparing models.
_MEASURED_SD = 1.0

# Placement may keep above a threshold: from trials at a d′ of 1.35 to the threshold, where d′ is 1,
# is no extrapolation to speak of.
_OUTSIDE = 0.3

THRESHOLD_COLUMNS: tables.Columns = {
    "participant": ("label of the participant", "none"),
    "image": ("base image", "none"),
    "pair": ("pair of distortions of the image", "none"),
    "distortion": ("1 is u, 2 is v of the pair (u, v)", "none"),
    "threshold": (
        "amplitude at which d′ = 1, the median of its posterior",
        "model units (L2 norm)",
    ),
    "low": ("lower end of the interval of the threshold", "model units (L2 norm)"),
    "high": ("upper end of the interval of the threshold", "model units (L2 norm)"),
    "log_threshold": ("natural logarithm of the threshold", "nat"),
    "sd": ("posterior standard deviation of log_threshold", "nat"),
    "trials": ("trials the threshold rests on, practice left out", "count"),
    "measured": ("whether the trials alone determine the threshold, to an sd of 1 nat", "none"),
    "outside_range": (
        "whether the threshold lies more than 0.3 nat outside the amplitudes shown",
        "none",
    ),
    "bootstrap_low": ("lower end of the interval by parametric bootstrap", "model units (L2 norm)"),
    "bootstrap_high": (
        "upper end of the interval by parametric bootstrap",
        "model units (L2 norm)",
    ),
}
PARTICIPANT_COLUMNS: tables.Columns = {
    "participant": ("label of the participant", "none"),
    "exponent": ("b, growth of d′ with amplitude; Fisher information predicts 1", "none"),
    "exponent_low": ("lower end of its interval", "none"),
    "exponent_high": ("upper end of its interval", "none"),
    "lapse": ("λ, half the share of trials answered by guessing at any amplitude", "none"),
    "lapse_low": ("lower end of its interval", "none"),
    "lapse_high": ("upper end of its interval", "none"),
    "trials": ("trials the fit rests on", "count"),
    "proportion_correct": ("share of correct answers", "none"),
    "converged": ("whether the fit found its maximum", "none"),
    "curve_p": ("p value of proportion correct by d′, see bins.csv", "none"),
    "learning": ("s, change of log threshold from the first to the last trial", "nat"),
    "learning_low": ("lower end of its interval", "nat"),
    "learning_high": ("upper end of its interval", "nat"),
    "learning_p": ("p value of no change", "none"),
    "first_share": ("share of answers for position 1, were both right equally often", "none"),
    "first_low": ("lower end of its interval", "none"),
    "first_high": ("upper end of its interval", "none"),
    "first_p": ("p value of no preference", "none"),
    "overdispersion": (
        "variance of correct answers in blocks of consecutive trials over that of independent ones",
        "none",
    ),
    "overdispersion_p": ("p value of independent answers", "none"),
    "flags": ("what is to be looked at, separated by semicolons", "none"),
}
_TABLES: dict[str, tables.Columns] = {
    "thresholds": THRESHOLD_COLUMNS,
    "participants": PARTICIPANT_COLUMNS,
    "goodness": GOODNESS_COLUMNS,
    "bins": BIN_COLUMNS,
    "excluded": EXCLUDED_COLUMNS,
}


@dataclass(frozen=True)
class Fit:
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
        measured (whether the trials determine it), outside_range; if the analysis asks for it,
        the interval bootstrap_low to bootstrap_high.
    participants
        One row each: exponent b and lapse λ with intervals, trials, proportion_correct,
        converged, what else moved the answers (see
        :class:`pdpsych.analysis.fitting.goodness.Goodness`), flags.
    goodness
        Deviance with what is expected of it, per participant (image "all") and per condition.
    bins
        Proportion correct by predicted d′ per participant, counted and expected.
    excluded
        participant, reason, count of the trials left out.
    posteriors
        The posterior of each participant; conditions in the order of ``thresholds``.
    """

    analysis: dict[str, Any]
    source: dict[str, Any]
    thresholds: pd.DataFrame
    participants: pd.DataFrame
    goodness: pd.DataFrame
    bins: pd.DataFrame
    excluded: pd.DataFrame
    posteriors: dict[str, Posterior]

    def __str__(self) -> str:
        """Say what each participant's trials gave, a line each, and what was left out."""
        lines = [
            f"{row['participant']}: {row['trials']} trials, exponent {row['exponent']:.2f} "
            f"[{row['exponent_low']:.2f}, {row['exponent_high']:.2f}], lapse {row['lapse']:.3f}; "
            f"{row['flags'] or 'no flags'}"
            for row in self.participants.head(_MOST_LINES).to_dict("records")
        ]
        more = len(self.participants) - _MOST_LINES
        lines += [f"and {more} more, in participants.csv"] if more > 0 else []
        head = f"{len(self.thresholds)} thresholds of {self.analysis['name']}"
        return "\n".join(
            [head, *(f"  {line}" for line in lines), describe(self.excluded), *self.source["notes"]]
        )

    __repr__ = __str__

    def plot(self, stimulus_set: StimulusSet, ax: Axes | None = None) -> Axes:
        """Draw the thresholds of all participants and conditions; the set is the one shown."""
        from pdpsych.analysis.figures.comparisons import plot_threshold_map

        images = self.thresholds["image"].unique()
        dimensions = {image: stimulus_set[image].dimension for image in images}
        return plot_threshold_map(self, dimensions, ax)

    @property
    def level(self) -> float:
        """Probability of the intervals."""
        return float(self.analysis["level"])

    @cached_property
    def samples(self) -> Floats:
        """Posterior samples of log τ, (samples, rows of ``thresholds``); natural log."""
        return np.concatenate([self.draws(name)[0] for name in self.posteriors], axis=1)

    def draws(self, participant: str) -> tuple[Floats, Floats]:
        """Return one participant's posterior samples of log τ and of what conditions share.

        The samples are the same at each call; see :meth:`Posterior.draws`.
        """
        index = list(self.posteriors).index(participant)
        rng = np.random.default_rng([self.analysis["seed"], index])
        return self.posteriors[participant].draws(self.analysis["samples"], rng)

    @cached_property
    def samples_by_trials(self) -> Floats:
        """The same as ``samples`` with the prior of each participant's thresholds taken off."""
        number, seed = self.analysis["samples"], self.analysis["seed"]
        drawn = [
            posterior.draws_by_trials(number, np.random.default_rng([seed, index]))
            for index, posterior in enumerate(self.posteriors.values())
        ]
        return np.concatenate(drawn, axis=1)

    def to_json(self, path: str | Path) -> Path:
        """Write the fit; samples are drawn again from the posteriors and the seed."""
        data = {
            "analysis": self.analysis,
            "source": self.source,
            **{name: tables.to_plain(getattr(self, name)) for name in _TABLES},
            "posteriors": {name: _plain(p) for name, p in self.posteriors.items()},
        }
        return SCHEMA.write(path, data)

    @classmethod
    def from_json(cls, path: str | Path) -> Fit:
        """Read a fit written by :meth:`to_json`."""
        with SCHEMA.reading(path) as data:
            posteriors = {
                name: Posterior(
                    **{key: np.array(values) for key, values in p.items() if key != "converged"},
                    converged=p["converged"],
                )
                for name, p in data["posteriors"].items()
            }
            return cls(
                data["analysis"],
                data["source"],
                **{name: tables.from_plain(data[name]) for name in _TABLES},
                posteriors=posteriors,
            )

    def write(self, folder: Path) -> list[Path]:
        """Write fit.json, and each table as .csv with a data dictionary .json beside it."""
        written = [
            tables.write_table(folder, name, getattr(self, name), columns)
            for name, columns in _TABLES.items()
        ]
        return [self.to_json(folder / "fit.json"), *written]


def fit(analysis: str | Path | Analysis, progress: bool = False) -> Fit:
    """Fit the thresholds of an analysis and write them to its results folder.

    P(correct) = ½ + (½ − λ)(2Φ(d′/√2) − 1), d′ = (α/τ)^b, at the realised amplitudes α;
    :mod:`pdpsych.analysis.fitting.hierarchy` says what is shared.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    progress
        Whether to show a progress bar over participants.

    Raises
    ------
    InputError
        If the analysis, its experiment, a log or the stimulus set cannot be used.
    """
    opened = open_analysis(analysis)
    fitted = fit_trials(gather(opened), opened, progress)
    fitted.write(opened.results)
    return fitted


def fit_trials(trials: Trials, analysis: Analysis, progress: bool = False) -> Fit:
    """Fit trials already read; writes nothing."""
    return fit_table(trials.table, trials.excluded, _source(trials), analysis, progress)


def fit_table(
    table: pd.DataFrame,
    excluded: pd.DataFrame,
    source: dict[str, Any],
    analysis: Analysis,
    progress: bool = False,
) -> Fit:
    """Fit a table of trials, read or simulated; the others are as in the fit, for the record."""
    groups = table.groupby("participant", sort=True)
    single = []
    with progress_bar(len(groups), "participant", progress) as bar:
        for index, (_, rows) in enumerate(groups):
            single.append(_fit_one(rows, analysis, index, progress))
            bar.update()
    return Fit(
        {"name": analysis.stem, **analysis.model_dump(mode="json")},
        source,
        pd.concat([one.thresholds for one in single], ignore_index=True),
        pd.DataFrame([one.participant for one in single]),
        pd.concat([one.goodness.conditions for one in single], ignore_index=True),
        pd.concat([one.goodness.bins for one in single], ignore_index=True),
        excluded,
        {str(one.participant["participant"]): one.posterior for one in single},
    )


class _Single(NamedTuple):
    """What the fit of one participant gives."""

    thresholds: pd.DataFrame
    participant: dict[str, Any]
    goodness: Goodness
    posterior: Posterior


def _fit_one(rows: pd.DataFrame, analysis: Analysis, index: int, progress: bool) -> _Single:
    rows = rows.sort_values([*CONDITION, "order"], kind="stable")
    built, posterior, thresholds = estimate(rows, analysis.level)
    rng = np.random.default_rng([analysis.seed, index, 1])
    if analysis.bootstrap:
        errors = bootstrap(built, posterior, analysis.bootstrap, rng, progress=progress)
        low, high = bootstrap_interval(posterior.mean, errors, analysis.level)
        thresholds = thresholds.assign(bootstrap_low=np.exp(low), bootstrap_high=np.exp(high))
    checked = goodness(rows, built, posterior, analysis.level, rng)
    z = float(ndtri((1 + analysis.level) / 2))
    return _Single(
        thresholds, _participant(rows, thresholds, posterior, checked, z), checked, posterior
    )


def estimate(rows: pd.DataFrame, level: float) -> tuple[Observations, Posterior, pd.DataFrame]:
    """Return one participant's observations, posterior and thresholds; ``rows`` by condition."""
    table = _conditions(rows)
    built = Observations.build(
        rows.groupby(CONDITION, sort=True).ngroup(),
        rows["amplitude"],
        rows["correct"],
        table.groupby(["pair", "distortion"], sort=True).ngroup(),
        rows["order"],
    )
    posterior = solve(built)
    z = float(ndtri((1 + level) / 2))
    return built, posterior, _with_estimates(table, posterior, z)


def _conditions(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a condition: trials, and the ends of the amplitudes shown."""
    shown = rows.assign(amplitude=rows["amplitude"].where(rows["amplitude"] > 0))
    amplitude = shown.groupby(CONDITION, sort=True)["amplitude"]
    table = amplitude.agg(trials="size", least="min", most="max")
    return table.reset_index()


def _with_estimates(table: pd.DataFrame, posterior: Posterior, z: float) -> pd.DataFrame:
    mean, sd = posterior.mean, posterior.total_sd()
    threshold = np.exp(mean)
    least, most = table["least"] * np.exp(-_OUTSIDE), table["most"] * np.exp(_OUTSIDE)
    estimates = table[CONDITION].assign(
        threshold=threshold,
        low=np.exp(mean - z * sd),
        high=np.exp(mean + z * sd),
        log_threshold=mean,
        sd=sd,
        trials=table["trials"],
        measured=posterior.trial_sd() <= _MEASURED_SD,
        outside_range=~((least <= threshold) & (threshold <= most)),
    )
    return estimates


def _participant(
    rows: pd.DataFrame,
    thresholds: pd.DataFrame,
    posterior: Posterior,
    checked: Goodness,
    z: float,
) -> dict[str, Any]:
    exponent = _interval(posterior, 0, z, np.exp)
    lapse = _interval(posterior, 1, z, lambda y: 0.5 / (1 + np.exp(-y)))
    learning = _interval(posterior, 2, z, float)
    learning_sd = np.sqrt(posterior.covariance[2, 2])
    row = {
        "participant": str(rows["participant"].iloc[0]),
        "exponent": exponent[0],
        "exponent_low": exponent[1],
        "exponent_high": exponent[2],
        "lapse": lapse[0],
        "lapse_low": lapse[1],
        "lapse_high": lapse[2],
        "trials": len(rows),
        "proportion_correct": float(rows["correct"].mean()),
        "converged": posterior.converged,
        "learning": learning[0],
        "learning_low": learning[1],
        "learning_high": learning[2],
        "learning_p": float(2 * ndtr(-abs(learning[0]) / learning_sd)),
        **checked.summary,
    }
    flags = _flags(row, thresholds) + _misfits(row, checked)
    return row | {"flags": "; ".join(flags)}


def _interval(
    posterior: Posterior, index: int, z: float, back: Callable[[float], float]
) -> tuple[float, float, float]:
    """Return estimate, low and high of a shared number, taken back from the scale of φ."""
    middle = posterior.shared[index]
    reach = z * np.sqrt(posterior.covariance[index, index])
    return float(back(middle)), float(back(middle - reach)), float(back(middle + reach))


def _flags(row: dict[str, Any], thresholds: pd.DataFrame) -> list[str]:
    outside = int(thresholds["outside_range"].sum())
    unmeasured = int((~thresholds["measured"]).sum())
    chance_sd = 0.5 / np.sqrt(row["trials"])
    texts = {
        f"{outside} of {len(thresholds)} thresholds outside the amplitudes shown": outside > 0,
        f"{unmeasured} of {len(thresholds)} thresholds not determined by trials": unmeasured > 0,
        "answers not better than chance": row["proportion_correct"] < 0.5 + 2 * chance_sd,
        f"lapse above {_HIGH_LAPSE:g}": row["lapse"] > _HIGH_LAPSE,
        "exponent differs from 1": not row["exponent_low"] <= 1 <= row["exponent_high"],
        "fit did not converge": not row["converged"],
    }
    return [text for text, applies in texts.items() if applies]


def _misfits(row: dict[str, Any], checked: Goodness) -> list[str]:
    """Say in which ways the trials are not those that the model describes."""
    away = abs(row["first_share"] - 0.5)
    texts = {
        f"thresholds change by {row['learning']:+.2f} nat from the first to the last trial": (
            row["learning_p"] < _FLAG_P
        ),
        f"prefers a position: {row['first_share']:.0%} of answers for the first": (
            row["first_p"] < _FLAG_P and away > _HIGH_PREFERENCE
        ),
        f"answers vary {row['overdispersion']:.1f} times as much between blocks as they should": (
            row["overdispersion_p"] < _FLAG_P
        ),
        "proportion correct by d′ differs from the fitted curve": (row["curve_p"] < _FLAG_P),
        "deviance larger than expected": (
            checked.conditions["deviance_p"].iloc[0] < _FLAG_DISCREPANCY_P
        ),
    }
    return [text for text, applies in texts.items() if applies]


def _source(trials: Trials) -> dict[str, Any]:
    opened = trials.stimulus_set
    return {
        "experiment": trials.sessions[0].experiment,
        "set": {"name": opened.name, "sha256": opened.sha256, "path": str(opened.path)},
        "sessions": [header.model_dump(mode="json") for header in trials.sessions],
        "trials": len(trials.table),
        "trials_sha256": trials.sha256,
        "notes": trials.notes,
    }


def _plain(posterior: Posterior) -> dict[str, Any]:
    values = vars(posterior)
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}
