"""Telling that memory was not enough."""

from __future__ import annotations

import torch

CPU_MESSAGES = ("can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory was not enough, on any device.

    The allocator of the CPU raises a plain ``RuntimeError``; its words depend on the system.
    """
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(m in str(error) for m in CPU_MESSAGES)
