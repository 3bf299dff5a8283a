"""What a display can show of one distortion of one image."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from pdpsych.common.section import Section

# What is shown faithfully has a gain this near to 1.
TOLERANCE = 0.1


class TriedAmplitude(Section):
    """One amplitude that was tried, and what a display makes of it.

    Attributes
    ----------
    amplitude
        α, in model units.
    gain
        Expected realised amplitude over α: the mean over dither draws and both signs.
    worst_gain
        That of the sign for which it is further from 1.
    scatter
        Standard deviation of the gain of single presentations; without dither, that of
        independent rounding errors.
    cosine
        Between the expected shown difference and ε, of the sign with less.
    draw_cosine
        Between what a single presentation shows, dither included, and ε.
    clipped
        Share of pixel values outside [0, 1], of the sign with more.
    """

    amplitude: float = Field(gt=0)
    gain: float
    worst_gain: float
    scatter: float
    cosine: float
    draw_cosine: float
    clipped: float

    def faithful(self, curve_sd: float = 0.0) -> bool:
        """Return whether gain and scatter are within 10 %.

        Parameters
        ----------
        curve_sd
            What the display's curve leaves open of the gain, a standard error.
        """
        off = abs(self.worst_gain - 1) + curve_sd
        return off <= TOLERANCE and self.scatter <= TOLERANCE


class ConditionCalibration(Section):
    """What a display can show of one distortion of one image; amplitudes are in model units.

    Attributes
    ----------
    rival_of
        Name of the pair that its pair is a rival of, None if it is a pair of its own.
    dimension
        D = C·H·W; RMS contrast is α/√D.
    inside_gamut
        Largest amplitude at which no pixel value of either sign leaves [0, 1].
    most
        Largest amplitude at which neither sign clips more than the calibration's share.
    smallest, largest
        The range that is shown faithfully, see :attr:`TriedAmplitude.faithful`; None where there
        is none.
    steps
        All amplitudes tried, in equal log steps but for what refines the ends of the range.
    candela
        RMS of the luminance difference in cd/m² for each unit of amplitude, None where the
        display's luminance was not measured.
    thresholds
        Expected threshold under each model, None where it sees nothing.
    above_eye
        Share of the distortion's energy at frequencies that no eye resolves, None where the
        display's size or distance is not known.
    sensitivities
        d(δ) of each model, δ the expected shown difference for one unit of realised amplitude;
        empty where the models were not asked.
    curve_sd
        Relative standard error of all realised amplitudes, from that of the slope of the display's
        curve; None where the curve was not measured.
    curve_ratio_sd
        The same of the ratio of the amplitudes of its pair's distortions, of which log ratios of
        thresholds are wrong, in nats.
    problems
        Why it cannot be shown, with the remedies; empty if it can.
    warnings
        What is not as it should be although it can be shown.
    """

    image: str
    pair: str
    distortion: int
    rival_of: str | None = None
    dimension: int
    inside_gamut: float
    most: float
    smallest: float | None
    largest: float | None
    steps: tuple[TriedAmplitude, ...]
    candela: float | None
    thresholds: dict[str, float | None]
    above_eye: float | None
    sensitivities: dict[str, float] = Field(default_factory=dict)
    curve_sd: float | None = None
    curve_ratio_sd: float | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _plain(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # So that calibrations without rivals or measured curves keep their identity.
        found: dict[str, Any] = plain(self)
        later = ("rival_of", "curve_sd", "curve_ratio_sd")
        return {key: v for key, v in found.items() if key not in later or v is not None}

    @property
    def name(self) -> str:
        """Image, pair and number of the distortion, for messages."""
        return f"{self.image}/{self.pair}/{self.distortion}"

    @property
    def range(self) -> tuple[float, float] | None:
        """Smallest and largest faithful amplitude, None where it cannot be shown."""
        if self.problems or self.smallest is None or self.largest is None:
            return None
        return self.smallest, self.largest

    @property
    def span(self) -> str:
        """The range in words, in RMS contrast, and how far the gamut and clipping would let it."""
        root = self.dimension**0.5
        low, high = self.range or (float("nan"), float("nan"))
        span = f"{low / root:.2g} to {high / root:.2g}" if self.range else "cannot be shown"
        return f"{span}  ({self.inside_gamut / root:.2g}; {self.most / root:.2g})"

    @property
    def grid(self) -> tuple[float, ...]:
        """Amplitudes from ``smallest`` to ``largest`` that were tried, ascending."""
        low, high = self.range or (float("inf"), 0.0)
        return tuple(step.amplitude for step in self.steps if low <= step.amplitude <= high)
