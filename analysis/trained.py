"""What training changes, where distortions are small and where they are visible.

``python analysis/trained.py SET…`` reads stimulus sets made from ``stimuli/trained.yaml``, several
if it was made with several draws of the random weights, and writes ``objective`` and ``agreement``
(CSV, each with its data dictionary), ``trained`` and ``pictures`` (PNG).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pdpsych.analysis.layers.layers import students_interval
from pdpsych.common.drawing import save
from pdpsych.common.errors import InputError
from pdpsych.common.tables import Column, Columns, write_table
from pdpsych.stimuli import StimulusSet, plot_stimuli

CONTRASTS = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02)  # RMS; 0 is the local log ratio
SHOWN = 0.005
LEVEL = 0.95
MEASURES = {
    "all": "variance over all layers",
    "training": "variance of the means of trained and random ones",
}
COLUMNS: Columns = {
    "pair": Column("pair of distortions"),
    "contrast": Column("RMS contrast; 0 for local sensitivities"),
    "measure": Column("what is told apart: " + "; ".join(f"{k}, {v}" for k, v in MEASURES.items())),
    "mean": Column("mean over photographs and sets"),
    "low": Column("lower end of Student's 95 % interval of the mean"),
    "high": Column("upper end of it"),
    "number": Column("photographs, of all sets, whose gamut has room for the contrast", "count"),
}


def log_ratios(stimulus_set: StimulusSet) -> Iterator[dict[str, object]]:
    """Go through log D(u)/D(v) of every layer, on every pair, at every contrast."""
    trainings = {r.name: r.training for r in stimulus_set.manifest.representations}
    local = stimulus_set.log_ratios().set_index(["image", "pair", "model"])["log_ratio"]
    responses = stimulus_set.finite_responses()
    for image in stimulus_set:
        for pair in image:
            both = [responses[image.name, pair.name, number] for number in (1, 2)]
            for model, training in trainings.items():
                for contrast in CONTRASTS:
                    alpha = contrast * np.sqrt(image.dimension)
                    seen = [np.log(one[model].mean([alpha])[0]) for one in both] if contrast else []
                    yield {
                        "set": stimulus_set.path.name,
                        "image": image.name,
                        "pair": pair.name,
                        "model": model,
                        "trained": training != "none",
                        "contrast": contrast,
                        "log_ratio": seen[0] - seen[1]
                        if contrast
                        else local[image.name, pair.name, model],
                    }


def objectives(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return how much the layers disagree on each photograph's pairs, by contrast and measure."""
    rows = []
    for key, found in ratios.groupby(["set", "image", "pair", "contrast"], sort=False):
        groups = found.groupby("trained")["log_ratio"].mean()
        for measure, values in (("all", found["log_ratio"]), ("training", groups)):
            rows.append((*key, measure, values.to_numpy().var()))
    return pd.DataFrame(rows, columns=["set", "image", "pair", "contrast", "measure", "value"])


