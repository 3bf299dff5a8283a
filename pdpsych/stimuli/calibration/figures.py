"""Figures of a calibration: what is left of amplitudes, and what range that leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdpsych.common.files.atomic import replacing
from pdpsych.stimuli.calibration.calibration import TOLERANCE, Calibration, ConditionCalibration

# Okabe & Ito's colours, which people with any colour vision can tell apart.
_MODELS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00")
_SHOWN, _LOST, _BAND, _DARK = "#0072B2", "#7F7F7F", "#E9E4D4", "#222222"
_A_ROW = 0.2


def draw(calibration: Calibration) -> list[Path]:
    """Draw both figures beside the calibration's file and return where they are."""
    paths = []
    for name, figure in (("gain", gain(calibration)), ("coverage", coverage(calibration))):
        paths.append(calibration.folder / f"{name}.png")
        with replacing(paths[-1]) as part:
            figure.savefig(part, format="png", dpi=150)
    return paths


def gain(calibration: Calibration) -> Figure:
    """Draw realised against requested amplitude, and their ratio, a line for each condition."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    tried = [c for c in calibration.conditions if c.steps]
    for c in tried:
        root = c.dimension**0.5
        asked = np.array([step.amplitude for step in c.steps]) / root
        gains = np.array([step.gain for step in c.steps])
        scatter = np.array([step.scatter for step in c.steps])
        colour = _SHOWN if c.range else _LOST
        left.plot(asked, asked * np.where(gains > 0, gains, np.nan), color=colour, linewidth=0.8)
        right.plot(asked, gains, color=colour, linewidth=0.8)
        right.fill_between(
            asked, gains - scatter, gains + scatter, color=colour, alpha=0.3 / len(tried)
        )
        if c.range:
            ends = [i for i, step in enumerate(c.steps) if step.amplitude in c.range]
            left.plot(asked[ends], (asked * gains)[ends], "o", color=colour, markersize=3)
            right.plot(asked[ends], gains[ends], "o", color=colour, markersize=3)
    if tried:
        edges = np.array(left.get_xlim())
        left.fill_between(edges, (1 - TOLERANCE) * edges, (1 + TOLERANCE) * edges, color=_BAND)
        left.set(xscale="log", yscale="log", ylabel="realised RMS contrast, on average")
    right.axhspan(1 - TOLERANCE, 1 + TOLERANCE, color=_BAND, zorder=0)
    right.set(xscale="log", ylabel="gain: realised / requested, ± scatter")
    right.set_ylim(0, 1.5)
    for ax in (left, right):
        ax.set_xlabel("requested RMS contrast α/√D")
        ax.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{_title(calibration)}; dots: ends of the range", fontsize="medium")
    return figure


def coverage(calibration: Calibration) -> Figure:
    """Draw the range that each condition can have, with the thresholds expected under models."""
    rows = calibration.conditions
    figure = Figure(figsize=(8, 1.6 + _A_ROW * len(rows)), layout="constrained")
    ax = figure.subplots()
    models = list(rows[0].thresholds) if rows else []
    for row, c in enumerate(rows):
        _range(ax, row, c)
    for number, model in enumerate(models):
        few = len(models) <= len(_MODELS)
        points = [(c.thresholds[model], c.dimension**0.5, row) for row, c in enumerate(rows)]
        seen = [(t / root, row) for t, root, row in points if t is not None]
        x, y = np.array(seen).reshape(-1, 2).T
        ax.plot(
            x,
            y,
            "|" if not few else "o",
            color=_MODELS[number] if few else _DARK,
            alpha=1 if few else 0.4,
            markersize=4 if few else 7,
            label=model if few else ("each model" if number == 0 else None),
        )
    ax.set_yticks(range(len(rows)), [c.name for c in rows], fontsize="small")
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xscale("log")
    ax.set_xlabel("RMS contrast α/√D")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(
        f"{_title(calibration)}\nbars: shown faithfully; thin: up to the largest inside the gamut "
        "(mark) and with clipping",
        fontsize="medium",
    )
    figure.legend(
        loc="outside lower center", ncols=5, frameon=False, title="threshold expected under"
    )
    return figure


def _range(ax: Axes, row: int, c: ConditionCalibration) -> None:
    root = c.dimension**0.5
    if c.steps:
        ax.hlines(row, c.steps[0].amplitude / root, c.most / root, color=_LOST, linewidth=0.8)
    if c.inside_gamut > 0:
        ax.plot(c.inside_gamut / root, row, "|", color=_DARK, markersize=9)
    if c.range:
        ax.hlines(row, c.range[0] / root, c.range[1] / root, color=_SHOWN, linewidth=4, alpha=0.45)


def _title(calibration: Calibration) -> str:
    shown = sum(c.range is not None for c in calibration.conditions)
    return (
        f"{calibration.display}: {shown} of {len(calibration.conditions)} conditions can be shown"
    )
