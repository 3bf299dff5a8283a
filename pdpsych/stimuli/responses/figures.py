"""Figures of the responses to visible distortions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes

from pdpsych.common.drawing import save
from pdpsych.geometry.finite.figures import Curve, gain_panels, plot_gains
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.response_file import FOLDER
from pdpsych.stimuli.stimulus_set import StimulusSet


def plot_finite_responses(
    responses: Mapping[str, FiniteResponse], dimension: int, *, ax: Axes | None = None
) -> Axes:
    """Draw D/α of each model against RMS contrast, +ε solid and −ε dashed; flat where linear.

    Parameters
    ----------
    responses
        To one distortion, by model: of
        :meth:`pdpsych.stimuli.StimulusSet.finite_responses`.
    dimension
        D, the number of pixel values of the image.
    ax
        Where to draw; by default on a new figure.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych.stimuli import FiniteResponse, plot_finite_responses
    >>> amplitudes = np.geomspace(0.1, 1, 5)
    >>> linear = FiniteResponse(amplitudes, np.array([2 * amplitudes, 2 * amplitudes]))
    >>> len(plot_finite_responses({"mine": linear}, 64).lines)
    2
    """
    return plot_gains(_curves(responses, dimension), ax)


def draw_responses(opened: StimulusSet) -> list[Path]:
    """Draw the responses of a set beside its files, a figure an image and a panel a distortion."""
    found = opened.finite_responses()
    drawn = []
    for image in opened:
        panels = [
            (f"{pair.name} ε{'₁₂'[number - 1]}", found[image.name, pair.name, number])
            for pair in image
            for number in (1, 2)
        ]
        curves = [(title, _curves(one, image.dimension)) for title, one in panels]
        drawn += save(gain_panels(curves), opened.path / FOLDER / f"{image.name}.png", dpi=120)
    return drawn


def _curves(responses: Mapping[str, FiniteResponse], dimension: int) -> dict[str, Curve]:
    root = dimension**0.5
    return {
        model: (one.amplitudes / root, one.values / one.amplitudes)
        for model, one in responses.items()
    }
