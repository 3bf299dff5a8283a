"""What representations make of a pair that a search found."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.results import Result
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.solvers.climb import Problem
from pdpsych.geometry.solvers.disagreement import value
from pdpsych.geometry.solvers.subspace import conventional, resolution
from pdpsych.geometry.space import DistortionSpace

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

    ``squares`` are d², (N, 2), relative to the mean powers; ``turned`` says that the order changed.
    ``unresolved`` are the representations whose responses are so small that rounding matters.
    """

    pair: Tensor
    log_ratios: Floats
    objective: float
    squares: Floats
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
            pair, x, squares = pair.flip(0), -x, squares[:, ::-1]
        objective = value(problem.contrast, x) if finite else math.inf
        lost = squares.min(axis=1) < LOST * resolution(geometry)
        names = tuple(n for n, b in zip(geometry.names, lost, strict=True) if b)
        return cls(pair, x, objective, squares, turned, names)

    def unbounded(
        self, geometry: LocalGeometry, space: DistortionSpace, least: Floats
    ) -> tuple[str, ...]:
        """Return the representations that make the supremum infinite, as far as can be told.

        ``least`` is the smallest d² of each that was met anywhere, (N,).
        """
        if geometry.floor > 0:
            return ()
        blind = np.minimum(self.squares.min(axis=1), least) < BLIND * resolution(geometry)
        few = np.array(geometry.response_sizes) < space.dimension
        return tuple(n for n, b in zip(geometry.names, blind | few, strict=True) if b)


def deviant(x: Floats) -> float:
    """Return the largest deviation from the mean; of those within 1 % of it, the first."""
    deviations = x - x.mean()
    near = np.abs(deviations) >= 0.99 * np.abs(deviations).max()
    return float(deviations[near.argmax()])
