"""Principal distortions at visible amplitudes: where models disagree most about what is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.representation import RepresentationLike
from pdpsych.geometry.result_file import SavedResult, named
from pdpsych.geometry.solvers import disagreement
from pdpsych.geometry.solvers.budget import Budget, Clock
from pdpsych.geometry.solvers.climb import Problem
from pdpsych.geometry.solvers.measured import deviant
from pdpsych.geometry.solvers.principal import (
    PrincipalDistortions,
    principal_distortions_at,
    white_pair,
)
from pdpsych.geometry.solvers.subspace import conventional
from pdpsych.geometry.space import DistortionSpace
from pdpsych.geometry.visible.ascent import Ascent
from pdpsych.geometry.visible.certificate import Stopped, VisibleCertificate
from pdpsych.geometry.visible.gamut import Gamut
from pdpsych.geometry.visible.objective import Objective, log_ratios

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

# A local pair suffices where its objective at these amplitudes is within a tenth of the local one,
# and each log D̄/α within 0.2 nat: what :func:`linearity` takes for linear.
SAME_OBJECTIVE, SAME_RESPONSE = 0.1, 0.2
# Iterations after which the better of both starts goes on alone.
TRIAL = 5
# What a frame costs there and back, in products of :class:`LocalGeometry` (benchmarks/visible.py).
FRAME = 1.5
# Products that a search may cost in any case, some ten steps.
LEAST_WORK = 200
# Where F is told, relative to the amplitude asked for.
CURVE = (0.0625, 0.125, 0.25, 0.5, 0.5**0.5, 1.0, 2**0.5, 2.0)


@dataclass(frozen=True, eq=False, repr=False)
class VisibleDistortions(SavedResult):
    """Two distortions that are principal at visible amplitudes, and what models make of them.

    Attributes
    ----------
    distortions
        ε₁ and ε₂, (2, C, H, W), unit norm; order and sign as of :class:`PrincipalDistortions`,
        by the mean log ratio.
    log_ratios
        x_i = log D̄_i(ε₁, α) − log D̄_i(ε₂, α), natural log, at half, one and two times the
        amplitude, (N, 3).
    objective
        The mean of F over them.
    local
        The result of the local search.
    certificate
        How it was reached, and F against amplitude.
    seed
        Of the start from noise.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> image = 0.25 + torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0)) / 2
    >>> found = geometry.visible_distortions(models.load(["LN", "LGN"]), image, 0.001)
    >>> found.log_ratios.shape, round(found.objective / found.local.objective, 1)
    ((2, 3), 1.0)
    """

    SCHEMA: ClassVar[Schema] = Schema("visible distortions", 1, "solve for them again")

    distortions: Tensor
    log_ratios: Floats
    objective: float
    local: PrincipalDistortions
    certificate: VisibleCertificate
    seed: int

    def _line(self) -> str:
        return f"of {named(self.local.names)}; {self.certificate._line()}"

    def describe(self) -> str:
        """Say the result in a few lines."""
        head = f"principal distortions of {len(self.local.names)} representations when visible"
        return f"{head}\n{self.certificate.describe()}"

    def plot(self) -> Figure:
        """Draw the distortions, the log ratios at the amplitude, and F against amplitude."""
        from pdpsych.geometry.figures import visible_panels

        return visible_panels(
            self.distortions, self.local.names, self.log_ratios[:, 1], self.certificate
        )


def visible_distortions(
    representations: Sequence[RepresentationLike],
    image: Tensor | NDArray[np.floating],
    amplitude_rms: float,
    *,
    floor: float = 0.03,
    separate: Sequence[str] | None = None,
    space: DistortionSpace | None = None,
    seed: int = 0,
    restarts: int = 1,
    budget: Budget = Budget(),
) -> VisibleDistortions:
    """Find the pair of distortions about which models disagree most at visible amplitudes.

    Local sensitivities of deep networks hold for amplitudes far below people's thresholds. This
    maximises the mean over α ∈ {a/2, a, 2a} of F = xᵀLx with x_i = log D̄_i(u, α) − log D̄_i(v, α):
    D̄ is the d′ of an ideal observer of the responses to s ± αε, the floor with it, L is that of
    the question asked. All of s ± 2aε lies in [0, 1]. The local search comes first, and what it
    finds is returned where the models are nearly linear up to there.

    Parameters
    ----------
    representations
        N ≥ 2 representations.
    image
        Base image s, (C, H, W), in [0, 1].
    amplitude_rms
        a, as RMS over all pixel values, above 0.
    floor, separate, space, seed, restarts
        As for :func:`principal_distortions`.
    budget
        Of the local search, and anew of the one at these amplitudes, which ends when it has cost
        as much as the local one in any case.

    Raises
    ------
    InputError
        As :func:`principal_distortions`; or if 2a leaves the gamut, or a response there is not
        finite or has no derivative.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Softsign())
    >>> net[0].weight.data *= 100
    >>> layers = models.from_module(net, ["0", "1"], "net")
    >>> image = 0.25 + torch.rand(1, 16, 16) / 2
    >>> found = geometry.visible_distortions(layers, image, 0.02)
    >>> found.certificate.objective > found.certificate.before
    True
    """
    return visible_distortions_at(
        LocalGeometry(representations, image, floor=floor),
        amplitude_rms,
        separate=separate,
        space=space,
        seed=seed,
        restarts=restarts,
        budget=budget,
    )


def visible_distortions_at(
    geometry: LocalGeometry,
    amplitude_rms: float,
    *,
    local: PrincipalDistortions | None = None,
    separate: Sequence[str] | None = None,
    space: DistortionSpace | None = None,
    seed: int = 0,
    restarts: int = 1,
    budget: Budget = Budget(),
) -> VisibleDistortions:
    """Find distortions that are principal at visible amplitudes where the local geometry is known.

    Parameters
    ----------
    geometry
        Image, representations and floor are its.
    amplitude_rms, separate, space, seed, restarts, budget
        As for :func:`visible_distortions`.
    local
        Principal distortions of this geometry, to go on from without another local search; what
        they were asked for is asked here.

    Raises
    ------
    InputError
        As for :func:`visible_distortions`; or if the local pair is of other representations.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> image = 0.25 + torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0)) / 2
    >>> local = geometry.LocalGeometry(models.load(["LN", "LGN"]), image, floor=0.03)
    >>> pair = geometry.principal_distortions_at(local, budget=geometry.Budget(iterations=4))
    >>> geometry.visible_distortions_at(local, 0.001, local=pair).certificate.stopped
    'local suffices'
    """
    space = space or DistortionSpace(geometry.image)
    gamut = Gamut.of(geometry.image, space, amplitude_rms)
    if local is None:
        local = principal_distortions_at(
            geometry, separate=separate, space=space, seed=seed, restarts=restarts, budget=budget
        )
    elif local.names != tuple(geometry.names):
        raise InputError(
            "is of other representations", field="local", value=local.names, allowed=geometry.names
        )
    asked = disagreement.contrast(local.separate or range(len(geometry.names)))
    objective = Objective(geometry, asked, amplitude_rms)
    begun = geometry.products
    pair = gamut.nearest(local.distortions.to(geometry.image), allowed=True)
    if _suffices(objective, pair, local):
        return _result(objective, gamut, local, pair, seed, _Ended(pair, "local suffices"))
    problem = Problem.at(geometry, space, asked)
    starts = [pair, gamut.nearest(white_pair(geometry, space, seed))]
    ascents = [Ascent(problem, objective, gamut, start) for start in starts]
    allowed = max(local.certificate.operator_applications, LEAST_WORK)

    def is_spent() -> bool:
        return FRAME * objective.frames + geometry.products - begun >= allowed

    ended = _raced(ascents, is_spent, budget)
    return _result(objective, gamut, local, pair, seed, ended, geometry.products - begun)


@dataclass(frozen=True)
class _Ended:
    """What a search ended with."""

    pair: Tensor
    stopped: Stopped
    iterations: int = 0
    from_noise: bool = False
    gradient_norm: float | None = None
    gain: float | None = None


def _suffices(objective: Objective, pair: Tensor, local: PrincipalDistortions) -> bool:
    """Say whether a local pair inside the gamut is what was asked for."""
    squares = objective.squares(pair)
    reached = float(objective.values(squares).mean())
    with np.errstate(divide="ignore"):
        gains = 0.5 * np.log(squares / objective.local(pair)[..., None])
    return bool(
        abs(reached - local.objective) <= SAME_OBJECTIVE * local.objective
        and (np.abs(gains) <= SAME_RESPONSE).all()
    )


def _raced(ascents: Sequence[Ascent], is_spent: Callable[[], bool], budget: Budget) -> _Ended:
    """Climb from both starts, then from the better one, until it ends or what it may cost does."""
    clock, live, iteration = Clock(budget), list(ascents), 0
    stopped: Stopped | None = None
    while stopped is None:
        for ascent in live:
            ascent.advance()
        iteration += 1
        best = max(live, key=lambda ascent: ascent.objective)
        live = live if iteration < TRIAL else [best]
        stopped = clock.spent(iteration, best.objective) or best.stopped
        if best.gradient_norm <= budget.tolerance:
            stopped = "converged"
        elif stopped is None and is_spent():
            stopped = "work"
    from_noise = best is not ascents[0]
    return _Ended(best.pair, stopped, iteration, from_noise, best.gradient_norm, best.gain)


def _result(
    objective: Objective,
    gamut: Gamut,
    local: PrincipalDistortions,
    start: Tensor,
    seed: int,
    ended: _Ended,
    products: float = 0.0,
) -> VisibleDistortions:
    """Return the pair in the documented order, with its certificate."""
    pair, frames = conventional(ended.pair), objective.frames
    squares, before = objective.squares(pair), objective.squares(start)
    x = log_ratios(squares)
    if deviant(x.mean(axis=1)) < 0:
        pair, x = pair.flip(0), -x
    curves = [objective.values(objective.squares(p, CURVE)).tolist() for p in (pair, start)]
    reached = float(objective.values(squares).mean())
    certificate = VisibleCertificate(
        amplitude_rms=gamut.amplitude_rms,
        stopped=ended.stopped,
        local_objective=local.objective,
        objective=reached,
        before=float(objective.values(before).mean()),
        inside=disagreement.value(objective.contrast, log_ratios(objective.local(start))),
        amplitudes_rms=tuple(step * gamut.amplitude_rms for step in CURVE),
        objectives=tuple(curves[0]),
        objectives_before=tuple(curves[1]),
        gradient_norm=ended.gradient_norm,
        predicted_gain=ended.gain,
        iterations=ended.iterations,
        frames=frames,
        operator_applications=products,
        start="noise" if ended.from_noise else "local",
        at_limit=float(gamut.at_limit(pair).double().mean()),
    )
    return VisibleDistortions(pair, x, reached, local, certificate, seed)
