from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych import geometry
from pdpsych.geometry.space import DistortionSpace

SHAPE = (1, 6, 5)
SIZE = 30
IMAGE = torch.full(SHAPE, 0.5, dtype=torch.float64)


def _noise(seed, count=1, power=1):
    """Return distortions of unit norm; a higher power makes their peaks higher."""
    noise = np.random.default_rng(seed).standard_normal((count, *SHAPE))
    noise = np.sign(noise) * np.abs(noise) ** power
    return torch.from_numpy(
        noise / np.linalg.norm(noise.reshape(count, -1), axis=1)[:, None, None, None]
    )


def _nearest_by_bisection(distortion, peak):
    """Return clip(c ε₀, ±peak) of unit norm."""
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = (low + high) / 2
        if np.linalg.norm(np.clip(middle * distortion, -peak, peak)) < 1:
            low = middle
        else:
            high = middle
    return np.clip(low * distortion, -peak, peak)


@given(st.integers(0, 2**32 - 1), st.floats(1.3, 6.0), st.sampled_from([1, 3]))
@settings(max_examples=60)
def test_where_pixels_are_free_the_nearest_is_a_scaled_and_clipped_one(seed, limit, power):
    space = DistortionSpace(IMAGE, window=1.2, limit=limit)
    noise = _noise(seed, 3, power)
    found = space.within_limit(noise).numpy()
    inside = noise.numpy() * space.support.numpy()
    expected = [_nearest_by_bisection(one, limit / SIZE**0.5) for one in inside]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_what_is_within_the_limit_stays_as_it_is(seed):
    noise = _noise(seed)
    for options in ({}, {"basis": np.eye(SIZE)[3:].reshape(-1, *SHAPE)}):
        unit = DistortionSpace(IMAGE, **options).within_limit(noise)
        peak = float(unit.abs().max()) * SIZE**0.5
        space = DistortionSpace(IMAGE, limit=peak * 1.01, **options)
        torch.testing.assert_close(space.within_limit(noise * 5), unit)


def test_what_changes_one_pixel_gets_others_to_change():
    one = torch.zeros((1, *SHAPE), dtype=torch.float64)
    one[0, 0, 2, 3] = -1
    found = DistortionSpace(IMAGE, limit=2.0).within_limit(one)
    peak = 2 / SIZE**0.5
    assert float(found[0, 0, 2, 3]) == pytest.approx(-peak)
    assert float(found.norm()) == pytest.approx(1)
    assert float(found.abs().max()) == pytest.approx(peak)


SUBSPACES = {
    "band": {"cycles_per_image": 2.0},
    "band-pass in a window": {"cycles_per_image": (0.5, 2.4), "window": 2.0},
    "basis": {"basis": np.random.default_rng(2).standard_normal((20, *SHAPE))},
}


@pytest.mark.parametrize("taken", [0, 2])
@pytest.mark.parametrize("options", SUBSPACES.values(), ids=SUBSPACES)
def test_in_a_subspace_one_is_found_near_that_of_a_general_optimiser(options, taken):
    space = DistortionSpace(IMAGE, limit=2.2, **options)
    space = space.orthogonal_to(_noise(9, 2)) if taken else space
    eye = torch.eye(SIZE, dtype=torch.float64).reshape(-1, *SHAPE)
    span = scipy.linalg.orth(space.apply(eye).flatten(1).numpy().T)
    peak = 2.2 / SIZE**0.5
    for seed in range(3):
        wanted = _noise(seed, power=2)
        found = space.within_limit(wanted)[0].flatten().numpy()
        np.testing.assert_allclose(span @ span.T @ found, found, atol=1e-6)
        assert np.linalg.norm(found) == pytest.approx(1)
        assert np.abs(found).max() <= peak * (1 + 1e-9)
        aim = span.T @ wanted.flatten().numpy()
        best = scipy.optimize.minimize(
            lambda c, aim=aim: -c @ aim,
            aim,
            jac=lambda _, aim=aim: -aim,
            constraints=[
                {"type": "ineq", "fun": lambda c: 1 - c @ c, "jac": lambda c: -2 * c},
                {"type": "ineq", "fun": lambda c: peak - span @ c, "jac": lambda c: -span},
                {"type": "ineq", "fun": lambda c: peak + span @ c, "jac": lambda c: span},
            ],
            method="SLSQP",
        )
        assert best.success
        assert np.linalg.norm(best.x) == pytest.approx(1, abs=1e-6)
        assert found @ wanted.flatten().numpy() >= -best.fun * (1 - 0.015)


def test_without_a_limit_it_is_the_nearest_of_unit_norm():
    space, noise = DistortionSpace(IMAGE, window=1.0), _noise(0, 2) * 7
    nearest = space.nearest(noise)
    expected = nearest / nearest.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    torch.testing.assert_close(space.within_limit(noise), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("limit", [2.0, 4.0, 8.0])
def test_large_images_of_colour_are_within_the_limit(limit, dtype):
    image = torch.full((3, 48, 64), 0.5, dtype=dtype)
    spikes = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 48, 64)) ** 5).to(
        dtype
    )
    for options in ({"window": 1.0}, {"luminance": True}, {"cycles_per_image": (2, 16)}):
        space = DistortionSpace(image, limit=limit, **options)
        found = space.within_limit(spikes).double()
        np.testing.assert_allclose(found.flatten(1).norm(dim=1).numpy(), 1, rtol=1e-5)
        assert float(found.abs().max()) * image.numel() ** 0.5 <= limit * (1 + 1e-5)
        allowed = space.nearest(found.to(dtype)).double()
        torch.testing.assert_close(allowed, found, atol=2e-6, rtol=0)


@pytest.mark.parametrize("limit", [0.0, 1.0, -2.0, float("inf"), float("nan"), 1.4])
def test_limits_that_no_distortion_keeps_are_refused(limit):
    mask = np.arange(SIZE).reshape(SHAPE[1:]) % 2
    with refused(field="limit", allowed="above 1.414") as told:
        DistortionSpace(IMAGE, mask=mask, limit=limit)
    np.testing.assert_equal(told.value.value, limit)
    assert DistortionSpace(IMAGE, mask=mask, limit=1.42).limit == 1.42


def test_a_limit_that_a_basis_cannot_keep_is_said_when_it_is_asked_for():
    dots = np.eye(SIZE)[:2].reshape(-1, *SHAPE) + 1e-3
    space = DistortionSpace(IMAGE, basis=dots, limit=2.0)
    with refused(field="limit", remedy="raise limit"):
        space.within_limit(_noise(0))


def test_eigen_distortions_have_no_limit(matrix_representations):
    (representation,) = matrix_representations(np.eye(SIZE))
    with refused(field="limit", value=3.0, remedy="without"):
        geometry.eigen_distortions(representation, IMAGE, space=DistortionSpace(IMAGE, limit=3.0))
