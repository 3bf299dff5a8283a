"""What separates the representations: architecture, training or depth, in shares of variance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd

from pdpsych.analysis.layers.layers import LayerRatios, students_interval
from pdpsych.analysis.names import Floats
from pdpsych.common.errors import InputError
from pdpsych.common.tables import Column, Columns

FACTORS = ("architecture", "training", "depth")
REMAINDER = "remainder"
# A trend over depth and one bend: enough to tell early, middle and late layers apart, and of
# the 25 degrees of freedom of 26 layers it takes 2.
DEPTH_DEGREE = 2
# A quantile of 2.5 % of so many has a standard error of half a per cent.
_PERMUTATIONS = 1000

VARIANCE_COLUMNS: Columns = {
    "factor": Column("factor, or what all of them leave"),
    "share": Column("share of the variance over representations, mean over images"),
    "low": Column("lower end of the interval of share over images"),
    "high": Column("upper end of the interval of share over images"),
    "alone": Column("share that the factor explains by itself, R², mean over images"),
    "chance": Column("share expected if the labels of representations meant nothing"),
    "chance_low": Column("lower end of the interval of share over relabellings"),
    "chance_high": Column("upper end of the interval of share over relabellings"),
    "images": Column("number of base images", "count"),
}


def variance_shares(ratios: LayerRatios, *, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Return how much of the variance of the log ratios each factor explains.

    At each image the variance over the N representations, Var(x) of the principal distortions'
    objective, is divided by additive least squares: architecture and training as indicators,
    depth as a polynomial of degree 2. Factors need not be orthogonal (architectures have layers
    at other depths), so a factor's share is the R² it adds, averaged over all orders of
    entering them (Lindeman, Merenda & Gold 1980; the Shapley value of R²); shares sum to the R²
    of all. What remains is interactions, as of training with architecture, and single layers.
    Swapping u and v at an image changes nothing.

    Labels that mean nothing explain something too: ``chance`` is the exact expectation over
    all relabellings of representations, its interval that of 1000 random ones. Neighbouring
    layers are alike, so beside factors that belong to whole networks it is a low bar; with 4
    networks none higher could be set.

    Parameters
    ----------
    ratios
        Log ratios of the representations.
    level
        Probability of the intervals.
    seed
        What labels are permuted with.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`VARIANCE_COLUMNS`; one row for each factor that is not the same for all
        representations, then the remainder.

    Raises
    ------
    InputError
        If all representations have one log ratio at some image.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> layers = pd.DataFrame({"name": ["a/1", "a/2", "b/1", "b/2"], "architecture": "net"})
    >>> layers = layers.assign(training=["plain", "plain", "robust", "robust"], depth=[0, 1, 0, 1])
    >>> values = np.array([[1.1, 0.9], [0.8, 1.0], [-1.0, -0.7], [-0.9, -1.2]])
    >>> ratios = analysis.LayerRatios(layers, ("cat", "coffee"), np.ones(2), values)
    >>> analysis.variance_shares(ratios)[["factor", "share"]].round(2)
          factor  share
    0   training   0.98
    1      depth   0.01
    2  remainder   0.02
    """
    factors = [f for f in FACTORS if ratios.layers[f].nunique() > 1]
    unit = _unit_deviations(ratios)
    hats = projections([_columns(ratios.layers, f) for f in factors], len(unit))
    weights = shapley_weights(len(factors))
    explained = np.einsum("nk,snm,mk->sk", unit, hats, unit)
    shares = _with_remainder(weights @ explained)
    low, high = (np.clip(end, 0, 1) for end in students_interval(shares, level))
    trace = np.trace(hats, axis1=1, axis2=2)
    drawn = _with_remainder(weights @ _relabelled(hats, unit, seed))
    alone = [explained[1 << f].mean() for f in range(len(factors))]
    chance_low, chance_high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return pd.DataFrame(
        {
            "factor": [*factors, REMAINDER],
            "share": shares.mean(axis=1),
            "low": low,
            "high": high,
            "alone": [*alone, np.nan],
            "chance": _with_remainder(weights @ trace[:, None] / (len(unit) - 1))[:, 0],
            "chance_low": chance_low,
            "chance_high": chance_high,
            "images": len(ratios.images),
        }
    )


