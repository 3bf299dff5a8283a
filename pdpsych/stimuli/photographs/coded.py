"""Colour spaces by the code points that PNG, AVIF and HEIC share (ITU-T H.273, 2023)."""

from __future__ import annotations

from collections.abc import Callable

from pdpsych.common.errors import InputError
from pdpsych.stimuli.photographs.colour_space import (
    PRIMARIES,
    SRGB,
    ColourSpace,
    Floats,
    power,
    rec709_curve,
    srgb_curve,
)

UNSPECIFIED = 2
_PRIMARIES = {
    1: "Rec. 709",
    5: "Rec. 601, 625 lines",
    6: "Rec. 601, 525 lines",
    9: "Rec. 2020",
    12: "Display P3",
}
_CURVES: dict[int, tuple[str, Callable[[Floats], Floats]]] = {
    1: ("curve of Rec. 709", rec709_curve),
    4: ("gamma 2.2", power(2.2)),
    5: ("gamma 2.8", power(2.8)),
    6: ("curve of Rec. 709", rec709_curve),
    8: ("linear", power(1.0)),
    13: ("curve of sRGB", srgb_curve),
    14: ("curve of Rec. 709", rec709_curve),
    15: ("curve of Rec. 709", rec709_curve),
}
_HDR = {16: "PQ", 18: "HLG"}


def coded_space(primaries: int, transfer: int) -> ColourSpace:
    """Return the colour space of code points of primaries and transfer characteristics.

    Raises
    ------
    InputError
        If one is not known, or of high dynamic range, which has no white to be 1.
    """
    if UNSPECIFIED in (primaries, transfer) and {primaries, transfer} <= {1, 13, UNSPECIFIED}:
        return SRGB
    if transfer in _HDR:
        raise InputError(
            f"is of high dynamic range ({_HDR[transfer]})",
            field="transfer characteristics",
            value=transfer,
            remedy="save it for ordinary displays (SDR)",
        )
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        raise InputError(
            "colours that are not read",
            field="colour primaries and transfer characteristics",
            value=(primaries, transfer),
            allowed=f"primaries {sorted(_PRIMARIES)}, transfer {sorted(_CURVES)}",
            remedy="save it as sRGB",
        )
    if (primaries, transfer) == (1, 13):
        return SRGB
    name, (words, curve) = _PRIMARIES[primaries], _CURVES[transfer]
    return ColourSpace.of(f"{name}, {words}", curve, PRIMARIES[name])
