"""What a machine has too little of, and what it computes with."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from threadpoolctl import threadpool_limits
from torch.utils import deterministic

from pdpsych.common.versions import Environment, versions

CPU_MESSAGES = ("can't allocate memory", "not enough memory")
FULL, REDUCED = "float32", "TF32"
# Packages that what is computed depends on.
PACKAGES = ("torch", "torchvision", "timm", "numpy", "pillow", "scikit-image")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory was not enough, on any device.

    The allocator of the CPU raises a plain ``RuntimeError``; its words depend on the system.
    """
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(m in str(error) for m in CPU_MESSAGES)


def give_back() -> None:
    """Give the system memory back that is free, where the C library keeps it in pieces (glibc)."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def precision_of_products() -> str:
    """Return the precision of products of float32 on a GPU, in convolutions and elsewhere.

    Asked of the interface of PyTorch 2.9, where there is one: that of before, ``allow_tf32``,
    raises where somebody has used it.
    """
    convolution = getattr(torch.backends.cudnn, "conv", None)
    if convolution is not None and hasattr(convolution, "fp32_precision"):
        settings = {convolution.fp32_precision, torch.backends.cuda.matmul.fp32_precision}
        return REDUCED if settings - {"ieee", "none"} else FULL
    known = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    return REDUCED if any(known) else FULL


@contextmanager
def kernels(repeatable: bool) -> Iterator[None]:
    """Use only kernels that give the same digits each time, inside, if asked to.

    On a processor all that a search needs does so anyway. cuBLAS takes the size of its workspace
    from the environment when a process first uses it.
    """
    if not repeatable:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before, warned = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    filled = deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True)
    # Memory that is not read yet is not written either.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)
        deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]


@contextmanager
def threads(most: int) -> Iterator[None]:
    """Share sums between no more than so many of the processor's cores, inside.

    Cores wait for each other after every step: where steps are short, others gain nothing while
    the machine is idle, and cost many times the work where it is not.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(min(before, most))
    try:
        # NumPy and SciPy have cores of their own, and wait no less for each other.
        with threadpool_limits(min(before, most)):
            yield
    finally:
        torch.set_num_threads(before)


def environment(device: str, precision: str) -> Environment:
    """Return what results of this process depend on besides what is computed.

    Parameters
    ----------
    device
        ``cpu``, ``cuda`` or another of PyTorch.
    precision
        Of the numbers, ``float32`` or ``float64``.
    """
    if torch.device(device).type == "cuda":
        named = f"cuda, {torch.cuda.get_device_name(device)}"
        if precision == "float32" and precision_of_products() == REDUCED:
            precision = f"{precision}, products in {REDUCED}"
    else:
        capability = torch.backends.cpu.get_cpu_capability()
        named = f"{device}, {platform.machine()}, {capability}"
    if torch.are_deterministic_algorithms_enabled():
        precision = f"{precision}, deterministic kernels"
    return Environment(
        versions=versions(*PACKAGES),
        device=named,
        threads=torch.get_num_threads(),
        precision=precision,
    )
