"""The page beside exported frames: how to show them, and what to write down."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from pdpsych.displays.display import Display

# More would be scrolled past; the table says what is there.
_MOST_LINES = 20


def frame_page(
    record: dict[str, Any],
    display: Display,
    form: str,
    background: float,
    left_out: Sequence[str],
) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    record
        What the frames were made from.
    display
        What shows them.
    form
        Their format.
    background
        Level around them, 0 to 1.
    left_out
        What the display does not show faithfully.
    """
    deep = display.bit_depth > 8
    template = files("pdpsych.experiments.exports").joinpath("frames.md")
    page = template.read_text(encoding="utf-8").format(
        **record,
        top=display.top,
        bits=f"{display.bit_depth} bits in {'16-bit' if deep else '8-bit'} {form.upper()} files",
        calibration=f"SHA-256 `{record['calibration_sha256']}`"
        if record["calibration_sha256"]
        else "none: it is not known what this display shows faithfully",
        numbers=f"Numbers above {display.top} do not occur; they are not scaled to 16 bits."
        if deep
        else "",
        background=round(background * display.top),
        share=background,
        many="; more than 8 bits need the mode of your card for them" if deep else "",
    )
    if not left_out:
        return page
    more = len(left_out) - _MOST_LINES
    lines = [*left_out[:_MOST_LINES], *([f"and {more} more"] if more > 0 else [])]
    listed = "\n".join(f"- {line}" for line in lines)
    return f"{page}\n## Left out\n\nNot shown faithfully by this display:\n\n{listed}\n"
