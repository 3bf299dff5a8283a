from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych import geometry
from pdpsych.common.errors import InputError
from pdpsych.geometry.cosine import CosineTransform
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.space import DistortionSpace

CHANNELS, HEIGHT, WIDTH = 3, 6, 5
SIZE = CHANNELS * HEIGHT * WIDTH


def _pattern(*shape, seed=7):
    return np.random.default_rng(seed).standard_normal(shape)


MASK = np.where(_pattern(HEIGHT, WIDTH, seed=4) > -0.5, 0.7, 0.0)
BASIS = _pattern(5, CHANNELS, HEIGHT, WIDTH)
OPTIONS = {
    "everything": {},
    "window": {"window": 0.9},
    "mask": {"mask": MASK},
    "mask of channels": {"mask": (_pattern(CHANNELS, HEIGHT, WIDTH) > 0).astype(float)},
    "low-pass": {"cycles_per_image": 1.5},
    "band-pass": {"cycles_per_image": (0.6, 2.0)},
    "luminance": {"luminance": True},
    "headroom": {"headroom": 0.1},
    "window in a band": {"window": 1.2, "cycles_per_image": [0.5, 1.5]},
    "basis": {"basis": BASIS},
    "basis in a window": {"basis": BASIS, "window": 0.9},
    "all": {
        "window": 1.3,
        "mask": MASK,
        "cycles_per_image": 1.5,
        "luminance": True,
        "headroom": 0.05,
    },
    "a basis in all": {
        "basis": BASIS,
        "window": 1.3,
        "cycles_per_image": 2.0,
        "luminance": True,
    },
}
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def _image():
    """Return a colour image that comes close to 0 and 1 in places."""
    values = np.random.default_rng(0).uniform(0.02, 0.98, (CHANNELS, HEIGHT, WIDTH))
    values[:, 2, 2] = 0.5
    return torch.from_numpy(values)


def _dense(space):
    """Return P as a matrix (D, D)."""
    eye = torch.eye(SIZE, dtype=torch.float64).reshape(-1, CHANNELS, HEIGHT, WIDTH)
    return space.apply(eye).flatten(1).numpy().T


