"""What may be said of the models, in words."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pdpsych.analysis.scoring.differences import NEGLIGIBLE
from pdpsych.analysis.words import counted
from pdpsych.stimuli.manifest import KINDS
from pdpsych.stimuli.stimulus_set import StimulusSet

_MOST_NAMES = 6
# Share of the trials that have to be known to all models for their answers to decide, and of a
# model's ratios that may be bounds where its score at threshold has a place in the order.
LEAST_KNOWN, MOST_BOUNDS = 0.5, 0.5


def conclude(
    ranking: pd.DataFrame, predictive: pd.DataFrame, at_threshold: pd.DataFrame, level: float
) -> str:
    """Say in some sentences which model is closest, and whether the data can tell.

    On principal distortions where there are any, else on the first kind. Models are told apart
    by intervals that are simultaneous over all pairs of models. Where the predictive score is
    known, for most trials, it decides, and what the others say is told after it.

    Parameters
    ----------
    ranking, predictive, at_threshold
        By the local score, by the predictive one and by that at threshold; the last two may be
        empty.
    level
        Probability of the intervals.
    """
    kind = deciding_kind(ranking["kind"])
    local, predicted, thresholds = (
        table[table["kind"] == kind].reset_index(drop=True)
        for table in (ranking, predictive, at_threshold)
    )
    if not predicts(predicted):
        return _local(local, kind, level) + _left_out(predicted)
    return (
        _predictive(predicted, kind, level)
        + _others(predicted, thresholds, local)
        + _left_out(predicted)
    )


def predicts(predictive: pd.DataFrame) -> bool:
    """Return whether the predictive score of a kind, (M) rows, is of enough trials to decide."""
    if predictive.empty:
        return False
    first = predictive.iloc[0]
    return bool(first["trials"] >= LEAST_KNOWN * (first["trials"] + first["beyond"]))


def _left_out(predicted: pd.DataFrame) -> str:
    """Say how many answers have no part in the predictive score, if any."""
    if predicted.empty or not predicted["beyond"].iloc[0]:
        return ""
    known, beyond = (int(predicted[name].iloc[0]) for name in ("trials", "beyond"))
    decides = "" if predicts(predicted) else ", which is why it does not decide"
    return (
        f" The predictive score is of {known} of {known + beyond} trials{decides}: the others "
        "showed more than all models are known at. What a display shows of more is known after "
        "pdpsych calibrate --models; more room at the ends of the gamut (preprocess.range, "
        "space.headroom) helps a new set."
    )


def _local(rows: pd.DataFrame, kind: str, level: float) -> str:
    best = rows.iloc[0]
    scored = (
        f"mean score {best['score']:.2f} [{best['low']:.2f}, {best['high']:.2f}] nats over "
        f"{counted(best['images'], 'image')} of {kind} distortions; a perfect model would score "
        f"about {best['expected_perfect']:.2f}"
    )
    if len(rows) < 2:
        return f"{best['model']} is the only model: {scored}."
    others, next_ = _tied(rows)
    apart = f"{next_['model']} is further away by {_apart(rows, next_, level, 2)}"
    if others:
        return (
            f"{best['model']} has the lowest score ({scored}), but with these data it cannot be "
            f"separated from {_listed(others)}: {apart}, which includes 0."
        )
    return f"{best['model']} is closest to the human: {scored}. The next, {apart}."


def _predictive(rows: pd.DataFrame, kind: str, level: float) -> str:
    best = rows.iloc[0]
    scored = (
        f"log probability {best['log_probability']:.4f} nats a trial over "
        f"{counted(best['images'], 'image')} of {kind} distortions, each predicted from the others"
    )
    if len(rows) < 2:
        return f"{best['model']} is the only model: {scored}."
    others, next_ = _tied(rows)
    apart = f"{next_['model']} predicts them worse by {_apart(rows, next_, level, 4)}"
    if others:
        return (
            f"{best['model']} predicts people's answers best ({scored}), but with these data it "
            f"cannot be separated from {_listed(others)}: {apart}, which includes 0."
        )
    return f"{best['model']} predicts people's answers best: {scored}. The next, {apart}."


def _tied(rows: pd.DataFrame) -> tuple[list[str], pd.Series]:
    """Return who is not separated from the best, and the one to name beside it."""
    others = possibly_closest(rows)[1:]
    return others, rows[rows["model"] == others[0]].iloc[0] if others else rows.iloc[1]


def _apart(rows: pd.DataFrame, next_: pd.Series, level: float, digits: int) -> str:
    ends = ("difference", "difference_low", "difference_high")
    middle, low, high = (f"{next_[name]:.{digits}f}" for name in ends)
    unit = "nats" if digits == 2 else "nats a trial"
    over = " simultaneous over all pairs of models" if len(rows) > 2 else ""
    return f"{middle} [{low}, {high}] {unit}, {100 * level:g} % interval{over}"


def _others(predicted: pd.DataFrame, thresholds: pd.DataFrame, local: pd.DataFrame) -> str:
    """Say whether the scores that are trusted less order the models differently."""
    bounded = thresholds["bounds"] > MOST_BOUNDS * thresholds["images"]
    nowhere = list(thresholds["model"][bounded])
    thresholds = thresholds[~bounded.astype(bool)]
    unplaced = ""
    if nowhere:
        unplaced = (
            f" At threshold most ratios of {_listed(nowhere)} are bounds, without a place there."
        )
    told = [
        _ordered(rows, name)
        for rows, name in (
            (thresholds, "the thresholds that models predict"),
            (local, "their local sensitivities (equation 1)"),
        )
        if len(rows)
    ]
    names = [list(rows["model"]) for rows in (predicted, thresholds, local) if len(rows)]
    same = all(order == [m for m in names[0] if m in order] for order in names[1:])
    if same:
        others = "local score has" if len(told) == 1 else "other two scores have"
        return f" The {others} the models in the same order." + unplaced
    return (
        f" The scores order the models differently: by {' and by '.join(told)}. Trust the "
        "first, then that at threshold: a local score takes models to be linear up to thresholds."
        + unplaced
    )


def _ordered(rows: pd.DataFrame, name: str) -> str:
    first = rows.iloc[0]
    at_least = "at least " if first.get("bounds", 0) else ""
    return f"{name} {first['model']} is first ({at_least}{first['score']:.2f} nats)"


def not_predicted(ranking: pd.DataFrame, predictive: pd.DataFrame, set_: StimulusSet) -> str:
    """Say which models are not known at visible amplitudes, and the command that adds a set's."""
    models = list(dict.fromkeys(ranking["model"]))
    missing = [model for model in models if model not in set(predictive["model"])]
    if not missing:
        return ""
    if len(missing) < len(models):
        return (
            f" Scored locally alone, because it is not known what they see at visible amplitudes: "
            f"{_listed(missing)}."
        )
    if set_.has_finite_responses:
        return ""
    return (
        " These scores are local: they take models to be linear up to thresholds. What models see "
        f"at visible amplitudes is added by: pdpsych respond {set_.path}"
    )


