from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from refusals import refused

from pdpsych import geometry, models
from pdpsych.geometry.local import LocalGeometry
from pdpsych.models.early_vision import blur_matrix


def _dense_fisher(representation, image):
    geo = LocalGeometry([representation], image)
    eye = torch.eye(image.numel(), dtype=torch.float64).reshape(-1, *image.shape)
    (pushed,) = geo.push(eye)
    return (pushed @ pushed.T).numpy()


def _cosines(distortions, vectors):
    return np.abs((distortions.flatten(1).numpy() * vectors.T).sum(axis=1))


@pytest.mark.parametrize("name", ["LN", "LGN"])
def test_eigen_distortions_equal_the_dense_eigenvectors(name, photograph):
    image = photograph(16)
    (representation,) = models.load([name])
    values, vectors = scipy.linalg.eigh(_dense_fisher(representation, image))
    found = geometry.eigen_distortions(
        representation, image, k=2, budget=geometry.Budget(iterations=2000)
    )
    assert found.certificate.converged
    np.testing.assert_allclose(found.largest_values, values[[-1, -2]], rtol=1e-5)
    np.testing.assert_allclose(found.smallest_values, values[[0, 1]], rtol=1e-4, atol=1e-12)
    assert _cosines(found.largest, vectors[:, [-1, -2]]).min() > 0.999
    assert _cosines(found.smallest, vectors[:, [0, 1]]).min() > 0.999


def test_generalized_eigen_distortions_equal_the_dense_solution(photograph):
    image = photograph(16)
    a, b = models.load(["LGG", "LGN"])
    floor = 0.1
    floors = LocalGeometry([a, b], image, floor=floor).floors
    dense = [
        _dense_fisher(r, image) + shift * np.eye(256)
        for r, shift in zip((a, b), floors, strict=True)
    ]
    values = scipy.linalg.eigh(*dense, eigvals_only=True)
    found = geometry.generalized_eigen_distortions(
        a, b, image, floor=floor, budget=geometry.Budget(iterations=2000)
    )
    assert found.certificate.converged
    np.testing.assert_allclose(found.largest_values, values[-1], rtol=1e-5)
    np.testing.assert_allclose(found.smallest_values, values[0], rtol=1e-5)


def test_against_the_pixels_generalized_are_eigen_distortions(photograph):
    image = photograph(16)
    lgn, identity = models.load(["LGN", "identity"])
    plain = geometry.eigen_distortions(lgn, image, budget=geometry.Budget(iterations=2000))
    against = geometry.generalized_eigen_distortions(
        lgn, identity, image, floor=0.0, budget=geometry.Budget(iterations=2000)
    )
    np.testing.assert_allclose(against.largest_values, plain.largest_values, rtol=1e-5)
    cosine = (against.largest * plain.largest).sum().abs()
    assert cosine == pytest.approx(1, abs=1e-4)


def test_plenoptic_finds_the_same_most_visible_distortion(photograph):
    plenoptic = pytest.importorskip("plenoptic")
    image = photograph(16)
    (lgn,) = models.load(["LGN"])
    found = geometry.eigen_distortions(lgn, image, budget=geometry.Budget(iterations=300))
    peer = plenoptic.Eigendistortion(image[None], lgn.network.eval())
    peer.synthesize(method="power", k=1, max_iter=2000, stop_criterion=1e-12)
    np.testing.assert_allclose(found.largest_values[0], float(peer.eigenvalues[0]), rtol=1e-4)
    cosine = (found.largest[0] * peer.eigendistortions[0, 0]).sum().abs()
    assert float(cosine) > 0.999


def test_k_out_of_range_is_refused(photograph):
    (lgn,) = models.load(["LGN"])
    with refused(field="k", value=0, allowed="from 1 to 5"):
        geometry.eigen_distortions(lgn, photograph(16), k=0)


def _flat_image(*shape, dtype=torch.float64):
    return torch.full(shape, 0.5, dtype=dtype)


