"""What a display is: its size, its levels, and its luminance at each of them."""

from __future__ import annotations

import datetime
import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section
from pdpsych.displays.curve import Curve, Power, Srgb
from pdpsych.displays.curve_fit import CurveFit, Model, compare, fit
from pdpsych.displays.dither import Dither
from pdpsych.displays.encoding import Array
from pdpsych.displays.measurements import CHANNELS, Channel, Measurements, check, read

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Pixels further from square than this are a slip in the size of the screen.
_SQUARE = 0.1


class MeasuredCurve(Section):
    """The curve of a display that was measured.

    ``measurements`` is a CSV file beside the display's, see
    :func:`pdpsych.displays.measurements.read`; ``model`` is fitted to it on reading.
    """

    measurements: Path
    model: Model
    instrument: str | None = None
    date: datetime.date | None = None


def _curve_kind(value: Any) -> str:
    if isinstance(value, dict | MeasuredCurve):
        return "MeasuredCurve"
    return "Srgb" if isinstance(value, str) else "Exponent"


class Display(Section):
    """A display, described in ``experiments/displays/NAME.yaml``.

    ``curve`` is its luminance as a function of level: ``srgb``, the exponent of a power law
    (1 for a display linearised in hardware), or measured. Value 0 of a linear image is the
    display's black and 1 its white.
    """

    known_as: ClassVar[str] = "a display, experiments/displays/NAME.yaml"
    curve: Annotated[
        Annotated[Literal["srgb"], Tag("Srgb")]
        | Annotated[float, Field(gt=0.2, lt=5), Tag("Exponent")]
        | Annotated[MeasuredCurve, Tag("MeasuredCurve")],
        Discriminator(_curve_kind),
    ] = "srgb"
    bit_depth: Literal[8, 10, 16] = 8
    dither: Dither = "uniform"
    width_px: int | None = Field(None, gt=0, le=1_000_000)
    height_px: int | None = Field(None, gt=0, le=1_000_000)
    width_cm: float | None = Field(None, ge=0.1, le=100_000)
    height_cm: float | None = Field(None, ge=0.1, le=100_000)
    distance_cm: float | None = Field(None, ge=0.1, le=100_000)
    refresh_hz: float | None = Field(None, ge=0.1, le=100_000)
    screen: int = Field(0, ge=0)

    @field_validator("curve", mode="before")
    @classmethod
    def _known(cls, curve: Any) -> Any:
        if isinstance(curve, str) and curve != "srgb":
            raise ValueError(
                "srgb, the exponent of a power law such as 2.2, or a mapping with measurements "
                "and model"
            )
        return curve

    @model_validator(mode="after")
    def _square(self) -> Display:
        if self.width_px and self.height_px and self.width_cm and self.height_cm:
            width, height = self.width_cm / self.width_px, self.height_cm / self.height_px
            if abs(width / height - 1) > _SQUARE:
                raise ValueError(
                    f"a pixel would be {10 * width:.3g} mm wide and {10 * height:.3g} mm high; "
                    f"height_cm of square pixels is {width * self.height_px:.3g}"
                )
        return self

    @property
    def top(self) -> int:
        """The highest level."""
        return int(2**self.bit_depth - 1)

    @property
    def pixels_per_degree(self) -> float | None:
        """Pixels of one degree in the middle of the screen, None where the size is unknown."""
        if self.width_px is None or self.width_cm is None or self.distance_cm is None:
            return None
        degree_cm = 2 * self.distance_cm * np.tan(np.radians(0.5))
        return float(degree_cm * self.width_px / self.width_cm)

    @cached_property
    def measurements(self) -> Measurements | None:
        """The luminances measured, None where the curve is only stated."""
        if not isinstance(self.curve, MeasuredCurve):
            return None
        measured = read(self.resolve(self.curve.measurements), self.top)
        check(measured)
        return measured

    @cached_property
    def fits(self) -> dict[Channel, CurveFit]:
        """The fitted curve of each channel that was measured."""
        if not isinstance(self.curve, MeasuredCurve) or self.measurements is None:
            return {}
        measured, model = self.measurements, self.curve.model
        return {channel: fit(measured.means(channel), model) for channel in measured.channels}

    def curves(self, channels: int) -> tuple[Curve, ...]:
        """Return the curve of each channel of an image: grey, or red, green and blue.

        Raises
        ------
        InputError
            If the measurements lack a channel or cannot be used.
        """
        if channels not in (1, 3):
            raise InputError(f"{self.label}: shows images of 1 or 3 channels, got {channels}")
        if not isinstance(self.curve, MeasuredCurve):
            return (Srgb() if self.curve == "srgb" else Power(self.curve),) * channels
        names = CHANNELS[:1] if channels == 1 else CHANNELS[1:]
        missing = [name for name in names if name not in self.fits]
        if missing:
            kind = "grey" if channels == 1 else "colour"
            raise InputError(
                f"{self.label}: curve.measurements: {self.curve.measurements} has no readings of "
                f"{', '.join(missing)} (only {', '.join(self.fits)}), which {kind} images need; "
                "measure them, or show images of another kind"
            )
        return tuple(self.fits[name].curve for name in names)

    @property
    def range_candela(self) -> tuple[float, float] | None:
        """Luminance of black and white in cd/m², None where grey was not measured."""
        grey = self.fits.get("grey")
        return (grey.black, grey.white) if grey else None

    def candela(self, value: Array) -> Array:
        """Return the luminance in cd/m² of values of a linear grey image.

        Raises
        ------
        InputError
            If the display's grey was not measured.
        """
        if self.range_candela is None:
            raise InputError(
                f"{self.label}: curve: luminance in cd/m² is known only of a display whose grey "
                "was measured; see pdpsych display measure and import"
            )
        black, white = self.range_candela
        return black + value * (white - black)

    def __str__(self) -> str:
        """Say what the display is, and how well its curve is known."""
        from pdpsych.displays.display_summary import summary

        return summary(self)

    def plot(self) -> Figure:
        """Draw the luminances measured, the fits of each model, and how far they are apart.

        Raises
        ------
        InputError
            If the display was not measured.
        """
        from pdpsych.displays.figures import figure

        if self.measurements is None:
            raise InputError(
                f"{self.label}: curve: the display was not measured, there is nothing to draw; see "
                "pdpsych display measure and import"
            )
        return figure(self, compare(self.measurements))

    def resolved(self) -> dict[str, Any]:
        """Return the description as plain data, for the header of a session.

        A measured curve has the SHA-256 of its readings, and black and white (cd/m²) and the
        parameters of each channel's fit.
        """
        data = self._description()
        for channel, found in self.fits.items():
            numbers = {"black": found.black, "white": found.white, **found.parameters}
            # Six digits: the same on every machine.
            data["curve"][channel] = {key: float(f"{x:.6g}") for key, x in numbers.items()}
        return data

    @property
    def sha256(self) -> str:
        """Identity of the description and of the readings it refers to."""
        text = json.dumps(self._description(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _description(self) -> dict[str, Any]:
        data = self.model_dump(mode="json")
        if self.measurements is not None:
            data["curve"]["measurements"] = self.measurements.sha256
        return data
