from __future__ import annotations

import pytest
import torch

from pdpsych.geometry.linearization import linearize
from pdpsych.geometry.memory import is_out_of_memory

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
