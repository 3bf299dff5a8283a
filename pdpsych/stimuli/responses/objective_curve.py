"""How much models disagree about a pair that was made for an amplitude, by amplitude."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from pdpsych.common.section import Part, validate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where the certificate of a pair has it.
VISIBLE = "visible"


class ObjectiveCurve(Part):
    """F against amplitude: what sets keep of :class:`pdpsych.geometry.VisibleCertificate`.

    Attributes
    ----------
    amplitude_rms
        The RMS contrast that the pair was made for.
    stopped
        Why the search for it stopped.
    objective, before
        The mean of F around it, of the pair, and of the local one inside the gamut.
    local_objective
        F of the local pair for small amplitudes.
    amplitudes_rms, objectives, objectives_before
        F by amplitude, of the pair, and of the local one inside the gamut.
    """

    model_config = ConfigDict(extra="ignore")

    amplitude_rms: float = Field(gt=0)
    stopped: str
    objective: float
    before: float
    local_objective: float
    amplitudes_rms: tuple[float, ...]
    objectives: tuple[float, ...]
    objectives_before: tuple[float, ...]

    @classmethod
    def of(cls, certificate: Mapping[str, Any], label: str) -> ObjectiveCurve | None:
        """Return that of a pair by its certificate, None if it was not made for an amplitude.

        Raises
        ------
        InputError
            If it is damaged; ``label`` says whose it is.
        """
        held = certificate.get(VISIBLE)
        return None if held is None else validate(held, cls, label)

    def told(self) -> str:
        """Say how the search ended, and F by amplitude."""
        if self.stopped == "local suffices":
            gained = f"local suffices, {self.objective:.3g} for {self.local_objective:.3g}"
        else:
            gained = f"{self.objective:.3g} for {self.before:.3g}, ended by {self.stopped}"
        rows = zip(self.amplitudes_rms, self.objectives, self.objectives_before, strict=False)
        curve = ", ".join(f"{new:.3g} ({old:.3g}) at {rms:.2g}" for rms, new, old in rows)
        return f"{gained}; {curve}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it."""
        from pdpsych.common.drawing import objective_curves

        return objective_curves(
            self.amplitudes_rms,
            self.objectives,
            None if self.stopped == "local suffices" else self.objectives_before,
            asked=self.amplitude_rms,
            limit=self.local_objective,
            ax=ax,
        )
