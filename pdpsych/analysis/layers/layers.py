"""Log sensitivity ratios of the layers of networks, over images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy

from pdpsych.analysis.names import Floats
from pdpsych.analysis.words import counted
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.results import Result
from pdpsych.common.tables import Column, Columns, from_plain, to_plain
from pdpsych.stimuli.stimulus_set import StimulusSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCHEMA = Schema("log ratios of layers", 1, "read them again: layer_ratios(StimulusSet.open(SET))")

LAYER_COLUMNS: Columns = {
    "name": Column("representation"),
    "network": Column("network it is a layer of: its name without the layer"),
    "layer": Column("layer"),
    "architecture": Column("architecture of the network"),
    "training": Column("what the network was trained on or how"),
    "depth": Column("place among the layers of the network read here, 0 first to 1 last"),
    "log_ratio": Column("mean over images of log d(u)/d(v), the pairs turned alike", "nat"),
    "sd": Column("standard deviation of log d(u)/d(v) over images", "nat"),
    "low": Column("lower end of the interval of the mean", "nat"),
    "high": Column("upper end of the interval of the mean", "nat"),
    "images": Column("number of base images", "count"),
}


@dataclass(frozen=True, eq=False, repr=False)
class LayerRatios(Result):
    """Log sensitivity ratios of N representations on one pair of each of K images.

    Attributes
    ----------
    layers
        name, network, layer, architecture, training, depth of each representation; the layers
        of a network follow each other by depth.
    images
        Names of the images, (K,).
    signs
        ±1 for each image, (K,): −1 where u and v were swapped, see :func:`align`.
    values
        log d(u)/d(v), (N, K), so turned.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> layers = pd.DataFrame({"name": ["a/1", "b/1"], "network": ["a", "b"], "layer": "1"})
    >>> layers = layers.assign(architecture="net", training=["plain", "robust"], depth=0.0)
    >>> values = np.array([[1.0, 0.8], [-1.2, -0.6]])
    >>> ratios = analysis.LayerRatios(layers, ("cat", "coffee"), np.ones(2), values)
    >>> ratios
    <LayerRatios: 2 layers of 2 networks on 2 images>
    >>> ratios.summary()[["name", "log_ratio", "images"]]
      name  log_ratio  images
    0  a/1        0.9       2
    1  b/1       -0.9       2
    >>> ratios == analysis.LayerRatios.from_json(ratios.to_json("layers.json"))
    True
    """

    layers: pd.DataFrame
    images: tuple[str, ...]
    signs: Floats
    values: Floats

    def describe(self) -> str:
        """Give the mean log ratio of each layer, and how far images agree."""
        width = self.layers["name"].str.len().max()
        rows = zip(self.layers["name"], self.values.mean(axis=1), strict=True)
        lines = [f"  {name:<{width}}  {mean:+.2f}" for name, mean in rows]
        shared = f"the mean holds {100 * self.agreement:.0f} % of what separates them at one image"
        return "\n".join([f"{self._line()}; mean log d(u)/d(v):", *lines, shared])

    def _line(self) -> str:
        layers, images = counted(len(self.layers), "layer"), counted(len(self.images), "image")
        return f"{layers} of {counted(self.layers['network'].nunique(), 'network')} on {images}"

    @property
    def agreement(self) -> float:
        """Share of what separates the representations at single images that is in the mean, 0 to 1.

        The squared deviations of the mean ratios over the mean of the squared deviations; 1/K
        for K images that have nothing in common, more once they are turned (:func:`align`).
        """
        deviation = self.values - self.values.mean(axis=0)
        return float(np.sum(deviation.mean(axis=1) ** 2) / np.mean(np.sum(deviation**2, axis=0)))

    def summary(self, *, level: float = 0.95) -> pd.DataFrame:
        """Return the layers with mean, standard deviation and interval of the mean over images.

        The interval is Student's; a single image has neither.

        Parameters
        ----------
        level
            Probability of the interval.
        """
        low, high = students_interval(self.values, level)
        number = len(self.images)
        return self.layers.assign(
            log_ratio=self.values.mean(axis=1),
            sd=self.values.std(axis=1, ddof=1) if number > 1 else np.nan,
            low=low,
            high=high,
            images=number,
        )

    def plot(self, *, baseline: LayerRatios | None = None, ax: Axes | None = None) -> Axes:
        """Draw the mean log ratio of each layer, grouped by network (figure 2).

        Parameters
        ----------
        baseline
            Ratios of the same layers on other distortions, as random ones, to draw beside.
        ax
            Axes to draw on, new ones by default.
        """
        from pdpsych.analysis.layers.figures import plot_layers

        beside = None if baseline is None else baseline.summary()
        return plot_layers(self.summary(), beside, ax=ax)

    def to_json(self, path: str | Path) -> Path:
        """Write the ratios.

        Parameters
        ----------
        path
            File to write.
        """
        data = {
            "layers": to_plain(self.layers),
            "images": list(self.images),
            "signs": self.signs.tolist(),
            "values": self.values.tolist(),
        }
        return SCHEMA.write(path, data)

    @classmethod
    def from_json(cls, path: str | Path) -> LayerRatios:
        """Read ratios written by :meth:`to_json`.

        Parameters
        ----------
        path
            File to read.
        """
        with SCHEMA.reading(path) as data:
            signs, values = (np.array(data[name], dtype=float) for name in ("signs", "values"))
            return cls(from_plain(data["layers"]), tuple(data["images"]), signs, values)


def layer_ratios(stimulus_set: StimulusSet, *, pair: str = "principal") -> LayerRatios:
    """Return the log sensitivity ratios of all representations of a set on one pair.

    Which distortion of a pair is u is decided at each image by the model that deviates most
    there, which need not be the same one; before images are averaged their pairs are turned
    alike (:func:`align`). Random pairs have nothing to align and stay as they are.

    Parameters
    ----------
    stimulus_set
        A set with layers of at least two networks.
    pair
        Name of the pair, which every image has.

    Raises
    ------
    InputError
        If the set does not say what its representations are, has fewer than two networks, or
        has no such pair.

    Examples
    --------
    >>> from pdpsych import analysis, stimuli
    >>> stimulus_set = stimuli.StimulusSet.open("study/stimuli/small")
    >>> analysis.layer_ratios(stimulus_set)
    <LayerRatios: 3 layers of 3 networks on 3 images>
    """
    layers = _layers(stimulus_set)
    table = stimulus_set.log_ratios()
    chosen = table[table["pair"] == pair]
    if chosen.empty:
        names = list(dict.fromkeys(table["pair"]))
        raise InputError(
            "no such pair", file=stimulus_set.path, field="pair", value=pair, allowed=names
        )
    wide = chosen.pivot(index="model", columns="image", values="log_ratio")
    wide = wide.loc[layers["name"].tolist(), [i for i in stimulus_set.images if i in wide]]
    values = wide.to_numpy(float)
    signs = np.ones(values.shape[1]) if (chosen["kind"] == "random").all() else align(values)
    return LayerRatios(layers, tuple(wide.columns), signs, values * signs)


def align(values: Floats) -> Floats:
    """Return ±1 for each image that turns the log ratios (N, K) of all images alike.

    Swapping u and v changes the sign of an image's ratios. The signs make the squared
    deviations of the mean over images from their average over representations as large as
    possible: those of the first principal component, then any single image that makes them
    larger still is turned. All together are turned so that the representation whose mean
    deviates most is positive.

    Some agreement is found where there is none: turned alike, independent noise of 26
    representations has :attr:`LayerRatios.agreement` 0.3 over 5 images, 0.06 over 100.
    """
    deviation = values - values.mean(axis=0)
    products = deviation.T @ deviation
    signs = np.where(np.linalg.eigh(products)[1][:, -1] < 0, -1.0, 1.0)
    while True:
        # What turning image k adds to sᵀ(products)s.
        gain = 4 * (np.diag(products) - signs * (products @ signs))
        if gain.max() <= 1e-9 * np.trace(products):
            break
        signs[gain.argmax()] *= -1
    mean = deviation @ signs
    return np.asarray(signs * (np.sign(mean[np.abs(mean).argmax()]) or 1.0))


def students_interval(values: Floats, level: float) -> tuple[Floats, Floats]:
    """Return Student's interval of the mean over the last axis; not a number for one value."""
    number = values.shape[-1]
    if number < 2:
        unknown = np.full(values.shape[:-1], np.nan)
        return unknown, unknown
    mean = values.mean(axis=-1)
    error = values.std(axis=-1, ddof=1) / np.sqrt(number)
    reach = scipy.special.stdtrit(number - 1, (1 + level) / 2) * error
    return mean - reach, mean + reach


def _layers(stimulus_set: StimulusSet) -> pd.DataFrame:
    records = stimulus_set.manifest.representations
    if not records:
        raise InputError(
            "none: the set was made before sets said what their models are",
            file=stimulus_set.path,
            field="representations",
            remedy="generate it again",
        )
    table = pd.DataFrame(
        {
            "name": [r.name for r in records],
            "network": [r.name.removesuffix(f"/{r.layer}") for r in records],
            "layer": [r.layer for r in records],
            "architecture": [r.architecture for r in records],
            "training": [r.training for r in records],
            "depth": [float(r.depth) for r in records],
        }
    )
    networks = list(dict.fromkeys(table["network"]))
    if len(networks) < 2:
        raise InputError(
            f"all {len(table)} are of one network; comparing layers by architecture and training "
            "needs more",
            file=stimulus_set.path,
            field="representations",
            value=networks[0],
            allowed="at least 2 networks",
        )
    order = table["network"].map(networks.index)
    return table.assign(order=order).sort_values(
        ["order", "depth"], kind="stable", ignore_index=True
    )[list(table.columns)]
