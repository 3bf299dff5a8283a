"""The dense search that the solver is compared with, and whether the comparison notices faults."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from pdpsych import geometry, models

FOLDER = Path(__file__).parents[3] / "benchmarks"
NAMES = ("dense_optimum", "small_cases", "slope", "optima")


@pytest.fixture(scope="module", autouse=True)
def benchmarks():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def dense(benchmarks):
    import dense_optimum

    return dense_optimum


@pytest.fixture(scope="module")
def optima(benchmarks):
    import optima

    return optima


def _grams(count: int, m: int, seed: int):
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((count, m, m)) * np.geomspace(1, 30, m)
    roots = np.array([root @ np.linalg.qr(rng.standard_normal((m, m)))[0] for root in roots])
    return np.einsum("nrk,nrl->nkl", roots, roots)


def _value(grams, flat):
    pair = flat.reshape(2, -1)
    return np.var([0.5 * np.log((u @ g @ u) / (v @ g @ v)) for u, v in [pair] for g in grams])


@given(st.integers(2, 12), st.integers(0, 50))
@settings(max_examples=20)
def test_of_two_models_it_finds_the_ends_of_their_pencil(dense, m, seed):
    grams = _grams(2, m, seed)
    values = scipy.linalg.eigh(*grams, eigvals_only=True)
    best = dense.optima(grams, seed, starts=4)[0]
    np.testing.assert_allclose(best.value, (0.25 * np.log(values[-1] / values[0])) ** 2, rtol=1e-8)
    np.testing.assert_allclose(_value(grams, best.pair), best.value, rtol=1e-10)


@pytest.mark.parametrize("seed", range(2))
def test_of_several_models_no_climb_from_noise_ends_higher(dense, seed):
    grams = _grams(4, 5, seed)
    best = dense.optima(grams, seed)[0].value

    def cost(flat):
        u, v = flat.reshape(2, -1)
        up, down = grams @ u, grams @ v
        x = 0.5 * np.log(up @ u) - 0.5 * np.log(down @ v)
        slopes = 2 * (x - x.mean()) / len(x)
        each = up / (up @ u)[:, None], -down / (down @ v)[:, None]
        return -np.var(x), -np.concatenate([slopes @ part for part in each])

    starts = np.random.default_rng(seed).standard_normal((200, 10))
    reached = [-minimize(cost, start, jac=True, method="L-BFGS-B").fun for start in starts]
    assert best / 2 < max(reached) <= best * (1 + 1e-9)


@given(st.integers(2, 5), st.integers(2, 8), st.integers(0, 50))
@settings(max_examples=20)
def test_a_climb_never_falls_and_ends_where_the_slope_is_zero(dense, count, m, seed):
    grams = _grams(count, m, seed)
    first = np.random.default_rng(seed).standard_normal((2, m))
    value, pair = dense.polished(grams, dense.climbed(grams, first))
    assert value >= _value(grams, first) * (1 - 1e-12)
    steps = 1e-6 * np.eye(2 * m)
    slopes = [
        (_value(grams, pair.ravel() + s) - _value(grams, pair.ravel() - s)) / 2e-6 for s in steps
    ]
    assert np.linalg.norm(slopes) < 1e-5 * value


def test_what_is_written_out_is_the_definition(dense):
    image = torch.rand(1, 8, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    representations = models.load(["LN", "LGN", "identity"], dtype=torch.float64)
    written = dense.Dense.of(representations, image, 0.1, window=1.0)
    local = geometry.LocalGeometry(representations, image, floor=0.1)
    space = geometry.DistortionSpace(image, window=1.0)
    assert len(written.basis) == space.dimension
    noise = torch.randn(2, 1, 8, 9, dtype=torch.float64)
    pair = space.apply(noise)
    rows = pair.flatten(1).numpy()
    assert written.outside(rows) < 1e-12 < 0.1 < written.outside(noise.flatten(1).numpy())
    x = geometry.log_ratio(*local.sensitivities(pair).T)
    np.testing.assert_allclose(written.log_ratios(rows), x, rtol=1e-10)
    np.testing.assert_allclose(written.variance(rows), np.var(x), rtol=1e-10)
    gradient = written.gradient(rows) @ written.basis
    step = 1e-6 * gradient
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    rise = written.variance(unit + step) - written.variance(unit - step)
    expected = 2e-6 * np.square(gradient).sum() * np.var(x)
    np.testing.assert_allclose(rise, expected, rtol=1e-5)


def test_a_model_with_few_responses_is_blind(dense, matrix_representations):
    image = torch.full((1, 3, 3), 0.5, dtype=torch.float64)
    rng = np.random.default_rng(0)
    few, many = rng.standard_normal((5, 9)), rng.standard_normal((9, 9))
    blind, sees = dense.Dense.of(matrix_representations(few, many), image, 0.0).blindness()
    assert blind == 0
    expected = np.linalg.svd(many)[1][-1] ** 2 / (np.square(many).sum() / 9)
    np.testing.assert_allclose(sees, expected, rtol=1e-10)


def test_cases_are_made_again_from_their_numbers(optima):
    first, again = optima.case(0, 3), optima.case(0, 3)
    assert first.facts() == again.facts() != optima.case(1, 3).facts()
    torch.testing.assert_close(first.image, again.image, rtol=0, atol=0)


def test_faults_are_noticed(optima, monkeypatch):
    """A solver that returns noise, half of its variance, and says that it has converged."""
    question = next(
        case
        for case in (optima.case(0, n) for n in range(100))
        if case.floor and case.models == "plain"
    )
    honest = optima.judged(0, question.number, 8)
    assert "wrong" not in honest["faults"]
    assert "crashed" not in honest["faults"]
    solve = geometry.principal_distortions

    def lying(representations, image, *, space, **options):
        found = solve(representations, image, space=space, **options)
        noise = torch.randn((2, *image.shape), generator=torch.Generator().manual_seed(0))
        certificate = replace(found.certificate, converged=True, stopped="whole space")
        return replace(found, distortions=space.apply(noise.to(image)), certificate=certificate)

    monkeypatch.setattr(optima.geometry, "principal_distortions", lying)
    told = optima.judged(0, question.number, 8)
    assert told["faults"] == ["false", "whole", "wrong", "short"]
    assert told["short"] > honest["short"]


def test_a_crash_is_a_fault_of_its_own(optima, monkeypatch):
    def failing(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(optima.geometry, "principal_distortions", failing)
    told = optima.judged(0, 7, 4)
    assert told["faults"] == ["crashed"]
    assert "ZeroDivisionError" in told["crashed"]
