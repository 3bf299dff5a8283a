"""How far each model is from the human, by equation 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.fit import fit as fit_analysis
from pdpsych.analysis.fitting.likelihood import Floats
from pdpsych.analysis.scoring import score_tables
from pdpsych.analysis.scoring.added_models import AddedModels, ModelName, add_to
from pdpsych.analysis.scoring.as_shown import calibration_shown
from pdpsych.analysis.scoring.ceiling import ceiling, individual_distance
from pdpsych.analysis.scoring.conclusion import basis, caution, conclude, deciding_kind
from pdpsych.analysis.scoring.differences import differences
from pdpsych.analysis.scoring.human import HumanRatios, human_ratios, ratio_table
from pdpsych.analysis.scoring.mean_score import Distances, mean_scores
from pdpsych.analysis.scoring.pooling import pool
from pdpsych.analysis.scoring.ranking import rank
from pdpsych.analysis.scoring.separation import bought, separation
from pdpsych.common import tables
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError, did_you_mean
from pdpsych.stimuli.stimulus_set import StimulusSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LINES = 18
SCHEMA = Schema("score", 3, "score again: pdpsych score ANALYSIS.yaml")
PAIR = ["image", "pair", "kind"]

_TABLES: dict[str, tables.Columns] = {
    "human": score_tables.HUMAN,
    "scores": score_tables.SCORES,
    "ranking": score_tables.RANKING,
    "differences": score_tables.DIFFERENCES,
    "ceiling": score_tables.CEILING,
    "separation": score_tables.SEPARATION,
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
        As in :class:`Fit`; with ``models``: of each, whether it took part in choosing the
        distortions, and the SHA-256 of its weights ("" if it has none).
    human
        Log sensitivity ratio per participant, image and pair, with sd and interval; the rows of
        participant "all" are the mean over participants, with the uncertainty of trials and
        participants.
    scores
        Score and signed error per image, pair and model, with intervals.
    ranking
        Per kind of distortion: mean and median score over images with intervals that carry
        trials, participants and images; rank; paired difference to the best model; probability
        that each is the closest.
    differences
        Of all pairs of models, intervals and p-values adjusted for all pairs (max-t).
    ceiling
        Noise ceiling: participants against each other.
    separation
        How far apart, and how surely, each kind of distortions puts the models.
    conclusion
        The ranking on principal distortions in words.
    """

    level: float
    source: dict[str, Any]
    human: pd.DataFrame
    scores: pd.DataFrame
    ranking: pd.DataFrame
    differences: pd.DataFrame
    ceiling: pd.DataFrame
    separation: pd.DataFrame
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
            listed = max(4, _MOST_LINES // self.ranking["kind"].nunique())
            parts += [
                f"  {row['rank']}. {row['model']:<{width}}  {row['score']:.2f} "
                f"[{row['low']:.2f}, {row['high']:.2f}]" + ("" if row["took_part"] else " (added)")
                for _, row in rows.head(listed).iterrows()
            ]
            if len(rows) > listed:
                parts.append(f"  and {len(rows) - listed} more, in ranking.csv")
        if not self.ranking["took_part"].all():
            parts.append("(added): did not take part in choosing the distortions")
        return "\n".join([*parts, *filter(None, [bought(self.separation)]), self.conclusion])

    __repr__ = __str__

    def plot(self, kind: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw each model's score on one kind of distortions, by default the one that decides."""
        from pdpsych.analysis.figures.scores import plot_scores

        return plot_scores(self, kind or deciding_kind(self.ranking["kind"]), ax)

    def to_json(self, path: str | Path) -> Path:
        """Write the scores."""
        frames = {name: tables.to_plain(getattr(self, name)) for name in _TABLES}
        return SCHEMA.write(path, vars(self) | frames)

    @classmethod
    def from_json(cls, path: str | Path) -> Scores:
        """Read scores written by :meth:`to_json`."""
        with SCHEMA.reading(path) as data:
            del data["schema_version"]
            return cls(**data | {name: tables.from_plain(data[name]) for name in _TABLES})

    def write(self, folder: Path) -> list[Path]:
        """Write score.json, and each table as .csv with a data dictionary."""
        written = [
            tables.write_table(folder, name, getattr(self, name), columns)
            for name, columns in _TABLES.items()
        ]
        return [self.to_json(folder / "score.json"), *written]


def score(
    analysis: str | Path | Analysis,
    fit: Fit | None = None,
    added: Sequence[ModelName] | AddedModels = (),
    progress: bool = False,
) -> Scores:
    """Score the models of an analysis's stimulus set and write its results folder.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    fit
        Its fit, made anew if not given.
    added
        Other models to score on the same distortions, as :func:`pdpsych.models.load` takes them,
        or what :func:`pdpsych.analysis.scoring.added_models.add_to` made of them. They did not
        take part in choosing the distortions, and are marked so.
    progress
        Whether to show a progress bar over images for added models.

    Raises
    ------
    InputError
        If something cannot be used, or no pair has thresholds for both of its distortions.
    """
    opened = open_analysis(analysis)
    # Before the fit, which takes longer than to find that a model cannot be had.
    if isinstance(added, AddedModels):
        others: AddedModels | None = added
    else:
        others = add_to(opened, added, progress) if added else None
    fitted = fit_analysis(opened) if fit is None else fit
    scored = score_fit(fitted, opened.open_experiment().open_set(), others)
    scored.write(opened.results)
    return scored


def score_fit(fit: Fit, stimulus_set: StimulusSet, added: AddedModels | None = None) -> Scores:
    """Score the models of a set, and others, against a fit; writes nothing.

    Sensitivities are to the distortions as shown where the calibration that the sessions were
    run with has them. Added models are known by those to the distortions of the set: with them,
    all models are scored by these.
    """
    shown = None if added else calibration_shown(fit, stimulus_set)
    ratios = shown.log_ratios(stimulus_set) if shown else stimulus_set.log_ratios()
    ratios = ratios.assign(took_part=True)
    models = _models(stimulus_set)
    if added:
        ratios = pd.concat([ratios, added.log_ratios()], ignore_index=True)
        models |= added.models()
    scored = score_ratios(fit, ratios)
    return replace(
        scored,
        source=fit.source | {"analysis": fit.analysis, "models": models},
        conclusion=scored.conclusion + basis(shown.display if shown else None),
    )


def _models(stimulus_set: StimulusSet) -> dict[str, dict[str, Any]]:
    manifest = stimulus_set.manifest
    weights = {record.name: record.weights_sha256 for record in manifest.representations}
    return {
        model: {"took_part": True, "weights_sha256": weights.get(model, "")}
        for model in manifest.models
    }


def score_ratios(fit: Fit, ratios: pd.DataFrame) -> Scores:
    """Score models given their log ratios.

    Parameters
    ----------
    ratios
        Columns image, pair, kind, model, log_ratio, and took_part, which is true where missing.

    Raises
    ------
    InputError
        If a log ratio is missing or not finite, the fit has images that ``ratios`` lack, or
        nobody measured a pair.
    """
    rng = np.random.default_rng([fit.analysis["seed"], 1])
    _check_images(fit, ratios)
    human = human_ratios(fit, ratios[PAIR].drop_duplicates())
    everyone, estimate = pool(human.samples, rng), human.samples.mean(axis=0)
    wide = _wide_ratios(ratios, human.pairs)
    took_part = ratios.drop_duplicates("model").set_index("model").get("took_part")
    taken = dict.fromkeys(wide.index, True) if took_part is None else took_part.to_dict()
    whole = Distances(list(wide.index), human.pairs["image"].to_numpy(), wide.to_numpy(), everyone)
    by_kind = [
        _by_kind(str(kind), whole.select(np.asarray(numbers)), estimate[:, numbers], fit, rng)
        for kind, numbers in human.pairs.groupby("kind", sort=False).indices.items()
    ]
    ranking, apart, separations = (
        pd.concat(t, ignore_index=True) for t in zip(*by_kind, strict=True)
    )
    ranking.insert(2, "took_part", ranking["model"].map(taken).astype(bool))
    return Scores(
        fit.level,
        fit.source,
        ratio_table(human, everyone, fit.level),
        score_tables.score_table(human.pairs, whole, [taken[m] for m in wide.index], fit.level),
        ranking,
        apart,
        ceiling(human, fit.level),
        separations,
        conclude(ranking, fit.level) + _caution(fit, human),
    )


def _by_kind(
    kind: str, distances: Distances, estimate: Floats, fit: Fit, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return ranking, differences and separation on one kind; ``estimate`` is each person's."""
    means = mean_scores(distances, rng)
    apart = differences(distances.models, kind, means, fit.level, rng)
    individual = individual_distance(distances.log_ratios, estimate, distances.images)
    ranked = rank(distances, kind, means, apart, individual, fit.level)
    return ranked, apart, separation(distances, kind, apart)


def _caution(fit: Fit, human: HumanRatios) -> str:
    shown = fit.thresholds.groupby(["participant", "image", "pair"])["distortion"].nunique()
    wanted, found = int((shown == 2).sum()), int((~np.isnan(human.samples[0])).sum())
    people = int((~np.isnan(human.samples[0])).any(axis=1).sum())
    return caution(wanted - found, wanted, people, human.pairs["image"].nunique())


def _check_images(fit: Fit, ratios: pd.DataFrame) -> None:
    """Refuse thresholds of pairs that the models know nothing of."""
    known = set(zip(ratios["image"], ratios["pair"], strict=True))
    measured = fit.thresholds[["image", "pair"]].drop_duplicates()
    for image, pair in measured.itertuples(index=False, name=None):
        if (image, pair) not in known:
            near = did_you_mean(f"{image}/{pair}", sorted(f"{i}/{p}" for i, p in known))
            raise InputError(
                f"fit: thresholds of image {image}, pair {pair}, which the stimulus set has not; "
                f"{near}"
            )


def _wide_ratios(ratios: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return log ratios with one row a model and one column a pair."""
    for row in ratios[~np.isfinite(ratios["log_ratio"])].itertuples():
        raise InputError(
            f"stimulus set: image {row.image}, pair {row.pair}: model {row.model} has log ratio "
            f"{row.log_ratio}, its sensitivity to a distortion is 0; generate with a floor above 0"
        )
    order = list(dict.fromkeys(ratios["model"]))
    wide = ratios.pivot(index="model", columns=["image", "pair"], values="log_ratio")
    columns = pd.MultiIndex.from_frame(pairs[["image", "pair"]])
    found = wide.reindex(index=order, columns=columns)
    for model, column in zip(*np.nonzero(found.isna().to_numpy()), strict=True):
        image, pair = columns[column]
        raise InputError(
            f"stimulus set: image {image}, pair {pair}: no sensitivities of model "
            f"{order[model]}; generate the set again with all models"
        )
    return found
