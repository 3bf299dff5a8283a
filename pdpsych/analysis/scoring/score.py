"""How far each model is from the human, scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.fit import fit as fit_analysis
from pdpsych.analysis.fitting.trials import read_trials
from pdpsych.analysis.names import PAIR
from pdpsych.analysis.prediction import predictive_score, threshold_score
from pdpsych.analysis.prediction.evidence import Evidence
from pdpsych.analysis.prediction.seen import (
    calibration_shown,
    curve_ratio_sd,
    known_responses,
    known_sha256,
)
from pdpsych.analysis.scoring.added_models import AddedModels, ModelName, add_to
from pdpsych.analysis.scoring.ceiling import ceiling, individual_distance
from pdpsych.analysis.scoring.conclusion import (
    basis,
    caution,
    conclude,
    curve_doubt,
    not_predicted,
)
from pdpsych.analysis.scoring.differences import differences
from pdpsych.analysis.scoring.human import HumanRatios, human_ratios, ratio_table
from pdpsych.analysis.scoring.mean_score import Distances, mean_scores
from pdpsych.analysis.scoring.pooling import pool
from pdpsych.analysis.scoring.questions import chosen_by, in_words, took_part
from pdpsych.analysis.scoring.ranking import rank
from pdpsych.analysis.scoring.score_tables import score_table
from pdpsych.analysis.scoring.scores import Scores
from pdpsych.analysis.scoring.separation import separation
from pdpsych.analysis.scoring.sides import sides
from pdpsych.analysis.sources.ratio_table import read_ratio_table
from pdpsych.common.errors import InputError
from pdpsych.common.files.locks import locked
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.responses.finite_response import SIGNS
from pdpsych.stimuli.stimulus_set import StimulusSet


def score(
    analysis: str | Path | Analysis,
    *,
    fit: Fit | None = None,
    added: Sequence[ModelName] | AddedModels = (),
    write: bool = True,
    progress: bool = False,
) -> Scores:
    """Score the models of an analysis's stimulus set against people.

    What models see is that of the distortions as shown where the calibration that the sessions
    were run with has it. Added models are known by the distortions of the set: with them, all
    models are scored by these.

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
    LGN is first (mean score 0.1... nats over 3 images of principal distortions, ...
    """
    opened = open_analysis(analysis)
    if isinstance(added, AddedModels):
        others: AddedModels | None = added
    else:
        others = add_to(opened, added, "added", write, progress) if added else None
    fitted = fit or fit_analysis(opened, write=False, progress=progress)
    scored = _score_set(opened, fitted, others)
    if write:
        # Both: another command may have written another fit meanwhile.
        with locked(opened.results, doing="fit and scores are written"):
            fitted.put_into(opened.results)
            scored.put_into(opened.results)
    return scored


def _score_set(analysis: Analysis, fit: Fit, added: AddedModels | None) -> Scores:
    """Score the models of the set of an analysis, and others."""
    stimulus_set = analysis.open_set()
    if stimulus_set is None:
        return _score_table(analysis, fit)
    shown = None if added else calibration_shown(fit.source["sessions"], stimulus_set)
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
    scored = score_ratios(fit, ratios, _evidence(analysis, fit, stimulus_set, shown, added))
    return replace(
        scored,
        source=fit.source
        | {
            "analysis": fit.analysis,
            "models": models,
            "models_sha256": known_sha256(stimulus_set, shown),
            "questions": in_words(stimulus_set),
        },
        conclusion=scored.conclusion
        + basis(shown.display if shown else None)
        + curve_doubt(curve_ratio_sd(fit.source["sessions"], stimulus_set, fit.thresholds))
        + not_predicted(scored.ranking, scored.predictive_ranking, stimulus_set),
    )


def _score_table(analysis: Analysis, fit: Fit) -> Scores:
    """Score models of which no more than log ratios are known."""
    assert analysis.ratios is not None
    table = read_ratio_table(analysis.resolve(analysis.ratios))
    if table.sha256 != fit.source["set"]["sha256"]:
        raise _other_trials(analysis, "ratios")
    taken = table.ratios.groupby("model", sort=False)["took_part"].all()
    models = {
        str(model): {"took_part": bool(part), "weights_sha256": ""} for model, part in taken.items()
    }
    source = fit.source | {"analysis": fit.analysis, "models": models, "questions": {}}
    return replace(score_ratios(fit, table.ratios), source=source)


def _other_trials(analysis: Analysis, what: str) -> InputError:
    return InputError(
        f"the fit is of other {what} than there are now",
        file=analysis.label,
        field="fit",
        remedy="fit again: pdpsych fit ANALYSIS.yaml",
    )


def _evidence(
    analysis: Analysis,
    fit: Fit,
    stimulus_set: StimulusSet,
    shown: Calibration | None,
    added: AddedModels | None,
) -> Evidence | None:
    """Return the trials of a fit, and what models see of them; None where that is not known."""
    responses = known_responses(stimulus_set, shown)
    if added:
        also = added.finite_responses()
        responses = {key: {**of, **also.get(key, {})} for key, of in responses.items()}
    if not responses:
        return None
    trials = read_trials(analysis)
    if trials.sha256 != fit.source["trials_sha256"]:
        raise _other_trials(analysis, "trials")
    return Evidence(trials.table, responses)


def _models(stimulus_set: StimulusSet) -> dict[str, dict[str, Any]]:
    manifest = stimulus_set.manifest
    weights = {record.name: record.weights_sha256 for record in manifest.representations}
    return {
        model: {"took_part": True, "weights_sha256": weights.get(model, "")}
        for model in manifest.models
    }


def score_ratios(fit: Fit, ratios: pd.DataFrame, evidence: Evidence | None = None) -> Scores:
    """Score models given their log ratios, and what they see at visible amplitudes.

    Parameters
    ----------
    ratios
        Columns image, pair, kind, model, log_ratio, and took_part, which is true where missing.
    evidence
        The trials, and the responses of models to what they showed; without, models are scored by
        their log ratios alone.

    Raises
    ------
    InputError
        If a log ratio is missing or not finite, the fit has images that ``ratios`` lack, or
        nobody measured a pair.
    """
    rng = np.random.default_rng([fit.analysis["seed"], 1])
    _check_images(fit, ratios)
    human = human_ratios(fit, ratios[PAIR].drop_duplicates())
    everyone = pool(human.samples, rng, human.low, human.high)
    wide = _wide_ratios(ratios, human.pairs)
    taken = took_part(ratios, list(wide.index), human.pairs)
    whole = Distances(list(wide.index), human.pairs["image"].to_numpy(), wide.to_numpy(), everyone)
    named = ratios.assign(took_part=ratios.get("took_part", True))
    by_thresholds = threshold_score.empty()
    if evidence:
        signs = tuple(evidence.trials["sign"].unique()) or SIGNS
        by_thresholds = threshold_score.threshold_score(
            fit, evidence.responses, named, human, everyone, signs
        )
    local = {model: (own, own) for model, own in zip(whole.models, whole.log_ratios, strict=True)}
    known = [threshold_score.predicted_ends(by_thresholds.pairs), local]
    near = sides(human, known, fit.level)
    by_kind = [
        _by_kind(str(kind), whole, human, near, fit, rng) for kind in human.pairs["kind"].unique()
    ]
    ranking, separations = (pd.concat(t, ignore_index=True) for t in zip(*by_kind, strict=True))
    table = score_table(human.pairs, whole, taken, fit.level)
    part = table.groupby(["kind", "model"])["took_part"].all()
    ranking.insert(2, "took_part", ranking.join(part, on=["kind", "model"])["took_part"])
    by_answers = predictive_score.empty()
    if evidence and len(evidence.trials):
        by_answers = predictive_score.predictive_score(fit, evidence, named, near)
    return Scores(
        fit.level,
        fit.source,
        ratio_table(human, everyone, fit.level),
        table,
        ranking,
        near,
        ceiling(human, fit.level),
        separations,
        *by_answers,
        *by_thresholds,
        conclusion=conclude(ranking, by_answers.ranking, by_thresholds.ranking, near, fit.level)
        + _caution(fit, human),
    )


def _by_kind(
    kind: str,
    whole: Distances,
    human: HumanRatios,
    near: pd.DataFrame,
    fit: Fit,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ranking and separation on the pairs of one kind."""
    numbers = np.flatnonzero(human.pairs["kind"] == kind)
    distances = whole.select(numbers)
    means = mean_scores(distances, rng)
    apart = differences(distances.models, kind, means, fit.level)
    individual = individual_distance(distances, human.low[:, numbers], human.high[:, numbers])
    ranked = rank(distances, kind, means, apart, individual, fit.level)
    return ranked, separation(distances, kind, apart, near[near["kind"] == kind])


def _caution(fit: Fit, human: HumanRatios) -> str:
    people, wanted = int(human.shown.any(axis=1).sum()), int(human.shown.sum())
    bounds = wanted - int(human.exact.sum())
    return caution(bounds, wanted, people, human.pairs["image"].nunique())


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
