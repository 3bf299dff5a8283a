"""What was found of a derivative; needs no torch, since sets record it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pdpsych.common.section import Section

# Honest networks stay below the first by orders of magnitude, false derivatives above the second:
# ``benchmarks/derivatives.py``.
PASSED_BELOW, REFUSED_ABOVE = 1e-5, 1e-4

Verdict = Literal["passed", "doubtful", "refused", "coarse", "surrogate"]
Size = Annotated[float, Field(ge=0)]


class DerivativeCheck(Section):
    """How well the derivative of a response agrees with finite differences of the response.

    Attributes
    ----------
    difference
        ‖J u − Δ‖ / max(‖J u‖, ‖Δ‖, ‖J n‖ / 100), the largest over directions u, with the central
        difference Δ and white noise n of the length of u.
    uncertainty
        What the finite difference leaves open of that: rounding, and kinks that its step meets.
    step_rms
        The step, as RMS contrast.
    verdict
        ``passed``; ``doubtful``; ``refused``; ``coarse`` where the network exists in its own
        precision only; ``surrogate`` where a derivative that is not the model's is asked for.

    Examples
    --------
    >>> from pdpsych import models
    >>> check = models.DerivativeCheck(
    ...     difference=0.9, uncertainty=1e-8, step_rms=1e-7, verdict="surrogate"
    ... )
    >>> check.told()
    'that of a surrogate, 90 % from its own'
    """

    difference: Size
    uncertainty: Size
    step_rms: float = Field(gt=0)
    verdict: Verdict

    def told(self) -> str:
        """Say what is out of the ordinary; "" where nothing is."""
        share = f"{100 * self.difference:.3g} %"
        left = f"{100 * self.uncertainty:.3g} %"
        within = f"{100 * max(self.difference, self.uncertainty):.3g} %"
        return {
            "passed": "",
            "doubtful": f"doubtful, {share} from finite differences, which leave {left} open",
            "refused": f"not its own, {share} from finite differences",
            "coarse": f"checked coarsely, to {within}",
            "surrogate": f"that of a surrogate, {share} from its own",
        }[self.verdict]
