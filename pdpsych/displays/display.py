"""What a display is: its size, its levels, and its luminance at each of them."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import (
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import digest
from pdpsych.common.results import Result
from pdpsych.common.section import Section
from pdpsych.displays.accuracy.slope_error import SlopeError
from pdpsych.displays.curve import Curve, Power, Srgb
from pdpsych.displays.curve_words import doubts, fit_words, measured_words
from pdpsych.displays.dither import Dither
from pdpsych.displays.encoding import Array
from pdpsych.displays.fitting.curve_fit import CurveFit, fit_curve
from pdpsych.displays.fitting.validation import ModelComparison, compare
from pdpsych.displays.measured_curve import MeasuredCurve
from pdpsych.displays.measurement_file import read_measurements
from pdpsych.displays.measurements import CHANNELS, Channel, Measurements, check_measurements
from pdpsych.displays.outputs import registry
from pdpsych.displays.outputs.output import Output

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Pixels further from square than this are a slip in the size of the screen.
_SQUARE = 0.1
# Of a description, what may change while the same levels are shown.
_PLACE = ("screen", "refresh_hz", "distance_cm", "width_px", "height_px", "width_cm", "height_cm")
_PROVENANCE = ("instrument", "date", "ramp")
_HOW_TO_MEASURE = "measure it: pdpsych display measure, or display import"


def _curve_kind(value: Any) -> str:
    if isinstance(value, dict | MeasuredCurve):
        return "MeasuredCurve"
    return "Srgb" if isinstance(value, str) else "Exponent"


class Display(Result, Section):
    """A display, described in ``experiments/displays/NAME.yaml``.

    Value 0 of a linear image is the display's black and 1 its white.

    Attributes
    ----------
    curve
        Its luminance as a function of level: ``srgb``, the exponent of a power law (1 for a
        display linearised in hardware), or a :class:`MeasuredCurve`.
    bit_depth
        Bits of a channel: 8, 10, 14 or 16.
    output
        How levels reach the frame buffer: ``window``, with 8 or 10 bits as they are; with 14 or
        16 bits ``mono++`` (grey) and ``color++`` through a Bits# or Display++, ``m16`` (grey) and
        ``c48`` through a DATAPixx or VIEWPixx.
    device_table
        The look-up table of a Bits# or Display++: ``linear``, or a file on the device.
    scale
        Pixels of the screen, each way, that a pixel of an image covers; even for ``color++`` and
        ``c48``.
    dither
        How levels with fractions are rounded: ``uniform``, ``triangular``, ``error-diffusion``
        or ``none``; see :func:`pdpsych.displays.quantize`.
    width_px, height_px
        Its pixels.
    width_cm, height_cm
        Its size.
    distance_cm
        From where it is looked at.
    refresh_hz
        Frames a second.
    screen
        Its number on the computer, from 0.

    Examples
    --------
    >>> from pdpsych.displays import Display
    >>> display = Display(curve=2.2, bit_depth=10, width_px=1920, width_cm=53, distance_cm=57)
    >>> display
    <Display: display, power law of exponent 2.2, 10 bits>
    >>> round(display.pixels_per_degree)
    36
    """

    known_as: ClassVar[str] = "a display, experiments/displays/NAME.yaml"
    curve: Annotated[
        Annotated[Literal["srgb"], Tag("Srgb")]
        | Annotated[float, Field(gt=0.2, lt=5), Tag("Exponent")]
        | Annotated[MeasuredCurve, Tag("MeasuredCurve")],
        Discriminator(_curve_kind),
    ] = "srgb"
    bit_depth: Literal[8, 10, 14, 16] = 8
    output: registry.OutputName = registry.WINDOW
    device_table: str = Field(registry.LINEAR, pattern=r"^[\w.-]+$")
    scale: int = Field(1, ge=1, le=64)
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
            raise InputError(
                "is no curve",
                value=curve,
                allowed="srgb, the exponent of a power law such as 2.2, or a mapping with "
                "measurements and model",
            )
        return curve

    @model_validator(mode="after")
    def _square(self) -> Display:
        if self.width_px and self.height_px and self.width_cm and self.height_cm:
            width, height = self.width_cm / self.width_px, self.height_cm / self.height_px
            if abs(width / height - 1) > _SQUARE:
                raise InputError(
                    f"a pixel would be {10 * width:.3g} mm wide and {10 * height:.3g} mm high",
                    field="height_cm",
                    value=self.height_cm,
                    remedy=f"of square pixels it is {width * self.height_px:.3g}",
                )
        return self

    @model_validator(mode="after")
    def _carried(self) -> Display:
        registry.check_output(self.output, self.bit_depth, self.scale, self.device_table)
        return self

    @model_serializer(mode="wrap")
    def _plain(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # So that displays of a time before there were these keep their identity.
        later = {"output": registry.WINDOW, "device_table": registry.LINEAR, "scale": 1}
        return {k: v for k, v in plain(self).items() if k not in later or v != later[k]}

    @property
    def encoder(self) -> Output:
        """What writes its levels into the frame buffer."""
        return registry.OUTPUTS[self.output]

    def check_depth(self, label: str = "") -> None:
        """Refuse a display whose levels have more bits than its output carries.

        Parameters
        ----------
        label
            Where it is described, for messages; by default its own file.

        Raises
        ------
        InputError
            With the outputs that do.
        """
        registry.check_depth_of(self.output, self.bit_depth, label or self.label)

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

    @property
    def image_pixels_per_degree(self) -> float | None:
        """Pixels of an image in one degree, None where the size is unknown."""
        return self.pixels_per_degree and self.pixels_per_degree / self.scale

    @cached_property
    def measurements(self) -> Measurements | None:
        """The luminances measured, None where the curve is only stated."""
        if not isinstance(self.curve, MeasuredCurve):
            return None
        measured = read_measurements(self.resolve(self.curve.measurements), self.top)
        check_measurements(measured)
        return measured

    @cached_property
    def fits(self) -> dict[Channel, CurveFit]:
        """The fitted curve of each channel that was measured."""
        if not isinstance(self.curve, MeasuredCurve) or self.measurements is None:
            return {}
        measured, model = self.measurements, self.curve.model
        return {channel: fit_curve(measured.means(channel), model) for channel in measured.channels}

    @cached_property
    def slope_errors(self) -> dict[Channel, SlopeError]:
        """What is not known of the fitted curve of each channel that was measured."""
        if not isinstance(self.curve, MeasuredCurve) or self.measurements is None:
            return {}
        measured, model = self.measurements, self.curve.model
        return {name: SlopeError.of(measured.means(name), model) for name in measured.channels}

    def curves(self, channels: int) -> tuple[Curve, ...]:
        """Return the curve of each of the channels of an image: grey, or red, green and blue.

        Raises
        ------
        InputError
            If the measurements lack a channel or cannot be used.
        """
        if channels not in (1, 3):
            raise InputError(
                "images have another number of channels than a display shows",
                file=self.label,
                field="channels",
                value=channels,
                allowed="1 (grey), 3 (red, green and blue)",
            )
        if channels not in self.encoder.channels:
            raise InputError(
                "shows grey images only",
                file=self.label,
                field="output",
                value=self.output,
                remedy="show images of one channel, or take color++ or c48",
            )
        if not isinstance(self.curve, MeasuredCurve):
            return (Srgb() if self.curve == "srgb" else Power(self.curve),) * channels
        names = CHANNELS[:1] if channels == 1 else CHANNELS[1:]
        missing = [name for name in names if name not in self.fits]
        if missing:
            kind = "grey" if channels == 1 else "colour"
            raise InputError(
                f"{self.curve.measurements} has no readings of {', '.join(missing)} (only "
                f"{', '.join(self.fits)}), which {kind} images need",
                file=self.label,
                field="curve.measurements",
                remedy="measure them, or show images of another kind",
            )
        return tuple(self.fits[name].curve for name in names)

    @property
    def range_candela(self) -> tuple[float, float] | None:
        """Luminance of black and white in cd/m², None where grey was not measured."""
        grey = self.fits.get("grey")
        return (grey.black, grey.white) if grey else None

    def candela(self, value: Array) -> Array:
        """Return the luminance in cd/m² of each value of a linear grey image.

        Raises
        ------
        InputError
            If the display's grey was not measured.
        """
        if self.range_candela is None:
            raise InputError(
                "luminance in cd/m² is known only of a display whose grey was measured",
                file=self.label,
                field="curve",
                remedy=_HOW_TO_MEASURE,
            )
        black, white = self.range_candela
        return black + value * (white - black)

    def describe(self) -> str:
        """Say what the display is, how its curve is known, and what not to trust it with."""
        lines = [f"{self.stem}: {self._geometry()}"]
        if not isinstance(self.curve, MeasuredCurve) or self.measurements is None:
            return "\n".join([*lines, f"curve: {self._stated()}, as stated; not measured"])
        made = "".join(f", {x}" for x in (self.curve.instrument, self.curve.date) if x)
        source = f"{self.curve.model} fitted to {self.curve.measurements}"
        lines += measured_words(source, made, self.measurements)
        lines += [f"{channel:>6}: {fit_words(found)}" for channel, found in self.fits.items()]
        return "\n".join([*lines, *doubts(self.measurements)])

    def compare(self) -> ModelComparison:
        """Return how well each model describes the curve that was measured.

        Raises
        ------
        InputError
            If the display was not measured.
        """
        if self.measurements is None or not isinstance(self.curve, MeasuredCurve):
            raise not_measured(self)
        return compare(self.measurements, chosen=self.curve.model)

    def plot(self) -> Figure:
        """Draw the luminances measured, the fits of each model, and how far they are apart.

        Raises
        ------
        InputError
            If the display was not measured.
        """
        return self.compare().plot(self.stem)

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

    @property
    def levels_sha256(self) -> str:
        """Identity of what it makes of an image: not of its place, size, rate and distance."""
        made = {key: v for key, v in self._description().items() if key not in _PLACE}
        if isinstance(made["curve"], dict):
            made["curve"] = {k: v for k, v in made["curve"].items() if k not in _PROVENANCE}
        return digest(made)

    def _description(self) -> dict[str, Any]:
        data = self.model_dump(mode="json")
        if isinstance(self.curve, MeasuredCurve) and self.curve.ramp is None:
            # As before there was any.
            del data["curve"]["ramp"]
        if self.measurements is not None:
            data["curve"]["measurements"] = self.measurements.sha256
        return data

    def _line(self) -> str:
        by = "" if self.output == registry.WINDOW else f" by {self.output}"
        return f"{self.stem}, {self._stated()}, {self.bit_depth} bits{by}"

    def _stated(self) -> str:
        if isinstance(self.curve, MeasuredCurve):
            return f"measured, {self.curve.model}"
        return "sRGB" if self.curve == "srgb" else f"power law of exponent {self.curve:g}"

    def _geometry(self) -> str:
        parts = [f"{self.bit_depth} bits a channel", f"dither {self.dither}"]
        if self.output != registry.WINDOW:
            parts.append(f"output {self.output} (device table {self.device_table})")
        if self.scale > 1:
            parts.append(f"a pixel of an image is {self.scale}×{self.scale}")
        if self.width_px and self.height_px:
            parts.append(f"{self.width_px}×{self.height_px} pixels")
        if self.width_cm:
            height = f"×{self.height_cm:g}" if self.height_cm else ""
            parts.append(f"{self.width_cm:g}{height} cm{'' if height else ' wide'}")
        if self.distance_cm:
            parts.append(f"seen from {self.distance_cm:g} cm")
        if self.pixels_per_degree:
            parts.append(f"{self.pixels_per_degree:.1f} pixels per degree")
        if self.refresh_hz:
            parts.append(f"{self.refresh_hz:g} Hz")
        return ", ".join([*parts, f"screen {self.screen}"])


def not_measured(display: Display) -> InputError:
    """Return the error of a display that was not measured where measurements are needed."""
    return InputError(
        "the display was not measured",
        file=display.label,
        field="curve",
        remedy=_HOW_TO_MEASURE,
    )
