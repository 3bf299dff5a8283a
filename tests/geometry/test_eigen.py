from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from pdpsych import geometry, models
from pdpsych.errors import InputError
from pdpsych.geometry.local import LocalGeometry


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
    found = geometry.eigen_distortions(representation, image, k=2, iterations=2000)
    assert found.certificate.converged
    np.testing.assert_allclose(found.largest_values, values[[-1, -2]], rtol=1e-5)
    np.testing.assert_allclose(found.smallest_values, values[[0, 1]], rtol=1e-4, atol=1e-12)
    assert _cosines(found.largest, vectors[:, [-1, -2]]).min() > 0.999
    assert _cosines(found.smallest, vectors[:, [0, 1]]).min() > 0.999


def test_generalized_eigen_distortions_equal_the_dense_solution(photograph):
    image = photograph(16)
    a, b = models.load(["LGG", "LGN"])
    floor = 0.1
    floors = LocalGeometry([a, b], image, floor).floors
    dense = [
        _dense_fisher(r, image) + shift * np.eye(256)
        for r, shift in zip((a, b), floors, strict=True)
    ]
    values = scipy.linalg.eigh(*dense, eigvals_only=True)
    found = geometry.generalized_eigen_distortions(a, b, image, floor=floor, iterations=2000)
    assert found.certificate.converged
    np.testing.assert_allclose(found.largest_values, values[-1], rtol=1e-5)
    np.testing.assert_allclose(found.smallest_values, values[0], rtol=1e-5)


def test_against_the_pixels_generalized_are_eigen_distortions(photograph):
    image = photograph(16)
    lgn, identity = models.load(["LGN", "identity"])
    plain = geometry.eigen_distortions(lgn, image, iterations=2000)
    against = geometry.generalized_eigen_distortions(
        lgn, identity, image, floor=0.0, iterations=2000
    )
    np.testing.assert_allclose(against.largest_values, plain.largest_values, rtol=1e-5)
    cosine = (against.largest * plain.largest).sum().abs()
    assert cosine == pytest.approx(1, abs=1e-4)


def test_plenoptic_finds_the_same_most_visible_distortion(photograph):
    plenoptic = pytest.importorskip("plenoptic")
    image = photograph(32)
    (lgn,) = models.load(["LGN"])
    found = geometry.eigen_distortions(lgn, image, iterations=300)
    peer = plenoptic.Eigendistortion(image[None], lgn.network.eval())
    peer.synthesize(method="power", k=1, max_iter=2000, stop_criterion=1e-12)
    np.testing.assert_allclose(found.largest_values[0], float(peer.eigenvalues[0]), rtol=1e-4)
    cosine = (found.largest[0] * peer.eigendistortions[0, 0]).sum().abs()
    assert float(cosine) > 0.999


def test_k_out_of_range_is_refused(photograph):
    (lgn,) = models.load(["LGN"])
    with pytest.raises(InputError, match="k: 0"):
        geometry.eigen_distortions(lgn, photograph(16), k=0)
