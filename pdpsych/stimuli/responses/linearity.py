"""How far sensitivities hold, as a view of the responses at visible amplitudes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pdpsych.stimuli.log_ratios import log_ratio
from pdpsych.stimuli.manifest import LinearityCheck, Pair
from pdpsych.stimuli.responses.finite_response import SIGNS, FiniteResponse

Floats = NDArray[np.float64]
Responses = Mapping[str, FiniteResponse]

# How far D may be from linear where a sensitivity is said to hold: log ratios of two that are each
# right to 10 % are right to 0.2 nats; a convention, not tuned.
TOLERANCE = 0.1


def linearity_check(
    pair: Pair, responses: tuple[Responses, Responses], rms: Sequence[float], dimension: int
) -> LinearityCheck | None:
    """Compare D(ε, ±α) of a pair with αd(ε) at some RMS contrasts, those inside the gamut.

    Where the gamut of one of the distortions ends before the last of them, so does the comparison.
    Nothing where an image has no room at all.

    Parameters
    ----------
    pair
        Its sensitivities are what is compared with.
    responses
        To u and to v, by model.
    rms
        RMS contrasts α/√D.
    dimension
        D.
    """
    root = dimension**0.5
    limit = min(max(r.largest for r in one.values()) for one in responses) / root
    tried = [contrast for contrast in rms if contrast <= limit]
    if limit and len(tried) < len(rms):
        # Three digits, not above the limit.
        end = float(f"{limit * (1 - 5e-3):.3g}")
        tried = [*(contrast for contrast in tried if contrast < end), end]
    if not tried:
        return None
    alphas = root * np.array(tried)
    u, v = responses
    ratios = {model: _ratios(u[model], v[model], alphas) for model in pair.sensitivities}
    return LinearityCheck(
        amplitudes_rms=tuple(tried),
        tolerance=TOLERANCE,
        largest_rms={
            model: (
                _largest(u[model], both[0], alphas) / root,
                _largest(v[model], both[1], alphas) / root,
            )
            for model, both in pair.sensitivities.items()
        },
        log_ratios={m: tuple(x if np.isfinite(x) else None for x in r) for m, r in ratios.items()},
        reversals=_reversals(pair, ratios),
    )


def _largest(response: FiniteResponse, sensitivity: float, alphas: Floats) -> float:
    """Return the largest amplitude, from the smallest without a gap, with D near linear."""
    linear = sensitivity * alphas
    near = np.all(
        [np.abs(response.at(alphas, sign) - linear) <= TOLERANCE * linear for sign in SIGNS], axis=0
    )
    steps = int(np.logical_and.accumulate(near).sum())
    return float(alphas[steps - 1]) if steps else 0.0


def _ratios(u: FiniteResponse, v: FiniteResponse, alphas: Floats) -> list[float]:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: list[float] = (np.log(u.mean(alphas)) - np.log(v.mean(alphas))).tolist()
    return found


def _reversals(pair: Pair, ratios: Mapping[str, list[float]]) -> tuple[int, ...]:
    """Return by amplitude how many pairs of models are in another order than locally.

    Of N (N − 1)/2, as in Kendall's τ. An order that cannot be told counts as changed.
    """
    local = np.array([log_ratio(*pair.sensitivities[model]) for model in ratios])
    finite = np.array(list(ratios.values())).T
    with np.errstate(invalid="ignore"):
        kept = (local[:, None] - local) * (finite[:, :, None] - finite[:, None, :]) >= 0
    return tuple(int(count) for count in np.triu(~kept, 1).sum(axis=(1, 2)))
