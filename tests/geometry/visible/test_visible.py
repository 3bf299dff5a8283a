"""Distortions that are principal at visible amplitudes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from amplitudes import log_ratios_at
from refusals import refused

from pdpsych import geometry, models
from pdpsych.geometry import Budget, DistortionSpace

SHAPE = (1, 8, 8)
IMAGE = 0.3 + 0.4 * torch.rand(
    SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64
)
RMS = 0.02


class _Saturates(torch.nn.Module):
    """Sees pixel 0 best, and loses it as it changes; sees pixel 1 nearly as well, however large."""

    def __init__(self, strong, kept, scale):
        super().__init__()
        weights = torch.ones(64, dtype=torch.float64)
        weights[27], weights[36] = 0, kept
        self.register_buffer("weights", weights)
        self.strong, self.scale = strong, scale

    def forward(self, x):
        flat = x.flatten(1)
        change = flat[:, 27:28] - float(IMAGE.flatten()[27])
        lost = self.strong * self.scale * torch.tanh(change / self.scale)
        return torch.cat([flat * self.weights, lost], dim=1)


def _pixels(strong, kept, scale=1e-3):
    module = _Saturates(strong, kept, scale)
    return models.from_module(module, [""], f"saturates-{strong:g}")[0]


def _linear(weight):
    module = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False).double()
    module.weight.data = torch.full((1, 1, 3, 3), weight, dtype=torch.float64)
    module.weight.data[0, 0, 1, 1] = 1
    return models.from_module(module, [""], f"linear{weight:g}")[0]


@pytest.fixture(scope="module")
def saturating():
    return [_pixels(20.0, 10.0), *models.load(["identity"], dtype=torch.float64)]


@pytest.fixture(scope="module")
def found(saturating):
    return geometry.visible_distortions(saturating, IMAGE, RMS, budget=Budget(iterations=40))


def test_a_pixel_that_saturates_gives_way_to_one_that_does_not(found):
    """Locally pixel 27 has 20 times its neighbours' weight, at the amplitude 36 has 10 times it."""
    u = [
        pair.flatten(1)[[0]].abs().argmax().item()
        for pair in (found.local.distortions, found.distortions)
    ]
    assert u == [27, 36]
    # The other distortion is seen alike by both: x is (log 10, 0).
    assert found.objective == pytest.approx((np.log(10) / 2) ** 2, rel=0.03)
    assert found.objective > 1.5 * found.certificate.before
    assert found.objective == found.certificate.objective


def test_its_numbers_are_those_of_its_pair(saturating, found):
    alphas = np.array([0.5, 1, 2]) * RMS * 8
    local = geometry.LocalGeometry(saturating, IMAGE, floor=0.03)
    ratios = log_ratios_at(local, found.distortions, alphas)
    np.testing.assert_allclose(ratios, found.log_ratios, atol=1e-9)
    assert found.objective == pytest.approx(found.log_ratios.var(axis=0).mean())
    curve = dict(zip(found.certificate.amplitudes_rms, found.certificate.objectives, strict=True))
    at = [curve[step * RMS] for step in (0.5, 1.0, 2.0)]
    np.testing.assert_allclose(at, found.log_ratios.var(axis=0))
    # The first distortion is that to which the model that deviates most is more sensitive.
    assert found.log_ratios.mean(axis=1)[0] > 0
    np.testing.assert_allclose(found.distortions.flatten(1).norm(dim=1), 1)
    assert (found.distortions.pow(3).sum(dim=(1, 2, 3)) >= 0).all()


def test_it_stays_in_its_space_and_gamut(saturating):
    space = DistortionSpace(IMAGE, window=0.9).orthogonal_to(torch.ones((1, *SHAPE)).double())
    found = geometry.visible_distortions(
        saturating, IMAGE, 0.05, space=space, budget=Budget(iterations=6)
    )
    pair = found.distortions
    torch.testing.assert_close(space.project(pair), pair)
    alpha = 2 * 0.05 * 8
    assert (IMAGE + alpha * pair).max() <= 1 + 1e-5
    assert (IMAGE - alpha * pair).min() >= -1e-5
    assert 0 < found.certificate.at_limit < 1


@pytest.mark.parametrize("window", [None, 1.0])
def test_it_stays_in_a_band(saturating, window):
    """Behind a window the projection onto it is incomplete, and must not let the pair drift off."""
    space = DistortionSpace(IMAGE, window=window, cycles_per_image=2.0)
    found = geometry.visible_distortions(
        saturating, IMAGE, 0.05, space=space, budget=Budget(iterations=8)
    )
    spanning = space.apply(torch.eye(64, dtype=torch.float64).reshape(64, *SHAPE)).flatten(1).T
    pair = found.distortions.flatten(1).T
    basis, sizes, _ = torch.linalg.svd(spanning)
    inside = basis[:, : int((sizes > 1e-9).sum())]
    torch.testing.assert_close(inside @ (inside.T @ pair), pair, atol=1e-6, rtol=0)
    assert found.objective > found.certificate.before
    alpha = 2 * 0.05 * 8
    assert (IMAGE + alpha * found.distortions).max() <= 1 + 1e-5


