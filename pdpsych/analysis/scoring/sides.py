"""On whose side people are, for every two models: what is declared rests on it.

By equation 1 people whose log ratio is y are |y − b| − |y − a| closer to model a than to model b.
On one image that is |a − b| where y is at a or beyond, −|a − b| at b, and linear between. Summed
over images and divided by Σ|a − b| it is their *side*: 1 at a, 0 half-way or as far from both, −1
at b. Images on which the models lie far apart weigh more, and unequal gaps are no error: people
who are at a have the side 1 on every image.

**Trials.** |y − a| of a noisy y is too large, most where a is right, which would favour a model
that is always somewhat wrong over one that is right or wrong by turns. With T what smoothing by the
noise makes of a function, distances are Σ_{j<5} (1 − T)^j |·|, five terms of T⁻¹|·|; of the error
only (1 − T)^5 |·| is left on average.

**Images** weigh h = |a − b|/Σ|a − b|: the variance over them is that of the jackknife of a ratio,
with 1/Σh² − 1 degrees of freedom. To it is added one more image of average gap, on which people are
half-way: images that agree by chance leave a width, and at 0 nothing changes.

**People** are left out in turn too; what moves on all images alike is variance between people.
Theirs are sides within ±1. Were they spread evenly, their variance would be a third of what is
possible, (1 − side²)/3: that counts as known from one person more. One person alone has no such
variance; the side then speaks of that person.

**Declared** is a model whose side against every other is above 0. If another model is at least as
close to people, that happens with no more than the probability at which its own test errs, half of
1 − level (intersection–union; Berger 1982). So neither the number of models nor the choice of the
best after seeing the data asks for wider intervals, as it does where all differences are told
together (Hsu 1984: with the best).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from pdpsych.analysis.names import Floats
from pdpsych.analysis.scoring.columns import SIDES
from pdpsych.analysis.scoring.human import HumanRatios
from pdpsych.analysis.scoring.pooling import between_variance

Ends = Mapping[str, tuple[Floats, Floats]]
"""Of each model, the lower and upper ends of its log ratios, (K,) and (K,); equal if known."""

# Fewer images separate nobody.
LEAST_IMAGES = 5
# Part of 1 − side² that is the variance of people who are spread evenly.
_EVEN = 1 / 3
# Of T¹ to T⁴ in Σ_{j<5} (1 − T)^j, T⁰ having 5, and the noise of each in units of that of T.
_TERMS = np.array([-10.0, 10.0, -5.0, 1.0])
_NOISES = np.sqrt(np.arange(1, 5))
_LEAST_SD = 1e-9


class Located(NamedTuple):
    """Where people are: all of them in the first row, then without each of P in turn.

    Attributes
    ----------
    log_ratio
        Their mean, (1, K) of one person, else (P + 1, K), in nats; not a number where nobody is
        left.
    sd
        Of its noise: trials, and how far people lie apart.
    """

    log_ratio: Floats
    sd: Floats


class Side(NamedTuple):
    """On whose side people are of two models, with its interval; of so many images."""

    side: float
    low: float
    high: float
    p_value: float
    images: int

    def turned(self) -> Side:
        """Return the same with the other model first."""
        return self._replace(side=-self.side, low=-self.high, high=-self.low)


def sides(human: HumanRatios, known: Sequence[Ends], level: float) -> pd.DataFrame:
    """Return the table of sides: every pair of models on each kind.

    Models are in the order of their mean side against all others: that which is nearer comes first.

    Parameters
    ----------
    human
        Log ratios of people, of K pairs of distortions.
    known
        Log ratios of models on these pairs, those to be trusted most first. Each two models are
        compared by the first that have both.
    level
        Probability of the intervals.
    """
    estimate, variance = human.samples.mean(axis=0), human.samples.var(axis=0)
    models = list(dict.fromkeys(model for ends in known for model in ends))
    tables = [pd.DataFrame(columns=list(SIDES))]
    for kind, numbers in human.pairs.groupby("kind", sort=False).indices.items():
        images = human.pairs["image"].to_numpy()[numbers]
        people = locate(estimate[:, numbers], variance[:, numbers])
        found = {}
        for a, b in combinations(models, 2):
            ends = next(ends for ends in known if a in ends and b in ends)
            near = nearest(*(end[numbers] for model in (a, b) for end in ends[model]))
            found[a, b] = side_of(*_by_image(people, *near, images), level)
        tables.append(_ordered(models, found).assign(kind=str(kind)))
    return pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)[list(SIDES)]


def _ordered(models: Sequence[str], found: Mapping[tuple[str, str], Side]) -> pd.DataFrame:
    """Return a row for each pair of models, the one first that is nearer all in all."""
    every = {**found, **{(b, a): side.turned() for (a, b), side in found.items()}}
    total = {m: sum(side.side for (a, _), side in every.items() if a == m) for m in models}
    ranked = sorted(models, key=lambda model: -total[model])
    rows = [(a, b, *every[a, b]) for a, b in combinations(ranked, 2)]
    table = pd.DataFrame(rows, columns=["model", "other", *Side._fields])
    leaves_out = (table["low"] > 0) | (table["high"] < 0)
    return table.assign(separated=leaves_out & (table["images"] >= LEAST_IMAGES))


def locate(estimate: Floats, variance: Floats) -> Located:
    """Average people, weighted as random effects are.

    Parameters
    ----------
    estimate, variance
        Log ratios and the variance of their noise, (P, K); not a number where one is missing.
    """
    between = between_variance(estimate, variance)
    weight = 1 / (np.maximum(variance, _LEAST_SD**2) + between)
    weight = np.where(np.isnan(estimate), 0.0, weight)
    people = len(estimate)
    rows = np.vstack([np.ones(people), 1 - np.eye(people)]) if people > 1 else np.ones((1, 1))
    total = rows @ weight
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = rows @ (weight * np.nan_to_num(estimate)) / total
        return Located(middle, total**-0.5)


def nearest(a_low: Floats, a_high: Floats, b_low: Floats, b_high: Floats) -> tuple[Floats, Floats]:
    """Return those ends of two models' log ratios that face each other, equal where they meet."""
    above, below = a_low > b_high, a_high < b_low
    a = np.select([above, below], [a_low, a_high], 0.0)
    b = np.select([above, below], [b_high, b_low], 0.0)
    return a, b


