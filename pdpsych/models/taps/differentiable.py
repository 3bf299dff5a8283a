"""Forward passes of which second derivatives can be had, whatever a network spares memory by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.checkpoint as checkpointing
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def differentiable() -> Iterator[None]:
    """Keep attention off the fused kernels, which have no second derivative, and keep the graph.

    Gradient checkpointing of the reentrant kind forgets it, and has no second derivative either.
    """
    fast, forgetful = torch.backends.mha.get_fastpath_enabled(), checkpointing.CheckpointFunction
    torch.backends.mha.set_fastpath_enabled(False)
    checkpointing.CheckpointFunction = _Plain  # type: ignore[misc, assignment]
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        checkpointing.CheckpointFunction = forgetful  # type: ignore[misc]


class _Plain:
    """In the place of checkpointing: the function itself."""

    @staticmethod
    def apply(function: Callable[..., Any], preserve: bool, *inputs: Any) -> Any:
        return function(*inputs)
