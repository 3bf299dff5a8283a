from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from pdpsych import models
from pdpsych.geometry import kept_responses
from pdpsych.geometry.kept_responses import AT_WORK, Keeping
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.solvers.budget import Budget
from pdpsych.geometry.solvers.principal import principal_distortions_at
from pdpsych.geometry.solvers.subspace import Subspace
from pdpsych.geometry.space import DistortionSpace

FLOOR = 0.2


def _geometry():
    """A chain with multiples (2 of 1, 4 of 3) behind layers that have none, and another network."""
    torch.manual_seed(0)
    deep = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.Tanh(),
        nn.BatchNorm2d(3),
        nn.Conv2d(3, 2, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ).double()
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Softplus()).double()
    layers = [str(i) for i in range(6)]
    representations = models.from_module(deep, layers, "deep")
    representations += models.from_module(plain, ["0", "1"], "plain")
    image = torch.rand((1, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return LocalGeometry(representations, image, floor=FLOOR)


GEOMETRY = _geometry()
EYE = torch.eye(64, dtype=torch.float64).reshape(64, 1, 8, 8)
MATRICES = [tangents.T.numpy() for tangents in GEOMETRY.push(EYE)]
SIZES = [8 * size for size in GEOMETRY.response_sizes]


def _noise(count, seed):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, 1, 8, 8)))


def _check(subspace):
    """Compare products, and responses to two directions, with dense algebra."""
    rows = np.random.default_rng(9).standard_normal((2, len(subspace)))
    basis = subspace.basis.flatten(1).numpy()
    pushed = subspace.pushed(rows)
    for i, (gram, matrix) in enumerate(zip(subspace.grams, MATRICES, strict=True)):
        dense = matrix.T @ matrix + GEOMETRY.floors[i] * np.eye(64)
        np.testing.assert_allclose(gram, basis @ dense @ basis.T, atol=1e-11)
        np.testing.assert_allclose(pushed[i].numpy(), rows @ basis @ matrix.T, atol=1e-11)


def test_what_follows_from_a_layer_is_found():
    keeping = Keeping.of(GEOMETRY, room=0)
    assert {i: leader for i, (leader, _) in keeping.multiples.items()} == {1: 0, 2: 0, 4: 3, 7: 6}
    assert sorted(keeping.again) == [0, 3, 5, 6]
    for i, (leader, factors) in keeping.multiples.items():
        expected = factors[:, None].numpy() * MATRICES[leader]
        np.testing.assert_allclose(MATRICES[i], expected, atol=1e-13)


def test_early_layers_go_first_and_no_more_than_must():
    leaders = sum(SIZES[i] for i in (0, 3, 5, 6))
    assert Keeping.of(GEOMETRY, room=64 * sum(SIZES)) == Keeping()
    assert Keeping.of(GEOMETRY, room=AT_WORK * leaders).again == ()
    assert Keeping.of(GEOMETRY, room=AT_WORK * leaders - 1).again == (0,)
    assert Keeping.of(GEOMETRY, room=AT_WORK * (leaders - SIZES[0]) - 1).again == (0, 6)


@settings(max_examples=30, deadline=None)
@given(
    room=st.integers(0, 64 * sum(SIZES)),
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
    at_once=st.sampled_from([1, 2, 8]),
    released=st.booleans(),
)
def test_products_are_dense_however_little_is_kept(room, counts, seed, at_once, released):
    geometry = GEOMETRY.select(range(len(SIZES)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalGeometry, "at_once", at_once)
        keeping = Keeping.of(geometry, room)
        subspace = Subspace(geometry, DistortionSpace(geometry.image), _noise(2, seed), keeping)
        for k, count in enumerate(counts):
            subspace.extend(_noise(count, seed + 1 + k))
            _check(subspace)
        if released:
            subspace.release()
            _check(subspace)
        rows = np.random.default_rng(seed).standard_normal((2, len(subspace)))
        subspace.restrict(rows)
        _check(subspace)
        if released:
            subspace.release()
        subspace.extend(_noise(3, seed + 50))
        assert len(subspace) == 5
        _check(subspace)


class _Operations(TorchDispatchMode):
    """Counts operations, each of which is a launch on a GPU."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


def test_the_products_of_a_large_subspace_are_few_launches(monkeypatch):
    """Of 64 directions with a million responses, where no cache asks for small pieces."""
    monkeypatch.setattr(kept_responses, "CHUNK", kept_responses.LARGE_CHUNK)
    rows = kept_responses._Rows()
    for _ in range(16):
        rows.append(torch.randn(4, 1 << 20))
    with _Operations() as counted:
        found = kept_responses.products(rows.last(2), rows.pieces())
    assert found.shape == (1, 2, 64)
    # Two parts: the two rows, and four pieces of 16 rows, converted and multiplied.
    assert counted.count <= 2 * (1 + 4 * 2) + 2


def test_a_search_that_keeps_little_climbs_the_same_way(monkeypatch):
    budget = Budget(iterations=8)
    expected = principal_distortions_at(GEOMETRY, budget=budget)
    decide = Keeping.of
    monkeypatch.setattr(Keeping, "of", lambda geometry: decide(geometry, room=0))
    before = GEOMETRY.products
    found = principal_distortions_at(GEOMETRY, budget=budget)
    assert found.objective == pytest.approx(expected.objective, rel=1e-9)
    np.testing.assert_allclose(found.log_ratios, expected.log_ratios, atol=1e-6)
    assert GEOMETRY.products - before > expected.certificate.operator_applications
