"""Eigen-distortions and generalised eigen-distortions: the most and the least visible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.representation import RepresentationLike
from pdpsych.geometry.result_file import SavedResult
from pdpsych.geometry.solvers.budget import Budget
from pdpsych.geometry.solvers.certificate import Certificate, without_restarts
from pdpsych.geometry.solvers.davidson import Davidson
from pdpsych.geometry.space import DistortionSpace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class EigenDistortions(SavedResult):
    """The k distortions with the largest and the k with the smallest values.

    Attributes
    ----------
    largest, smallest
        (k, C, H, W), unit norm, the most extreme first; sign: Σ ε³ ≥ 0.
    largest_values, smallest_values
        d²(ε) for eigen-distortions, d_A²(ε)/d_B²(ε) for generalised ones, (k,).
    names, floor
        What was asked.
    certificate
        How it was reached; ``gradient_norm`` is the largest relative residual.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> (lgn,) = models.load(["LGN"])
    >>> budget = geometry.Budget(seconds=0)
    >>> found = geometry.eigen_distortions(lgn, torch.full((1, 8, 8), 0.5), budget=budget)
    >>> found
    <EigenDistortions: of LGN, floor 0; not converged after 1 iterations, ended by seconds>
    >>> with TemporaryDirectory() as folder:
    ...     path = found.to_json(Path(folder) / "found.json")
    ...     geometry.EigenDistortions.from_json(path) == found
    True
    """

    SCHEMA: ClassVar[Schema] = Schema(
        "eigen-distortions", 2, "solve for them again", {1: without_restarts}
    )

    largest: Tensor
    smallest: Tensor
    largest_values: Floats
    smallest_values: Floats
    names: tuple[str, ...]
    floor: float
    certificate: Certificate

    def _line(self) -> str:
        return (
            f"of {' against '.join(self.names)}, floor {self.floor:g}; {self.certificate._line()}"
        )

    def describe(self) -> str:
        """Give the values, largest and smallest, and the certificate."""
        kind = "eigen-distortions" if len(self.names) == 1 else "generalised eigen-distortions"
        value = "d²" if len(self.names) == 1 else "ratio of d²"
        ends = (("largest", self.largest_values), ("smallest", self.smallest_values))
        lines = [
            f"  {end} {value}: {', '.join(f'{number:.4g}' for number in values)}"
            for end, values in ends
        ]
        head = f"{kind} of {' against '.join(self.names)}, floor {self.floor:g}"
        return "\n".join([head, *lines, self.certificate.describe()])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the distortions with the largest values, then those with the smallest.

        They are drawn on ``ax``, on new axes where it is None.
        """
        from pdpsych.geometry.figures import plot_distortions

        of = "d²" if len(self.names) == 1 else f"d²({self.names[0]}) / d²({self.names[1]})"
        values = [*self.largest_values, *self.smallest_values]
        both = torch.cat([self.largest, self.smallest])
        return plot_distortions(both, [f"{of} = {value:.3g}" for value in values], ax)


def eigen_distortions(
    representation: RepresentationLike,
    image: Tensor | NDArray[np.floating],
    *,
    k: int = 1,
    floor: float = 0.0,
    space: DistortionSpace | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
) -> EigenDistortions:
    """Return the eigenvectors of the Fisher information with the k largest and k smallest values.

    The most and least visible distortions of a model (Berardino et al. 2017, arXiv 1710.02266).
    The smallest are found slowly where many are alike: read the certificate.

    Parameters
    ----------
    representation
        The model: a network, a layer of it, and a noise model.
    image
        Base image s, (C, H, W), in [0, 1]; its dtype and device are used throughout.
    k
        How many at each end, from 1 to 5 and at most half the number of allowed directions.
    floor
        η of the sensitivities; 0 is the published definition.
    space
        Which distortions are allowed; all of them by default.
    seed
        Seed of the white noise that the search begins from.
    budget
        When to stop before convergence.

    Raises
    ------
    InputError
        If ``k`` is not possible, the space has a limit on the change of each pixel, or the image
        cannot be used.

    Examples
    --------
    LN on a flat image cannot see a change of the mean: the distortion with the smallest value is
    flat.

    >>> from pdpsych import geometry, models
    >>> import torch
    >>> (ln,) = models.load(["LN"])
    >>> found = geometry.eigen_distortions(ln, torch.full((1, 8, 8), 0.5))
    >>> print(round(float(found.smallest[0].mean() * 8), 2))
    1.0
    """
    geometry = LocalGeometry([representation], image, floor=floor)
    return eigen_distortions_at(geometry, k=k, space=space, seed=seed, budget=budget)


def generalized_eigen_distortions(
    representation_a: RepresentationLike,
    representation_b: RepresentationLike,
    image: Tensor | NDArray[np.floating],
    *,
    k: int = 1,
    floor: float = 0.03,
    space: DistortionSpace | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
) -> EigenDistortions:
    """Return the distortions that extremise d_A(u)/d_B(u), the case N = 2.

    Solves I_A u = λ I_B u with the floor on both sides (Zhou et al. 2023, PMLR 243:170-181).

    Parameters
    ----------
    representation_a, representation_b
        The models A and B.
    image
        Base image s, (C, H, W), in [0, 1]; its dtype and device are used throughout.
    k
        How many at each end, from 1 to 5 and at most half the number of allowed directions.
    floor
        η of the sensitivities. With 0 a ratio is infinite where B is blind.
    space
        Which distortions are allowed; all of them by default.
    seed
        Seed of the white noise that the search begins from.
    budget
        When to stop before convergence.

    Raises
    ------
    InputError
        If ``k`` is not possible, the space has a limit on the change of each pixel, or the image
        cannot be used.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> a, b = models.load(["LN", "LGN"])
    >>> image = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> found = geometry.generalized_eigen_distortions(a, b, image)
    >>> bool(found.largest_values[0] > found.smallest_values[0])
    True
    """
    geometry = LocalGeometry([representation_a, representation_b], image, floor=floor)
    return eigen_distortions_at(geometry, k=k, space=space, seed=seed, budget=budget)


def eigen_distortions_at(
    geometry: LocalGeometry,
    *,
    k: int = 1,
    space: DistortionSpace | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
) -> EigenDistortions:
    """Return the eigen-distortions where the local geometry is known already.

    Of one representation as :func:`eigen_distortions` does, of two as
    :func:`generalized_eigen_distortions`.

    Parameters
    ----------
    geometry
        Of one or two representations; of more, see :meth:`LocalGeometry.select`. Image and floor
        are its.
    k, space, seed, budget
        As for :func:`eigen_distortions`.

    Raises
    ------
    InputError
        If there are more than two representations, ``k`` is not possible, or the space has a limit
        on the change of each pixel.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import torch
    >>> local = geometry.LocalGeometry(models.load(["LN", "LG", "LGN"]), torch.rand(1, 8, 8))
    >>> budget = geometry.Budget(iterations=2)
    >>> geometry.eigen_distortions_at(local.select([0, 2]), budget=budget).names
    ('LN', 'LGN')
    """
    if len(geometry.names) > 2:
        raise InputError(
            "too many", field="representations", value=len(geometry.names), allowed="1 or 2"
        )
    space = space or DistortionSpace(geometry.image)
    found = Davidson(geometry, space, k).run(seed, budget)
    return EigenDistortions(**vars(found), names=tuple(geometry.names), floor=geometry.floor)
