from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import torch

from pdpsych.geometry.cosine import KEPT, SMALL, CosineTransform, WindowedBand

SHAPES = [(1, 1), (1, 6), (7, 4), (16, 16)]


def _block(shape):
    values = np.random.default_rng(0).standard_normal((2, 3, *shape))
    return torch.from_numpy(values)


@pytest.mark.parametrize("shape", SHAPES)
def test_coefficients_are_those_of_scipy(shape):
    block = _block(shape)
    expected = scipy.fft.dctn(block.numpy(), axes=(-2, -1), norm="ortho")
    found = CosineTransform(block).forward(block)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_transform_is_orthonormal(shape):
    block = _block(shape)
    transform = CosineTransform(block)
    coefficients = transform.forward(block)
    torch.testing.assert_close(transform.inverse(coefficients), block)
    torch.testing.assert_close(coefficients.square().sum(), block.square().sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_large_images_are_transformed_alike_and_have_derivatives(dtype):
    block = _block((2, 101, 120)).to(dtype)
    assert block[0].numel() > SMALL
    transform = CosineTransform(block)
    wanting = block.clone().requires_grad_()
    accuracy = 1e-4 if dtype == torch.float32 else 1e-11
    for name in ("forward", "inverse"):
        found = getattr(transform, name)(block)
        by_matrices = getattr(transform, name)(wanting)
        assert found.dtype == dtype
        assert by_matrices.requires_grad
        torch.testing.assert_close(found, by_matrices.detach(), atol=accuracy, rtol=accuracy)


def test_frequency_is_that_of_the_cosine_in_cycles_per_pixel():
    height, width = 8, 12
    transform = CosineTransform(torch.zeros((1, height, width), dtype=torch.float64))
    assert transform.frequency.shape == (height, width)
    # Coefficient (k, l) has k half cycles down the image and l half cycles across it.
    assert transform.frequency[0, 0] == 0
    assert transform.frequency[2, 0] == pytest.approx(1 / height)
    assert transform.frequency[0, 6] == pytest.approx(3 / width)
    assert transform.frequency[2, 6] == pytest.approx(np.hypot(1 / height, 3 / width))


def test_single_precision_stays_single():
    block = _block((5, 6)).float()
    coefficients = CosineTransform(block).forward(block)
    assert coefficients.dtype == torch.float32
    expected = scipy.fft.dctn(block.double().numpy(), axes=(-2, -1), norm="ortho")
    np.testing.assert_allclose(coefficients.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("weights", ["even", "odd", "one side"])
def test_what_weights_leave_of_a_band_is_that_of_a_singular_value_decomposition(weights):
    height, width = 9, 12
    rng = np.random.default_rng(3)
    weight = rng.uniform(0, 1, (height, width)) ** 8
    if weights != "odd":
        weight = (weight + weight[::-1]) / 2
    if weights == "even":
        weight = (weight + weight[:, ::-1]) / 2
    band = rng.uniform(size=(height, width)) > 0.5
    found = WindowedBand(torch.from_numpy(weight), torch.from_numpy(band).double())
    waves = np.eye(height * width)[band.ravel()].reshape(-1, height, width)
    pictures = scipy.fft.idctn(waves, axes=(1, 2), norm="ortho") * weight
    lengths, right = np.linalg.svd(pictures.reshape(len(waves), -1), full_matrices=False)[1:]
    span = right[lengths**2 >= KEPT]
    assert 0 < len(span) < len(lengths)
    assert found.dimension == len(span)
    eye = torch.eye(height * width, dtype=torch.float64).reshape(-1, height, width)
    np.testing.assert_allclose(found.project(eye).flatten(1).numpy(), span.T @ span, atol=1e-12)
