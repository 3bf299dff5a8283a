from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych import geometry
from pdpsych.common.errors import InputError
from pdpsych.geometry.cosine import CosineTransform
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.space import DistortionSpace

CHANNELS, HEIGHT, WIDTH = 3, 6, 5
SIZE = CHANNELS * HEIGHT * WIDTH

OPTIONS = {
    "everything": {},
    "window": {"window": 0.9},
    "band": {"cycles_per_image": 1.5},
    "luminance": {"luminance": True},
    "headroom": {"headroom": 0.1},
    "all": {"window": 1.3, "cycles_per_image": 1.5, "luminance": True, "headroom": 0.05},
}


def _image():
    """Return a colour image that comes close to 0 and 1 in places."""
    values = np.random.default_rng(0).uniform(0.02, 0.98, (CHANNELS, HEIGHT, WIDTH))
    values[:, 2, 2] = 0.5
    return torch.from_numpy(values)


def _dense(space):
    """Return P as a matrix (D, D)."""
    eye = torch.eye(SIZE, dtype=torch.float64).reshape(-1, CHANNELS, HEIGHT, WIDTH)
    return space.apply(eye).flatten(1).numpy().T


@given(
    st.one_of(st.none(), st.floats(0.4, 2)),
    st.one_of(st.none(), st.floats(0.6, 10)),
    st.booleans(),
    st.one_of(st.none(), st.floats(0.01, 0.2)),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_adjoint_is_the_adjoint(window, cycles, luminance, headroom, seed):
    image = _image()
    try:
        space = DistortionSpace(
            image,
            window=window,
            cycles_per_image=cycles,
            luminance=luminance,
            headroom=headroom,
        )
    except InputError:
        assume(False)
    rng = np.random.default_rng(seed)
    z, g = torch.from_numpy(rng.standard_normal((2, 4, *image.shape)))
    forward, backward = (space.apply(z) * g).sum(), (z * space.adjoint(g)).sum()
    torch.testing.assert_close(forward, backward, atol=1e-12, rtol=1e-10)


@pytest.fixture
def noise():
    return torch.from_numpy(np.random.default_rng(1).standard_normal((4, CHANNELS, HEIGHT, WIDTH)))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_undoing_the_weight_is_symmetric_and_stays_inside(options, noise):
    space = DistortionSpace(_image(), **options)
    undone = space.undo_weight(noise)
    matrix = undone.flatten(1) @ noise.flatten(1).T
    torch.testing.assert_close(matrix, matrix.T)
    allowed = space.apply(noise) != 0
    assert torch.equal(undone[allowed] != 0, noise[allowed] != 0)


def test_undoing_the_window_gives_back_what_it_took(noise):
    space = DistortionSpace(_image(), window=1.0)
    kept = space.apply(torch.ones_like(noise)) > 0.01
    assert kept.any()
    assert not kept.all()
    torch.testing.assert_close(space.undo_weight(space.apply(noise))[kept], noise[kept])


def test_without_options_nothing_changes(noise):
    assert torch.equal(DistortionSpace(_image()).apply(noise), noise)


@pytest.mark.parametrize("radius", [0.5, 1.0, 1.2])
def test_nothing_lies_outside_the_window_and_the_middle_is_kept(radius, noise):
    inside = DistortionSpace(_image(), window=radius).apply(noise)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(rows - (HEIGHT - 1) / 2, columns - (WIDTH - 1) / 2)
    reach = radius * min(HEIGHT, WIDTH) / 2
    outside = torch.from_numpy(distance >= reach)
    middle = torch.from_numpy(distance <= 0.75 * reach)
    assert outside.any()
    assert (inside[..., outside] == 0).all()
    torch.testing.assert_close(inside[..., middle], noise[..., middle])


def test_nothing_lies_above_the_band_and_the_band_is_kept(noise):
    limit = 1.5
    space = DistortionSpace(_image(), cycles_per_image=limit)
    transform = CosineTransform(noise)
    before, after = transform.forward(noise), transform.forward(space.apply(noise))
    above = transform.frequency * min(HEIGHT, WIDTH) > limit
    assert above.any()
    assert (~above).sum() > 3
    assert after[..., above].abs().max() < 1e-12
    torch.testing.assert_close(after[..., ~above], before[..., ~above])


@pytest.mark.parametrize("more", [{}, {"headroom": 0.05}, {"window": 1.2, "headroom": 0.05}])
def test_luminance_changes_all_channels_alike(more, noise):
    alike = DistortionSpace(_image(), luminance=True, **more).apply(noise)
    assert alike.abs().max() > 0
    torch.testing.assert_close(alike, alike[:, :1].expand_as(alike))


def test_pixels_without_headroom_stay(noise):
    image, headroom = _image(), 0.1
    weighted = DistortionSpace(image, headroom=headroom).apply(noise)
    near = torch.minimum(image, 1 - image) <= headroom
    far = torch.minimum(image, 1 - image) >= 2 * headroom
    assert near.any()
    assert far.any()
    assert (weighted[:, near] == 0).all()
    torch.testing.assert_close(weighted[:, far], noise[:, far])


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_dimension_is_the_rank(options):
    space = DistortionSpace(_image(), **options)
    assert space.dimension == np.linalg.matrix_rank(_dense(space))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"window": 0.0}, "window"),
        ({"window": 2.1}, "window"),
        ({"window": float("nan")}, "window"),
        ({"cycles_per_image": 0.0}, "cycles_per_image"),
        ({"cycles_per_image": float("nan")}, "cycles_per_image"),
        ({"headroom": 0.0}, "headroom"),
        ({"headroom": 0.5}, "headroom"),
        ({"window": 0.05}, "space"),
        ({"headroom": 0.499, "luminance": True}, "space"),
        ({"cycles_per_image": 0.01, "luminance": True}, "space"),
    ],
)
def test_options_out_of_range_are_refused(options, field):
    with refused(field=field) as told:
        DistortionSpace(_image(), **options)
    if field in options:
        np.testing.assert_equal(told.value.value, options[field])
    else:
        assert told.value.value < 2


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_best_pair_of_two_models_is_the_dense_solution_inside_the_space(
    options, matrix_representations
):
    rng = np.random.default_rng(3)
    matrices = rng.standard_normal((2, SIZE + 40, SIZE))
    image, floor = _image(), 0.1
    space = DistortionSpace(image, **options)
    representations = matrix_representations(*matrices)
    floors = LocalGeometry(representations, image, floor=floor).floors
    fishers = [m.T @ m + f * np.eye(SIZE) for m, f in zip(matrices, floors, strict=True)]
    q = scipy.linalg.orth(_dense(space))
    inside = scipy.linalg.eigh(*(q.T @ f @ q for f in fishers), eigvals_only=True)
    outside = scipy.linalg.eigh(*fishers, eigvals_only=True)
    found = geometry.principal_distortions(
        representations,
        image,
        floor=floor,
        budget=geometry.Budget(iterations=500),
        restarts=2,
        space=space,
    )
    assert found.certificate.converged
    assert found.objective == pytest.approx(np.log(inside[-1] / inside[0]) ** 2 / 16, rel=1e-3)
    assert found.objective <= np.log(outside[-1] / outside[0]) ** 2 / 16 * (1 + 1e-9)
    pair = found.distortions.flatten(1).numpy()
    np.testing.assert_allclose(pair @ q @ q.T, pair, atol=1e-8)
