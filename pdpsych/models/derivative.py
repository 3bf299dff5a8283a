"""Whether the derivative that a network gives is its own: J u beside finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.linearization import Linearization
from pdpsych.geometry.representation import Network
from pdpsych.models.derivative_check import (
    PASSED_BELOW,
    REFUSED_ABOVE,
    DerivativeCheck,
    Verdict,
)
from pdpsych.models.float64 import Float64Arithmetic
from pdpsych.models.network import ModuleNetwork
from pdpsych.models.representation import Representation

# RMS contrasts. At the first nearly all networks differ by rounding alone; smaller ones meet fewer
# kinks, larger ones suffer less from rounding.
STEPS = (1e-7, 1e-8, 1e-6, 1e-9, 1e-5, 1e-10)
COARSE_STEPS, COARSE = (1e-3, 3e-3, 3e-4, 1e-2), 0.03
# What finite differences leave open in a coarse check that still is one.
MOST_OPEN = 0.2
# A difference is real where it is so many times what finite differences leave open.
CLEAR = 10
# Below so much of what passes no better step is looked for.
SETTLED = 0.1
# A J u below this share of that of the random direction, as a search without a floor finds, is
# compared relative to that share: float64 resolves no better.
FAINT = 0.01
# How far away a point is, as RMS contrast, that is no kink where the image is one: black, where
# filters without bias give exactly 0, or white.
ASIDE = 1e-4
# Larger cotangents than any of a search show a backward pass that is not linear: it may clip.
LARGE = 1e3

_REMEDY = (
    "a surrogate gradient, straight-through estimator, gradient hook or detach() is inside; take "
    "it out, or write derivative: surrogate for this model, if its backward pass is what is meant"
)


class _Found(NamedTuple):
    """The comparison of one layer's J u with its central difference."""

    difference: float
    uncertainty: float
    step: float
    direction: int = 0


class _Point(NamedTuple):
    """Where derivatives are compared, with the responses there and how to have them elsewhere."""

    image: Tensor
    responses: Callable[[Tensor], list[Tensor]]
    at: list[Tensor]


class _Bounds(NamedTuple):
    """Below which difference a derivative passes, and above which it does not."""

    passed: float
    refused: float
    steps: tuple[float, ...]


_FINE = _Bounds(PASSED_BELOW, REFUSED_ABOVE, STEPS)
_ROUGH = _Bounds(COARSE, COARSE, COARSE_STEPS)


def check_derivatives(
    representations: Sequence[Representation],
    image: Tensor,
    *,
    distortions: Tensor | None = None,
) -> dict[str, DerivativeCheck]:
    """Compare J u of representations with central differences of their responses, in float64.

    Directions are a random one and what is given. Networks are copied; one that exists in its own
    precision only is checked coarsely, along the random direction.

    Parameters
    ----------
    representations
        Those that share a network share its passes. Where one asks for a surrogate, what is found
        is returned and not refused.
    image
        The base image s, (C, H, W).
    distortions
        Directions besides, (K, C, H, W), as those that a search found.

    Raises
    ------
    InputError
        Naming each model and layer whose derivative is not its own, and by how much.

    Examples
    --------
    >>> from pdpsych import models
    >>> import torch
    >>> found = models.check_derivatives(models.load(["LN", "LGN"]), torch.rand(1, 16, 16))
    >>> found["LGN"].verdict, found["LGN"].difference < 1e-6
    ('passed', True)
    """
    directions = _directions(image, distortions)
    grouped: dict[int, list[Representation]] = {}
    for representation in representations:
        grouped.setdefault(id(representation.network), []).append(representation)
    checks, refusals = {}, []
    for members in grouped.values():
        layers = [member.layer for member in members]
        found, bounds = _of_network(members[0].network, layers, image.detach(), directions)
        for member, one in zip(members, found, strict=True):
            check = _check(one, bounds, member.derivative == "surrogate")
            checks[member.name] = check
            if check.verdict == "refused":
                refusals.append(_refusal(member, one, bounds))
    if refusals:
        raise InputError.of(refusals)
    return {member.name: checks[member.name] for member in representations}


