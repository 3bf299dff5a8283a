"""What models respond to the frames that a display shows of distortions; needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy
import torch
from numpy.typing import NDArray

from pdpsych import geometry
from pdpsych.common.versions import versions
from pdpsych.displays.display import Display
from pdpsych.displays.expectation import expected
from pdpsych.geometry.finite.distances import RESOLVED, Change, Distance, Distances
from pdpsych.geometry.finite.response_curves import SMALLEST_RMS
from pdpsych.stimuli.calibration.condition import ConditionCalibration
from pdpsych.stimuli.responses.finite_response import SIGNS
from pdpsych.stimuli.responses.response_file import SCHEMA, DistortionResponses, ImageResponses
from pdpsych.stimuli.set_image import SetImage

Floats = NDArray[np.float64]


def shown_responses_of(
    image: SetImage,
    display: Display,
    local: geometry.LocalGeometry,
    conditions: Sequence[ConditionCalibration],
) -> ImageResponses:
    """Return D of what is shown of an image's distortions on average over dither draws.

    At the amplitudes that were tried, from the smallest that a set has, and half way between;
    those of the curves are the realised ones, as a trial log has them.
    """
    distances = Distances(local)
    still = expected(image.base, display, image.encoding).mean.astype(np.float64)
    return ImageResponses(
        schema_version=SCHEMA.version,
        image=image.name,
        arrays_sha256=image.arrays_sha256,
        versions=versions("torch", "numpy"),
        dimension=image.dimension,
        floors=dict(zip(local.names, local.floors.tolist(), strict=True)),
        distortions=tuple(_curves(image, display, local, distances, still, c) for c in conditions),
    )


def _curves(
    image: SetImage,
    display: Display,
    local: geometry.LocalGeometry,
    distances: Distances,
    still: Floats,
    condition: ConditionCalibration,
) -> DistortionResponses:
    distortion = image[condition.pair].distortion(condition.distortion).astype(np.float64)
    asked = _amplitudes(condition)
    changes, realised = [], np.empty((2, len(asked)))
    for a, alpha in enumerate(asked):
        for s, sign in enumerate(SIGNS):
            shown = expected(image.base, display, image.encoding, distortion, sign * alpha).mean
            difference = shown.astype(np.float64) - still
            realised[s, a] = sign * float(np.vdot(difference, distortion))
            changes.append(Change(torch.from_numpy(difference).to(local.image), 1.0))
    found = distances(changes)
    values = np.array([one.values for one in found]).reshape(len(asked), 2, len(local.names))
    _resolve(values, changes, distances, local)
    kept = _ascending(realised)
    known = np.isfinite(values).all(axis=1)
    ended = {name: _reason(found, i, known[:, i], condition) for i, name in enumerate(local.names)}
    alphas = realised[:, kept].mean(axis=0)
    rows = {
        name: _at(alphas, realised[:, kept], values[kept, :, i].T)
        for i, name in enumerate(local.names)
    }
    rms = alphas / condition.dimension**0.5
    return DistortionResponses.of(condition.pair, condition.distortion, rms, rows, ended, {})


def _amplitudes(condition: ConditionCalibration) -> Floats:
    """Return the amplitudes that were tried and their geometric means, but for very small ones."""
    tried = np.array([step.amplitude for step in condition.steps])
    both = np.sort(np.concatenate([tried, np.sqrt(tried[:-1] * tried[1:])]))
    return both[both >= SMALLEST_RMS * condition.dimension**0.5]


def _resolve(
    values: Floats, changes: Sequence[Change], distances: Distances, local: geometry.LocalGeometry
) -> None:
    """Put what the Fisher information says where rounding matters, (A, 2, N)."""
    rough = values <= RESOLVED * distances.roundoff
    places = np.flatnonzero(rough.any(axis=2).ravel())
    if len(places):
        block = torch.stack([changes[p].distortion for p in places])
        exact = local.sensitivities(block).T
        flat, mask = values.reshape(-1, values.shape[2]), rough.reshape(-1, values.shape[2])
        for p, row in zip(places, exact, strict=True):
            flat[p] = np.where(mask[p], row, flat[p])


def _ascending(realised: Floats) -> NDArray[np.bool_]:
    """Return the amplitudes at which both signs are above those of all before."""
    before = np.maximum.accumulate(np.concatenate([np.zeros((2, 1)), realised], axis=1), axis=1)
    return np.asarray((realised > before[:, :-1]).all(axis=0))


def _at(alphas: Floats, realised: Floats, values: Floats) -> Floats:
    """Return D of both signs at common amplitudes, from those that each sign realised."""
    found = np.full(values.shape, np.nan)
    for row, own, target in zip(values, realised, found, strict=True):
        known = np.isfinite(row)
        end = len(row) if known.all() else int(np.argmin(known))
        if end < 2:
            target[:end] = row[:end] * alphas[:end] / own[:end]
            continue
        gains = np.log(np.maximum(row[:end] / own[:end], np.finfo(float).tiny))
        inside = np.clip(alphas[:end], own[0], own[end - 1])
        target[:end] = alphas[:end] * np.exp(
            scipy.interpolate.PchipInterpolator(np.log(own[:end]), gains)(np.log(inside))
        )
    found[:, np.isnan(found).any(axis=0)] = np.nan
    return found


def _reason(
    found: Sequence[Distance],
    number: int,
    known: NDArray[np.bool_],
    condition: ConditionCalibration,
) -> str:
    if known.all():
        return ""
    first = int(np.argmin(known))
    why: Mapping[int, str] = {s: found[2 * first + s].reasons[number] for s in (0, 1)}
    contrast = _amplitudes(condition)[first] / condition.dimension**0.5
    return f"at RMS contrast {contrast:.3g}: {why[0] or why[1]}"
