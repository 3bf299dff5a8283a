"""A display in words."""

from __future__ import annotations

from collections.abc import Sequence

from pdpsych.displays.curve_fit import MODELS, CurveFit, Validation
from pdpsych.displays.display import Display, MeasuredCurve
from pdpsych.displays.measurements import CHANNELS, Measurements

# Channels that add up worse than this do not show colours as they are meant.
_ADDITIVE = 0.02


def summary(display: Display, validations: Sequence[Validation] = ()) -> str:
    """Say what a display is and how well its curve is known.

    ``validations`` are those of :func:`pdpsych.displays.curve_fit.compare`.
    """
    lines = [f"{display.stem}: {_geometry(display)}"]
    if not isinstance(display.curve, MeasuredCurve) or display.measurements is None:
        stated = "sRGB" if display.curve == "srgb" else f"a power law of exponent {display.curve:g}"
        return "\n".join([*lines, f"curve: {stated}, as stated; not measured"])
    lines.append(_source(display.curve, display.measurements))
    lines += [f"{channel:>6}: {_fit_words(fit)}" for channel, fit in display.fits.items()]
    if validations:
        lines += ["", table(validations, display.curve.model)]
    return "\n".join(lines + warnings(display))


def table(validations: Sequence[Validation], chosen: str) -> str:
    """Return the comparison of models as text, the chosen one marked."""
    lines = [
        "model       channel  left-out  rms     largest  slope   (its noise)",
        "                     [SE]      [% of white − black]  [%]",
    ]
    for model in MODELS:
        for v in validations:
            if v.model == model:
                mark = "→" if model == chosen else " "
                lines.append(
                    f"{mark} {model:<9} {v.channel:<8} {v.cross_validated:<9.2f} "
                    f"{100 * v.rms:<7.3f} {100 * v.largest:<8.3f} {100 * v.slope:<7.2f} "
                    f"({100 * v.slope_noise:.2f})"
                )
    return "\n".join(lines)


def warnings(display: Display) -> list[str]:
    """Return what a measured display cannot be trusted with, a line each."""
    found = []
    measurements = display.measurements
    missing = [c for c in CHANNELS if measurements and c not in measurements.channels]
    if missing:
        kinds = ["grey"] * ("grey" in missing) + ["colour"] * (missing != ["grey"])
        found.append(
            f"warning: {', '.join(missing)} not measured: no {' or '.join(kinds)} images here"
        )
    additivity = measurements.additivity if measurements else None
    if additivity is not None and abs(additivity) > _ADDITIVE:
        found.append(
            f"warning: red + green + blue is {100 * additivity:+.1f} % off white (limit "
            f"{100 * _ADDITIVE:g} %): colours are not sums of channels. Switch off the display's "
            "colour enhancement or white boost, or show grey images only"
        )
    return found


def _geometry(display: Display) -> str:
    parts = [f"{display.bit_depth} bits a channel", f"dither {display.dither}"]
    if display.width_px and display.height_px:
        parts.append(f"{display.width_px}×{display.height_px} pixels")
    if display.width_cm:
        height = f"×{display.height_cm:g}" if display.height_cm else ""
        parts.append(f"{display.width_cm:g}{height} cm{'' if height else ' wide'}")
    if display.distance_cm:
        parts.append(f"seen from {display.distance_cm:g} cm")
    if display.pixels_per_degree:
        parts.append(f"{display.pixels_per_degree:.1f} pixels per degree")
    if display.refresh_hz:
        parts.append(f"{display.refresh_hz:g} Hz")
    return ", ".join([*parts, f"screen {display.screen}"])


def _source(curve: MeasuredCurve, measurements: Measurements) -> str:
    noise = measurements.noise
    origin = "from repeats" if noise.source == "repeats" else "assumed, too few repeats"
    made = "".join(f", {x}" for x in (curve.instrument, curve.date) if x)
    return (
        f"curve: {curve.model} fitted to {curve.measurements} "
        f"({len(measurements.readings)} readings{made})\n"
        f"noise of a reading ({origin}): {100 * noise.relative:.2g} % and "
        f"{noise.floor:.2g} cd/m²"
    )


def _fit_words(fit: CurveFit) -> str:
    numbers = "".join(f", {name} {value:.4g}" for name, value in fit.parameters.items())
    return f"black {fit.black:.4g}, white {fit.white:.5g} cd/m²{numbers}"
