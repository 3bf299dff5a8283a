from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.linalg
import torch

from pdpsych import geometry, models
from pdpsych.errors import InputError


def _random(seed: int, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def _flat_image(*shape):
    return torch.full(shape, 0.5, dtype=torch.float64)


def test_three_pixels_against_a_brute_force_search(matrix_representations):
    matrices = _random(0, (4, 3), (3, 3), (5, 3))
    # All directions of the half sphere on a fine grid.
    polar, azimuth = np.meshgrid(np.linspace(0, np.pi / 2, 361), np.linspace(0, 2 * np.pi, 1441))
    sphere = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1
    ).reshape(-1, 3)
    logs = np.array([0.5 * np.log(((sphere @ m.T) ** 2).sum(axis=1)) for m in matrices])
    # Var(x(u) − x(v)) = |p(u) − p(v)|²/N with p the centred logs: the widest pair of points.
    points = (logs - logs.mean(axis=0)).T
    from scipy.spatial import ConvexHull

    plane = points @ np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][:2].T
    corners = points[ConvexHull(plane).vertices]
    brute = max(np.sum((p - q) ** 2) / 3 for p, q in itertools.combinations(corners, 2))
    found = geometry.principal_distortions(
        matrix_representations(*matrices), _flat_image(1, 1, 3), floor=0.0, restarts=8
    )
    assert found.certificate.converged
    assert found.objective >= brute
    assert found.objective == pytest.approx(brute, rel=2e-3)


@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 8, 6)])
def test_two_representations_give_the_generalized_eigenvectors(shape, matrix_representations):
    size = int(np.prod(shape))
    matrices = _random(1, (size + 30, size), (size + 50, size))
    floor = 0.1
    fishers = [m.T @ m for m in matrices]
    image = _flat_image(*shape)
    representations = matrix_representations(*matrices)
    geo = geometry.LocalGeometry(representations, image, floor)
    floored = [f + shift * np.eye(size) for f, shift in zip(fishers, geo.floors, strict=True)]
    values, vectors = scipy.linalg.eigh(*floored)
    expected = np.log(values[-1] / values[0]) ** 2 / 16
    found = geometry.principal_distortions(
        representations, image, floor=floor, iterations=1500, restarts=2
    )
    assert found.objective == pytest.approx(expected, rel=1e-3)
    for distortion, vector in zip(found.distortions, vectors.T[[-1, 0]], strict=True):
        cosine = distortion.flatten().numpy() @ vector / np.linalg.norm(vector)
        assert abs(cosine) > 0.98


def test_result_follows_its_conventions_and_matches_recomputed_sensitivities(photograph):
    image = photograph(32)
    representations = models.load(["LN", "LG", "LGG", "LGN"])
    found = geometry.principal_distortions(representations, image, iterations=30, seed=2)
    norms = found.distortions.flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.ones_like(norms))
    assert (found.distortions.pow(3).sum(dim=(1, 2, 3)) >= 0).all()
    deviations = found.log_ratios - found.log_ratios.mean()
    assert deviations[np.abs(deviations).argmax()] > 0
    again = [
        geometry.log_ratio(*geometry.sensitivity(r, image, found.distortions, floor=0.03))
        for r in representations
    ]
    np.testing.assert_allclose(found.log_ratios, again, atol=1e-8)
    assert found.objective == pytest.approx(np.var(again), rel=1e-8)


def test_a_seed_repeats_and_more_iterations_only_gain(photograph):
    image = photograph(32).float()
    representations = models.load(["LN", "LG", "LGG", "LGN"])

    def solve(iterations):
        return geometry.principal_distortions(representations, image, iterations=iterations, seed=5)

    short, same, long = solve(10), solve(10), solve(60)
    assert torch.equal(short.distortions, same.distortions)
    assert short.objective == same.objective
    assert long.objective > short.objective
    assert short.certificate.stopped == "iterations"
    assert not short.certificate.converged


def test_converges_on_a_small_photograph_from_every_seed(photograph):
    image = photograph(16)
    found = geometry.principal_distortions(
        models.load(["LN", "LG", "LGG", "LGN"]), image, floor=0.1, iterations=3000, restarts=3
    )
    assert found.certificate.converged
    objectives = [start["objective"] for start in found.certificate.restarts]
    assert min(objectives) > 0.9 * max(objectives)


def test_identical_representations_have_nothing_to_disagree_on(photograph):
    twins = [models.load(["LGN"])[0] for _ in range(2)]
    found = geometry.principal_distortions(twins, photograph(32), iterations=5)
    assert found.objective < 1e-20
    assert torch.isfinite(found.distortions).all()


def test_objective_grows_without_the_floor(photograph):
    image = photograph(32)
    representations = models.load(["LN", "LG"])
    floored, free = (
        geometry.principal_distortions(representations, image, floor=f, iterations=60)
        for f in (0.1, 0.0)
    )
    assert free.objective > floored.objective
    assert np.isfinite(free.log_ratios).all()


def test_seconds_are_a_budget(photograph):
    found = geometry.principal_distortions(
        models.load(["LN", "LGN"]), photograph(32), max_seconds=0.0, iterations=10_000
    )
    assert found.certificate.stopped == "seconds"
    assert found.certificate.iterations == 1


def test_one_representation_is_refused(photograph):
    with pytest.raises(InputError, match="at least 2"):
        geometry.principal_distortions(models.load(["LN"]), photograph(16))
