"""Where to begin: what tells two of the representations apart.

Ascents from noise share one basin of attraction, which need not be that of the best optimum. Its
distortions are near the generalised eigen-distortions of two of the representations more often; all
of these grow in one subspace, and cost little more than one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray

from pdpsych.geometry.solvers import disagreement
from pdpsych.geometry.solvers.climb import Problem
from pdpsych.geometry.solvers.subspace import Subspace, likeness, padded

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SurveySettings:
    """Constants of the survey.

    In brackets, with half and twice the constant, F of seven layers of a network after 200
    products, 4.52 as it is (4.57 and 4.59 from other seeds), or products as of
    :class:`SearchSettings`. Half and twice of what has none change nothing there, where there were
    three starts and one.

    Attributes
    ----------
    few
        Pairs of representations up to which all are improved in each round; of more, those that
        could contribute most to F (all 21 of the network: 2.29).
    chosen
        How many those are. Networks have many layers, and none of the starts is in a hurry to be
        the best: what the survey costs, an ascent could have climbed (4.81, 4.19).
    starts, chosen_starts
        Starts at most, the best of those that the subspace offers, of all pairs and of the chosen.
    tried, polish
        Pairs of ends that starts are climbed to from, and pairs of representations from whose ends
        they are swept to, at most; and Newton steps of climbs.
    most_steps
        Inner steps at most; two more are taken in each round (961 and 968 products).
    swept, sweeps
        Pairs of random coefficients, and of the best ends, that starts are swept to from, in steps
        that leave basins, beside both ends of each pair of models; and sweeps at most. In 2 of 100
        small cases nothing else leads to the best optimum.
    """

    few: int = 15
    chosen: int = 4
    starts: int = 12
    chosen_starts: int = 2
    tried: int = 48
    polish: int = 8
    most_steps: int = 8
    swept: int = 24
    sweeps: int = 12


SETTINGS = SurveySettings()
# |cosine| of distortions below which two pairs are different: within 8 degrees they are the same.
UNLIKE = 0.99
# Share of the best start's F below which another is none.
LEAST = 0.01


@dataclass(frozen=True)
class End:
    """The distortion that most excites one representation, relative to another.

    ``ratio`` is log d_i/d_j, ``row`` its coefficients.
    """

    excited: int
    resisting: int
    ratio: float
    row: Floats


class Survey:
    """The generalised eigen-distortions of pairs of representations, in one growing subspace."""

    def __init__(self, problem: Problem, subspace: Subspace):
        self.problem, self.subspace = problem, subspace
        count = len(problem.contrast)
        self._pairs = [(i, j) for i in range(count) for j in range(i) if problem.contrast[i, j] < 0]
        self._rounds = 0

    @property
    def is_complete(self) -> bool:
        """Whether all pairs of representations are improved in each round."""
        return len(self._pairs) <= SETTINGS.few

    def advance(self) -> bool:
        """Improve the distortions of the pairs that matter most; return whether any could be."""
        ends = [end for pair in self._chosen() for end in pair]
        self._steps = min(2 * self._rounds, SETTINGS.most_steps)
        self._rounds += 1
        size = len(self.subspace)
        directions = [self._direction(end) for end in ends]
        self.subspace.extend(torch.stack(directions))
        return len(self.subspace) > size

    def reach(self) -> float:
        """Return the upper bound of F inside the subspace, Σ_{i<j} −L_ij max (x_i − x_j)²."""
        contrast = self.problem.contrast
        return sum(
            -contrast[up.excited, up.resisting] * (up.ratio + down.ratio) ** 2
            for up, down in self._ends()
        )

    def least(self) -> Floats:
        """Return the smallest d² of each representation in the subspace, (N,), of unit vectors."""
        return np.array([np.linalg.eigvalsh(gram)[0] for gram in self.subspace.grams])

    def starts(self, others: Sequence[Floats]) -> list[Floats]:
        """Return the best pairs in the subspace, unlike each other, as coefficients (2, m).

        Each is climbed to from two ends, from noise, or from one of the ``others``, (2, m).
        """
        grams, contrast = self.subspace.grams, self.problem.contrast
        ends = np.array([end.row for pair in self._ends() for end in pair])
        known = [padded(pair, len(self.subspace)) for pair in others]
        logs = 0.5 * np.log(np.einsum("kl,nlm,km->kn", ends, grams, ends))
        a, b = np.tril_indices(len(ends), -1)
        best = np.lexsort((b, a, _values(contrast, logs)[a, b]))[::-1][: SETTINGS.tried]
        pairs = [ends[[a[k], b[k]]] for k in best]
        # First in the span of the ends, where it costs little, then in all of the subspace.
        span = np.linalg.qr(np.concatenate([ends, *known]).T)[0]
        small = np.einsum("la,nlm,mb->nab", span, grams, span)
        near = [disagreement.maximize(contrast, small, pair @ span) for pair in [*pairs, *known]]
        count = SETTINGS.starts if self.is_complete else SETTINGS.chosen_starts
        noise = np.random.default_rng(0).standard_normal((SETTINGS.swept, 2, len(self.subspace)))
        own = [np.array([up.row, down.row]) for up, down in self._ranked()[: SETTINGS.tried]]
        begun = [*own, *pairs[: SETTINGS.swept], *noise]
        swept = [disagreement.sweep(contrast, grams, pair, SETTINGS.sweeps) for pair in begun]
        inside = [pair @ span.T for _, pair in _unlike(contrast, small, near)[:count]]
        chosen = [pair for _, pair in _unlike(contrast, grams, [*inside, *swept])[:count]]
        polished = [disagreement.maximize(contrast, grams, p, SETTINGS.polish) for p in chosen]
        unlike = _unlike(contrast, grams, polished)
        # A pair of the same distortion twice is the worst there is, and stationary.
        return [pair for value, pair in unlike if value >= LEAST * unlike[0][0]]

    def _chosen(self) -> list[tuple[End, End]]:
        ends = self._ranked()
        return ends if self.is_complete else ends[: SETTINGS.chosen]

    def _ranked(self) -> list[tuple[End, End]]:
        """Return both ends of each pair, those first that could contribute most to F."""
        contrast = self.problem.contrast
        return sorted(
            self._ends(),
            key=lambda pair: (
                contrast[pair[0].excited, pair[0].resisting] * (pair[0].ratio + pair[1].ratio) ** 2
            ),
        )

    def _ends(self) -> list[tuple[End, End]]:
        """Return both ends of each pair's pencil (G_i, G_j) in the subspace."""
        ends = []
        for i, j in self._pairs:
            values, vectors = scipy.linalg.eigh(self.subspace.grams[i], self.subspace.grams[j])
            # What is left of 0 may be below it.
            values = np.maximum(values, np.finfo(float).tiny)
            rows = vectors.T / np.linalg.norm(vectors.T, axis=1, keepdims=True)
            up = End(i, j, 0.5 * float(np.log(values[-1])), rows[-1])
            down = End(j, i, -0.5 * float(np.log(values[0])), rows[0])
            ends.append((up, down))
        return ends

    def _direction(self, end: End) -> torch.Tensor:
        """Return Π(M_i − θ M_j)u divided by M_j, (C, H, W)."""
        problem = self.problem
        members = [end.excited, end.resisting]
        part = problem.geometry.select(members)
        theta = np.exp(2 * end.ratio)
        pushed = self.subspace.pushed(end.row[None])
        signed = np.array([1.0, -theta])
        scaled = [float(w) * pushed[i] for w, i in zip(signed, members, strict=True)]
        own = float(signed @ part.floors)
        residual = part.pull(scaled) + own * self.subspace.combine(end.row[None])
        gradient = problem.space.project(residual)[0]
        weights = np.zeros(len(problem.contrast))
        weights[end.resisting] = 1.0
        return problem.resisting(weights).solve(gradient, self._steps)


def _values(contrast: Floats, logs: Floats) -> Floats:
    """Return F of all pairs of distortions with log d_i, (K, N), as (K, K)."""
    centred = logs - logs.mean(axis=1, keepdims=True)
    apart = (one - centred for one in centred)
    return np.array([np.einsum("kn,kn->k", rows @ contrast, rows) for rows in apart])


def _unlike(contrast: Floats, grams: Floats, pairs: Sequence[Floats]) -> list[tuple[float, Floats]]:
    """Return F of pairs and the pairs, the best first, leaving out those like a better one."""
    # Without a floor rounding may leave less than nothing of a sensitivity.
    with np.errstate(divide="ignore", invalid="ignore"):
        values = [disagreement.value(contrast, disagreement.log_ratios(grams, p)[0]) for p in pairs]
    values = [-np.inf if np.isnan(value) else value for value in values]
    found: list[tuple[float, Floats]] = []
    for number in np.argsort(values)[::-1]:
        if all(likeness(pairs[number], known) < UNLIKE for _, known in found):
            found.append((values[number], pairs[number]))
    return found
