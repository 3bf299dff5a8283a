"""A stimulus set in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pdpsych.common.versions import unlike
from pdpsych.stimuli.log_ratios import log_ratio
from pdpsych.stimuli.manifest import SCREE, LinearityCheck, Manifest, PaddingCheck, Pair
from pdpsych.stimuli.responses.objective_curve import ObjectiveCurve
from pdpsych.stimuli.scree import scree_lines
from pdpsych.stimuli.set_image import SetImage, SetPair

# Of more models than these, the ones at the ends are listed.
SHOWN = 6
# Below this share of the objective no log ratio that matters to a threshold will move.
_LITTLE_GAIN = 1e-3
_MOST_PAIRS = 10


def summary(manifest: Manifest, path: Path, sha256: str) -> str:
    """Say what is in a set, with the first of its pairs."""
    pairs = _labelled_pairs(manifest)
    more = len(pairs) - _MOST_PAIRS
    rest = [f"  and {more} more; pdpsych inspect shows all"] if more > 0 else []
    with_rivals = len(
        {(e.name, p.rival_of) for e in manifest.images for p in e.pairs if p.rival_of}
    )
    if with_rivals:
        rest.append(
            f"{with_rivals} of {len(pairs)} pairs have rivals, other optima nearly as good; "
            "pdpsych inspect lists them"
        )
    head, tail = _head(manifest, path, sha256), _pictures(manifest, path)
    return "\n".join([*head, *_ratio_lines(pairs[:_MOST_PAIRS]), *rest, tail])


def description(manifest: Manifest, path: Path, sha256: str, images: Iterable[SetImage]) -> str:
    """Say what is in a set: each pair, what it owes to padding, how far its sensitivities hold."""
    pairs = _labelled_pairs(manifest)
    images = tuple(images)
    checks = [(f"{pair.image}/{pair.name}", pair.linearity) for image in images for pair in image]
    linear = _linearity_lines([(label, check) for label, check in checks if check])
    curves = _curve_lines(pairs)
    padding = _padding_lines([(label, p.padding) for label, p in pairs if p.padding])
    head, tail = _head(manifest, path, sha256), _pictures(manifest, path)
    found = [*_ratio_lines(pairs), *rival_lines(images), *scree_lines(manifest.images)]
    return "\n".join([*head, *found, *curves, *padding, *linear, tail])


def _labelled_pairs(manifest: Manifest) -> list[tuple[str, Pair]]:
    return [(f"{e.name}/{p.name}", p) for e in manifest.images for p in e.without_rivals]


def _head(manifest: Manifest, path: Path, sha256: str) -> list[str]:
    lines = [f"stimulus set {path}, made {manifest.created}"]
    if not manifest.models:
        return [*lines, "no models", f"SHA-256 {sha256}", "pairs:"]
    return [
        *lines,
        f"{len(manifest.models)} models; floor {manifest.floor:g}",
        *_model_lines(manifest),
        *_derivative_lines(manifest),
        *unlike(manifest.environments),
        f"SHA-256 {sha256}",
        f"log d(ε₁)/d(ε₂) of each pair{_which(manifest.models, 'lowest and highest')}:",
    ]


def _pictures(manifest: Manifest, path: Path) -> str:
    places = ["previews", *(file for file in [SCREE] if file in manifest.files)]
    return f"pictures: {', '.join(str(path / place) for place in places)}"


def _model_lines(manifest: Manifest) -> list[str]:
    """Return a line for each network with its layers, and one for all models without weights."""
    layers: dict[str, list[str]] = {}
    for record in manifest.representations:
        if record.weights_sha256:
            network = record.name.removesuffix(f"/{record.layer}")
            made = f"  {network}: {record.architecture}, {record.training}"
            layers.setdefault(f"{made}; image: {record.preprocessing}", []).append(record.layer)
    own = {r.name for r in manifest.representations if r.weights_sha256}
    others = [f"  {', '.join(m for m in manifest.models if m not in own)}"]
    lines = [f"{line}; layers {', '.join(named)}" for line, named in layers.items()]
    return (others if len(own) < len(manifest.models) else []) + lines


def unusual_derivatives(manifest: Manifest) -> dict[str, str]:
    """Say of each model whose derivative was not simply passed what it is, at its worst image."""
    found = {}
    for model in manifest.models:
        checks = [e.derivatives[model] for e in manifest.images if model in e.derivatives]
        worst = max(checks, key=lambda one: (one.verdict != "passed", one.difference), default=None)
        if worst and worst.told():
            found[model] = worst.told()
    return found


def _derivative_lines(manifest: Manifest) -> list[str]:
    told = unusual_derivatives(manifest)
    return ["derivatives of:", *(f"  {m}: {words}" for m, words in told.items())] if told else []


def _ends(values: Mapping[str, float], lowest: int) -> list[str]:
    """Return the names of ``SHOWN`` values, ``lowest`` from below; all if few, as they come."""
    if len(values) <= SHOWN:
        return list(values)
    ordered = sorted(values, key=lambda name: values[name])
    return ordered[:lowest] + ordered[len(ordered) - (SHOWN - lowest) :]


def _which(models: Sequence[str], what: str) -> str:
    """Say which models are shown of many."""
    return f", the {SHOWN} {what} of {len(models)} models" if len(models) > SHOWN else ""


def _ratio_lines(pairs: Sequence[tuple[str, Pair]]) -> list[str]:
    lines, width = [], max((len(label) for label, _ in pairs), default=0)
    for label, pair in pairs:
        lines.append(f"  {label:<{width}}  {_ratios(pair)}{_unfinished(pair)}".rstrip())
    return lines


def _unfinished(pair: Pair) -> str:
    """Say that a search was stopped before its end, and by how much it was still rising."""
    if pair.certificate.get("converged") in (None, True):
        return ""
    gain = pair.certificate.get("predicted_gain")
    if gain is None:
        return "  (not converged)"
    state = "stopped early" if gain < _LITTLE_GAIN else "not converged"
    return f"  ({state}, next step {gain:+.1g} of F)"


def _ratios(pair: Pair) -> str:
    logs = {m: log_ratio(a, b) for m, (a, b) in pair.sensitivities.items()}
    return "  ".join(f"{m} {logs[m]:+.2f}" for m in _ends(logs, SHOWN // 2))


def rival_lines(images: Iterable[SetImage]) -> list[str]:
    """Say which pairs have rivals, how near those come and how they differ; reads the arrays."""
    found = [(pair, rival) for image in images for pair in image for rival in pair.rivals]
    if not found:
        return []
    return [
        "rivals, other optima nearly as good (|cos| is that with the pair's own ε₁ and ε₂):",
        *(f"  {_rival(pair, rival)}" for pair, rival in found),
    ]


def _rival(pair: SetPair, rival: SetPair) -> str:
    u, v = pair.likeness(rival)
    parts = [f"|cos| {u:.2f}, {v:.2f}"]
    best, other = (p.question.objective if p.question else None for p in (pair, rival))
    if best and other:
        parts.insert(0, f"F {100 * (1 - other / best):.2g} % below")
    ratios = _ratios(rival.entry)
    return f"{rival.image}/{rival.name}  {'; '.join(parts)}{f'; {ratios}' if ratios else ''}"


def _curve_lines(pairs: Sequence[tuple[str, Pair]]) -> list[str]:
    """Say what was gained by making pairs for an amplitude, and F by amplitude."""
    curves = [(label, ObjectiveCurve.of(pair.certificate, label)) for label, pair in pairs]
    told = [f"  {label}  {curve.told()}" for label, curve in curves if curve]
    if not told:
        return []
    return [
        "objective F around the RMS contrast asked for, then at each (of the local pair):",
        *told,
    ]


def _padding_lines(checks: Sequence[tuple[str, PaddingCheck]]) -> list[str]:
    if not checks:
        return []
    width = max(len(label) for label, _ in checks)
    lines = ["how much is owed to how models pad images at the border:"]
    return lines + [f"  {label:<{width}}  {check.told()}" for label, check in checks]


def _linearity_lines(checks: Sequence[tuple[str, LinearityCheck]]) -> list[str]:
    if not checks:
        return []
    first = checks[0][1]
    width = max(len(label) for label, _ in checks)
    widest = max(len(check.extent(model)) for _, check in checks for model in check.largest_rms)
    lines = [
        f"largest RMS contrast within {100 * first.tolerance:g} % of linear, for ε₁ / ε₂, of "
        f"{tried_contrasts([check for _, check in checks])}"
        f"{_which(list(first.largest_rms), 'least linear')}:"
    ]
    for label, check in checks:
        smaller = {model: min(both) for model, both in check.largest_rms.items()}
        extents = [f"{model} {check.extent(model):<{widest}}" for model in _ends(smaller, SHOWN)]
        lines.append(f"  {label:<{width}}  {'  '.join(extents)}".rstrip())
    lines.append("order of the models' log ratios at these contrasts:")
    return lines + [f"  {label:<{width}}  {check.order()}" for label, check in checks]


def tried_contrasts(checks: Sequence[LinearityCheck]) -> str:
    """Say at which contrasts pairs were checked, each up to the limit of its gamut."""
    tried = {check.amplitudes_rms for check in checks}
    longest = max(tried, key=len)
    if len(tried) == 1:
        return ", ".join(f"{a:g}" for a in longest)
    return f"{longest[0]:g} to {longest[-1]:g} or the limit of the gamut"
