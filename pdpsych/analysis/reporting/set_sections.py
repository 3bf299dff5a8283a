"""The sections of a report that are about its stimulus set."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pandas as pd

from pdpsych.analysis.reporting.findings import Findings
from pdpsych.analysis.reporting.markup import html_table, short
from pdpsych.stimuli.log_ratios import log_ratio
from pdpsych.stimuli.manifest import KINDS, Pair
from pdpsych.stimuli.responses.objective_curve import ObjectiveCurve
from pdpsych.stimuli.set_description import tried_contrasts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# More would be scrolled past; the previews of the set show all.
_MOST_STIMULI = 6


def stimuli(found: Findings) -> str:
    """Show some of the measured pairs of distortions."""
    if not found.has_set:
        return ""
    opened, fit, gallery = found.opened, found.fit, found.gallery
    measured = (
        fit.thresholds[["image", "pair"]].drop_duplicates().itertuples(index=False, name=None)
    )
    kinds = {(e.name, p.name): p.pooled_as for e in opened.manifest.images for p in e.pairs}
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for image, pair in measured:
        first.setdefault((image, kinds[image, pair]), (image, pair))
    every = sorted(first.values(), key=lambda row: kinds[row] in KINDS[1:])
    shown = every[:_MOST_STIMULI]
    count = sum(map(len, opened))
    note = f"{len(shown)} of {count} pairs of the set; all are in its previews."
    drawn = [
        gallery.show(
            cast("Figure", opened.plot(image, pair).figure), f"stimuli-{n}", f"{image}, {pair}"
        )
        for n, (image, pair) in enumerate(shown, start=1)
    ]
    return "\n".join([f'<p class="dim">{note}</p>', *drawn])


def linearity(found: Findings) -> str:
    """Say up to which amplitude the models are linear."""
    if not found.has_set:
        return ""
    held = [
        (image, pair.name, found.opened[image][pair.name].linearity)
        for image, pair in _listed(found)
    ]
    checks = [(image, pair, check) for image, pair, check in held if check]
    if not checks:
        return ""
    rows = pd.DataFrame(
        {"image": image, "pair": pair}
        | {model: check.extent(model) for model in check.largest_rms}
        | {"order of the models": check.order()}
        for image, pair, check in checks
    )
    first = checks[0][2]
    return html_table(
        rows,
        "Largest RMS contrast up to which a model’s response is within "
        f"{100 * first.tolerance:g} % of what its sensitivity predicts, to distortion 1 / 2, and "
        "where the models keep the order of their log sensitivity ratios. Checked at "
        f"{tried_contrasts([check for _, _, check in checks])}, both signs.",
    )


def visible(found: Findings) -> str:
    """Show the objective against amplitude of pairs that were made for one."""
    if not found.has_set:
        return ""
    labelled = [(f"{image}, {pair.name}", pair) for image, pair in _listed(found)]
    curves = [(label, ObjectiveCurve.of(pair.certificate, label)) for label, pair in labelled]
    rows = [
        {
            "pair": label,
            "RMS": f"{curve.amplitude_rms:g}",
            "F": f"{curve.objective:.3g}",
            "F of the local pair": f"{curve.before:.3g}",
            "ended by": curve.stopped,
        }
        for label, curve in curves
        if curve
    ]
    if not rows:
        return ""
    table = html_table(
        pd.DataFrame(rows),
        "Distortions that were made for an amplitude: the objective F there, the mean at half, one "
        "and two times that RMS contrast, and what it is of the distortions that are principal "
        "for small amplitudes, kept inside the gamut.",
    )
    drawn = [
        found.gallery.show(
            cast("Figure", curve.plot().figure), f"objective-{n}", f"F by amplitude, {label}", label
        )
        for n, (label, curve) in enumerate([c for c in curves if c[1]][:_MOST_STIMULI], start=1)
        if curve
    ]
    return "\n".join([table, *drawn])


def scree(found: Findings) -> str:
    """Draw the objective of the first and the further pairs of each question."""
    if not found.has_set:
        return ""
    table = found.opened.scree()
    if not (table["number"] > 1).any():
        return ""
    from pdpsych.stimuli.set_figures import plot_scree

    drawn = cast("Figure", plot_scree(table).figure)
    return found.gallery.show(drawn, "scree", "F of each pair", "what further pairs are worth")


def certificates(found: Findings) -> str:
    """List how the solver ended at each pair, and what lies where padding enters."""
    if not found.has_set:
        return ""
    rows = [
        {"image": image, "pair": pair.name}
        | {k: short(v) for k, v in pair.certificate.items() if not isinstance(v, dict | list)}
        | _at_padding(pair)
        for image, pair in _listed(found)
        if pair.certificate
    ]
    rivals = _rivals(found)
    if not rows:
        return rivals
    shown = pd.DataFrame(rows).fillna("–").rename(columns=lambda name: name.replace("_", " "))
    return html_table(shown, f"Floor η = {found.opened.manifest.floor:g}.") + rivals


def _at_padding(pair: Pair) -> dict[str, str]:
    """Return the share of energy where padding enters, and what the latter changes at most."""
    if pair.padding is None:
        return {}
    energy = " / ".join("?" if e is None else f"{100 * e:.0f} %" for e in pair.padding.energy)
    largest = pair.padding.largest
    change = "?" if largest is None else f"{largest[0]:.1g}"
    return {"energy at padding": energy, "log ratios change by": change}


def _listed(found: Findings) -> list[tuple[str, Pair]]:
    """Return all pairs of the set with their images, and those rivals that were measured."""
    measured = _measured(found)
    return [
        (entry.name, pair)
        for entry in found.opened.manifest.images
        for pair in entry.pairs
        if pair.rival_of is None or (entry.name, pair.name) in measured
    ]


def _measured(found: Findings) -> set[tuple[str, str]]:
    table = found.fit.thresholds[["image", "pair"]]
    return set(table.itertuples(index=False, name=None))


def _rivals(found: Findings) -> str:
    """List the rivals of the set's pairs, and say which were measured in their place."""
    measured = _measured(found)
    rows = []
    for pair, rival in ((p, r) for image in found.opened for p in image for r in p.rivals):
        u, v = pair.likeness(rival)
        known = {
            "image": rival.image,
            "pair": rival.name,
            "in place of": pair.name,
            "measured": short((rival.image, rival.name) in measured),
            "|cos| with ε₁": f"{u:.2f}",
            "|cos| with ε₂": f"{v:.2f}",
        }
        ratios = {m: f"{log_ratio(*both):+.2f}" for m, both in rival.sensitivities.items()}
        rows.append(known | ratios)
    if not rows:
        return ""
    caption = (
        "Rivals: other optima nearly as good, with the log sensitivity ratios of the models. "
        "Pictures are in the previews of the set, IMAGE-PAIR-rivals.png."
    )
    return html_table(pd.DataFrame(rows), caption)