def _spectrum(values, seed=0):
    """Return a matrix whose Fisher information has these eigenvalues, and its eigenvectors."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((len(values), len(values))))[0]
    return np.sqrt(values)[:, None] * basis.T, basis


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_k_at_either_end(k, matrix_representations):
    values = np.geomspace(1, 1000, 42)
    matrix, basis = _spectrum(values)
    (representation,) = matrix_representations(matrix)
    found = geometry.eigen_distortions(representation, _flat_image(1, 6, 7), k=k)
    assert found.certificate.converged
    np.testing.assert_allclose(found.largest_values, values[::-1][:k], rtol=1e-5)
    np.testing.assert_allclose(found.smallest_values, values[:k], rtol=1e-5)
    assert _cosines(found.largest, basis[:, ::-1][:, :k]).min() > 0.999
    assert _cosines(found.smallest, basis[:, :k]).min() > 0.999
    flat = torch.cat([found.largest, found.smallest]).flatten(1)
    torch.testing.assert_close(
        flat @ flat.T, torch.eye(2 * k, dtype=torch.float64), atol=1e-8, rtol=0
    )
    assert (flat.pow(3).sum(dim=1) >= 0).all()


def test_equal_eigenvalues_share_their_subspace(matrix_representations):
    values = np.r_[1.0, 1.0, np.geomspace(5, 50, 26), 200.0, 200.0]
    matrix, basis = _spectrum(values)
    (representation,) = matrix_representations(matrix)
    found = geometry.eigen_distortions(representation, _flat_image(1, 5, 6), k=2)
    assert found.certificate.converged
    np.testing.assert_allclose(found.largest_values, 200, rtol=1e-5)
    np.testing.assert_allclose(found.smallest_values, 1, rtol=1e-5)
    for ends, block in ((basis[:, :2], found.smallest), (basis[:, -2:], found.largest)):
        angles = scipy.linalg.subspace_angles(ends, block.flatten(1).numpy().T)
        assert angles.max() < 0.01


def test_gaps_tell_a_lone_eigenvalue_from_one_of_two(matrix_representations):
    values = np.r_[1.0, np.geomspace(5, 50, 27), 200.0, 200.0]
    (representation,) = matrix_representations(_spectrum(values)[0])
    found = geometry.eigen_distortions(representation, _flat_image(1, 5, 6))
    low, high = found.certificate.gaps
    assert low == pytest.approx(1 - 1 / 5, abs=1e-3)
    assert high == pytest.approx(0, abs=1e-3)


def test_single_precision_is_near_double(photograph):
    (lgn,) = models.load(["LGN"])
    double, single = (
        geometry.eigen_distortions(lgn, image, floor=0.03, budget=geometry.Budget(iterations=500))
        for image in (photograph(24), photograph(24).float())
    )
    assert double.certificate.converged
    assert single.certificate.converged
    assert single.largest.dtype == torch.float32
    np.testing.assert_allclose(single.largest_values, double.largest_values, rtol=1e-4)
    np.testing.assert_allclose(single.smallest_values, double.smallest_values, rtol=1e-3)
    for end in ("largest", "smallest"):
        cosine = (getattr(single, end).double() * getattr(double, end)).sum().abs()
        assert float(cosine) > 0.999


@pytest.mark.parametrize("least", [1e-2, 1e-3])
def test_in_float32_converged_is_so_by_the_definition(least, matrix_representations):
    """A response of 1e-3 is right to 1e-4, an eigenvalue of 1e-6 has residuals of 1e-2."""
    rng = np.random.default_rng(0)
    left, right = np.linalg.qr(rng.standard_normal((2, 12, 12)))[0]
    matrix = (left @ np.diag(np.geomspace(1, least, 12)) @ right).astype(np.float32)
    (representation,) = matrix_representations(matrix)
    found = geometry.eigen_distortions(representation, _flat_image(1, 3, 4).float())
    pair = torch.cat([found.largest, found.smallest]).flatten(1).numpy().T
    products = matrix.T @ (matrix @ pair)
    values = np.square(matrix @ pair).sum(axis=0)
    residual = (np.linalg.norm(products - values * pair, axis=0) / values).max()
    assert found.certificate.converged == (residual <= 1e-3)
    assert found.certificate.gradient_norm == pytest.approx(residual, rel=0.5)


@pytest.mark.parametrize("seed", range(3))
def test_an_eigenvector_hidden_from_the_start_is_found(seed, matrix_representations):
    """The second smallest is all but orthogonal to the white noise that the search begins from."""
    image, k = _flat_image(1, 6, 7), 2
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn((2 * (k + 1), 42), generator=generator, dtype=torch.float64).numpy()
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal(42)
    hidden -= np.linalg.pinv(start) @ start @ hidden
    hidden = hidden / np.linalg.norm(hidden) + 1e-6 * start[0] / np.linalg.norm(start[0])
    basis = np.linalg.qr(np.c_[hidden, rng.standard_normal((42, 41))])[0]
    assert np.abs(start @ basis[:, 0]).max() < 1e-4
    values = np.r_[2.0, 1.0, np.geomspace(4, 400, 40)]
    (representation,) = matrix_representations(np.sqrt(values)[:, None] * basis.T)
    found = geometry.eigen_distortions(representation, image, k=k, seed=seed)
    assert found.certificate.converged
    np.testing.assert_allclose(found.smallest_values, [1, 2], rtol=1e-4)
    assert _cosines(found.smallest, basis[:, [1, 0]]).min() > 0.999


def test_ln_on_a_flat_image_by_hand():
    """J = ½ · 1.25 (C ⊗ C − S ⊗ S): softplus has the slope ½ at 0, and blurs keep a flat image."""
    side, k = 12, 3
    center, surround = (blur_matrix(side, std, "replicate").numpy() for std in (0.5339, 6.148))
    jacobian = 0.625 * (np.kron(center, center) - np.kron(surround, surround))
    values = np.linalg.eigvalsh(jacobian.T @ jacobian)
    (ln,) = models.load(["LN"])
    found = geometry.eigen_distortions(
        ln, _flat_image(1, side, side), k=k, budget=geometry.Budget(iterations=500)
    )
    assert found.certificate.converged
    np.testing.assert_allclose(found.largest_values, values[::-1][:k], rtol=1e-5)
    np.testing.assert_allclose(found.smallest_values, values[:k], rtol=1e-4, atol=1e-12)
    # A change of the mean is invisible.
    assert float(found.smallest[0].sum().abs()) == pytest.approx(side, rel=1e-4)


@pytest.mark.parametrize("options", [{"window": 1.0}, {"cycles_per_image": 2.0}])
def test_eigen_distortions_inside_a_space(options, matrix_representations):
    rng = np.random.default_rng(0)
    matrix, image = rng.standard_normal((60, 42)), _flat_image(1, 6, 7)
    space = geometry.DistortionSpace(image, **options)
    eye = torch.eye(42, dtype=torch.float64).reshape(-1, *image.shape)
    q = scipy.linalg.orth(space.apply(eye).flatten(1).numpy())
    values = np.linalg.eigvalsh(q.T @ matrix.T @ matrix @ q)
    (representation,) = matrix_representations(matrix)
    found = geometry.eigen_distortions(
        representation, image, k=2, space=space, budget=geometry.Budget(iterations=300)
    )
    assert found.certificate.converged
    np.testing.assert_allclose(found.largest_values, values[::-1][:2], rtol=1e-4)
    np.testing.assert_allclose(found.smallest_values, values[:2], rtol=1e-3)


def test_a_space_of_few_directions_is_refused(matrix_representations):
    (representation,) = matrix_representations(np.eye(42))
    image = _flat_image(1, 6, 7)
    space = geometry.DistortionSpace(image, cycles_per_image=0.5)
    assert space.dimension == 3
    with refused(field="k", value=2, allowed="from 1 to 1"):
        geometry.eigen_distortions(representation, image, k=2, space=space)
    found = geometry.eigen_distortions(representation, image, k=1, space=space)
    np.testing.assert_allclose(found.largest_values, 1)
    np.testing.assert_allclose(found.smallest_values, 1)


def test_progress_cancels_and_interrupts(photograph):
    (lgn,) = models.load(["LGN"])

    def interrupt(iteration, value):
        raise KeyboardInterrupt

    found = geometry.eigen_distortions(
        lgn, photograph(24), budget=geometry.Budget(progress=lambda n, _: n < 2)
    )
    assert found.certificate.stopped == "cancelled"
    assert found.certificate.iterations == 2
    with pytest.raises(KeyboardInterrupt):
        geometry.eigen_distortions(lgn, photograph(24), budget=geometry.Budget(progress=interrupt))
