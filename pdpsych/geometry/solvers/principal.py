"""Principal distortions: the pair on which a set of representations disagrees most.

Feather, Lipshutz, Harvey, Williams & Simoncelli, ICLR 2025 (arXiv 2410.15433) define them as
the maximum of the variance of log d_i(u)/d_i(v) over representations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.representation import RepresentationLike
from pdpsych.geometry.result_file import SavedResult, named
from pdpsych.geometry.solvers.budget import Budget
from pdpsych.geometry.solvers.certificate import Certificate, without_restarts
from pdpsych.geometry.solvers.climb import Problem
from pdpsych.geometry.solvers.disagreement import contrast
from pdpsych.geometry.solvers.limited import limited
from pdpsych.geometry.solvers.measured import Measured, Rival
from pdpsych.geometry.solvers.search import RIVAL, Found, Search
from pdpsych.geometry.solvers.survey import UNLIKE
from pdpsych.geometry.space import DistortionSpace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

# What fits on a screen.
MOST_ROWS = 20


@dataclass(frozen=True, eq=False, repr=False)
class PrincipalDistortions(SavedResult):
    """The two distortions, and what the representations make of them.

    Attributes
    ----------
    distortions
        ε₁ and ε₂, (2, C, H, W), unit norm. Order: the representation that deviates most from
        the mean log ratio (within 1 %, the one listed first) is the more sensitive to ε₁, relative
        to the others. Sign: Σ ε³ ≥ 0.
    log_ratios
        x_i = log d_i(ε₁)/d_i(ε₂), natural log, (N,).
    objective
        Population variance of ``log_ratios``, or of their means over the groups of ``separate``.
    names, floor, seed
        What was asked.
    certificate
        How it was reached.
    separate
        The group of each representation, None where each counts for itself.
    rivals
        The other optima that the search found within 10⁻³ of the objective, the best first: as good
        an answer, where their distortions differ.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> image = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> budget = geometry.Budget(iterations=2)
    >>> found = geometry.principal_distortions(models.load(["LN", "LGN"]), image, budget=budget)
    >>> found  # doctest: +ELLIPSIS
    <PrincipalDistortions: of LN, LGN; variance ...; not converged after 2 iterations, ...>
    >>> with TemporaryDirectory() as folder:
    ...     path = found.to_json(Path(folder) / "found.json")
    ...     geometry.PrincipalDistortions.from_json(path) == found
    True
    """

    SCHEMA: ClassVar[Schema] = Schema(
        "principal distortions", 2, "solve for them again", {1: without_restarts}
    )

    distortions: Tensor
    log_ratios: Floats
    objective: float
    names: tuple[str, ...]
    floor: float
    seed: int
    certificate: Certificate
    separate: tuple[str, ...] | None = None
    rivals: tuple[Rival, ...] = ()

    def _line(self) -> str:
        variance = f"variance {self.objective:.4g}"
        return f"of {named(self.names)}; {variance}; {self.certificate._line()}"

    def describe(self) -> str:
        """Say the result in a few lines."""
        state = "converged" if self.certificate.converged else "not converged"
        head = (
            f"principal distortions of {len(self.names)} representations: variance "
            f"{self.objective:.4g} after {self.certificate.iterations} iterations ({state})"
        )
        width = max(map(len, self.names))
        rows = [
            f"  {name:<{width}}  log d(ε₁)/d(ε₂) = {x:+.3f}"
            for name, x in zip(self.names[:MOST_ROWS], self.log_ratios, strict=False)
        ]
        if len(self.names) > MOST_ROWS:
            rows.append(f"  and {len(self.names) - MOST_ROWS} more in log_ratios")
        for rival in self.rivals:
            rows.append(f"rival: {rival.describe()}")
        if self.certificate.unbounded:
            names = ", ".join(self.certificate.unbounded)
            rows.append(
                f"without a floor {names} can be blind to a distortion: where another sees it the "
                "supremum is infinite, and this is how far the budget got"
            )
        return "\n".join([head, *rows])

    def plot(self) -> Figure:
        """Draw both distortions, and each representation's log ratio."""
        from pdpsych.geometry.figures import pair_panels

        return pair_panels(self.distortions, self.names, self.log_ratios)


