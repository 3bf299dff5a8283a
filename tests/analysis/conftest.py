"""Simulated participants, and small studies with their logs in the real formats."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_study

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.hierarchy import Mode
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.posterior import Conditionals, Posterior
from pdpsych.analysis.fitting.prior import Exponents, Prior
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import CONDITION

LAYERS = {
    "alexnet": [*(f"features.{n}" for n in (1, 4, 7, 9, 11)), "classifier.2", "classifier.5"],
    "resnet50": ["relu", "layer1", "layer2", "layer3", "layer4", "avgpool"],
}
TRAININGS = ("ImageNet", "Stylized ImageNet")


@pytest.fixture(scope="session")
def simulate() -> Callable[..., tuple[np.ndarray, Observations]]:
    """Return a function that draws thresholds and simulates their trials."""

    def draw(
        rng: np.random.Generator,
        conditions: int,
        trials: int,
        spread: float = 0.6,
        mean: float | np.ndarray = 0.0,
        **kwargs: float,
    ) -> tuple[np.ndarray, Observations]:
        truth = rng.normal(mean, spread, conditions)
        return truth, Observations.build(*small_study.adaptive(rng, truth, trials, **kwargs))

    return draw


@pytest.fixture(scope="session")
def make_fit() -> Callable[..., Fit]:
    """Return a function that makes a fit with given independent posteriors.

    ``estimates`` maps (participant, image, pair, distortion) to (log τ, sd).
    """

    def make(
        estimates: dict[tuple[str, str, str, int], tuple[float, float]], samples: int = 4000
    ) -> Fit:
        table = pd.DataFrame(list(estimates), columns=CONDITION).assign(bound="exact")
        posteriors = {}
        for name, rows in table.groupby("participant", sort=False):
            values = np.array(list(estimates.values()))[rows.index]
            places = values[:, :1] + np.linspace(-8, 8, 161) * values[:, 1:]
            table.loc[rows.index, "trials_low"] = np.exp(values[:, 0] - 1.96 * values[:, 1])
            table.loc[rows.index, "trials_high"] = np.exp(values[:, 0] + 1.96 * values[:, 1])
            group = rows.groupby(["pair", "distortion"]).ngroup().to_numpy()
            groups = group.max() + 1
            # A prior so wide that it says nothing.
            shared = Shared.of(spread=np.exp(20.0), means=np.zeros(groups))
            prior = Prior(0.0, Exponents.of_anybody(groups))
            # Trials that nobody has made up; what they say is known.
            ones = np.ones(len(rows))
            trials = Observations.build(np.arange(len(rows)), ones, ones, group)
            mode = Mode(shared, np.eye(len(shared.values)), *values.T, prior, converged=True)
            given = Conditionals(trials, places, Shared(shared.values[None]))
            apart = (places - values[:, :1]) / values[:, 1:]
            vars(given)["log_likelihoods"] = -(apart**2)[None] / 2
            posteriors[str(name)] = Posterior(given, np.ones(1), mode)
        analysis = {"name": "made", "level": 0.95, "samples": samples, "seed": 0}
        unused = {name: pd.DataFrame() for name in ("participants", "goodness", "bins", "excluded")}
        return Fit(analysis, {}, table, **unused, posteriors=posteriors)

    return make


@pytest.fixture(scope="session")
def write_study(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes a study, see :func:`small_study.write_study`."""

    def write(participants: tuple[str, ...] = ("01", "02"), **settings: object) -> Path:
        return small_study.write_study(
            tmp_path_factory.mktemp("study"), participants=participants, **settings
        )

    return write


@pytest.fixture(scope="session")
def layer_table() -> Callable[..., pd.DataFrame]:
    """Return a function that lists networks' layers, in the columns of LayerRatios."""

    def build(
        architectures: tuple[str, ...] = tuple(LAYERS), trainings: tuple[str, ...] = TRAININGS
    ) -> pd.DataFrame:
        rows = [
            (f"{a}-{t}/{layer}", f"{a}-{t}", layer, a, t, i / (len(LAYERS[a]) - 1))
            for a in architectures
            for t in trainings
            for i, layer in enumerate(LAYERS[a])
        ]
        columns = ["name", "network", "layer", "architecture", "training", "depth"]
        return pd.DataFrame(rows, columns=columns)

    return build


@pytest.fixture
def write_layer_set(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a set of networks' layers with given log ratios (N, K).

    Each image, in colour, has a pair of a kind and a random one.
    """

    def write(layers: pd.DataFrame, values: np.ndarray, kind: str = "principal") -> Path:
        folder = tmp_path / "layers"
        shutil.rmtree(folder, ignore_errors=True)
        records = [
            {"noise": "Gaussian", "preprocessing": "none", "weights_sha256": "0" * 64} | record
            for record in layers.drop(columns="network").to_dict("records")
        ]
        entries = []
        for k, image in enumerate(values.T):
            ratios = dict(zip(layers["name"], image.tolist(), strict=True))
            found = {name: (float(np.exp(x)), 1.0) for name, x in ratios.items()}
            random = {name: (float(np.exp(0.01 * x)), 1.0) for name, x in ratios.items()}
            pairs = [
                small_study.pair(kind, found),
                small_study.pair("random", random) | {"name": "random-1"},
            ]
            entry = small_study.write_image(folder, f"image-{k}", 3, k)
            entries.append(entry | {"pairs": pairs})
        return small_study.write_manifest(folder, entries, records).path

    return write
