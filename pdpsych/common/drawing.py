"""What figures share: colours, empty axes, pictures side by side, and their files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import replacing

# Okabe & Ito's colours, which people with any colour vision can tell apart.
BLUE, ORANGE, GREEN, PINK, SKY, YELLOW = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
)
GREY, BLACK, BAND = "#7F7F7F", "#222222", "#E9E4D4"
SERIES = (BLUE, ORANGE, GREEN, PINK, SKY, YELLOW, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Letters of a line of a name, and the size of names of so many lines beside rows of 0.38 inches.
_LETTERS = 34
_SIZES = ("medium", "small", "x-small")


class _ShownFigure(Figure):
    """A figure that notebooks show, though pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", bbox_inches=None)
        return file.getvalue()


class _ShownAxes(Axes):
    """Axes for which notebooks show their figure."""

    def _repr_png_(self) -> bytes | None:
        figure = self.figure
        return figure._repr_png_() if isinstance(figure, _ShownFigure) else None


def new_figure(width: float, height: float) -> Figure:
    """Return a new figure of that size in inches, empty."""
    # Not through pyplot, which would keep every figure alive and choose a screen.
    return _ShownFigure(figsize=(width, height), layout="constrained")


def new_axes(width: float, height: float) -> Axes:
    """Return the Axes of a new figure of that size in inches."""
    return new_figure(width, height).add_subplot(axes_class=_ShownAxes)


def panels(
    figure: Figure, number: int, columns: int, *, sharex: bool = False, sharey: bool = False
) -> list[Axes]:
    """Return so many Axes in rows of a figure; places that are left over stay empty.

    Axes that share the x axis have its numbers where there is none below.
    """
    rows = -(-number // columns)
    grid = figure.subplots(rows, columns, sharex=sharex, sharey=sharey, squeeze=False).ravel()
    for ax in grid[number:]:
        ax.set_axis_off()
    if sharex:
        for ax in grid[number - columns : number]:
            ax.tick_params(labelbottom=True)
    return list(grid[:number])


def clean(ax: Axes) -> Axes:
    """Take away the lines at the top and on the right."""
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def in_lines(name: str, letters: int = _LETTERS) -> str:
    """Break a name of many letters into lines, at its parts.

    Examples
    --------
    >>> in_lines("torchvision:resnet50/layer3+pool=7+readout=V4.npz", 30).splitlines()
    ['torchvision:resnet50/layer3', '+pool=7+readout=V4.npz']
    """
    lines = [""]
    for part in re.findall(r"\([^)]*\)|[+@]?[^/+@ (]*[/ ]?", name):
        if lines[-1] and len(lines[-1] + part.rstrip()) > letters:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def name_rows(ax: Axes, places: Sequence[float] | NDArray[Any], names: Sequence[str]) -> None:
    """Write names beside rows, long ones in lines and smaller, so that there is room to draw."""
    labels = [in_lines(name) for name in names]
    most = max((label.count("\n") for label in labels), default=0)
    ax.set_yticks(places, labels, fontsize=_SIZES[min(most, len(_SIZES) - 1)])


def mosaic(ax: Axes, panels: Sequence[tuple[NDArray[np.floating], str]]) -> Axes:
    """Draw pictures of one size, (H, W, 3) in [0, 1], side by side, each below its caption."""
    height, width = panels[0][0].shape[:2]
    step = 1.06 * width
    for index, (picture, caption) in enumerate(panels):
        left = index * step
        ax.imshow(picture, extent=(left, left + width, height, 0), interpolation="nearest")
        ax.text(left + width / 2, -0.04 * height, caption, ha="center", va="bottom", fontsize=8)
    ax.set_xlim(0, step * (len(panels) - 1) + width)
    ax.set_ylim(height, -0.22 * height)
    ax.set_axis_off()
    return ax


def saturated(distortion: NDArray[np.floating]) -> tuple[NDArray[np.floating], float]:
    """Return a distortion (C, H, W) as a picture (H, W, 3) about grey, and what white stands for.

    Its strongest 0.1 % saturate.
    """
    peak = float(np.quantile(np.abs(distortion), 0.999)) or 1.0
    picture = np.clip(0.5 + distortion / (2 * peak), 0, 1)
    return np.moveaxis(np.broadcast_to(picture, (3, *picture.shape[1:])), 0, -1), peak


def objective_curves(
    amplitudes: Sequence[float],
    made: Sequence[float],
    local: Sequence[float] | None,
    *,
    asked: float,
    limit: float,
    ax: Axes | None = None,
) -> Axes:
    """Draw F against amplitude of a pair that was made for one, and of the local pair if given.

    The band is where the pair was to be good; ``limit`` is what F of the local pair tends to.
    """
    ax = ax or new_axes(4.5, 3)
    ax.axvspan(asked / 2, 2 * asked, color=GREY, alpha=0.2, linewidth=0)
    if local is not None:
        ax.plot(amplitudes, local, "s-", color=ORANGE, markersize=4, label="local pair")
    ax.plot(amplitudes, made, "o-", color=BLUE, markersize=4, label=f"made for RMS {asked:g}")
    ax.axhline(limit, color=GREY, linestyle=":", label="local pair, small amplitudes")
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("amplitude  [RMS]")
    ax.set_ylabel("objective F  [nat²]")
    # Above, where no curve is.
    ax.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0, 1))
    return clean(ax)


def save(
    figure: Figure, path: str | Path, *, formats: Sequence[str] = (), dpi: float = 200
) -> list[Path]:
    """Write a figure, the same bytes each time, and return where it is.

    Parameters
    ----------
    figure
        It is as before afterwards.
    path
        Its file, which ends in .png, .pdf or .svg; with ``formats`` without that ending.
    formats
        Endings of several files, all laid out alike.
    dpi
        Dots an inch of PNG.

    Raises
    ------
    InputError
        If the file has another ending, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = save(new_axes(1, 1).figure, f"{folder}/a", formats=("png", "pdf"), dpi=50)
    ...     [file.name for file in files]
    ['a.png', 'a.pdf']
    """
    path = Path(path)
    paths = [path.with_name(f"{path.name}.{ending}") for ending in formats] or [path]
    for each in paths:
        if each.suffix.lower() not in _PRINT:
            raise InputError(
                "a figure's file has another ending", file=each, value=each.suffix, allowed=_PRINT
            )
    with _laid_out(figure, dpi), mpl.rc_context({"svg.hashsalt": "pdpsych"}):
        for each in paths:
            with replacing(each) as part:
                _PRINT[each.suffix.lower()](figure, part)
    return paths


@contextmanager
def _laid_out(figure: Figure, dpi: float) -> Iterator[None]:
    """Lay a figure out once, to be drawn in several formats; savefig does so for each."""
    before = figure.canvas, figure.get_layout_engine(), figure.dpi
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    figure.set_dpi(dpi)
    try:
        yield
    finally:
        canvas, engine, former = before
        figure.set_canvas(canvas)
        figure.set_layout_engine(engine) if engine else figure.set_layout_engine("none")
        figure.set_dpi(former)


def _png(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure).print_png(path)


def _pdf(figure: Figure, path: Path) -> None:
    FigureCanvasPdf(figure).print_pdf(path, metadata={"CreationDate": None})


def _svg(figure: Figure, path: Path) -> None:
    FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None})


_PRINT: dict[str, Callable[[Figure, Any], None]] = {".png": _png, ".pdf": _pdf, ".svg": _svg}
