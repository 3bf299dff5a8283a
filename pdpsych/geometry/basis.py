"""Subspaces that are given by distortions: those they span, or those orthogonal to them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.errors import InputError

# Relative to the largest singular value of unit vectors: ten times what float32 leaves of a
# vector that others span.
RESOLVED = 1e-6


def orthonormal(rows: Tensor) -> Tensor:
    """Return an orthonormal basis, (r, D), float64, of the numerical span of rows (K, D).

    Where all rows are exactly 0, so is the basis.
    """
    wide = rows.double()
    norms = wide.norm(dim=1, keepdim=True)
    unit = torch.where(norms > 0, wide / norms, 0.0)
    _, values, basis = torch.linalg.svd(unit, full_matrices=False)
    if not bool(values.any()):
        return basis[:0]
    return basis[values > RESOLVED * values[0]] * (wide != 0).any(dim=0)


def without(block: Tensor, rows: Tensor | None) -> Tensor:
    """Take out of a block (K, …) all that orthonormal rows (r, D), float64, span.

    Twice, so that what rounding leaves the first time goes the second.
    """
    if rows is None:
        return block
    flat = block.double().flatten(1)
    for _ in range(2):
        flat = flat - (flat @ rows.T) @ rows
    return flat.reshape(block.shape).to(block)


def checked(basis: Tensor | NDArray[np.generic], image: Tensor) -> Tensor:
    """Return a basis (K, C, H, W) as float64 beside the image.

    Raises
    ------
    InputError
        If it is of another shape or not finite.
    """
    found = torch.as_tensor(basis).to(image.device, torch.float64)
    if found.ndim != 4 or found.shape[1:] != image.shape or not len(found):
        raise InputError(
            "has not the shape of distortions of the image",
            field="basis",
            value=tuple(found.shape),
            allowed=f"(K, {', '.join(map(str, image.shape))})",
        )
    if not bool(found.isfinite().all()):
        raise InputError("has values that are not finite", field="basis")
    return found


def of_full_rank(vectors: Tensor) -> Tensor:
    """Return an orthonormal basis of vectors (K, C, H, W), (K, D), float64.

    Raises
    ------
    InputError
        If they span fewer than K dimensions.
    """
    rows = orthonormal(vectors.flatten(1))
    if len(rows) < len(vectors):
        raise InputError(
            f"its {len(vectors)} distortions span only {len(rows)} dimensions, after window, "
            "mask and what else is asked for",
            field="basis",
            value=len(rows),
            allowed=str(len(vectors)),
            remedy="leave out distortions that the others give already or that lie outside",
        )
    return rows