def deciding_kind(kinds: Iterable[str]) -> str:
    """Return the kind of distortions the conclusion rests on.

    Principal ones where there are any: those of all models, else of the first question.
    """
    known = list(dict.fromkeys(kinds))
    asked = [kind for kind in known if kind not in KINDS]
    return "principal" if "principal" in known else (asked or known)[0]


def possibly_closest(rows: pd.DataFrame) -> list[str]:
    """Return the best model of a ranking of one kind, and those not separated from it.

    One model alone is declared the closest.
    """
    tied = rows["difference_low"].iloc[1:] <= NEGLIGIBLE
    return [str(rows["model"].iloc[0]), *rows["model"].iloc[1:][tied]]


def _listed(names: list[str]) -> str:
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} others"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def caution(bounds: int, wanted: int, participants: int, images: int) -> str:
    """Say what the result does not carry: ratios that are bounds, one participant, one image."""
    parts = []
    if bounds:
        parts.append(
            f"{bounds} of {wanted} human ratios are no more than bounds, because the trials do not "
            "reach a threshold: scores are then at least so much (see the column bound)."
        )
    alone = [f"one {w}" for w, n in (("participant", participants), ("image", images)) if n == 1]
    if alone:
        parts.append(f"With {' and '.join(alone)} this does not extend to others.")
    return "".join(f" {part}" for part in parts)


def basis(display: str | None) -> str:
    """Say what the models' sensitivities are to, where that is not what the set holds."""
    if display is None:
        return ""
    return f" Models are scored by their sensitivity to what the display {display} showed."
