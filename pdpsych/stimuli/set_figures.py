"""Figures of a stimulus set."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from pdpsych.common.drawing import MARKERS, SERIES, clean, mosaic, new_axes, saturated
from pdpsych.common.errors import clipped
from pdpsych.displays.encoding import Encoding, srgb_from_linear


def plot_stimuli(
    base: ArrayLike,
    u: ArrayLike,
    v: ArrayLike,
    *,
    encoding: Encoding = "srgb",
    names: tuple[str, str] = ("image", "pair"),
    rms: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """Draw base image, distortions u and v, and both distorted images side by side (figure 1B).

    Distortions are scaled so that their strongest 0.1 % saturate; the caption says to what value
    that is. Distorted images are s + αε.

    Parameters
    ----------
    base
        The base image s, (C, H, W), in [0, 1].
    u, v
        Two distortions of it, (C, H, W), of unit norm.
    encoding
        What the image's values mean: ``srgb`` or ``linear``.
    names
        Of the image and the pair.
    rms
        RMS contrast α/√D of the distorted images.
    ax
        Where to draw; by default on a new figure.

    Examples
    --------
    >>> import numpy as np
    >>> from pdpsych.stimuli import plot_stimuli
    >>> u, v = np.linalg.qr(np.random.default_rng(0).standard_normal((64, 2)))[0].T
    >>> ax = plot_stimuli(np.full((1, 8, 8), 0.5), u.reshape(1, 8, 8), v.reshape(1, 8, 8))
    >>> len(ax.images)
    5
    """
    ax = ax or new_axes(9, 2.3)
    image, pair = names
    picture = np.asarray(base, float)
    distortions = {"u": np.asarray(u, float), "v": np.asarray(v, float)}
    panels = [(_shown(picture, encoding), f"{image}\nbase image s")]
    for name, distortion in distortions.items():
        drawn, peak = saturated(distortion)
        panels.append((drawn, f"{pair} {name}\nblack to white: ±{peak:.2g}"))
    for name, distortion in distortions.items():
        changed = picture + rms * np.sqrt(picture.size) * distortion
        panels.append((_shown(changed, encoding), f"s + α{name}\nRMS contrast {rms:g}"))
    return mosaic(ax, panels)


def plot_scree(scree: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the objective F of principal pairs over their number: how many are worth measuring.

    A colour is a question; thin lines are images, the thick one is their mean.

    Parameters
    ----------
    scree
        Columns image, question, number, objective: what
        :meth:`pdpsych.stimuli.StimulusSet.scree` returns.
    ax
        Where to draw; by default on a new figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych.stimuli import plot_scree
    >>> scree = pd.DataFrame({"image": ["cat", "cat", "dog", "dog"], "question": "principal"})
    >>> ax = plot_scree(scree.assign(number=[1, 2, 1, 2], objective=[6.0, 2.0, 5.0, 3.0]))
    >>> ax.lines[-1].get_ydata().tolist()
    [5.5, 2.5]
    """
    ax = ax or new_axes(6.5, 3 + 0.2 * scree["question"].nunique())
    for place, (name, rows) in enumerate(scree.groupby("question", sort=False)):
        colour, marker = SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)]
        wide = rows.groupby(["number", "image"])["objective"].max().unstack()
        ax.plot(wide.index, wide, "-", color=colour, linewidth=0.6, alpha=0.5)
        ax.plot(
            wide.index,
            wide.mean(axis=1),
            f"{marker}-",
            color=colour,
            linewidth=2,
            label=clipped(str(name), 60),
        )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlim(0.7, max(scree["number"].max(), 2) + 0.3)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("number of the pair")
    ax.set_ylabel("objective F  [nat²]")
    # Above, where long names have room.
    ax.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0, 1))
    return clean(ax)


def _shown(image: NDArray[np.floating], encoding: Encoding) -> NDArray[np.floating]:
    """Return (H, W, 3) sRGB in [0, 1]."""
    inside = np.clip(image, 0, 1)
    encoded = srgb_from_linear(inside) if encoding == "linear" else inside
    return np.moveaxis(np.broadcast_to(encoded, (3, *encoded.shape[1:])), 0, -1)
