"""What is known of distortions that were searched for at visible amplitudes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pdpsych.common.documents import Schema
from pdpsych.geometry.result_file import SavedResult
from pdpsych.geometry.solvers import budget

Stopped = budget.Stopped | Literal["local suffices", "settled", "work"]


@dataclass(frozen=True, eq=False, repr=False)
class VisibleCertificate(SavedResult):
    """How distortions at visible amplitudes were reached, and what that gained.

    The *local pair* is that of the local search, brought inside the gamut.

    Attributes
    ----------
    amplitude_rms
        The amplitude asked for, as RMS over all pixel values.
    stopped
        Why the search stopped: ``local suffices``, where the models are so nearly linear up to
        these amplitudes that there was nothing to search for; ``converged``, where the gradient
        norm is at most the tolerance; ``settled``, where ten steps raised the objective by less
        than 10⁻³; ``stalled``, where no step climbed; ``work``, where it had cost as much as the
        local search; or what of the budget ran out.
    local_objective, inside
        F as amplitudes tend to 0, of the pair of the local search, and of the local pair: what the
        gamut alone takes away.
    objective, before
        The mean of F at half, one and two times the amplitude, of the pair, and of the local pair.
    amplitudes_rms, objectives, objectives_before
        F against amplitude, of the pair, and of the local pair.
    gradient_norm
        Of the worse distortion: the norm of the gradient on the unit sphere, in the space and
        without pixels that the gamut holds back, relative to the objective; None where nothing
        was searched for.
    predicted_gain
        What the latest step promised, relative to the objective; None without one.
    iterations
        Steps; in the first ones both starts take one each.
    frames
        How many images went through all representations.
    operator_applications
        Directions taken through all representations, as of :class:`Certificate`.
    start
        Which start led there: ``local`` or ``noise``.
    at_limit
        Share of the pixel values that are at the limit of the gamut at twice the amplitude.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> image = 0.25 + torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0)) / 2
    >>> found = geometry.visible_distortions(models.load(["LN", "LGN"]), image, 0.001)
    >>> found.certificate
    <VisibleCertificate: RMS 0.001, local suffices>
    """

    SCHEMA: ClassVar[Schema] = Schema("visible certificate", 1, "solve again")

    amplitude_rms: float
    stopped: Stopped
    local_objective: float
    objective: float
    before: float
    inside: float
    amplitudes_rms: tuple[float, ...]
    objectives: tuple[float, ...]
    objectives_before: tuple[float, ...]
    gradient_norm: float | None
    predicted_gain: float | None
    iterations: int
    frames: int
    operator_applications: float
    start: Literal["local", "noise"]
    at_limit: float

    def _line(self) -> str:
        if self.stopped == "local suffices":
            return f"RMS {self.amplitude_rms:g}, local suffices"
        gained = f"objective {self.before:.3g} → {self.objective:.3g}"
        return f"RMS {self.amplitude_rms:g}, {gained}, ended by {self.stopped}"

    def describe(self) -> str:
        """Say in some lines how the pair was reached, and F against amplitude."""
        a = self.amplitude_rms
        where = f"at RMS {a / 2:g} to {2 * a:g}"
        if self.stopped == "local suffices":
            head = f"local suffices: {where} the objective is {self.objective:.4g}, "
            lines = [f"{head}locally {self.local_objective:.4g}"]
        else:
            lines = [
                f"objective {where}: {self.objective:.4g}; of the local pair {self.before:.4g}, "
                f"locally {self.local_objective:.4g}, inside the gamut {self.inside:.4g}",
                f"ended by: {self.stopped}; {self.iterations} iterations from the {self.start} "
                f"start, {self.frames} frames and {self.operator_applications:g} directions "
                f"through all representations; relative gradient {self.gradient_norm or 0:.2g}, "
                f"the latest step promised {self.predicted_gain or 0:.1g} of the objective",
            ]
        lines.append(f"{self.at_limit:.1%} of the pixel values are at the limit of the gamut")
        curve = zip(self.amplitudes_rms, self.objectives, self.objectives_before, strict=True)
        told = ", ".join(f"{new:.3g} ({old:.3g}) at {rms:.2g}" for rms, new, old in curve)
        lines.append(f"objective (of the local pair) at RMS: {told}")
        return "\n".join(lines)
