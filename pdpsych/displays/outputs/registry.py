"""Ways to the frame buffer, by the names that displays' files give them."""

from __future__ import annotations

from typing import Literal

from pdpsych.common.errors import InputError
from pdpsych.displays.outputs.direct import Direct
from pdpsych.displays.outputs.half_width import HalfWidth
from pdpsych.displays.outputs.output import Output
from pdpsych.displays.outputs.two_bytes import TwoBytes

OutputName = Literal["window", "mono++", "color++", "m16", "c48"]
WINDOW: OutputName = "window"
OUTPUTS: dict[OutputName, Output] = {
    "window": Direct(),
    "mono++": TwoBytes(),
    "color++": HalfWidth(),
    "m16": TwoBytes(),
    "c48": HalfWidth(),
}
# Whose devices decode them: a Bits# or Display++ of CRS, a DATAPixx or VIEWPixx of VPixx.
CRS: tuple[OutputName, ...] = ("mono++", "color++")
VPIXX: tuple[OutputName, ...] = ("m16", "c48")
# The look-up table of a device that changes nothing.
LINEAR = "linear"

_WITH_DEVICE = (
    "with a device, 14 or 16 bits reach the screen: output: mono++ or color++ (Bits#, Display++ of "
    "CRS), m16 or c48 (DATAPixx, VIEWPixx)"
)


def check_depth_of(output: OutputName, bit_depth: int, label: str = "") -> None:
    """Refuse bits of a level that an output does not carry.

    Raises
    ------
    InputError
        With the field ``bit_depth``.
    """
    depths = OUTPUTS[output].depths
    if bit_depth not in depths:
        shows = "a window shows" if output == WINDOW else f"{output} carries"
        raise InputError(
            f"not a depth that {shows}",
            file=label or None,
            field="bit_depth",
            value=bit_depth,
            allowed=", ".join(map(str, depths)),
            remedy=_WITH_DEVICE if output == WINDOW else "",
        )


def check_output(output: OutputName, bit_depth: int, scale: int, device_table: str) -> None:
    """Refuse a description of an output that contradicts itself.

    A window's depth is not looked at: levels of 14 and 16 bits can be shown by other programs.

    Raises
    ------
    InputError
        With the field that is wrong.
    """
    columns = OUTPUTS[output].columns
    if output != WINDOW:
        check_depth_of(output, bit_depth)
    if scale % columns:
        raise InputError(
            f"{output} has half the horizontal resolution, so that a pixel of an image covers an "
            "even number of the screen's",
            field="scale",
            value=scale,
            allowed="2, 4, 6, …",
        )
    if device_table != LINEAR and output not in CRS:
        raise InputError(
            f"{output} passes no look-up table of a device that could be chosen",
            field="device_table",
            value=device_table,
            allowed=LINEAR,
        )
