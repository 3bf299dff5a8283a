"""Figure 2: on which layers, architectures and trainings principal distortions disagree.

``python analysis/figure2.py SET`` reads a stimulus set with at least two networks (as made from
``stimuli/dnn-shape-bias.yaml``) and writes ``layers``, ``variance`` (CSV, each with its data
dictionary), ``figure2`` and ``examples`` (PNG and PDF).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from matplotlib.figure import Figure

from pdpsych.analysis import LayerRatios, describe_shares, layer_ratios, variance_shares
from pdpsych.analysis.layers.figures import layer_figure
from pdpsych.analysis.layers.layers import LAYER_COLUMNS
from pdpsych.analysis.layers.variance import VARIANCE_COLUMNS
from pdpsych.common.drawing import save
from pdpsych.common.errors import InputError
from pdpsych.common.files.locks import locked
from pdpsych.common.tables import write_table
from pdpsych.stimuli import StimulusSet, plot_stimuli

FORMATS = ("png", "pdf")


def write(stimulus_set: StimulusSet, pair: str, out: Path) -> str:
    """Write tables and figures of one pair into a folder; return the conclusion."""
    ratios = layer_ratios(stimulus_set, pair=pair)
    baseline = random_pair(stimulus_set)
    beside = None
    if baseline not in (None, pair):
        beside = layer_ratios(stimulus_set, pair=baseline).summary()
    shares = variance_shares(ratios)
    figure = layer_figure(ratios.summary(), shares, title(ratios, pair), baseline=beside)
    with locked(out, doing="figure 2 is written"):
        write_table(out, "layers", ratios.summary(), LAYER_COLUMNS)
        write_table(out, "variance", shares, VARIANCE_COLUMNS)
        save(figure, out / "figure2", formats=FORMATS)
        save(example_figure(stimulus_set, ratios, pair), out / "examples", formats=FORMATS)
    return describe_shares(ratios, shares, pair=pair)


def random_pair(stimulus_set: StimulusSet) -> str | None:
    pairs = stimulus_set.manifest.images[0].pairs
    return next((pair.name for pair in pairs if pair.kind == "random"), None)


def title(ratios: LayerRatios, pair: str) -> str:
    number = len(ratios.images)
    over = f"mean over {number} images" if number > 1 else "one image"
    turned = ", pairs turned alike" if (ratios.signs < 0).any() else ""
    return f"{pair} distortions, {over}{turned}"


def example_figure(
    stimulus_set: StimulusSet, ratios: LayerRatios, pair: str, count: int = 3, rms: float = 0.05
) -> Figure:
    """Draw the first images with their distortions, u and v as the layers are turned."""
    images = ratios.images[:count]
    figure = Figure(figsize=(9, 2.3 * len(images)), layout="constrained")
    axes = figure.subplots(len(images), 1, squeeze=False)[:, 0]
    for image, sign, ax in zip(images, ratios.signs, axes, strict=False):
        order = (1, 2) if sign > 0 else (2, 1)
        shown = stimulus_set[image]
        u, v = (shown[pair].distortion(number) for number in order)
        plot_stimuli(shown.base, u, v, encoding=shown.encoding, names=(image, pair), rms=rms, ax=ax)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, help="folder of a stimulus set")
    parser.add_argument("--pair", default="principal", help="name of a pair of the set")
    parser.add_argument("--out", type=Path, help="folder; default: results/SET beside this file")
    arguments = parser.parse_args()
    try:
        opened = StimulusSet.open(arguments.set)
        out = arguments.out or Path(__file__).parent / "results" / opened.name
        print(f"{write(opened, arguments.pair, out)}\n{out}: written")
    except InputError as error:
        print(f"figure2: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
