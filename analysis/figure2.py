"""Figure 2: on which layers, architectures and trainings principal distortions disagree.

``python analysis/figure2.py SET`` reads a stimulus set with at least two networks (as made from
``stimuli/dnn-shape-bias.yaml``) and writes ``layers``, ``variance`` (CSV, each with its data
dictionary), ``figure2`` and ``examples`` (PNG and PDF).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from matplotlib.figure import Figure

from pdpsych.analysis.layers.figures import example_figure, layer_figure
from pdpsych.analysis.layers.layers import LAYER_COLUMNS, layer_ratios
from pdpsych.analysis.layers.variance import VARIANCE_COLUMNS, conclude, variance_shares
from pdpsych.common import tables
from pdpsych.common.errors import InputError
from pdpsych.stimuli import StimulusSet


def write(stimulus_set: StimulusSet, pair: str, out: Path) -> str:
    """Write tables and figures of one pair into a folder; return the conclusion."""
    ratios = layer_ratios(stimulus_set, pair)
    baseline = random_pair(stimulus_set)
    beside = layer_ratios(stimulus_set, baseline) if baseline not in (None, pair) else None
    shares = variance_shares(ratios)
    tables.write_table(out, "layers", ratios.summary(), LAYER_COLUMNS)
    tables.write_table(out, "variance", shares, VARIANCE_COLUMNS)
    save(layer_figure(ratios, shares, pair, beside), out / "figure2")
    save(example_figure(stimulus_set, ratios, pair), out / "examples")
    return conclude(ratios, shares, pair)


def random_pair(stimulus_set: StimulusSet) -> str | None:
    pairs = stimulus_set.manifest.images[0].pairs
    return next((pair.name for pair in pairs if pair.kind == "random"), None)


def save(figure: Figure, stem: Path) -> None:
    for ending in ("png", "pdf"):
        partial = stem.with_name(f".{stem.name}.partial")
        figure.savefig(partial, format=ending, dpi=200)
        os.replace(partial, stem.with_suffix(f".{ending}"))


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