def _directions(image: Tensor, distortions: Tensor | None) -> Tensor:
    """Return directions (K, C, H, W) of unit length, the first of them random."""
    rows = [_noise(image)[None]]
    if distortions is not None:
        rows.append(distortions.to("cpu", torch.float64))
    block = torch.cat(rows)
    return block / block.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def _noise(image: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(tuple(image.shape), generator=generator, dtype=torch.float64)


def _of_network(
    network: Network, layers: Sequence[str], image: Tensor, directions: Tensor
) -> tuple[list[_Found], _Bounds]:
    try:
        wide: Network = network
        arithmetic: AbstractContextManager[object] = nullcontext()
        if isinstance(network, ModuleNetwork):
            wide, arithmetic = network.in_float64(), Float64Arithmetic()
        with arithmetic:
            return _resolved(wide, layers, image.double(), directions.to(image.device)), _FINE
    except Exception:  # A network that cannot be had in float64 fails in any way.
        found = _compared(network, layers, image, directions[:1].to(image), _ROUGH)
        return found, _ROUGH


def _resolved(
    network: Network, layers: Sequence[str], image: Tensor, directions: Tensor
) -> list[_Found]:
    """Compare at the image, and beside it what has a kink there."""
    found = _compared(network, layers, image, directions, _FINE)
    open_ones = [i for i, one in enumerate(found) if _verdict(one, _FINE) == "doubtful"]
    if open_ones:
        inwards = torch.where(image > 0.5, -1.0, 1.0)
        aside = image + ASIDE * inwards * _noise(image).to(image).abs()
        others = _compared(network, [layers[i] for i in open_ones], aside, directions, _FINE)
        for i, other in zip(open_ones, others, strict=True):
            if _verdict(other, _FINE) != "doubtful":
                found[i] = other
    return found


def _compared(
    network: Network, layers: Sequence[str], image: Tensor, directions: Tensor, bounds: _Bounds
) -> list[_Found]:
    """Return the worst of all directions for each layer."""
    linear = network.linearize(image, layers)

    def responses(at: Tensor) -> list[Tensor]:
        with torch.no_grad():
            return [r.reshape(-1).double() for r in network.responses(at[None], layers)]

    point = _Point(image, responses, [r.double() for r in linear.responses])
    tangents = _pushed(linear, directions[0])
    found = [_along(point, directions[0], tangents, [0.0] * len(layers), bounds)]
    if bounds is _FINE:
        found.append(_pulled(linear, directions[0], tangents))
    least = [FAINT * float(tangent.norm()) for tangent in tangents]
    for number, u in enumerate(directions[1:], start=1):
        along = _along(point, u, _pushed(linear, u), least, bounds)
        found.append([one._replace(direction=number) for one in along])
    return [max(own, key=lambda one: _rank(one, bounds)) for own in zip(*found, strict=True)]


def _pushed(linear: Linearization, u: Tensor) -> list[Tensor]:
    return [tangent[0].double() for tangent in linear.push(u[None])]


def _along(
    point: _Point, u: Tensor, tangents: Sequence[Tensor], least: Sequence[float], bounds: _Bounds
) -> list[_Found]:
    """Compare J u of each layer with central differences, at the step that is best for it."""
    best: list[_Found | None] = [None] * len(tangents)
    for step in bounds.steps:
        length = step * math.sqrt(point.image.numel())
        eps = torch.finfo(point.image.dtype).eps / length
        plus, minus = (point.responses(point.image + sign * length * u) for sign in (1, -1))
        for i, (t, p, at, m) in enumerate(zip(tangents, plus, point.at, minus, strict=True)):
            central, bend = (p - m) / (2 * length), (p - 2 * at + m) / (2 * length)
            left = float(bend.norm()) + eps * float(at.norm())
            difference, uncertainty = _relative(t, central, left, least[i])
            best[i] = _better(best[i], _Found(difference, uncertainty, step), bounds)
        found = [one for one in best if one is not None]
        if all(one.difference <= SETTLED * bounds.passed for one in found):
            break
    return found


def _better(known: _Found | None, new: _Found, bounds: _Bounds) -> _Found:
    """Return which of two steps tells more: both agree with J u, or one is less uncertain."""
    if known is None:
        return new
    if min(known.difference, new.difference) <= bounds.passed:
        return min(known, new, key=lambda one: one.difference)
    return min(known, new, key=lambda one: one.uncertainty)


def _relative(tangent: Tensor, central: Tensor, left: float, least: float) -> tuple[float, float]:
    """Return how far J u is from a central difference, and what that leaves open.

    ``left`` is rounding, and what both one-sided differences are from the central one: curvature,
    or a kink between them.
    """
    size = max(float(central.norm()), float(tangent.norm()), least)
    if not math.isfinite(float(central.norm())):
        # The step leads to where the network is not defined, as a power of what is below 0.
        return 1.0, 1.0
    return (float((tangent - central).norm()) / size, left / size) if size else (0.0, 0.0)


def _pulled(linear: Linearization, u: Tensor, tangents: Sequence[Tensor]) -> list[_Found]:
    """Compare ⟨Jᵀw, u⟩ with ⟨w, J u⟩ for large cotangents w, of each layer where all differ."""
    rows = [LARGE * math.sqrt(len(t)) * t / t.norm().clamp_min(1e-300) for t in tangents]

    def gap(chosen: Sequence[Tensor]) -> float:
        pulled = linear.pull([row[None].to(u) for row in chosen])[0]
        pairs = list(zip(chosen, tangents, strict=True))
        size = sum(float(row.norm() * t.norm()) for row, t in pairs)
        forwards = sum(float(row @ t) for row, t in pairs)
        return abs(float((pulled * u).sum()) - forwards) / size if size else 0.0

    gaps = [0.0] * len(rows)
    if not gap(rows) <= PASSED_BELOW:
        alone = [[r if k == i else 0 * r for k, r in enumerate(rows)] for i in range(len(rows))]
        gaps = [gap(chosen) for chosen in alone]
    return [_Found(one, 0.0, STEPS[0], -1) for one in gaps]


def _rank(one: _Found, bounds: _Bounds) -> tuple[int, float]:
    order: tuple[Verdict, ...] = ("passed", "doubtful", "refused")
    return order.index(_verdict(one, bounds)), one.difference


def _verdict(one: _Found, bounds: _Bounds) -> Verdict:
    if one.difference <= bounds.passed:
        return "passed"
    clear = one.difference > max(bounds.refused, CLEAR * one.uncertainty)
    return "refused" if clear else "doubtful"


def _check(one: _Found, bounds: _Bounds, surrogate: bool) -> DerivativeCheck:
    verdict = _verdict(one, bounds)
    if verdict != "passed" and surrogate:
        verdict = "surrogate"
    elif bounds is _ROUGH and (
        verdict == "passed" or (verdict == "doubtful" and one.uncertainty < MOST_OPEN)
    ):
        verdict = "coarse"
    return DerivativeCheck(
        difference=one.difference,
        uncertainty=one.uncertainty,
        step_rms=one.step,
        verdict=verdict,
    )


def _refusal(representation: Representation, one: _Found, bounds: _Bounds) -> InputError:
    network = representation.name.removesuffix(f"/{representation.layer}")
    along = {-1: "a random direction, backwards,", 0: "a random direction"}.get(
        one.direction, f"distortion {one.direction}"
    )
    return InputError(
        f"its backward pass does not give its derivative: along {along} it differs from finite "
        f"differences of the response by {100 * one.difference:.3g} %",
        file=f'model "{network}", layer "{representation.layer}"',
        value=float(f"{one.difference:.3g}"),
        allowed=f"at most {bounds.refused:g}",
        remedy=_REMEDY,
    )
