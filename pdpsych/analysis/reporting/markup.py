"""Pieces of the report's page: sections, tables, pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SCREEN_DPI = 96
# Of its width, how far a figure shrinks on a narrow screen before it scrolls; its text is legible.
_LEAST = 0.62
# Cells of more characters are broken into lines.
_LONG = 32


@dataclass(frozen=True)
class PageSection:
    """A section of a page: its heading, and what is below, as HTML; "" where there is nothing."""

    heading: str
    body: str

    @property
    def anchor(self) -> str:
        """Name to link to."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.heading.lower()).split())


def page(title: str, top: str, sections: Iterable[PageSection]) -> str:
    """Return a page that needs nothing from outside: ``top``, contents, and the sections."""
    css = files("pdpsych.analysis.reporting").joinpath("report.css").read_text(encoding="utf-8")
    present = [section for section in sections if section.body]
    links = "".join(
        f'<li><a href="#{part.anchor}">{escape(part.heading)}</a></li>' for part in present
    )
    body = "\n".join(
        f'<section id="{part.anchor}">\n<h2>{escape(part.heading)}</h2>\n{part.body}\n</section>'
        for part in present
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n{top}\n</header>\n"
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n'
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


@dataclass(frozen=True)
class Gallery:
    """Shows figures in a page, and keeps each as PNG and PDF in a folder.

    Attributes
    ----------
    folder
        Where figures are kept; None where the page is to have all but the pictures.
    """

    folder: Path | None

    def show(self, figure: Figure, name: str, alternative: str, caption: str = "") -> str:
        """Embed a figure, with a text for those who cannot see it; ``name`` is its file's."""
        from pdpsych.common.drawing import save

        data = ""
        if self.folder is not None:
            picture = save(figure, self.folder / name, formats=("png", "pdf"))[0]
            data = base64.b64encode(picture.read_bytes()).decode()
        width = round(figure.get_figwidth() * _SCREEN_DPI)
        below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        return (
            f'<figure><div class="wide"><img width="{width}" '
            f'style="min-width: {round(_LEAST * width)}px" alt="{escape(alternative)}" '
            f'src="data:image/png;base64,{data}"></div>{below}</figure>'
        )


def html_table(frame: pd.DataFrame, caption: str) -> str:
    """Return a table that scrolls by itself where the screen is narrow."""

    def cell(value: Any, tag: str) -> str:
        text = str(value)
        long = ' class="long"' if tag == "td" and len(text) > _LONG else ""
        return f"<{tag}{long}>{escape(text)}</{tag}>"

    def row(cells: Iterable[Any], tag: str) -> str:
        return f"<tr>{''.join(cell(value, tag) for value in cells)}</tr>"

    body = "\n".join(row(cells, "td") for cells in frame.itertuples(index=False))
    return (
        f'<p class="dim">{escape(caption)}</p>\n<div class="wide"><table>\n'
        f"<thead>{row(frame.columns, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def with_interval(
    rows: pd.DataFrame, middle: str, low: str, high: str, digits: int = 2
) -> pd.Series:
    """Return ``middle [low, high]`` of each row; – where there is no end."""
    values = rows[[middle, low, high]].astype(float)
    return pd.Series(
        [
            "{} [{}, {}]".format(*(number(value, digits) for value in row))
            for row in values.to_numpy()
        ],
        index=rows.index,
    )


def number(value: float, digits: int = 2) -> str:
    """Return a number as text, with a minus sign; – where it is none."""
    if np.isnan(value):
        return "–"
    # Adding 0 to what is rounded turns −0.00 into 0.00.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def p_text(p: float) -> str:
    """Return a p value as text; none is 0."""
    return f"{p:.3f}" if p >= 0.0005 else "< 0.001"


def short(value: Any) -> str:
    """Return a value of a certificate as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
