"""On whose side people are, for every two models: what is declared rests on it.

By equation 1 people whose log ratio is y are |y − b| − |y − a| closer to model a than to model b.
On one image that is |a − b| where y is at a or beyond, −|a − b| at b, and linear between. Summed
over images and divided by Σ|a − b| it is their *side*: 1 at a, 0 half-way or as far from both, −1
at b. Images on which the models lie far apart weigh more, and unequal gaps are no error: people
who are at a have the side 1 on every image.

**Trials.** |y − a| of a noisy y is too large, most where a is right, which would favour a model
that is always somewhat wrong over one that is right or wrong by turns. With T what smoothing by the
noise makes of a function, distances are 2|·| − T|·|, the first two terms of T⁻¹|·|. What is left of
the error is −(1 − T)²|·| on average, (2 − √2)√(2/π) sd where a model is right and less elsewhere:
the interval is wider by that on three images of ten.

**Images** weigh h = |a − b|/Σ|a − b|: the variance over them is that of the jackknife of a ratio,
with 1/Σh² − 1 degrees of freedom. To it is added one more image of average gap, on which people are
half-way: images that agree by chance leave a width, and at 0 nothing changes. What the trials
leave open on all images alike, as a slope that all thresholds share, does not vary over them, and
where people seem to be at a model or beyond, neither does the rest of the noise, which moves a side
no further. Whether people are half-way is asked of a side that the noise moves as far as it does
half-way: the variance by which that is more than the noise that varies over images is added.

**People** are left out in turn too; what moves on all images alike is variance between people.
Theirs are sides within ±1. Were they spread evenly, their variance would be a third of what is
possible, (1 − side²)/3: that counts as known from two people more. As the side that is tested is
half-way and not that found, its square counts for half, so that few people, spread evenly, are
rarely declared for a model. One person alone has no such variance; the side then speaks of that
person.

**Bounds.** Where people are only known to be at y or beyond, models beyond y are taken to be at y:
what is left of the gap is what the trials tell. Of several people, those with a bound count as
where the others are, or at their bound if that is further.

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
import scipy
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.analysis.scoring.columns import SIDES
from pdpsych.analysis.scoring.human import HumanRatios
from pdpsych.analysis.scoring.pooling import between_variance, variances, weighted_noise
from pdpsych.analysis.turned import against

Ends = Mapping[str, tuple[Floats, Floats]]
"""Of each model, the lower and upper ends of its log ratios, (K,) and (K,); equal if known."""

# Fewer images separate nobody.
LEAST_IMAGES = 5
# Part of 1 − side² that is the variance of people who are spread evenly, of how many people it is
# thought to be known, and how much of side² is held for it: benchmarks/sides.py, along_line,
# against like_one.
_EVEN, _EVEN_PEOPLE, _HELD = 1 / 3, 2, 0.5
# What is left of the error of a corrected distance of 0, in units of the sd of the noise, and the
# part of images on which it is allowed for.
_LEFT, _LEFT_ON = (2 - np.sqrt(2)) * np.sqrt(2 / np.pi), 0.3
_LEAST_SD = 1e-9


class Located(NamedTuple):
    """Where people are: all of them in the first row, then without each of P in turn.

    Attributes
    ----------
    log_ratio
        Their mean, (1, K) of one person, else (P + 1, K), in nats; not a number where nobody is
        left.
    sd
        Of its noise: trials, and how far people lie apart; 0 of a bound.
    low, high
        Ends between which models are told from each other: that of a bound is its place.
    noise
        Samples of the noise of all of them, (samples, K), 0 of a bound.
    """

    log_ratio: Floats
    sd: Floats
    low: Floats
    high: Floats
    noise: Floats


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
    models = list(dict.fromkeys(model for ends in known for model in ends))
    tables = [pd.DataFrame(columns=list(SIDES))]
    for kind, numbers in human.pairs.groupby("kind", sort=False).indices.items():
        images = human.pairs["image"].to_numpy()[numbers]
        # All pairs are seldom of several kinds, and a copy takes as much memory again.
        every = len(numbers) == len(human.pairs)
        samples = human.samples if every else human.samples[..., numbers]
        people = locate(human.low[:, numbers], human.high[:, numbers], samples)
        found = {}
        for a, b in combinations(models, 2):
            ends = next(ends for ends in known if a in ends and b in ends)
            one, other = ((ends[m][0][numbers], ends[m][1][numbers]) for m in (a, b))
            found[a, b] = side_of(compare(people, one, other, images), level)
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


def locate(low: Floats, high: Floats, samples: Floats) -> Located:
    """Average people, weighted as random effects are.

    Parameters
    ----------
    low, high
        Ends of the log ratios of people, (P, K), as :class:`HumanRatios` has them.
    samples
        Of the log ratios, (samples, P, K); of no account at bounds.
    """
    exact = np.isfinite(low) & (low == high)
    estimate = np.where(exact, low, np.nan)
    noise = np.where(exact, np.maximum(variances(samples), _LEAST_SD**2), np.nan)
    between = between_variance(estimate, noise)
    weight = np.where(exact, 1 / (np.nan_to_num(noise) + between + _LEAST_SD**2), 0.0)
    people = len(low)
    rows = np.vstack([np.ones(people), 1 - np.eye(people)]) if people > 1 else np.ones((1, 1))
    total = rows @ weight
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = rows @ (weight * np.nan_to_num(estimate)) / total
        sd = total**-0.5
        share = np.where(exact, weight / total[0], 0.0)
    drawn = weighted_noise(samples, share)
    least = np.where(np.isfinite(low) & np.isposinf(high), low, np.nan)
    most = np.where(np.isneginf(low) & np.isfinite(high), high, np.nan)
    if np.isnan(least).all() and np.isnan(most).all():
        return Located(middle, sd, np.full_like(sd, -np.inf), np.full_like(sd, np.inf), drawn)
    return _with_bounds(rows, exact, least, most, Located(middle, sd, sd, sd, drawn))


def _with_bounds(
    rows: Floats, exact: NDArray[np.bool_], least: Floats, most: Floats, values: Located
) -> Located:
    """Add people with bounds, (P, K) each, to means of those with values, (R, K).

    Where some have values, a bound that their mean satisfies adds a person like them. Where all
    have bounds of one kind, the mean of these is a bound.
    """
    counted = exact | ~np.isnan(least) | ~np.isnan(most)
    number, known = rows @ counted, ~np.isnan(values.log_ratio)
    middle = np.where(known, values.log_ratio, 0.0)
    moved = np.fmin(np.fmax(middle[:, None], least), most) - middle[:, None]
    middle += np.einsum("rp,rpk->rk", rows, np.nan_to_num(moved)) / np.maximum(number, 1)

    def of_all(ends: Floats) -> Floats:
        """Return the mean of bounds of one kind, not a number where some have none."""
        alone = ~known & (number > 0) & (rows @ (counted & np.isnan(ends)) == 0)
        return np.where(alone, rows @ np.nan_to_num(ends) / np.maximum(number, 1), np.nan)

    lower, upper = of_all(least), of_all(most)
    return Located(
        np.where(known, middle, np.fmax(lower, upper)),
        np.where(known, values.sd, _LEAST_SD),
        np.where(np.isnan(upper), -np.inf, upper),
        np.where(np.isnan(lower), np.inf, lower),
        values.noise,
    )


def nearest(a_low: Floats, a_high: Floats, b_low: Floats, b_high: Floats) -> tuple[Floats, Floats]:
    """Return those ends of two models' log ratios that face each other, equal where they meet."""
    above, below = a_low > b_high, a_high < b_low
    a = np.select([above, below], [a_low, a_high], 0.0)
    b = np.select([above, below], [b_high, b_low], 0.0)
    return a, b


