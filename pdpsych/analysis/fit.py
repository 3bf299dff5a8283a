"""Human thresholds from trials: one hierarchical fit a participant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from pdpsych.analysis import tables
from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.hierarchy import Posterior, solve
from pdpsych.analysis.likelihood import Floats, Observations
from pdpsych.analysis.trials import CONDITION, Trials, gather
from pdpsych.progress import progress_bar

SCHEMA_VERSION = 1
# Above this lapse a participant is flagged: one answer in ten given without looking.
_HIGH_LAPSE = 0.05
# A threshold counts as measured if its trials alone place it within a factor e or so. Otherwise
# it is what the other conditions are, which is no basis for comparing models.
_MEASURED_SD = 1.0

THRESHOLD_COLUMNS: tables.Dictionary = {
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
    "outside_range": ("whether the threshold lies outside the amplitudes shown", "none"),
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
        measured (whether the trials determine it), outside_range.
    participants
        One row each: exponent b and lapse λ with intervals, trials, proportion_correct,
        converged, flags.
    posteriors
        The posterior of each participant; conditions in the order of ``thresholds``.
    """

    analysis: dict[str, Any]
    source: dict[str, Any]
    thresholds: pd.DataFrame
    participants: pd.DataFrame
    posteriors: dict[str, Posterior]

    def __str__(self) -> str:
        """Say what each participant's trials gave, a line each."""
        lines = [
            f"{row['participant']}: {row['trials']} trials, exponent {row['exponent']:.2f} "
            f"[{row['exponent_low']:.2f}, {row['exponent_high']:.2f}], lapse {row['lapse']:.3f}; "
            f"{row['flags'] or 'no flags'}"
            for row in self.participants.to_dict("records")
        ]
        head = f"{len(self.thresholds)} thresholds of {self.analysis['name']}"
        return "\n".join([head, *(f"  {line}" for line in lines)])

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

    def to_json(self, path: str | Path) -> Path:
        """Write the fit; samples are drawn again from the posteriors and the seed."""
        data = {
            "schema_version": SCHEMA_VERSION,
            "analysis": self.analysis,
            "source": self.source,
            "thresholds": tables.to_plain(self.thresholds),
            "participants": tables.to_plain(self.participants),
            "posteriors": {name: _plain(p) for name, p in self.posteriors.items()},
        }
        return tables.write_text(Path(path), tables.to_json(data))

    @classmethod
    def from_json(cls, path: str | Path) -> Fit:
        """Read a fit written by :meth:`to_json`."""
        data = tables.read_json(Path(path), SCHEMA_VERSION)
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
            pd.DataFrame(data["thresholds"]),
            pd.DataFrame(data["participants"]),
            posteriors,
        )

    def write(self, folder: Path) -> list[Path]:
        """Write fit.json, and thresholds.csv with its data dictionary thresholds.json."""
        return [
            self.to_json(folder / "fit.json"),
            tables.write_table(folder, "thresholds", self.thresholds, THRESHOLD_COLUMNS),
        ]


def fit(analysis: str | Path | Analysis, progress: bool = False) -> Fit:
    """Fit the thresholds of an analysis and write them to its results folder.

    P(correct) = ½ + (½ − λ)(2Φ(d′/√2) − 1), d′ = (α/τ)^b, at the realised amplitudes α;
    :mod:`pdpsych.analysis.hierarchy` says what is shared.

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
    z = float(ndtri((1 + analysis.level) / 2))
    thresholds, participants, posteriors = [], [], {}
    groups = trials.table.groupby("participant", sort=True)
    with progress_bar(len(groups), "participant", progress) as bar:
        for name, rows in groups:
            table = _conditions(rows)
            condition = rows.groupby(CONDITION, sort=True).ngroup()
            posterior = solve(Observations.build(condition, rows["amplitude"], rows["correct"]))
            thresholds.append(_with_estimates(table, posterior, z))
            participants.append(_participant(str(name), rows, thresholds[-1], posterior, z))
            posteriors[str(name)] = posterior
            bar.update()
    return Fit(
        {"name": analysis.stem, **analysis.model_dump(mode="json")},
        _source(trials),
        pd.concat(thresholds, ignore_index=True),
        pd.DataFrame(participants),
        posteriors,
    )


def _conditions(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a condition: trials, and the ends of the amplitudes shown."""
    shown = rows.assign(amplitude=rows["amplitude"].where(rows["amplitude"] > 0))
    amplitude = shown.groupby(CONDITION, sort=True)["amplitude"]
    table = amplitude.agg(trials="size", least="min", most="max")
    return table.reset_index()


def _with_estimates(table: pd.DataFrame, posterior: Posterior, z: float) -> pd.DataFrame:
    mean, sd = posterior.mean, posterior.total_sd()
    threshold = np.exp(mean)
    inside = (table["least"] <= threshold) & (threshold <= table["most"])
    estimates = table[CONDITION].assign(
        threshold=threshold,
        low=np.exp(mean - z * sd),
        high=np.exp(mean + z * sd),
        log_threshold=mean,
        sd=sd,
        trials=table["trials"],
        measured=posterior.trial_sd() <= _MEASURED_SD,
        outside_range=~inside,
    )
    return estimates


def _participant(
    name: str, rows: pd.DataFrame, thresholds: pd.DataFrame, posterior: Posterior, z: float
) -> dict[str, Any]:
    exponent = _interval(posterior, 0, z, np.exp)
    lapse = _interval(posterior, 1, z, lambda y: 0.5 / (1 + np.exp(-y)))
    row = {
        "participant": name,
        "exponent": exponent[0],
        "exponent_low": exponent[1],
        "exponent_high": exponent[2],
        "lapse": lapse[0],
        "lapse_low": lapse[1],
        "lapse_high": lapse[2],
        "trials": len(rows),
        "proportion_correct": float(rows["correct"].mean()),
        "converged": posterior.converged,
    }
    return row | {"flags": "; ".join(_flags(row, thresholds))}


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
        f"lapse above {_HIGH_LAPSE:g}": row["lapse_low"] > _HIGH_LAPSE,
        "exponent differs from 1": not row["exponent_low"] <= 1 <= row["exponent_high"],
        "fit did not converge": not row["converged"],
    }
    return [text for text, applies in texts.items() if applies]


def _source(trials: Trials) -> dict[str, Any]:
    opened = trials.stimulus_set
    return {
        "experiment": trials.sessions[0].experiment,
        "set": {"name": opened.name, "sha256": opened.sha256, "path": str(opened.path)},
        "sessions": [header.model_dump(mode="json") for header in trials.sessions],
        "trials": len(trials.table),
        "practice_trials_left_out": trials.practice,
        "notes": trials.notes,
    }


def _plain(posterior: Posterior) -> dict[str, Any]:
    values = vars(posterior)
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}
