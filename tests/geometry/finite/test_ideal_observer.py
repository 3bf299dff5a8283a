"""D is the d′ of an ideal observer of the noisy responses: by Monte Carlo.

Of two intervals, one with s and one with s + αε, the observer names that with the larger
likelihood ratio; d′ = √2 Φ⁻¹(share correct). Exact for Gaussian noise that does not change, close
where many responses change, each by less than its noise; of few counts it is not.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.distributions import Categorical, MultivariateNormal, Normal, Poisson

from pdpsych import geometry, models
from pdpsych.geometry.noise.stabilised import stabilised

COUNT, PIXELS, TRIALS = 64, 16, 10_000
GENERATOR = torch.Generator().manual_seed(3)
WEIGHTS = torch.randn((COUNT, PIXELS), generator=GENERATOR, dtype=torch.float64)
ROOT = torch.randn((COUNT, COUNT), generator=GENERATOR, dtype=torch.float64) / 8
COVARIANCE = ROOT @ ROOT.T + 0.5 * torch.eye(COUNT, dtype=torch.float64)
IMAGE = 0.3 + 0.4 * torch.rand((1, 4, 4), generator=GENERATOR, dtype=torch.float64)
DISTORTION = torch.randn((1, 1, 4, 4), generator=GENERATOR, dtype=torch.float64)
DISTORTION /= DISTORTION.norm()


class Bent(torch.nn.Module):
    def __init__(self, scale, offset):
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, batch):
        return self.offset + self.scale * torch.tanh(batch.flatten(1) @ WEIGHTS.T)


def _spread(r):
    return 0.5 + 0.2 * r**2


CASES = {
    "gaussian": (Bent(0.6, 0), geometry.Gaussian(1.3), lambda r: Normal(r, 1.3)),
    "correlated": (
        Bent(0.6, 0),
        geometry.CorrelatedGaussian(COVARIANCE),
        lambda r: MultivariateNormal(r, COVARIANCE),
    ),
    "poisson": (Bent(8.0, 40.0), geometry.Poisson(), Poisson),
    "variance": (
        Bent(0.7, 1.0),
        geometry.ResponseVariance(_spread),
        lambda r: Normal(r, _spread(r).sqrt()),
    ),
}


def _sensitivity(before, after, distribution):
    """Return d′ and its standard error."""
    torch.manual_seed(0)
    both = [distribution(r).sample((TRIALS,)) for r in (before, after)]
    logs = [
        [distribution(r).log_prob(x).reshape(TRIALS, -1) for r in (before, after)] for x in both
    ]
    ratios = [(second - first).sum(dim=1) for first, second in logs]
    correct = float((ratios[1] > ratios[0]).double().mean())
    found = 2**0.5 * norm.ppf(correct)
    error = 2**0.5 * np.sqrt(correct * (1 - correct) / TRIALS) / norm.pdf(found / 2**0.5)
    return found, error


@pytest.mark.parametrize("name", CASES)
def test_distances_are_those_of_an_ideal_observer(name):
    module, noise, distribution = CASES[name]
    (model,) = models.from_module(module, [""], name, noise=noise)
    (curves,) = geometry.finite_responses([model], IMAGE, DISTORTION).curves
    tried = 0
    for a, alpha in enumerate(curves.amplitudes):
        for s, sign in enumerate((1, -1)):
            predicted = curves.values[0, s, a]
            if not 0.3 < predicted < 2.5 or a % 4:
                continue
            with torch.no_grad():
                before, after = (module(x) for x in (IMAGE, IMAGE + sign * alpha * DISTORTION))
            found, error = _sensitivity(before[0], after[0], distribution)
            assert abs(found - predicted) < 3 * error + (
                0.01 * predicted if name in ("poisson", "variance") else 0
            )
            tried += 1
    assert tried >= 2


def test_a_draw_from_categories_is_as_far_as_bhattacharyya_says():
    """D² = 8 (1 − Σ√(pq)), of one draw; many draws add up to the d′ of an observer of all."""
    logits = torch.randn((2, 20), generator=GENERATOR, dtype=torch.float64) * 0.1
    before, after = logits[0], logits[0] + 0.3 * logits[1]
    p, q = before.softmax(0), after.softmax(0)
    expected = torch.sqrt(8 * (1 - (p * q).sqrt().sum()))
    for noise, r, others in (
        (geometry.Categorical(), p, q),
        (geometry.Categorical(logits=True), before, after),
    ):
        torch.testing.assert_close(stabilised(noise, r, others[None])[0].norm(), expected)
    draws = 400
    torch.manual_seed(0)
    ratio = after.log_softmax(0) - before.log_softmax(0)
    sums = [ratio[Categorical(x).sample((10_000, draws))].sum(1) for x in (p, q)]
    correct = float((sums[1] > sums[0]).double().mean())
    assert 2**0.5 * norm.ppf(correct) == pytest.approx(float(expected) * draws**0.5, rel=0.05)


def test_small_distances_are_whitened_lengths():
    generator = torch.Generator().manual_seed(1)
    base = torch.rand(COUNT, generator=generator, dtype=torch.float64) + 0.5
    change = 1e-5 * torch.randn((3, COUNT), generator=generator, dtype=torch.float64)
    simplex = base.softmax(0)
    moves = change - (change @ simplex)[:, None]
    for noise, r, step in (
        (geometry.Poisson(), base, change),
        (geometry.ResponseVariance(_spread), base, change),
        (geometry.Categorical(logits=True), base, change),
        (geometry.Categorical(), simplex, simplex * moves),
    ):
        local = noise.whiten(r, step).norm(dim=1)
        torch.testing.assert_close(
            stabilised(noise, r, r + step).norm(dim=1), local, rtol=1e-4, atol=0
        )