def _weights(image, options):
    """Return the factor of each pixel, (C, H, W), by the documented formulas."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    weights = np.ones(image.shape)
    if "window" in options:
        reach = options["window"] * min(HEIGHT, WIDTH) / 2
        distance = np.hypot(rows - (HEIGHT - 1) / 2, columns - (WIDTH - 1) / 2) / reach
        weights *= 0.5 - 0.5 * np.cos(np.pi * np.clip((1 - distance) * 4, 0, 1))
    if "headroom" in options:
        room = np.minimum(image.numpy(), 1 - image.numpy()) / options["headroom"] - 1
        weights *= np.clip(room, 0, 1)
    weights *= options.get("mask", 1.0)
    return weights.min(axis=0, keepdims=True) + 0 * weights if options.get("luminance") else weights


def _documented(image, options):
    """Return a matrix whose columns span what the documentation allows, (D, ·)."""
    weights = _weights(image, options).ravel()
    matrix = np.eye(SIZE)
    if (cycles := options.get("cycles_per_image")) is not None:
        low, high = cycles if np.ndim(cycles) else (0, cycles)
        frequency = np.hypot(*np.mgrid[:HEIGHT, :WIDTH] / (2 * np.array([[[HEIGHT]], [[WIDTH]]])))
        kept = (frequency * min(HEIGHT, WIDTH) >= low) & (frequency * min(HEIGHT, WIDTH) <= high)
        cosines = scipy.fft.idctn(
            np.eye(HEIGHT * WIDTH).reshape(-1, HEIGHT, WIDTH), axes=(1, 2), norm="ortho"
        )
        matrix = np.kron(np.eye(CHANNELS), cosines[kept.ravel()].reshape(kept.sum(), -1).T)
    else:
        weights = (weights > 0).astype(float)
    if "basis" in options:
        matrix = matrix @ matrix.T @ options["basis"].reshape(len(options["basis"]), -1).T
    if options.get("luminance"):
        matrix = (
            np.kron(np.full((CHANNELS, CHANNELS), 1 / CHANNELS), np.eye(HEIGHT * WIDTH)) @ matrix
        )
    matrix = weights[:, None] * matrix
    if cycles is None or "basis" in options or (weights == 1).all():
        return matrix
    # Of what the weights take out nearly all is left out: a hundredth of the energy is kept.
    left, lengths, _ = np.linalg.svd(matrix, full_matrices=False)
    return left[:, lengths >= 0.1]


def _projector(matrix):
    q = scipy.linalg.orth(matrix)
    return q @ q.T


@every_option
def test_what_is_allowed_is_as_documented(options):
    image = _image()
    space = DistortionSpace(image, **options)
    dense, documented = _dense(space), _documented(image, options)
    np.testing.assert_allclose(_projector(dense), _projector(documented), atol=1e-7)
    rank = np.linalg.matrix_rank(documented)
    assert space.dimension == np.linalg.matrix_rank(dense) == rank
    assert space.dimension_is_exact
    np.testing.assert_array_equal(space.support.numpy().ravel(), (dense != 0).any(axis=1))


@every_option
def test_it_is_an_orthogonal_projection(options):
    space = DistortionSpace(_image(), **options)
    dense = _dense(space)
    assert space.is_projection
    np.testing.assert_allclose(dense @ dense, dense, atol=1e-12)
    np.testing.assert_allclose(dense, dense.T, atol=1e-12)


@pytest.mark.parametrize("taken", [0, 2])
@pytest.mark.parametrize("name", ["window in a band", "all"])
def test_of_too_many_waves_behind_a_soft_edge_the_nearest_is_found(monkeypatch, name, taken, noise):
    monkeypatch.setattr("pdpsych.geometry.space.WRITTEN_OUT", 0)
    space = _less(DistortionSpace(_image(), **OPTIONS[name]), taken)
    nearest, allowed = space.nearest(noise), _projector(_dense(space))
    assert not space.is_projection
    assert space.dimension >= np.linalg.matrix_rank(allowed)
    assert not space.dimension_is_exact
    found, wanted = nearest.flatten(1).numpy().T, allowed @ noise.flatten(1).numpy().T
    np.testing.assert_allclose(found, wanted, atol=1e-2)
    np.testing.assert_allclose(space.nearest(nearest).numpy(), nearest.numpy(), atol=1e-2)
    z, g = noise[:2], noise[2:]
    torch.testing.assert_close((space.apply(z) * g).sum(), (z * space.adjoint(g)).sum())


@every_option
@pytest.mark.parametrize("taken", [0, 2])
def test_adjoint_is_the_adjoint(options, taken):
    space = _less(DistortionSpace(_image(), **options), taken)

    @given(st.integers(0, 2**32 - 1))
    @settings(max_examples=10)
    def holds(seed):
        z, g = torch.from_numpy(_pattern(2, 4, CHANNELS, HEIGHT, WIDTH, seed=seed))
        forward, backward = (space.apply(z) * g).sum(), (z * space.adjoint(g)).sum()
        torch.testing.assert_close(forward, backward, atol=1e-11, rtol=1e-10)

    holds()


def _less(space, taken, seed=11):
    if not taken:
        return space
    noise = torch.from_numpy(_pattern(taken, CHANNELS, HEIGHT, WIDTH, seed=seed))
    return space.orthogonal_to(noise)


@every_option
@pytest.mark.parametrize("taken", [0, 2])
def test_what_is_allowed_is_its_own_nearest(options, taken, noise):
    space = _less(DistortionSpace(_image(), **options), taken)
    nearest = space.nearest(noise)
    exact = _projector(_dense(space)) @ noise.flatten(1).numpy().T
    np.testing.assert_allclose(nearest.flatten(1).numpy().T, exact, atol=1e-10)
    np.testing.assert_allclose(space.nearest(nearest).numpy(), nearest.numpy(), atol=1e-10)


@st.composite
def _spaces(draw):
    """Return a space of any options, in either precision."""
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    options = draw(st.sampled_from(list(OPTIONS.values())))
    return DistortionSpace(_image().to(dtype), **options), dtype


@given(_spaces(), st.integers(1, 3), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=40)
def test_what_is_taken_out_is_gone_and_nothing_else(made, count, seed, inside):
    whole, dtype = made
    noise = torch.from_numpy(_pattern(count + 4, CHANNELS, HEIGHT, WIDTH, seed=seed)).to(dtype)
    taken = whole.apply(noise[:count]) if inside else noise[:count]
    try:
        space = whole.orthogonal_to(taken)
    except InputError:
        assert whole.dimension - count < 2
        return
    left = space.apply(noise[count:]).double().flatten(1)
    products = left @ taken.double().flatten(1).T
    sizes = left.norm(dim=1)[:, None] * taken.double().flatten(1).norm(dim=1)
    assert (products.abs() <= 1e-6 * sizes).all()
    assert torch.equal(space.support, whole.support)
    if dtype == torch.float64:
        dense = _dense(space)
        q = taken.flatten(1).numpy().T
        inside = scipy.linalg.orth(_dense(whole))
        orthogonal = inside @ scipy.linalg.null_space(q.T @ inside)
        np.testing.assert_allclose(_projector(dense), _projector(orthogonal), atol=1e-6)
        assert space.dimension == np.linalg.matrix_rank(dense, tol=1e-9) == orthogonal.shape[1]


def test_taking_out_one_after_the_other_is_taking_out_all():
    space, noise = DistortionSpace(_image(), window=0.9), _pattern(4, CHANNELS, HEIGHT, WIDTH)
    pairs = torch.from_numpy(noise).split(2)
    later = space.orthogonal_to(pairs[0]).orthogonal_to(pairs[1])
    at_once = space.orthogonal_to(torch.cat(pairs))
    assert later.dimension == at_once.dimension == space.dimension - 4
    np.testing.assert_allclose(_dense(later), _dense(at_once), atol=1e-12)
    # What is gone, or was never there, takes nothing.
    assert later.orthogonal_to(pairs[0]).dimension == later.dimension
    outside = torch.where(space.support, 0.0, pairs[0])
    assert space.orthogonal_to(outside).dimension == space.dimension


def test_too_many_or_other_directions_to_take_out_are_refused():
    space = DistortionSpace(_image(), basis=BASIS[:3])
    with refused(field="directions", value=1, allowed="at least 2", remedy="fewer"):
        space.orthogonal_to(torch.from_numpy(BASIS[:2]))
    with refused(field="directions", value=(CHANNELS, HEIGHT, WIDTH)):
        space.orthogonal_to(torch.from_numpy(BASIS[0]))


@pytest.mark.parametrize("taken", [0, 2])
def test_noise_fades_where_the_window_ends(taken, noise):
    options = {"window": 1.2, "headroom": 0.05}
    space = _less(DistortionSpace(_image(), **options), taken)
    faded = noise * torch.from_numpy(_weights(_image(), options))
    if not taken:
        torch.testing.assert_close(space.soft(noise), faded, rtol=1e-14, atol=0)
    torch.testing.assert_close(space.nearest(space.soft(noise)), space.soft(noise))


@pytest.mark.parametrize("window", [0.5, 2.0])
@pytest.mark.parametrize("cycles", [3, 10, (4, 60)])
def test_the_dimension_is_the_rank_in_larger_images(window, cycles):
    image = torch.full((1, 33, 35), 0.5, dtype=torch.float64)
    space = DistortionSpace(image, window=window, cycles_per_image=cycles)
    eye = torch.eye(33 * 35, dtype=torch.float64).reshape(-1, 1, 33, 35)
    assert space.dimension == int(torch.linalg.matrix_rank(space.apply(eye).flatten(1)))


@pytest.mark.parametrize("taken", [0, 2])
def test_noise_in_a_band_fades_with_the_window(taken, noise):
    options = OPTIONS["window in a band"]
    space = _less(DistortionSpace(_image(), **options), taken)
    soft = space.soft(noise)
    torch.testing.assert_close(space.nearest(soft), soft)
    weights = torch.from_numpy(_weights(_image(), options))
    dim = (weights < 0.3).expand_as(soft)
    assert float(soft[dim].abs().mean()) < 0.3 * float(soft[~dim].abs().mean())
    assert bool((soft[:, ~space.support] == 0).all())


@pytest.fixture
def noise():
    return torch.from_numpy(np.random.default_rng(1).standard_normal((4, CHANNELS, HEIGHT, WIDTH)))


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
    assert torch.equal(inside[..., middle], noise[..., middle])
    # All distortions inside it are allowed, however softly it ends.
    assert torch.equal(inside[..., ~outside], noise[..., ~outside])


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
    assert torch.equal(weighted[:, far], noise[:, far])
    assert torch.equal(weighted != 0, torch.broadcast_to(~near, noise.shape))


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
        ({"cycles_per_image": (2.0, 2.0)}, "cycles_per_image"),
        ({"cycles_per_image": (3.0, 1.0)}, "cycles_per_image"),
        ({"cycles_per_image": (-1.0, 1.0)}, "cycles_per_image"),
        ({"cycles_per_image": (1.0, 2.0, 3.0)}, "cycles_per_image"),
        ({"cycles_per_image": (0.01, 0.02)}, "cycles_per_image"),
        ({"cycles_per_image": (50.0, 60.0)}, "cycles_per_image"),
        (
            {"mask": (np.arange(HEIGHT * WIDTH) == 7).reshape(HEIGHT, WIDTH), "luminance": True},
            "space",
        ),
        ({"basis": BASIS[:1]}, "space"),
    ],
)
def test_options_out_of_range_are_refused(options, field):
    with refused(field=field) as told:
        DistortionSpace(_image(), **options)
    if field in options:
        assert told.value.allowed
        np.testing.assert_equal(told.value.value, options[field])
    else:
        assert told.value.value < 2


@pytest.mark.parametrize(
    ("mask", "value", "words"),
    [
        (np.ones((WIDTH, HEIGHT)), (WIDTH, HEIGHT), "has not the size of the image"),
        (np.ones((1, HEIGHT, WIDTH)), (1, HEIGHT, WIDTH), "has not the size of the image"),
        (np.zeros((HEIGHT, WIDTH)), None, "is empty: it allows no pixel"),
        (np.full((HEIGHT, WIDTH), 255), None, "has other values"),
        (np.full((HEIGHT, WIDTH), np.nan), None, "has other values"),
        (np.full((HEIGHT, WIDTH), -1.0), None, "has other values"),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask, value, words):
    with refused(field="mask", value=value, problem=words) as told:
        DistortionSpace(_image(), mask=mask)
    assert told.value.allowed or told.value.remedy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("basis", "options", "rank"),
    [
        (np.concatenate([BASIS, BASIS[:1] * 3]), {}, 5),
        (np.concatenate([BASIS, BASIS[:1] - 1e-3 * BASIS[1:2]]), {}, 5),
        (np.concatenate([BASIS, np.zeros_like(BASIS[:1])]), {}, 5),
        (_pattern(SIZE + 1, CHANNELS, HEIGHT, WIDTH), {}, SIZE),
        (BASIS, {"mask": (np.arange(HEIGHT * WIDTH) < 1).reshape(HEIGHT, WIDTH)}, 3),
        (np.eye(SIZE).reshape(-1, CHANNELS, HEIGHT, WIDTH), {"luminance": True}, SIZE // CHANNELS),
    ],
    ids=["twice", "nearly twice", "zero", "too many", "behind a mask", "of luminance"],
)
def test_a_basis_of_lower_rank_than_it_says_is_refused(basis, options, rank, dtype):
    with refused(field="basis", value=rank, allowed=str(len(basis)), remedy="leave out"):
        DistortionSpace(_image(), basis=basis.astype(dtype), **options)


@pytest.mark.parametrize(
    ("basis", "value"),
    [
        (BASIS[0], BASIS[0].shape),
        (BASIS[:, :1], (5, 1, HEIGHT, WIDTH)),
        (BASIS[:0], (0, CHANNELS, HEIGHT, WIDTH)),
        (np.where(BASIS > 2, np.inf, BASIS), None),
        (np.where(BASIS > 2, np.nan, BASIS), None),
    ],
)
def test_a_basis_that_does_not_fit_is_refused(basis, value):
    with refused(field="basis", value=value):
        DistortionSpace(_image(), basis=basis)


def test_the_lengths_of_a_basis_do_not_matter():
    lengths = np.array([1e-12, 1.0, 1e6, 1e-3, 5.0])[:, None, None, None]
    plain, scaled = (DistortionSpace(_image(), basis=b) for b in (BASIS, BASIS * lengths))
    np.testing.assert_allclose(_dense(scaled), _dense(plain), atol=1e-9)


@every_option
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