def distance(difference: Floats, sd: Floats) -> Floats:
    """Return |difference|, corrected for normal noise: its mean is nearly that without noise."""
    noise = np.maximum(sd, _LEAST_SD)[..., None] * _NOISES
    wide = difference[..., None]
    density = np.exp(-((wide / noise) ** 2) / 2) / np.sqrt(2 * np.pi)
    smoothed = wide * (1 - 2 * ndtr(-wide / noise)) + 2 * noise * density
    return np.asarray(5 * np.abs(difference) + smoothed @ _TERMS)


def _by_image(
    people: Located, a: Floats, b: Floats, images: NDArray[np.object_]
) -> tuple[Floats, Floats]:
    """Return how much closer to a people are, and how much that could be, (1 or P + 1, I)."""
    there = ~np.isnan(people.log_ratio)
    y, sd = np.where(there, people.log_ratio, 0.0), np.where(there, people.sd, 1.0)
    closer = distance(y - b, sd) - distance(y - a, sd)
    gap = np.where(there, np.abs(a - b), 0.0)
    names, member = np.unique(images.astype(str), return_inverse=True)
    average = (member[:, None] == np.arange(len(names))).astype(float)
    return np.where(gap > 0, closer, 0.0) @ average, gap @ average


def side_of(closer: Floats, gap: Floats, level: float) -> Side:
    """Return the side of people, from what they are on each of I images.

    Parameters
    ----------
    closer
        How much closer to the first model than to the second, (1, I) of one person, else
        (P + 1, I): of all, then without each in turn; in nats.
    gap
        How much that could be.
    """
    images, total = int((gap[0] > 0).sum()), float(gap[0].sum())
    if not images:
        return Side(0.0, np.nan, np.nan, 1.0, 0)
    side = float(closer[0].sum()) / total
    if images < 2:
        return Side(side, np.nan, np.nan, 1.0, images)
    weight, left = gap[0] / total, (closer - side * gap) / total
    over_images = ((left[0] / (1 - weight)) ** 2).sum() * (images - 1) / images
    over_images += (side / images) ** 2
    over_people, people = _over_people(left, weight, side), len(gap) - 1
    variance = over_images + over_people
    freedom = 1 / (weight**2).sum() - 1
    freedom = variance**2 / (over_images**2 / freedom + over_people**2 / max(people, 1))
    error = np.sqrt(variance)
    reach = float(stdtrit(freedom, (1 + level) / 2) * error)
    p_value = float(2 * stdtr(freedom, -abs(side) / error)) if error else float(side == 0)
    return Side(side, side - reach, side + reach, p_value, images)


def _over_people(left: Floats, weight: Floats, side: float) -> float:
    """Return the variance of a side by who took part, besides what varies over images anyway."""
    people, images = len(left) - 1, int((weight > 0).sum())
    if people < 1:
        return 0.0
    moved = left[1:] - left[0]
    common = moved.sum(axis=1)
    own = moved - common[:, None] * weight
    found = (common**2).sum() - (own**2).sum() * images / (images - 1)
    found = max(float(found), 0.0) * (people - 1) / people
    even = _EVEN * max(1 - side**2, 0.0) / people
    return ((people - 1) * found + even) / people


def against(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the sides of one model against the others, by ``other``: 1 where people are at it.

    Parameters
    ----------
    table
        Sides on one kind.
    """
    own, turned = table[table["model"] == model], table[table["other"] == model]
    ends = {"side": -turned["side"], "low": -turned["high"], "high": -turned["low"]}
    turned = turned.assign(model=model, other=turned["model"], **ends)
    return pd.concat([t for t in (own, turned) if len(t)] or [own]).set_index("other")


def declared(table: pd.DataFrame, ranked: Sequence[str]) -> str:
    """Return the model declared the closest, "" if none is.

    It is the first of the ranking, if it is separated from every other, on whose side people then
    are nowhere.

    Parameters
    ----------
    table
        Sides on one kind.
    ranked
        The models by the score that is trusted most, the best first.
    """
    near = against(table, ranked[0])
    won = near["separated"].astype(bool) & (near["low"] > 0)
    return ranked[0] if len(won) and won.all() else ""
