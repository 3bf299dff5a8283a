from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from threadpoolctl import threadpool_info

from pdpsych.geometry.linearization import linearize
from pdpsych.geometry.machine import (
    environment,
    is_out_of_memory,
    kernels,
    precision_of_products,
    threads,
)

IMAGE = torch.zeros((1, 4, 4))


def _too_large():
    return torch.empty(1 << 60, dtype=torch.uint8)


def test_what_the_allocator_of_the_cpu_raises_is_known():
    with pytest.raises(RuntimeError) as caught:
        _too_large()
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [MemoryError(), torch.cuda.OutOfMemoryError("CUDA")])
def test_other_ways_to_say_it_are_known(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("shape"), ValueError("not enough memory")])
def test_other_errors_are_not(error):
    assert not is_out_of_memory(error)


def test_a_linearisation_without_memory_says_so_and_is_not_tried_in_another_mode():
    calls = []

    def greedy(batch):
        calls.append(1)
        return [batch * _too_large()]

    with pytest.raises(RuntimeError, match="memory"):
        linearize(greedy, IMAGE, ["a"])
    assert len(calls) == 1


def test_precision_is_asked_of_the_interface_that_somebody_used():
    code = (
        "import torch\n"
        "from pdpsych.geometry.machine import precision_of_products\n"
        "print(precision_of_products())\n"
        "torch.backends.cudnn.conv.fp32_precision = 'ieee'\n"
        "print(precision_of_products())\n"
        "torch.backends.cuda.matmul.fp32_precision = 'tf32'\n"
        "print(precision_of_products())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["TF32", "float32", "TF32"]
    assert precision_of_products() == "TF32"


def test_deterministic_kernels_are_used_where_asked_and_recorded(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with kernels(False):
        assert not torch.are_deterministic_algorithms_enabled()
    with kernels(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert environment("cpu", "float32").precision == "float32, deterministic kernels"
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert environment("cpu", "float64").precision == "float64"


def test_cores_that_share_a_sum_are_limited_inside_and_given_back():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    pools = threadpool_info()
    try:
        with threads(1):
            assert torch.get_num_threads() == 1
            assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert torch.get_num_threads() == 3
        with threads(8):
            assert torch.get_num_threads() == 3
        assert threadpool_info() == pools
    finally:
        torch.set_num_threads(before)


def test_they_are_given_back_after_an_error_too():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), threads(1):
        raise KeyError
    assert torch.get_num_threads() == before