def distance(difference: Floats, sd: Floats) -> Floats:
    """Return |difference|, corrected for normal noise: its mean is nearly that without noise."""
    noise = np.maximum(sd, _LEAST_SD)
    density = np.exp(-((difference / noise) ** 2) / 2) / np.sqrt(2 * np.pi)
    smoothed = difference * (1 - 2 * scipy.special.ndtr(-difference / noise)) + 2 * noise * density
    return np.asarray(2 * np.abs(difference) - smoothed)


class Compared(NamedTuple):
    """Two models beside people on each of I images; rows as in :class:`Located`.

    Attributes
    ----------
    closer
        How much closer people are to the first model than to the second, (1 or P + 1, I), in nats.
    gap
        How much that could be.
    left
        How far ``closer`` of all people may be off on average where a model is right, (I,).
    hidden
        Variance of the side of all people, were they half-way between the models, by noise, beyond
        that by which it varies over images.
    """

    closer: Floats
    gap: Floats
    left: Floats
    hidden: float


def compare(
    people: Located,
    first: tuple[Floats, Floats],
    second: tuple[Floats, Floats],
    images: NDArray[np.object_],
) -> Compared:
    """Compare two models, with ends of log ratios (K,) each, on the images of K pairs."""
    a, b = nearest(*first, *second)
    there = ~np.isnan(people.log_ratio)
    y, sd = np.where(there, people.log_ratio, 0.0), np.where(there, people.sd, 1.0)
    low, high = np.where(there, people.low, 0.0), np.where(there, people.high, 0.0)
    a, b = np.clip(a, low, high), np.clip(b, low, high)
    closer = distance(y - b, sd) - distance(y - a, sd)
    for at, (least, most), sign in ((a, first, 1), (b, second, -1)):
        short = (least < most) & (low < high) & (np.where(at == least, at - y, y - at) > 0)
        closer = np.where(short & (sign * closer > 0), 0.0, closer)
    gap = np.abs(a - b)
    names, member = np.unique(images.astype(str), return_inverse=True)
    total = (member[:, None] == np.arange(len(names))).astype(float)
    left = np.minimum(_LEFT * sd[0], gap[0])
    to_b, to_a = (scipy.special.erf((y - x)[0] / sd[0]) for x in (b, a))
    slope = np.where(gap[0] > 0, np.abs(to_b - to_a), 0.0)
    steepest = np.minimum(2.0, gap[0] / sd[0]) * np.sign(a - b)[0]
    # Where the models are nowhere apart there is no side, and nothing to divide by.
    of_side = people.noise / (gap[0].sum() or 1.0)
    own, whole = (of_side * slope) @ total, of_side @ steepest
    hidden = max(float(whole.var() - own.var(axis=0).sum()), 0.0)
    return Compared(np.where(gap > 0, closer, 0.0) @ total, gap @ total, left @ total, hidden)


