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
from pdpsych.analysis.names import PAIR, Floats
from pdpsych.analysis.scoring.added_models import AddedModels, ModelName, add_to
from pdpsych.analysis.scoring.ceiling import ceiling, individual_distance
from pdpsych.analysis.scoring.columns import SCORE
from pdpsych.analysis.scoring.conclusion import basis, caution, conclude, deciding_kind
from pdpsych.analysis.scoring.differences import differences
from pdpsych.analysis.scoring.human import HumanRatios, human_ratios, ratio_table
from pdpsych.analysis.scoring.mean_score import Distances, mean_scores
from pdpsych.analysis.scoring.pooling import pool
from pdpsych.analysis.scoring.questions import NO_PART, chosen_by, in_words, took_part
from pdpsych.analysis.scoring.ranking import rank
from pdpsych.analysis.scoring.score_tables import score_table
from pdpsych.analysis.scoring.separation import gain_over_random, separation
from pdpsych.analysis.words import counted
from pdpsych.common import tables
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.files.locks import locked
from pdpsych.common.results import Result
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.stimulus_set import StimulusSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LINES = 18
SCHEMA = Schema("score", 3, "score again: pdpsych score ANALYSIS.yaml")


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Result):
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

    Examples
    --------
    >>> from pdpsych import analysis
    >>> scores = analysis.score("study", write=False)
    >>> scores
    <Scores: LGN first of 3 models on 3 images>
    >>> principal = scores.ranking.query("kind == 'principal'")
    >>> principal[["rank", "model", "score"]].round(1)
       rank model  score
    0     1   LGN    0.2
    1     2    LG    1.6
    2     3    LN    3.1
    >>> scores == analysis.Scores.from_json(scores.to_json("copy.json"))
    True
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

    def describe(self) -> str:
        """Give the ranking of each kind of distortion and the conclusion."""
        parts, asked = [], self.source.get("questions", {})
        for kind, rows in self.ranking.groupby("kind", sort=False):
            first = rows.iloc[0]
            about = f" ({asked[kind]})" if kind in asked else ""
            parts.append(
                f"mean score on {kind} distortions{about}, {100 * self.level:g} % interval, nats "
                f"(a perfect model: {first['expected_perfect']:.2f})"
            )
            width = rows["model"].str.len().max()
            listed = max(4, _MOST_LINES // self.ranking["kind"].nunique())
            parts += [
                f"  {row['rank']}. {row['model']:<{width}}  {row['score']:.2f} "
                f"[{row['low']:.2f}, {row['high']:.2f}]" + ("" if row["took_part"] else NO_PART)
                for _, row in rows.head(listed).iterrows()
            ]
            if len(rows) > listed:
                parts.append(f"  and {len(rows) - listed} more, in ranking.csv")
        if not self.ranking["took_part"].all():
            parts.append(f"{NO_PART.strip()}: the distortions were chosen by other models")
        gain = gain_over_random(self.separation)
        return "\n".join([*parts, *filter(None, [gain]), self.conclusion])

    def _line(self) -> str:
        rows = self.ranking[self.ranking["kind"] == deciding_kind(self.ranking["kind"])]
        first = rows.iloc[0]
        images = counted(first["images"], "image")
        return f"{first['model']} first of {counted(len(rows), 'model')} on {images}"

    def plot(self, *, kind: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw each model's score on one kind of distortions.

        Parameters
        ----------
        kind
            Kind of distortions, by default the one that decides.
        ax
            Axes to draw on, new ones by default.
        """
        from pdpsych.analysis.figures.scores import plot_scores

        kind = kind or deciding_kind(self.ranking["kind"])
        return plot_scores(self.ranking, self.ceiling, kind=kind, level=self.level, ax=ax)

    def to_json(self, path: str | Path) -> Path:
        """Write the scores.

        Parameters
        ----------
        path
            File to write.
        """
        frames = {name: tables.to_plain(getattr(self, name)) for name in SCORE}
        return SCHEMA.write(path, vars(self) | frames)

    @classmethod
    def from_json(cls, path: str | Path) -> Scores:
        """Read scores written by :meth:`to_json`.

        Parameters
        ----------
        path
            File to read.
        """
        with SCHEMA.reading(path) as data:
            del data["schema_version"]
            return cls(**data | {name: tables.from_plain(data[name]) for name in SCORE})

    def put_into(self, folder: Path) -> list[Path]:
        """Write score.json, and each table as .csv with a data dictionary .json beside it.

        The lock of the folder is to be held meanwhile.
        """
        written = [
            tables.write_table(folder, name, getattr(self, name), columns)
            for name, columns in SCORE.items()
        ]
        return [self.to_json(folder / "score.json"), *written]


def score(
    analysis: str | Path | Analysis,
    *,
    fit: Fit | None = None,
    added: Sequence[ModelName] | AddedModels = (),
    write: bool = True,
    progress: bool = False,
) -> Scores:
    """Score the models of an analysis's stimulus set against people.

    Sensitivities are to the distortions as shown where the calibration that the sessions were
    run with has them. Added models are known by those to the distortions of the set: with them,
    all models are scored by these.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    fit
        Its fit, made anew if not given.
    added
        Other models to score on the same distortions, as :func:`pdpsych.models.load` takes them,
        or what :func:`pdpsych.analysis.add_models` made of them. They did not take part in
        choosing the distortions, and are marked so.
    write
        Whether to write the scores, and the fit they are of, into the results folder of the
        analysis, over what is there.
    progress
        Whether to show a progress bar over images for added models.

    Raises
    ------
    InputError
        If the analysis, its experiment, a log, the stimulus set or a model cannot be used.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> fitted = analysis.fit("study")
    >>> print(analysis.score("study", fit=fitted).conclusion)  # doctest: +ELLIPSIS
    LGN is closest to the human: mean score 0.18 [0.02, 0.44] nats over 3 images of principal ...
    """
    opened = open_analysis(analysis)
    if isinstance(added, AddedModels):
        others: AddedModels | None = added
    else:
        others = add_to(opened, added, "added", write, progress) if added else None
    fitted = fit or fit_analysis(opened, write=False, progress=progress)
    scored = _score_set(fitted, opened.open_experiment().open_set(), others)
    if write:
        # Both: another command may have written another fit meanwhile.
        with locked(opened.results, doing="fit and scores are written"):
            fitted.put_into(opened.results)
            scored.put_into(opened.results)
    return scored


def _score_set(fit: Fit, stimulus_set: StimulusSet, added: AddedModels | None) -> Scores:
    """Score the models of a set, and others."""
    shown = None if added else calibration_shown(fit, stimulus_set)
    # Of rivals too: which of all pairs are scored is known by what was measured.
    if shown:
        ratios = shown.log_ratios(stimulus_set, rivals=True)
    else:
        ratios = stimulus_set.log_ratios(rivals=True)
    ratios = ratios.assign(took_part=chosen_by(stimulus_set, ratios))
    models = _models(stimulus_set)
    if added:
        ratios = pd.concat([ratios, added.log_ratios()], ignore_index=True)
        models |= added.models()
    scored = score_ratios(fit, ratios)
    return replace(
        scored,
        source=fit.source
        | {"analysis": fit.analysis, "models": models, "questions": in_words(stimulus_set)},
        conclusion=scored.conclusion + basis(shown.display if shown else None),
    )


def calibration_shown(fit: Fit, stimulus_set: StimulusSet) -> Calibration | None:
    """Return the calibration that all sessions of a fit were run with, if it asked the models.

    None where sessions differ, were run without one, or it has no sensitivities: the models are
    then scored by their sensitivity to the distortions as they were made.
    """
    named = {session.get("calibration") for session in fit.source["sessions"]}
    sha256 = named.pop() if len(named) == 1 else None
    found = Calibration.with_sha256(stimulus_set, sha256) if sha256 else None
    return found if found and found.has_sensitivities else None


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
    taken = took_part(ratios, list(wide.index), human.pairs)
    whole = Distances(list(wide.index), human.pairs["image"].to_numpy(), wide.to_numpy(), everyone)
    by_kind = [
        _by_kind(str(kind), whole.select(np.asarray(numbers)), estimate[:, numbers], fit, rng)
        for kind, numbers in human.pairs.groupby("kind", sort=False).indices.items()
    ]
    ranking, apart, separations = (
        pd.concat(t, ignore_index=True) for t in zip(*by_kind, strict=True)
    )
    table = score_table(human.pairs, whole, taken, fit.level)
    part = table.groupby(["kind", "model"])["took_part"].all()
    ranking.insert(2, "took_part", ranking.join(part, on=["kind", "model"])["took_part"])
    return Scores(
        fit.level,
        fit.source,
        ratio_table(human, everyone, fit.level),
        table,
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
    individual = individual_distance(distances, estimate)
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
            raise InputError(
                "thresholds of a pair that the stimulus set has not",
                file=str(fit.analysis["name"]),
                field="fit.thresholds",
                value=f"{image}/{pair}",
                allowed=sorted(f"{i}/{p}" for i, p in known),
            )


def _wide_ratios(ratios: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return log ratios with one row a model and one column a pair."""
    for row in ratios[~np.isfinite(ratios["log_ratio"])].itertuples():
        raise InputError(
            f"a log ratio of model {row.model}, whose sensitivity to a distortion is 0",
            file="stimulus set",
            field=f"{row.image}/{row.pair}",
            value=row.log_ratio,
            remedy="generate with a floor above 0",
        )
    order = list(dict.fromkeys(ratios["model"]))
    wide = ratios.pivot(index="model", columns=["image", "pair"], values="log_ratio")
    columns = pd.MultiIndex.from_frame(pairs[["image", "pair"]])
    found = wide.reindex(index=order, columns=columns)
    for model, column in zip(*np.nonzero(found.isna().to_numpy()), strict=True):
        raise InputError(
            f"no sensitivities of model {order[model]}",
            file="stimulus set",
            field="/".join(columns[column]),
            remedy="generate the set again with all models",
        )
    return found
