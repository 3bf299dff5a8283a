"""What may be said of the models, in words."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pdpsych.analysis.scoring.sides import LEAST_IMAGES, declared
from pdpsych.analysis.turned import against
from pdpsych.analysis.words import counted
from pdpsych.common.terminal import quoted
from pdpsych.stimuli.manifest import KINDS
from pdpsych.stimuli.stimulus_set import StimulusSet

_MOST_NAMES = 6
# Share of the trials that have to be known to all models for their answers to decide, and of a
# model's ratios that may be bounds where its score at threshold has a place in the order.
LEAST_KNOWN, MOST_BOUNDS = 0.5, 0.5
# Nats by which a display's curve may leave log ratios open unsaid.
_CURVE_MATTERS = 0.02


def conclude(
    ranking: pd.DataFrame,
    predictive: pd.DataFrame,
    at_threshold: pd.DataFrame,
    sides: pd.DataFrame,
    level: float,
) -> str:
    """Say in some sentences which model is closest, and whether the data can tell.

    On principal distortions where there are any, else on the first kind. Where the predictive
    score is known, for most trials, it says which model is first, and what the other scores say is
    told after it; whether that model is the closest, the sides of people say.

    Parameters
    ----------
    ranking, predictive, at_threshold
        By the local score, by the predictive one and by that at threshold; the last two may be
        empty.
    sides
        On whose side people are, for every two models.
    level
        Probability of the intervals.
    """
    kind = deciding_kind(ranking["kind"])
    local, predicted, thresholds, near = (
        table[table["kind"] == kind].reset_index(drop=True)
        for table in (ranking, predictive, at_threshold, sides)
    )
    if not predicts(predicted):
        return _verdict(_local(local, kind), local, near, level) + _left_out(predicted)
    return (
        _verdict(_predictive(predicted, kind), predicted, near, level)
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


def _local(rows: pd.DataFrame, kind: str) -> str:
    best = rows.iloc[0]
    return (
        f"mean score {_at_least(best)}{best['score']:.2f} {_interval(best['low'], best['high'])} "
        f"nats over {counted(best['images'], 'image')} of {kind} distortions, noise taken off"
    )


def _predictive(rows: pd.DataFrame, kind: str) -> str:
    best = rows.iloc[0]
    return (
        f"log probability of people's answers {_signed(best['log_probability'])} nats a trial over "
        f"{counted(best['images'], 'image')} of {kind} distortions, each predicted from the others"
    )


def _verdict(scored: str, rows: pd.DataFrame, sides: pd.DataFrame, level: float) -> str:
    """Say whether the first of a ranking is the closest, and if not, why."""
    models = list(rows["model"])
    first = models[0]
    if len(models) < 2:
        return f"{first} is the only model: {scored}."
    is_first = "may be first" if rows.iloc[0].get("rank_high", 1) > 1 else "is first"
    near = against(sides, first).set_index("other")
    near = near.sort_values("low", na_position="first", kind="stable")
    if declared(sides, models):
        return (
            f"{first} is closest to the human: {scored}. People are on its side against every "
            f"other model, least surely against {near.index[0]}: {_told(near.iloc[0], level)}."
        )
    if near["images"].max() < LEAST_IMAGES:
        few = counted(int(near["images"].max()), "image")
        return (
            f"{first} {is_first} ({scored}), but no model is declared the closest from {few} on "
            f"which models differ; {LEAST_IMAGES} are needed."
        )
    tied = near[~near["separated"].astype(bool) | ~(near["low"] > 0)]
    next_ = tied.iloc[0]
    return (
        f"{first} {is_first} ({scored}), but with these data it cannot be separated from "
        f"{_listed(list(tied.index))}: people are {_whereabouts(first, next_)}, "
        f"{_told(next_, level)}."
    )


def _told(near: pd.Series, level: float) -> str:
    if pd.isna(near["low"]):
        return f"no more than {counted(near['images'], 'image')} can tell them apart"
    return (
        f"side {near['side']:.2f} [{near['low']:.2f}, {near['high']:.2f}] (1 at {near['model']}, "
        f"0 half-way, \N{MINUS SIGN}1 at {near.name}; {100 * level:g} % interval)"
    )


def _whereabouts(first: str, near: pd.Series) -> str:
    other = near.name
    if near["low"] > 0:
        return f"on the side of {first}, but {counted(near['images'], 'image')} are too few"
    if near["high"] < 0:
        return f"on the side of {other}"
    if near["low"] > -1 and near["high"] < 1:
        return f"between {first} and {other}, at neither"
    return f"on the side of {first} or of {other}"


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


def _signed(value: float) -> str:
    return f"{value:.4f}".replace("-", "\N{MINUS SIGN}")


def _interval(low: float, high: float) -> str:
    """Write an interval; one of bounds has no upper end."""
    return f"[{low:.2f}, {'–' if pd.isna(high) else f'{high:.2f}'}]"


def _ordered(rows: pd.DataFrame, name: str) -> str:
    first = rows.iloc[0]
    return f"{name} {first['model']} is first ({_at_least(first)}{first['score']:.2f} nats)"


def _at_least(row: pd.Series) -> str:
    """Say that a score has bounds among its ratios, if it has: "at least (2 bounds) "."""
    bounds = row.get("bounds", 0)
    return f"at least ({counted(int(bounds), 'bound')}) " if bounds else ""


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
        f"at visible amplitudes is added by: pdpsych respond {quoted(set_.path)}"
    )


def deciding_kind(kinds: Iterable[str]) -> str:
    """Return the kind of distortions the conclusion rests on.

    Principal ones where there are any: those of all models, else of the first question.
    """
    known = list(dict.fromkeys(kinds))
    asked = [kind for kind in known if kind not in KINDS]
    return "principal" if "principal" in known else (asked or known)[0]


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


def curve_doubt(sd: float) -> str:
    """Say how far the display's curve leaves log ratios open, where that matters."""
    if sd <= _CURVE_MATTERS:
        return ""
    return (
        f" The display's curve leaves log ratios open by up to {sd:.2f} nat (a standard error), "
        "which the intervals do not contain."
    )
