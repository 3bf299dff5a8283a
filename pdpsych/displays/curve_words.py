"""What is known of a measured curve, in words."""

from __future__ import annotations

from pdpsych.displays.fitting.curve_fit import CurveFit
from pdpsych.displays.measurements import CHANNELS, Measurements

# Channels that add up worse than this do not show colours as they are meant.
_ADDITIVE = 0.02


def measured_words(source: str, made: str, measurements: Measurements) -> list[str]:
    """Say what a curve was fitted to, and how noisy a reading is."""
    noise = measurements.noise
    origin = "from repeats" if noise.source == "repeats" else "assumed, too few repeats"
    return [
        f"curve: {source} ({len(measurements.readings)} readings{made})",
        f"noise of a reading ({origin}): {100 * noise.relative:.2g} % and {noise.floor:.2g} cd/m²",
    ]


def fit_words(found: CurveFit) -> str:
    """Say what a fit found."""
    numbers = "".join(f", {name} {value:.4g}" for name, value in found.parameters.items())
    return f"black {found.black:.4g}, white {found.white:.5g} cd/m²{numbers}"


def doubts(measurements: Measurements) -> list[str]:
    """Return what a measured display cannot be trusted with, a line each."""
    found = []
    missing = [channel for channel in CHANNELS if channel not in measurements.channels]
    if missing:
        kinds = ["grey"] * ("grey" in missing) + ["colour"] * (missing != ["grey"])
        found.append(
            f"warning: {', '.join(missing)} not measured: no {' or '.join(kinds)} images here"
        )
    additivity = measurements.additivity
    if additivity is not None and abs(additivity) > _ADDITIVE:
        found.append(
            f"warning: red + green + blue is {100 * additivity:+.1f} % off white (limit "
            f"{100 * _ADDITIVE:g} %): colours are not sums of channels. Switch off the display's "
            "colour enhancement or white boost, or show grey images only"
        )
    return found