def side_of(compared: Compared, level: float) -> Side:
    """Return the side of people, with its interval; without one of fewer than two images."""
    closer, gap, left_over, hidden = compared
    images, total = int((gap[0] > 0).sum()), float(gap[0].sum())
    side = float(closer[0].sum()) / total if images else 0.0
    if images < 2:
        return Side(side, np.nan, np.nan, 1.0, images)
    weight, moved = gap[0] / total, (closer - side * gap) / total
    over_images = ((moved[0] / (1 - weight)) ** 2).sum() * (images - 1) / images
    over_images += (side / images) ** 2
    over_people = _over_people(moved, weight, side)
    variance = max(over_images + over_people + hidden, _LEAST_SD**2)
    people = max(len(gap) - 2 + _EVEN_PEOPLE, 1)
    parts = over_images**2 / (1 / (weight**2).sum() - 1), over_people**2 / people
    freedom = variance**2 / max(sum(parts), _LEAST_SD**4)
    allowed = _LEFT_ON * float(left_over.sum()) / total
    reach = float(scipy.special.stdtrit(freedom, (1 + level) / 2) * np.sqrt(variance)) + allowed
    beyond = max(abs(side) - allowed, 0.0) / np.sqrt(variance)
    return Side(
        side, side - reach, side + reach, float(2 * scipy.special.stdtr(freedom, -beyond)), images
    )


def _over_people(moved: Floats, weight: Floats, side: float) -> float:
    """Return the variance of a side by who took part, besides what varies over images anyway."""
    people, images = len(moved) - 1, int((weight > 0).sum())
    if people < 1:
        return 0.0
    each = moved[1:] - moved[0]
    common = each.sum(axis=1)
    own = each - common[:, None] * weight
    found = (common**2).sum() - (own**2).sum() * images / (images - 1)
    found = max(float(found), 0.0) * (people - 1) / people
    even = _EVEN * (1 - _HELD * side**2) / people
    return ((people - 1) * found + _EVEN_PEOPLE * even) / (people - 1 + _EVEN_PEOPLE)


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