def principal_distortions(
    representations: Sequence[RepresentationLike],
    image: Tensor | NDArray[np.floating],
    *,
    floor: float = 0.03,
    separate: Sequence[str] | None = None,
    space: DistortionSpace | None = None,
    seed: int = 0,
    restarts: int = 1,
    start: PrincipalDistortions | None = None,
    budget: Budget = Budget(),
) -> PrincipalDistortions:
    """Find the pair of distortions that maximises the variance of log sensitivity ratios.

    Parameters
    ----------
    representations
        N ≥ 2 representations.
    image
        Base image s, (C, H, W), in [0, 1]; its dtype and device are used throughout.
    floor
        η of the sensitivities. With 0, the paper's definition, the maximum is infinite for
        singular Fisher information; the certificate says whose is.
    separate
        The group of each representation, (N,), such as how each was trained: the variance of the
        means of the groups is maximised, which asks what separates the groups, whatever else
        their members differ in. By default each representation counts for itself.
    space
        Which distortions are allowed; all of them by default.
    seed
        Start ``k`` from white noise has seed ``seed + k``.
    restarts
        How many starts from white noise, beside those from the generalised eigen-distortions of
        pairs of representations.
    start
        A previous result to go on from, in place of the first white noise and the pairs.
    budget
        When to stop before convergence.

    Raises
    ------
    InputError
        If there are fewer than two representations or groups, no start, or the image cannot be
        used.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> representations = models.load(["LN", "LG", "LGN"])
    >>> image = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
    >>> budget = geometry.Budget(iterations=3)
    >>> found = geometry.principal_distortions(representations, image, floor=0.1, budget=budget)
    >>> tuple(found.distortions.shape)
    (2, 1, 16, 16)
    >>> further = geometry.principal_distortions(
    ...     representations, image, floor=0.1, start=found, budget=budget
    ... )
    >>> further.objective > found.objective
    True

    A second pair, orthogonal to the first:

    >>> beside = geometry.DistortionSpace(image).orthogonal_to(further.distortions)
    >>> second = geometry.principal_distortions(
    ...     representations, image, floor=0.1, space=beside, budget=budget
    ... )
    >>> between = second.distortions.flatten(1) @ further.distortions.flatten(1).T
    >>> bool(between.abs().max() < 1e-5)
    True
    """
    _check_counts(representations, restarts)
    geometry = LocalGeometry(representations, image, floor=floor)
    return principal_distortions_at(
        geometry,
        separate=separate,
        space=space,
        seed=seed,
        restarts=restarts,
        start=start,
        budget=budget,
    )


def principal_distortions_at(
    geometry: LocalGeometry,
    *,
    separate: Sequence[str] | None = None,
    space: DistortionSpace | None = None,
    seed: int = 0,
    restarts: int = 1,
    start: PrincipalDistortions | None = None,
    budget: Budget = Budget(),
) -> PrincipalDistortions:
    """Find the principal distortions where the local geometry is known already.

    Parameters
    ----------
    geometry
        Image, representations and floor are its.
    separate, space, seed, restarts, start, budget
        As for :func:`principal_distortions`.

    Raises
    ------
    InputError
        As for :func:`principal_distortions`.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> local = geometry.LocalGeometry(models.load(["LN", "LGN"]), torch.rand(1, 8, 8), floor=0.03)
    >>> found = geometry.principal_distortions_at(local, budget=geometry.Budget(iterations=2))
    >>> found.floor
    0.03
    """
    _check_counts(geometry.representations, restarts)
    space = space or DistortionSpace(geometry.image)
    groups = _checked_groups(geometry, separate)
    problem = Problem.at(geometry, space, contrast(groups or range(len(geometry.names))))
    pairs = [white_pair(geometry, space, seed + number) for number in range(restarts)]
    if start is not None:
        pairs[0] = _from(start, geometry, space)
    found = Search(problem, budget).run(pairs, survey=start is None)
    return _result(found, problem, geometry, groups, seed, budget)


