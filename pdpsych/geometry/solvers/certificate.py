"""What a solver says about its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pdpsych.common.documents import Schema
from pdpsych.geometry.result_file import SavedResult
from pdpsych.geometry.solvers.budget import Budget, Stopped

# Rivals nearer than this cannot be ranked: the floor, estimated from 32 probes, leaves the variance
# of log ratios open by 0.3 % (standard deviation; benchmarks/solver_constants.py starts).
WELL_DETERMINED = 0.005


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(SavedResult):
    """How a result was reached and how far it can be trusted.

    Attributes
    ----------
    converged
        Whether the gradient norm is at most the tolerance, or the subspace is all there is.
    stopped
        Why the solver stopped.
    gradient_norm
        Of the worst distortion: the norm of the gradient on the unit sphere, relative to the
        objective (for eigenproblems ‖Iu − λu‖/λ, the residual relative to the eigenvalue).
    gaps
        For each distortion, how far behind the best rival is, from 0 (there is an equally good
        one) to 1: of those orthogonal to it in the last subspace, and of those that other
        starts found. An equally good one that no search came across is not seen. Below
        ``WELL_DETERMINED`` (0.005) the distortion itself is arbitrary, even where the objective
        is not.
    unbounded
        Representations without a floor that are blind to some distortions, as far as the
        arithmetic can tell or because they have fewer responses than pixels: with one the
        supremum of the objective is infinite, and the result says how far the budget got.
    iterations, operator_applications
        Iterations, and directions taken forwards or backwards through all representations.
    restarts
        For each start: seed, objective, log ratios, and |cosine| of its distortions with those
        returned.
    budget
        The budget of each start; None in results of files that do not say.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> (lgn,) = models.load(["LGN"])
    >>> image = torch.rand(1, 16, 16)
    >>> budget = geometry.Budget(iterations=2)
    >>> certificate = geometry.eigen_distortions(lgn, image, budget=budget).certificate
    >>> certificate
    <Certificate: not converged after 2 iterations, ended by iterations>
    >>> certificate.budget == budget
    True
    >>> geometry.Certificate.from_dict(certificate.to_dict()) == certificate
    True
    """

    SCHEMA: ClassVar[Schema] = Schema("certificate", 1, "solve again")

    converged: bool
    stopped: Stopped
    gradient_norm: float
    gaps: tuple[float, ...]
    iterations: int
    operator_applications: float
    unbounded: tuple[str, ...] = ()
    restarts: tuple[dict[str, Any], ...] = ()
    budget: Budget | None = None

    def _line(self) -> str:
        took = f"converged after {self.iterations} iterations"
        return took if self.converged else f"not {took}, ended by {self.stopped}"

    def describe(self) -> str:
        """Say how the result was reached, in a line or two."""
        state = "converged" if self.converged else f"not converged, ended by: {self.stopped}"
        gaps = ", ".join(f"{gap:.2g}" for gap in self.gaps)
        lines = [
            f"{state}; {self.iterations} iterations, {self.operator_applications:g} directions "
            f"through all representations; relative gradient {self.gradient_norm:.2g}; gaps {gaps}"
        ]
        if len(self.restarts) > 1:
            found = ", ".join(f"{start['objective']:.4g}" for start in self.restarts)
            lines.append(f"objective of {len(self.restarts)} starts: {found}")
        if self.unbounded:
            lines.append(f"supremum infinite: {', '.join(self.unbounded)} without a floor")
        return "\n".join(lines)