def agreements(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return the correlation over layers of log ratios at each contrast with the local ones."""
    wide = ratios.pivot(
        index=["set", "image", "pair", "model"], columns="contrast", values="log_ratio"
    )
    rows = []
    for key, found in wide.groupby(level=["set", "image", "pair"], sort=False):
        for contrast in CONTRASTS[1:]:
            value = found[0.0].corr(found[contrast]) if found[contrast].notna().all() else np.nan
            rows.append((*key, contrast, "all", value))
    return pd.DataFrame(rows, columns=["set", "image", "pair", "contrast", "measure", "value"])


def summary(values: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over photographs and sets, with its interval."""
    rows = []
    for key, found in values.dropna().groupby(["pair", "contrast", "measure"], sort=False):
        kept = found["value"].to_numpy()
        low, high = students_interval(kept, LEVEL)
        rows.append((*key, kept.mean(), float(low), float(high), len(kept)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def turned(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return log ratios with u that which trained layers see better; which is u is arbitrary."""
    local = ratios[ratios["trained"] & (ratios["contrast"] == 0)]
    signs = np.sign(local.groupby(["set", "image", "pair"])["log_ratio"].mean())
    keys = pd.MultiIndex.from_frame(ratios[["set", "image", "pair"]])
    return ratios.assign(log_ratio=ratios["log_ratio"] * signs.reindex(keys).to_numpy())


def figure_of(ratios: pd.DataFrame, table: pd.DataFrame, pair: str) -> Figure:
    """Draw log ratios at a visible contrast against local ones, and the objective by contrast."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    wide = turned(ratios[ratios["pair"] == pair]).pivot(
        index=["set", "image", "model", "trained"], columns="contrast", values="log_ratio"
    )
    for trained, colour, label in ((True, "C0", "ImageNet"), (False, "C1", "random weights")):
        found = wide.xs(trained, level="trained")
        left.scatter(found[0.0], found[SHOWN], s=16, c=colour, label=label)
    ends = [wide[0.0].min(), wide[0.0].max()]
    left.plot(ends, ends, c="0.7", lw=1, zorder=0)
    left.set(
        xlabel="local log d(u)/d(v) (nat)",
        ylabel=f"log D(u)/D(v) at RMS {SHOWN:g} (nat)",
        title=f"{pair} pairs, a dot is a layer at a photograph",
    )
    left.legend(frameon=False)
    places = {contrast: i for i, contrast in enumerate(CONTRASTS)}
    everything = table[table["measure"] == "all"]
    for i, (name, rows) in enumerate(everything.groupby("pair", sort=False)):
        # Where some photographs have no room, the mean of the others would be of other ones.
        rows = rows[rows["number"] == rows["number"].max()]
        x = rows["contrast"].map(places) + 0.06 * (i - 1.5)
        reach = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
        right.errorbar(x, rows["mean"], yerr=reach, fmt="o-", ms=4, lw=1, label=name)
    right.set_xticks(range(len(CONTRASTS)), ["local", *(f"{c:g}" for c in CONTRASTS[1:])])
    right.set(xlabel="RMS contrast", ylabel="variance over layers F (nat²)", ylim=(0, None))
    right.set_title("mean over photographs, 95 % interval")
    right.legend(frameon=False)
    return figure


def pictures_of(stimulus_set: StimulusSet, pairs: Sequence[str], count: int = 2) -> Figure:
    """Draw the pairs of the first photographs."""
    shown = [(image, pair) for image in stimulus_set.images[:count] for pair in pairs]
    figure = Figure(figsize=(9, 2.3 * len(shown)), layout="constrained")
    for ax, (name, pair) in zip(figure.subplots(len(shown), 1), shown, strict=True):
        image = stimulus_set[name]
        u, v = (image[pair].distortion(number) for number in (1, 2))
        plot_stimuli(image.base, u, v, encoding=image.encoding, names=(name, pair), rms=0.03, ax=ax)
    return figure


def write(sets: Sequence[StimulusSet], out: Path) -> str:
    """Write tables and figures into a folder; return the numbers."""
    ratios = pd.DataFrame([row for one in sets for row in log_ratios(one)])
    drawn = [p for p in ("principal", "principal-visible") if p in set(ratios["pair"])]
    if not drawn:
        raise InputError(
            "no set has a pair principal or principal-visible",
            value=sorted(set(ratios["pair"])),
            remedy="ask for one, as stimuli/trained.yaml does",
        )
    table, agreement = summary(objectives(ratios)), summary(agreements(ratios))
    agreement[["low", "high"]] = agreement[["low", "high"]].clip(-1, 1)  # Student knows no ends
    write_table(out, "objective", table, COLUMNS)
    write_table(out, "agreement", agreement, COLUMNS)
    save(figure_of(ratios, table, drawn[0]), out / "trained.png")
    save(pictures_of(sets[0], drawn), out / "pictures.png", dpi=120)
    shown = [
        frame.to_string(
            index=False, float_format="{:.2f}".format, formatters={"contrast": "{:g}".format}
        )
        for frame in (table, agreement)
    ]
    return "\n\n".join([f"objective (nat²)\n{shown[0]}", f"correlation with local\n{shown[1]}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", type=Path, nargs="+", help="folders of stimulus sets")
    parser.add_argument("--out", type=Path, help="folder; default: results/SET beside this file")
    arguments = parser.parse_args()
    try:
        opened = [StimulusSet.open(path) for path in arguments.sets]
        out = arguments.out or Path(__file__).parent / "results" / opened[0].name
        out.mkdir(parents=True, exist_ok=True)
        print(f"{write(opened, out)}\n\n{out}: written")
    except InputError as error:
        print(f"trained: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