def test_local_suffices_for_linear_models():
    chosen = [_linear(0.3), _linear(-0.1), *models.load(["identity"], dtype=torch.float64)]
    found = geometry.visible_distortions(chosen, IMAGE, RMS, budget=Budget(iterations=20))
    certificate = found.certificate
    assert certificate.stopped == "local suffices"
    assert found.objective == pytest.approx(found.local.objective)
    assert certificate.objectives == pytest.approx([found.objective] * 8)
    torch.testing.assert_close(found.distortions, found.local.distortions)
    assert (certificate.iterations, certificate.gradient_norm) == (0, None)
    assert "local suffices" in repr(found)


def test_what_the_gamut_takes_away_is_told():
    """Linear models, of which an image with little room allows no local pair."""
    chosen = [_pixels(20.0, 10.0, 1e6), *models.load(["identity"], dtype=torch.float64)]
    found = geometry.visible_distortions(chosen, IMAGE, 0.1, budget=Budget(iterations=5))
    certificate = found.certificate
    assert certificate.stopped != "local suffices"
    assert certificate.inside == pytest.approx(certificate.before, rel=1e-3)
    assert certificate.inside < 0.9 * certificate.local_objective
    assert found.objective >= (1 - 1e-12) * certificate.before


def test_it_repeats(saturating, found):
    again = geometry.visible_distortions(saturating, IMAGE, RMS, budget=Budget(iterations=40))
    assert again == found


def test_it_goes_on_from_a_local_pair(saturating, found):
    local = geometry.LocalGeometry(saturating, IMAGE, floor=0.03)
    further = geometry.visible_distortions_at(
        local, RMS, local=found.local, budget=Budget(iterations=40)
    )
    assert further.local is found.local
    torch.testing.assert_close(further.distortions, found.distortions)
    other = geometry.LocalGeometry([_linear(0.3), saturating[1]], IMAGE, floor=0.03)
    with refused(field="local", value=found.local.names):
        geometry.visible_distortions_at(other, RMS, local=found.local)


def test_groups_are_what_the_local_pair_was_asked_for(saturating):
    chosen = [*saturating, _pixels(5.0, 3.0)]
    found = geometry.visible_distortions(
        chosen, IMAGE, RMS, separate=["a", "b", "a"], budget=Budget(iterations=10)
    )
    means = [found.log_ratios[[0, 2]].mean(axis=0), found.log_ratios[1]]
    assert found.objective == pytest.approx(np.var(means, axis=0).mean())


def test_the_budget_ends_it(saturating):
    seen = []
    budget = Budget(iterations=3, progress=lambda iteration, value: seen.append(iteration))
    local = geometry.LocalGeometry(saturating, IMAGE, floor=0.03)
    pair = geometry.principal_distortions_at(local, budget=Budget(iterations=3))
    found = geometry.visible_distortions_at(local, RMS, local=pair, budget=budget)
    assert found.certificate.stopped in ("iterations", "stalled", "work")
    assert seen == list(range(1, found.certificate.iterations + 1))
    dear = dataclasses.replace(pair.certificate, operator_applications=1e6)
    rich = dataclasses.replace(pair, certificate=dear)
    long = geometry.visible_distortions_at(local, RMS, local=rich, budget=Budget(iterations=100))
    assert long.certificate.stopped in ("settled", "stalled", "converged")
    cancelled = geometry.visible_distortions_at(
        local, RMS, local=rich, budget=Budget(progress=lambda *_: False)
    )
    assert cancelled.certificate.stopped == "cancelled"
    assert cancelled.certificate.iterations == 1


def test_it_is_kept_in_a_file(found, tmp_path):
    path = found.to_json(tmp_path / "found.json")
    assert geometry.VisibleDistortions.from_json(path) == found
    kept = geometry.VisibleCertificate.from_dict(found.certificate.to_dict())
    assert kept == found.certificate


def test_it_says_what_it_found(found):
    told = found.describe()
    for part in ("ended by", "at RMS 0.01 to 0.04", "limit of the gamut", "at 0.02"):
        assert part in told
    assert len(found.plot().axes) == 3


def test_an_amplitude_beyond_the_gamut_is_refused_before_the_search(saturating):
    def search(*_):
        raise AssertionError("a search began")

    with refused(field="amplitude_rms", value=0.4, remedy="preprocess.range"):
        geometry.visible_distortions(saturating, IMAGE, 0.4, budget=Budget(progress=search))
