"""Whether a screen is the one its display file describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdpsych.common.errors import InputError
from pdpsych.displays.display import Display
from pdpsych.displays.measured_curve import MeasuredCurve

if TYPE_CHECKING:
    from pdpsych.displays.lab.ramp import RampState

# Share by which a measured refresh rate may differ: 59.94 Hz is called 60.
RATE_TOLERANCE = 0.02
# Where flips do not wait for the screen, they come in any number.
_SLOWEST, _FASTEST = 20.0, 500.0
_USUAL = 60.0
_TRY = "`windowed` is for trying out"


def check_size(display: Display, size: tuple[int, int], label: str) -> None:
    """Refuse a screen of another resolution than the display's, where that says one."""
    for field, wanted, there in zip(
        ("width_px", "height_px"), (display.width_px, display.height_px), size, strict=True
    ):
        if wanted is not None and wanted != there:
            raise InputError(
                f"screen {display.screen} has {size[0]}×{size[1]} pixels",
                file=label,
                field=f"display.{field}",
                value=wanted,
                remedy=f"set its resolution, choose another screen, or describe this one ({_TRY})",
            )


def check_room(images: tuple[int, int], window: tuple[int, int], label: str) -> None:
    """Refuse images that, together, are wider or higher than the window, in pixels."""
    if images[0] > window[0] or images[1] > window[1]:
        raise InputError(
            f"images of {images[0]}×{images[1]} pixels do not fit the window of "
            f"{window[0]}×{window[1]}",
            file=label,
            field="display",
        )


def check_depth(display: Display, bits: int, label: str) -> None:
    """Refuse a frame buffer of other bits a channel than the display's output needs."""
    if bits != display.encoder.buffer_bits(display.bit_depth):
        raise InputError(
            f"the window has {bits} bits a channel",
            file=label,
            field="display.bit_depth",
            value=display.bit_depth,
            remedy="set the depth of the desktop, or describe the display as it is",
        )


def check_ramp(display: Display, state: RampState, label: str) -> None:
    """Refuse a gamma ramp that is not linear, or not known to be where it was when measured."""
    measured = display.curve.ramp if isinstance(display.curve, MeasuredCurve) else None
    if state == "linear" or (state == "unknown" and measured is None):
        return
    found = "is not linear" if state == "other" else "cannot be read back"
    raise InputError(
        f"the gamma ramp of the graphics card {found}: levels are shown otherwise than measured",
        file=label,
        field="display.curve",
        allowed="a linear ramp, as when the display was measured" if measured else "a linear ramp",
        remedy=f"switch off colour profiles and night light, or measure it anew ({_TRY})",
    )


def frame_rate(display: Display, measured: float, windowed: bool, label: str) -> float:
    """Return the refresh rate in Hz by which durations become frames.

    The measured one, which has to be the display's within :data:`RATE_TOLERANCE`. A window for
    trying out takes what the display says, or 60, where the measured one is another.

    Raises
    ------
    InputError
        If flips come at another rate, or do not wait for the screen.
    """
    waits = _SLOWEST <= measured <= _FASTEST
    stated = display.refresh_hz
    if waits and (stated is None or abs(measured / stated - 1) <= RATE_TOLERANCE):
        return measured
    if windowed:
        return stated or _USUAL
    if not waits:
        raise InputError(
            f"{measured:.4g} flips a second do not follow the screen",
            file=label,
            field="display",
            remedy=f"switch on vertical synchronisation in the graphics driver ({_TRY})",
        )
    raise InputError(
        f"the screen has {measured:.4g} (more than {RATE_TOLERANCE:.0%} off)",
        file=label,
        field="display.refresh_hz",
        value=stated,
        remedy=f"set its rate, or describe it as it is ({_TRY})",
    )