def _check_counts(representations: Sequence[RepresentationLike], restarts: int) -> None:
    if len(representations) < 2:
        raise InputError(
            "too few", field="representations", value=len(representations), allowed="at least 2"
        )
    if restarts < 1:
        raise InputError("too few", field="restarts", value=restarts, allowed="at least 1")


def _checked_groups(
    geometry: LocalGeometry, separate: Sequence[str] | None
) -> tuple[str, ...] | None:
    if separate is None:
        return None
    groups = (separate,) if isinstance(separate, str) else tuple(separate)
    if len(groups) != len(geometry.names):
        raise InputError(
            "must name a group for each representation",
            field="separate",
            value=groups,
            allowed=f"{len(geometry.names)} names of groups",
        )
    if len(set(groups)) < 2:
        raise InputError(
            "too few groups",
            field="separate",
            value=groups,
            allowed="at least 2 different groups",
        )
    return groups


def white_pair(geometry: LocalGeometry, space: DistortionSpace, seed: int) -> Tensor:
    """Return two distortions inside the space, (2, C, H, W), from white noise."""
    generator = torch.Generator().manual_seed(seed)
    shape = (2, *geometry.image.shape)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    return space.apply(noise.to(geometry.image))


def _from(start: PrincipalDistortions, geometry: LocalGeometry, space: DistortionSpace) -> Tensor:
    """Return the pair of a previous result, or what of it is inside the space."""
    shape = (2, *geometry.image.shape)
    if start.distortions.shape != shape:
        raise InputError(
            "has distortions of a shape that does not fit the image",
            field="start",
            value=tuple(start.distortions.shape),
            allowed=str(shape),
        )
    return space.nearest(start.distortions.to(geometry.image))


def _result(
    found: Found,
    problem: Problem,
    geometry: LocalGeometry,
    groups: tuple[str, ...] | None,
    seed: int,
    budget: Budget,
) -> PrincipalDistortions:
    """Return the best optimum with its rivals, by the documented conventions."""
    best = found.optima[0]
    pair, at_limit, stopped = best.climb.distortions, None, found.stopped
    if problem.space.limit is not None:
        pair, at_limit = limited(problem, pair)
    first = Measured.of(pair, geometry, problem)
    others = [
        Measured.of(runner.climb.distortions, geometry, problem)
        for runner in found.optima[1:]
        if at_limit is None and runner.objective >= (1 - RIVAL) * best.objective
    ]
    gaps = best.climb.gaps()
    certificate = Certificate(
        converged=best.stopped in ("converged", "whole space"),
        stopped=stopped,
        gradient_norm=best.climb.gradient_norm,
        gaps=_narrowed(gaps[::-1] if first.turned else gaps, first, others),
        unbounded=found.blind,
        iterations=found.iterations,
        operator_applications=found.products,
        budget=replace(budget, progress=None),
        starts=found.starts,
        reached_by=best.reached_by,
        predicted_gain=best.climb.gain if math.isfinite(best.climb.gain) else None,
        share_of_bound=first.objective / found.bound if found.bound else None,
        unresolved=first.unresolved,
        at_limit=at_limit,
    )
    return PrincipalDistortions(
        first.pair,
        first.log_ratios,
        first.objective,
        tuple(geometry.names),
        geometry.floor,
        seed,
        certificate,
        groups,
        tuple(Rival(o.pair, o.log_ratios, o.objective) for o in others),
    )


def _narrowed(
    gaps: tuple[float, ...], best: Measured, rivals: Sequence[Measured]
) -> tuple[float, ...]:
    """Return the gaps, no wider than to rivals that have another distortion."""
    size = max(best.objective, np.finfo(float).tiny)
    pairs = [measured.pair.double().flatten(1) for measured in (best, *rivals)]
    narrowed = list(gaps)
    for pair, rival in zip(pairs[1:], rivals, strict=True):
        cosines = (pairs[0] * pair).sum(dim=1).abs()
        for k in range(2):
            if cosines[k] < UNLIKE:
                narrowed[k] = min(narrowed[k], max(1 - rival.objective / size, 0.0))
    return tuple(narrowed)
