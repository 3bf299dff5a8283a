"""What may be said of the models, in words."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pdpsych.analysis.scoring.differences import NEGLIGIBLE
from pdpsych.stimuli.manifest import KINDS

_MOST_NAMES = 6


def conclude(ranking: pd.DataFrame, level: float) -> str:
    """Say in a sentence or two which model is closest, and whether the data can tell.

    On principal distortions where there are any, else on the first kind. Models are told apart
    by intervals that are simultaneous over all pairs of models.
    """
    kind = deciding_kind(ranking["kind"])
    rows = ranking[ranking["kind"] == kind].reset_index(drop=True)
    best = rows.iloc[0]
    images = f"{best['images']} image{'s' if best['images'] > 1 else ''}"
    scored = (
        f"mean score {best['score']:.2f} [{best['low']:.2f}, {best['high']:.2f}] nats over "
        f"{images} of {kind} distortions; a perfect model would score about "
        f"{best['expected_perfect']:.2f}"
    )
    if len(rows) < 2:
        return f"{best['model']} is the only model: {scored}."
    others = possibly_closest(rows)[1:]
    next_ = rows[rows["model"] == others[0]].iloc[0] if others else rows.iloc[1]
    apart = (
        f"{next_['model']} is further away by {next_['difference']:.2f} "
        f"[{next_['difference_low']:.2f}, {next_['difference_high']:.2f}] nats, "
        f"{100 * level:g} % interval"
        + (" simultaneous over all pairs of models" if len(rows) > 2 else "")
    )
    if others:
        return (
            f"{best['model']} has the lowest score ({scored}), but with these data it cannot be "
            f"separated from {_listed(others)}: {apart}, which includes 0."
        )
    return f"{best['model']} is closest to the human: {scored}. The next, {apart}."


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


def caution(missing: int, wanted: int, participants: int, images: int) -> str:
    """Say what the result does not carry: ratios left out, one participant, one image."""
    parts = []
    if missing:
        parts.append(
            f"Left out: {missing} of {wanted} human ratios, because the trials do not "
            "determine a threshold (see the column measured of thresholds.csv)."
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
