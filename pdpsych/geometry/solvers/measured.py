"""What representations make of a pair that a search found."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.results import Result
from pdpsych.geometry.local import LocalGeometry, random_signs
from pdpsych.geometry.solvers.budget import Clock
from pdpsych.geometry.solvers.climb import Problem
from pdpsych.geometry.solvers.disagreement import value
from pdpsych.geometry.solvers.subspace import Subspace, conventional, resolution

Floats = NDArray[np.float64]

# A squared response this often above its rounding counts as seen, or is right to a thousandth.
BLIND, LOST = 100.0, 1e6


# Log ratios that are printed: what fits on a screen.
MOST_SHOWN = 20


@dataclass(frozen=True, eq=False, repr=False)
class Rival(Result):
    """Another optimum, nearly as good.

    Attributes
    ----------
    distortions, log_ratios, objective
        As of :class:`PrincipalDistortions`.

    Examples
    --------
    >>> from pdpsych import geometry
    >>> import numpy as np
    >>> import torch
    >>> pair = torch.eye(2).reshape(2, 1, 1, 2)
    >>> geometry.Rival(pair, np.array([0.5, -0.5]), 0.25).describe()
    'variance 0.25, log ratios +0.500, -0.500'
    """

    distortions: Tensor
    log_ratios: Floats
    objective: float

    def _line(self) -> str:
        return f"variance {self.objective:.6g}"

    def describe(self) -> str:
        """Say the objective and the log ratios, in a line."""
        ratios = ", ".join(f"{x:+.3f}" for x in self.log_ratios[:MOST_SHOWN])
        return f"{self._line()}, log ratios {ratios}"


@dataclass(frozen=True)
class Measured:
    """A pair by the definition, at the floor that was asked for, and in the documented order.

    ``turned`` says that the order changed; ``unresolved`` are the representations whose responses
    are so small that rounding matters.
    """

    pair: Tensor
    log_ratios: Floats
    objective: float
    turned: bool
    unresolved: tuple[str, ...]

    @classmethod
    def of(cls, pair: Tensor, geometry: LocalGeometry, problem: Problem) -> Measured:
        """Measure a pair, (2, C, H, W), of any length and order."""
        pair = conventional(pair)
        # Relative to the mean powers; with the floor asked for, not the one searched with.
        inner = problem.geometry.squares(pair)
        power = geometry.mean_power()
        squares = inner + (geometry.floors / np.where(power > 0, power, 1.0))[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            x = 0.5 * (np.log(squares[:, 0]) - np.log(squares[:, 1]))
        finite = bool(np.isfinite(x).all())
        turned = finite and deviant(x) < 0
        if turned:
            pair, x = pair.flip(0), -x
        objective = value(problem.contrast, x) if finite else math.inf
        lost = squares.min(axis=1) < LOST * resolution(geometry)
        names = tuple(n for n, b in zip(geometry.names, lost, strict=True) if b)
        return cls(pair, x, objective, turned, names)


def blind(problem: Problem, least: Floats, clock: Clock) -> tuple[str, ...]:
    """Return the representations that are blind to a distortion, as far as can be told.

    One with a floor is not. What ``least``, (N,), the smallest d² that were met, leaves open is
    looked for while there is time: what all models are blind to a search for disagreement passes.
    """
    geometry = problem.geometry
    if geometry.floor > 0:
        return ()
    enough, most = BLIND * resolution(geometry), problem.space.dimension
    return tuple(
        name
        for i, name in enumerate(geometry.names)
        if geometry.response_sizes[i] < most
        or least[i] < enough
        or _least_seen(problem, i, enough, clock) < enough
    )


def _least_seen(problem: Problem, number: int, enough: float, clock: Clock) -> float:
    """Return the smallest d² of a representation that inverse iteration from noise comes to.

    It ends with a round that does not halve it, or below ``enough``.
    """
    part, space = problem.geometry.select([number]), problem.space
    resisting = problem.resisting(np.eye(len(problem.contrast))[number])
    noise = random_signs((1, *part.image.shape), seed=0).to(part.image)
    subspace, before = Subspace(part, space, space.apply(noise)), math.inf
    while True:
        values, vectors = np.linalg.eigh(subspace.grams[0])
        value, row = float(values[0]), vectors[:, :1].T
        if value < enough or value > before / 2 or clock.is_over:
            return value
        above = float(part.floors[0]) - value
        residual = part.pull(subspace.pushed(row)) + above * subspace.combine(row)
        subspace.extend(resisting.solve(space.project(residual)[0])[None])
        before = value


def deviant(x: Floats) -> float:
    """Return the largest deviation from the mean; of those within 1 % of it, the first."""
    deviations = x - x.mean()
    near = np.abs(deviations) >= 0.99 * np.abs(deviations).max()
    return float(deviations[near.argmax()])
