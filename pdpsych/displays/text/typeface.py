"""A font at a size: lines that are no wider than a screen, pages no higher, and their pixels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pdpsych.displays.measurements import Floats
from pdpsych.displays.text.direction import is_shaped, runs_right_to_left, visual
from pdpsych.displays.text.fonts import DEFAULT, font_file

# Between Chinese and Japanese letters lines may end; else between words.
_PIECES = re.compile(
    r"\s+|[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]|[^\s\u3000-\u30ff\u3400-\u9fff]+"
)
# These stay with what is before them.
_NEVER_FIRST = "，。、；：？！）》」』”’…"
# Gives a line that was broken off a longer one the direction of that; it is not drawn.
_RIGHT_TO_LEFT_MARK = "\u200f"


class Typeface:
    """A font at a size.

    Parameters
    ----------
    file
        Of the font, DejaVu Sans if None.
    size
        Of its em in pixels.
    """

    def __init__(self, file: Path | None, size: int) -> None:
        self._shaped = is_shaped()
        layout = ImageFont.Layout.RAQM if self._shaped else ImageFont.Layout.BASIC
        path = str(file or font_file(DEFAULT))
        self._font = ImageFont.truetype(path, size, layout_engine=layout)
        ascent, descent = self._font.getmetrics()
        self.line = int(ascent + descent)

    def width(self, line: str) -> int:
        """Return the width of a line in pixels."""
        text, options = self._drawn(line)
        return int(np.ceil(self._font.getlength(text, **options)))

    def lines(self, text: str, width: int) -> list[str]:
        """Return the lines of a text, broken where they would be wider than a width."""
        return [line for paragraph in text.split("\n") for line in self._broken(paragraph, width)]

    def pages(self, text: str, width: int, height: int) -> list[str]:
        """Return a text in pages that fit a width and a height, cut between paragraphs if possible.

        A page ends at the last empty line in its second half, or else is full.
        """
        lines, pages = self.lines(text.strip("\n"), width), []
        most = max(height // self.line, 1)
        while len(lines) > most:
            empty = [i for i in range(most // 2, most + 1) if not lines[i].strip()]
            end = empty[-1] if empty else most
            pages.append("\n".join(lines[:end]).strip("\n"))
            lines = lines[end:]
            while lines and not lines[0].strip():
                del lines[0]
        return [*pages, "\n".join(lines)]

    def drawn(self, text: str, width: int) -> Floats:
        """Return how much of each pixel letters cover, 0 to 1, (H, W); lines are centred."""
        lines = self.lines(text, width)
        widest = max(1, *(self.width(line) for line in lines))
        picture = Image.new("L", (widest + widest % 2, self.line * len(lines)))
        pen = ImageDraw.Draw(picture)
        for number, line in enumerate(lines):
            left = (picture.width - self.width(line)) // 2
            drawn, options = self._drawn(line)
            pen.text((left, number * self.line), drawn, fill=255, font=self._font, **options)
        return np.asarray(picture, dtype=float) / 255

    def _broken(self, paragraph: str, width: int) -> list[str]:
        if self.width(paragraph) <= width:
            return [paragraph]
        mark = _RIGHT_TO_LEFT_MARK if runs_right_to_left(paragraph) else ""
        lines, line = [], ""
        for piece in _pieces(paragraph):
            for part in self._cut(piece, width):
                if line and self.width((line + part).rstrip()) > width:
                    lines.append(mark + line.rstrip())
                    line = ""
                line += part if line else part.lstrip()
        return [*lines, mark + line.rstrip()]

    def _drawn(self, line: str) -> tuple[str, dict[str, Any]]:
        """Return a line as Pillow takes it, and how."""
        plain = line.replace(_RIGHT_TO_LEFT_MARK, "")
        if self._shaped:
            return plain, {"direction": "rtl" if runs_right_to_left(line) else "ltr"}
        return visual(line).replace(_RIGHT_TO_LEFT_MARK, ""), {}

    def _cut(self, word: str, width: int) -> list[str]:
        """Return a word, in parts where it alone is too wide."""
        parts = [""]
        for letter in word:
            if parts[-1] and self.width(parts[-1] + letter) > width:
                parts.append("")
            parts[-1] += letter
        return parts


def _pieces(paragraph: str) -> list[str]:
    """Return the pieces between which a line may end."""
    pieces: list[str] = []
    for piece in _PIECES.findall(paragraph):
        if pieces and piece[0] in _NEVER_FIRST:
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces
