"""How far each model is from the human, by equation 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdpsych.analysis import tables
from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.fit import Fit
from pdpsych.analysis.fit import fit as fit_analysis
from pdpsych.analysis.human import HumanRatios, human_ratios, ratio_table, summary
from pdpsych.analysis.likelihood import Floats
from pdpsych.analysis.ranking import Distances, conclude, rank
from pdpsych.errors import InputError
from pdpsych.stimuli.stimulus_set import StimulusSet

SCHEMA_VERSION = 1
PAIR = ["image", "pair", "kind"]

_PAIR_COLUMNS: tables.Dictionary = {
    "image": ("base image", "none"),
    "pair": ("pair of distortions (u, v) of the image", "none"),
    "kind": ("how the pair was made", "none"),
    "model": ("model", "none"),
    "low": ("lower end of the interval", "nat"),
    "high": ("upper end of the interval", "nat"),
    "score": ("|log ratio of the model − log ratio of the human|, equation 1", "nat"),
    "expected_perfect": ("expected score of a perfect model with these data", "nat"),
}
HUMAN_COLUMNS: tables.Dictionary = _PAIR_COLUMNS | {
    "participant": ('label of the participant; "all" is the mean over participants', "none"),
    "log_ratio": ("log sensitivity ratio log d(u)/d(v) = log τ(v) − log τ(u)", "nat"),
    "sd": ("posterior standard deviation of log_ratio", "nat"),
}
SCORE_COLUMNS: tables.Dictionary = _PAIR_COLUMNS | {
    "log_ratio": ("log sensitivity ratio of the model", "nat"),
}
RANKING_COLUMNS: tables.Dictionary = _PAIR_COLUMNS | {
    "rank": ("1 is closest to the human", "none"),
    "score": ("mean over images of the score", "nat"),
    "images": ("number of base images", "count"),
    "difference": ("score minus the score of the best model", "nat"),
    "difference_low": ("lower end of the interval of difference", "nat"),
    "difference_high": ("upper end of the interval of difference", "nat"),
    "probability_closest": ("share of draws in which the model is the closest", "none"),
}


@dataclass(frozen=True)
class Scores:
    """Distance of each model to the human.

    The score of a pair is |x_model − x_human| with x the log sensitivity ratio. Noise in x_human
    makes it larger on average, never smaller: the score of a model that is right is not 0 but
    about ``expected_perfect``. Scores are reported as they are, beside that number.

    Attributes
    ----------
    level
        Probability of the intervals.
    source
        As in :class:`Fit`.
    human
        Log sensitivity ratio per participant, image and pair, with sd and interval; the rows of
        participant "all" are the mean over participants, with the uncertainty of trials and
        participants.
    scores
        Score per image, pair and model, with interval.
    ranking
        Per kind of distortion: mean score over images with an interval that carries trials,
        participants and images; rank; paired difference to the best model; probability that
        each is the closest.
    conclusion
        The ranking on principal distortions in words.
    """

    level: float
    source: dict[str, Any]
    human: pd.DataFrame
    scores: pd.DataFrame
    ranking: pd.DataFrame
    conclusion: str

    def __str__(self) -> str:
        """Give the ranking of each kind of distortion and the conclusion."""
        parts = []
        for kind, rows in self.ranking.groupby("kind", sort=False):
            first = rows.iloc[0]
            parts.append(
                f"mean score on {kind} distortions, {100 * self.level:g} % interval, nats "
                f"(a perfect model: {first['expected_perfect']:.2f})"
            )
            width = rows["model"].str.len().max()
            parts += [
                f"  {row['rank']}. {row['model']:<{width}}  {row['score']:.2f} "
                f"[{row['low']:.2f}, {row['high']:.2f}]"
                for _, row in rows.iterrows()
            ]
        return "\n".join([*parts, self.conclusion])

    def to_json(self, path: str | Path) -> Path:
        """Write the scores."""
        data = {"schema_version": SCHEMA_VERSION} | vars(self)
        frames = {n: tables.to_plain(data[n]) for n in ("human", "scores", "ranking")}
        return tables.write_text(Path(path), tables.to_json(data | frames))

    @classmethod
    def from_json(cls, path: str | Path) -> Scores:
        """Read scores written by :meth:`to_json`."""
        data = tables.read_json(Path(path), SCHEMA_VERSION)
        del data["schema_version"]
        frames = {n: pd.DataFrame(data[n]) for n in ("human", "scores", "ranking")}
        return cls(**data | frames)

    def write(self, folder: Path) -> list[Path]:
        """Write score.json, and human, scores and ranking as .csv with a data dictionary each."""
        return [
            self.to_json(folder / "score.json"),
            tables.write_table(folder, "human", self.human, HUMAN_COLUMNS),
            tables.write_table(folder, "scores", self.scores, SCORE_COLUMNS),
            tables.write_table(folder, "ranking", self.ranking, RANKING_COLUMNS),
        ]


def score(analysis: str | Path | Analysis, fit: Fit | None = None) -> Scores:
    """Score the models of an analysis's stimulus set and write its results folder.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    fit
        Its fit, made anew if not given.

    Raises
    ------
    InputError
        If something cannot be used, or no pair has thresholds for both of its distortions.
    """
    opened = open_analysis(analysis)
    fitted = fit_analysis(opened) if fit is None else fit
    scored = score_fit(fitted, opened.open_experiment().open_set())
    scored.write(opened.results)
    return scored


def score_fit(fit: Fit, stimulus_set: StimulusSet) -> Scores:
    """Score the models of a set against a fit; writes nothing."""
    return score_ratios(fit, stimulus_set.log_ratios())


def score_ratios(fit: Fit, ratios: pd.DataFrame) -> Scores:
    """Score models given their log ratios: columns image, pair, kind, model, log_ratio.

    Raises
    ------
    InputError
        If a log ratio is not finite, or nobody measured a pair.
    """
    rng = np.random.default_rng([fit.analysis["seed"], 1])
    human = human_ratios(fit, ratios[PAIR].drop_duplicates())
    everyone = human.pool(rng)
    models = _model_ratios(ratios, human.pairs)
    middle = everyone.mean(axis=0)
    point = np.abs(models.to_numpy() - middle)
    draws = _centred(np.abs(models.to_numpy() - everyone[:, None, :]), point)
    perfect = np.abs(everyone - middle).mean(axis=0)
    ranking = [
        rank(
            Distances(
                list(models.index),
                human.pairs["image"].to_numpy()[of_kind],
                point[:, of_kind],
                draws[:, :, of_kind],
                perfect[of_kind],
            ),
            str(kind),
            fit.level,
            rng,
        )
        for kind, of_kind in human.pairs.groupby("kind", sort=False).indices.items()
    ]
    ranked = pd.concat(ranking, ignore_index=True)
    return Scores(
        fit.level,
        fit.source,
        ratio_table(human, everyone, fit.level),
        _score_table(human.pairs, models, point, draws, perfect, fit.level),
        ranked,
        conclude(ranked, fit.level) + _caution(fit, human),
    )


def _caution(fit: Fit, human: HumanRatios) -> str:
    """Say how many ratios are missing because a threshold was out of reach."""
    shown = fit.thresholds.groupby(["participant", "image", "pair"])["distortion"].nunique()
    wanted, found = int((shown == 2).sum()), int((~np.isnan(human.samples[0])).sum())
    if wanted == found:
        return ""
    return (
        f" Left out: {wanted - found} of {wanted} human ratios, because the trials do not "
        "determine a threshold (see the column measured of thresholds.csv)."
    )


def _model_ratios(ratios: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return log ratios with one row a model and one column a pair."""
    for row in ratios[~np.isfinite(ratios["log_ratio"])].itertuples():
        raise InputError(
            f"stimulus set: image {row.image}, pair {row.pair}: model {row.model} has log ratio "
            f"{row.log_ratio}, its sensitivity to a distortion is 0; generate with a floor above 0"
        )
    order = list(dict.fromkeys(ratios["model"]))
    wide = ratios.pivot(index="model", columns=["image", "pair"], values="log_ratio")
    columns = pd.MultiIndex.from_frame(pairs[["image", "pair"]])
    return wide.reindex(index=order, columns=columns)


def _centred(draws: Floats, point: Floats) -> Floats:
    """Centre draws on what is reported.

    The score holds the noise of the human ratio once; its draws hold it twice.
    """
    return np.asarray(draws + (point - draws.mean(axis=0)))


def _score_table(
    pairs: pd.DataFrame,
    models: pd.DataFrame,
    point: Floats,
    draws: Floats,
    perfect: Floats,
    level: float,
) -> pd.DataFrame:
    _, _, low, high = summary(draws, level)
    frames = [
        pairs.assign(
            model=name,
            log_ratio=models.to_numpy()[m],
            score=point[m],
            low=np.maximum(low[m], 0.0),
            high=high[m],
            expected_perfect=perfect,
        )
        for m, name in enumerate(models.index)
    ]
    return pd.concat(frames, ignore_index=True)
