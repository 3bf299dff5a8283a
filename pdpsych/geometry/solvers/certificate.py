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
        Whether the gradient norm is at most the tolerance, or the representations are the same.
    stopped
        Why the solver stopped; ``stalled`` where rounding left no direction to go on in.
    gradient_norm
        Of the worst distortion: the norm of the gradient on the unit sphere, relative to the
        objective (for eigenproblems ‖Iu − λu‖/λ, the residual relative to the eigenvalue), by its
        definition: rounding is in it, in float32 about 1e-3 where a distortion is seen a thousandth
        as well as white noise.
    gaps
        For each distortion, how far behind the best rival is, from 0 (there is an equally good
        one) to 1: of those orthogonal to it in the last subspace, and of those that other
        starts found. An equally good one that no search came across is not seen. Below
        ``WELL_DETERMINED`` (0.005) the distortion itself is arbitrary, even where the objective
        is not.
    unbounded
        Representations without a floor that are blind to some distortions, as far as the
        arithmetic can tell or because they have fewer responses than pixels: where another sees
        one of these the supremum of the objective is infinite, and the result says how far the
        budget got. They are looked for, as long as the budget has seconds.
    iterations, operator_applications
        Iterations, and directions taken forwards or backwards through all representations, of all
        starts together.
    starts
        How many pairs of distortions the search began from.
    reached_by
        How many of them ended in this optimum. Those that were given up on the way, since others
        were ahead, are in neither; None for eigenproblems.
    predicted_gain
        gᵀN⁻¹g/2 relative to the objective: what one more step of Newton's method promises, where
        the curvature is that of the representations that resist; None for eigenproblems.
    share_of_bound
        The objective as a share of an upper bound, the sum over pairs of representations of the
        most that each could contribute, as far as the search knows it; None where not all pairs
        were looked at. Four models usually reach 0.6 to 0.8, two reach 1.
    unresolved
        Representations whose sensitivity to a distortion is so low that rounding matters: their
        log ratios are what the arithmetic says, not what the model does.
    at_limit
        Share of the pixel values that are at the space's limit on the change of each; None
        without one.
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
    budget: Budget | None = None
    starts: int = 1
    reached_by: int | None = None
    predicted_gain: float | None = None
    share_of_bound: float | None = None
    unresolved: tuple[str, ...] = ()
    at_limit: float | None = None

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
        if self.reached_by is not None:
            lines.append(f"reached by {self.reached_by} of {self.starts} starts")
        if self.predicted_gain is not None:
            lines[-1] += f"; predicted remaining gain {self.predicted_gain:.1g} of the objective"
        if self.share_of_bound is not None:
            lines.append(f"{self.share_of_bound:.3g} of the upper bound over pairs")
        if self.at_limit is not None:
            lines.append(f"{self.at_limit:.1%} of the pixel values are at the limit")
        if self.unresolved:
            names = ", ".join(self.unresolved)
            lines.append(f"below what the arithmetic resolves: {names}")
        if self.unbounded:
            lines.append(f"blind to some distortion without a floor: {', '.join(self.unbounded)}")
        return "\n".join(lines)


def without_restarts(data: dict[str, Any]) -> dict[str, Any]:
    """Return a result of version 1 with the number of its certificate's starts alone."""
    certificate = dict(data.get("certificate", {}))
    starts = len(certificate.pop("restarts", ()))
    return data | {"certificate": certificate | {"starts": max(starts, 1)}}
