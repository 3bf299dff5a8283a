"""Figures of a stimulus set."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pdpsych.common.drawing import mosaic, new_axes, saturated
from pdpsych.displays.encoding import Encoding, srgb_from_linear
from pdpsych.stimuli.stimulus_set import StimulusSet


def plot_stimuli(
    stimulus_set: StimulusSet,
    image: str,
    pair: str,
    rms: float = 0.05,
    ax: Axes | None = None,
    order: tuple[int, int] = (1, 2),
) -> Axes:
    """Draw base image, distortions u and v, and both distorted images side by side (figure 1B).

    Distortions are scaled so that their strongest 0.1 % saturate; the caption says to what value
    that is. Distorted images are s + αε at the RMS contrast α/√D = ``rms``. ``order`` says which
    distortions of the pair are u and v.
    """
    ax = ax or new_axes(9, 2.3)
    base = stimulus_set.base(image).astype(float)
    encoding = stimulus_set.entry(image).encoding
    distortions = [stimulus_set.distortion(image, pair, n).astype(float) for n in order]
    panels = [(_picture(base, encoding), f"{image}\nbase image s")]
    for name, distortion in zip("uv", distortions, strict=True):
        picture, peak = saturated(distortion)
        panels.append((picture, f"{pair} {name}\nblack to white: ±{peak:.2g}"))
    for name, distortion in zip("uv", distortions, strict=True):
        changed = base + rms * np.sqrt(base.size) * distortion
        panels.append((_picture(changed, encoding), f"s + α{name}\nRMS contrast {rms:g}"))
    return mosaic(ax, panels)


def _picture(image: NDArray[np.floating], encoding: Encoding) -> NDArray[np.floating]:
    """Return (H, W, 3) sRGB in [0, 1]."""
    inside = np.clip(image, 0, 1)
    encoded = srgb_from_linear(inside) if encoding == "linear" else inside
    return np.moveaxis(np.broadcast_to(encoded, (3, *encoded.shape[1:])), 0, -1)