def describe_shares(ratios: LayerRatios, shares: pd.DataFrame, *, pair: str = "principal") -> str:
    """Say in a few sentences what the distortions separate the representations by.

    Parameters
    ----------
    ratios
        Log ratios of the representations.
    shares
        What :func:`variance_shares` made of them.
    pair
        Name of the pair of distortions.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> layers = pd.DataFrame({"name": ["a/1", "a/2", "b/1", "b/2"], "architecture": "net"})
    >>> layers = layers.assign(training=["plain", "plain", "robust", "robust"], depth=[0, 1, 0, 1])
    >>> values = np.array([[1.1], [0.8], [-1.0], [-0.9]])
    >>> ratios = analysis.LayerRatios(layers, ("cat",), np.ones(1), values)
    >>> text = analysis.describe_shares(ratios, analysis.variance_shares(ratios))
    >>> text[:50]
    'Of the variance of the log sensitivity ratios of 4'
    """
    rows = shares.set_index("factor")
    parts = [
        f"{factor} explains {_percent(row)} (chance {100 * row['chance']:.0f} "
        f"[{100 * row['chance_low']:.0f}, {100 * row['chance_high']:.0f}])"
        for factor, row in rows.drop(index=REMAINDER).iterrows()
    ]
    parts.append(f"{_percent(rows.loc[REMAINDER])} remains")
    number = len(ratios.images)
    over = f"over {number} images" if number > 1 else "at one image, so without interval"
    text = (
        f"Of the variance of the log sensitivity ratios of {len(ratios.layers)} layers on the "
        f"{pair} distortions, mean {over}: {', '.join(parts)}."
    )
    if number > 1:
        text += (
            f" The mean over images holds {100 * ratios.agreement:.0f} % of what single ones do."
        )
    constant = [f for f in FACTORS if f not in rows.index]
    return " ".join([text, *(_same(ratios, factor) for factor in constant)])


def shapley_weights(number: int) -> Floats:
    """Return W, (F, 2^F), such that W·R² are the Shapley values of F factors.

    Subsets are numbered by their bits: subset s holds factor f where ``s >> f & 1``.
    """
    weights = np.zeros((number, 2**number))
    for order in permutations(range(number)):
        subset = 0
        for factor in order:
            weights[factor, subset] -= 1
            subset |= 1 << factor
            weights[factor, subset] += 1
    return weights / factorial(number)


def projections(blocks: Sequence[Floats], rows: int) -> Floats:
    """Return for each subset of blocks of columns (N, p) the projection on them, (2^F, N, N).

    Columns are centred first, so a projection explains deviations from the mean.
    """
    found = []
    for subset in range(2 ** len(blocks)):
        chosen = [block for f, block in enumerate(blocks) if subset >> f & 1]
        columns = np.hstack([np.zeros((rows, 1)), *chosen])
        basis, singular, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
        basis = basis[:, singular > 1e-9 * max(singular[0], 1.0)]
        found.append(basis @ basis.T)
    return np.stack(found)


def _columns(layers: pd.DataFrame, factor: str) -> Floats:
    values = layers[factor].to_numpy()
    if factor == "depth":
        return np.asarray(values[:, None] ** np.arange(1, DEPTH_DEGREE + 1), dtype=float)
    return np.asarray(values[:, None] == np.unique(values), dtype=float)


def _unit_deviations(ratios: LayerRatios) -> Floats:
    if (same := np.flatnonzero(np.ptp(ratios.values, axis=0) == 0)).size:
        raise InputError(
            "all representations have the same log sensitivity ratio at an image; there is no "
            "variance to explain",
            field="ratios.images",
            value=ratios.images[same[0]],
        )
    deviation = ratios.values - ratios.values.mean(axis=0)
    return np.asarray(deviation / np.linalg.norm(deviation, axis=0))


def _relabelled(hats: Floats, unit: Floats, seed: int) -> Floats:
    """Return the mean R² over images of each subset with labels permuted, (2^F, draws).

    The mean over images of yᵀHy is tr(H·M) with M the mean of yyᵀ.
    """
    rng = np.random.default_rng(seed)
    moment = unit @ unit.T / unit.shape[1]
    orders = [rng.permutation(len(moment)) for _ in range(_PERMUTATIONS)]
    return np.stack([np.einsum("snm,nm->s", hats, moment[np.ix_(o, o)]) for o in orders], axis=1)


def _with_remainder(shares: Floats) -> Floats:
    return np.vstack([shares, 1 - shares.sum(axis=0)])


def _percent(row: pd.Series) -> str:
    interval = f" [{100 * row['low']:.0f}, {100 * row['high']:.0f}]" if row["images"] > 1 else ""
    return f"{100 * row['share']:.0f} %{interval}"


def _same(ratios: LayerRatios, factor: str) -> str:
    value = ratios.layers[factor].iloc[0]
    return f"All layers have the same {factor} ({value}), so nothing is said of it."
