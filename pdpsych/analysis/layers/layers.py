"""Log sensitivity ratios of the layers of networks, over images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from pdpsych.analysis.fitting.likelihood import Floats
from pdpsych.common import tables
from pdpsych.common.errors import InputError, did_you_mean
from pdpsych.stimuli.stimulus_set import StimulusSet

LAYER_COLUMNS: tables.Columns = {
    "name": ("representation", "none"),
    "network": ("network it is a layer of: its name without the layer", "none"),
    "layer": ("layer", "none"),
    "architecture": ("architecture of the network", "none"),
    "training": ("what the network was trained on or how", "none"),
    "depth": ("place among the layers of the network read here, 0 first to 1 last", "none"),
    "log_ratio": ("mean over images of log d(u)/d(v), the pairs turned alike", "nat"),
    "sd": ("standard deviation of log d(u)/d(v) over images", "nat"),
    "low": ("lower end of the interval of the mean", "nat"),
    "high": ("upper end of the interval of the mean", "nat"),
    "images": ("number of base images", "count"),
}


@dataclass(frozen=True)
class LayerRatios:
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
    """

    layers: pd.DataFrame
    images: tuple[str, ...]
    signs: Floats
    values: Floats

    @property
    def agreement(self) -> float:
        """Share of what separates the representations at single images that is in the mean, 0 to 1.

        The squared deviations of the mean ratios over the mean of the squared deviations; 1/K
        for K images that have nothing in common, more once they are turned (:func:`align`).
        """
        deviation = self.values - self.values.mean(axis=0)
        return float(np.sum(deviation.mean(axis=1) ** 2) / np.mean(np.sum(deviation**2, axis=0)))

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return the layers with mean, standard deviation and interval of the mean over images.

        The interval is Student's; a single image has neither.
        """
        low, high = mean_interval(self.values, level)
        number = len(self.images)
        return self.layers.assign(
            log_ratio=self.values.mean(axis=1),
            sd=self.values.std(axis=1, ddof=1) if number > 1 else np.nan,
            low=low,
            high=high,
            images=number,
        )


def layer_ratios(stimulus_set: StimulusSet, pair: str = "principal") -> LayerRatios:
    """Return the log sensitivity ratios of all representations of a set on one pair.

    Which distortion of a pair is u is decided at each image by the model that deviates most
    there, which need not be the same one; before images are averaged their pairs are turned
    alike (:func:`align`). Random pairs have nothing to align and stay as they are.

    Raises
    ------
    InputError
        If the set does not say what its representations are, has fewer than two networks, or
        has no such pair.
    """
    layers = _layers(stimulus_set)
    table = stimulus_set.log_ratios()
    chosen = table[table["pair"] == pair]
    if chosen.empty:
        names = list(dict.fromkeys(table["pair"]))
        raise InputError(f'{stimulus_set.path}: no pair "{pair}"; {did_you_mean(pair, names)}')
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


def mean_interval(values: Floats, level: float) -> tuple[Floats, Floats]:
    """Return Student's interval of the mean over the last axis; not a number for one value."""
    number = values.shape[-1]
    if number < 2:
        unknown = np.full(values.shape[:-1], np.nan)
        return unknown, unknown
    mean = values.mean(axis=-1)
    error = values.std(axis=-1, ddof=1) / np.sqrt(number)
    reach = stdtrit(number - 1, (1 + level) / 2) * error
    return mean - reach, mean + reach


def _layers(stimulus_set: StimulusSet) -> pd.DataFrame:
    records = stimulus_set.manifest.representations
    if not records:
        raise InputError(
            f"{stimulus_set.path}: representations: none; the set was made before sets said what "
            "their models are; generate it again"
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
            f"{stimulus_set.path}: representations: all {len(table)} are of {networks[0]}; "
            "comparing layers by architecture and training needs at least 2 networks"
        )
    order = table["network"].map(networks.index)
    return table.assign(order=order).sort_values(
        ["order", "depth"], kind="stable", ignore_index=True
    )[list(table.columns)]
