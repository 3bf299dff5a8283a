"""The benchmark of the fit beside Markov chains, in short."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from pdpsych.analysis.fitting.likelihood import log_likelihood
from pdpsych.analysis.fitting.prior import Exponents, Prior
from pdpsych.analysis.fitting.shared import Shared

FILE = Path(__file__).parents[3] / "benchmarks" / "mcmc.py"


@pytest.fixture(scope="module")
def mcmc():
    spec = importlib.util.spec_from_file_location("mcmc", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["mcmc"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["mcmc"]


def test_both_have_the_same_posterior_density(mcmc):
    rng = np.random.default_rng(0)
    trials = mcmc.participant(rng, 6, 20)
    shared, x = rng.normal(0, 0.4, (5, 10)), rng.normal(0, 0.5, (5, 6))
    theirs = mcmc.log_likelihood(trials, shared, x)
    ours = [log_likelihood(trials, x[k][:, None], Shared(shared[k]))[:, 0] for k in range(5)]
    np.testing.assert_allclose(theirs, ours, rtol=1e-6)
    known = Prior(0.3, Exponents.of_anybody(2))
    prior = [
        known.at(Shared(shared[k])).value
        + Shared(shared[k]).log_prior_of(x[k][:, None], trials.group).sum()
        for k in range(5)
    ]
    theirs = mcmc.log_prior(shared) + mcmc.log_prior_of_means(shared, 0.3)
    theirs += mcmc.log_prior_of_thresholds(shared, x, trials.group).sum(axis=1)
    np.testing.assert_allclose(theirs - theirs[0], prior - prior[0], atol=1e-9)


def test_standard_deviations_are_those_of_the_chains(mcmc):
    rng = np.random.default_rng(3)
    trials = mcmc.participant(rng, 6, 15)
    found = mcmc.compared(trials, mcmc.sample(trials, rng, chains=48, steps=200), rng)
    for name in ("log τ", "ratios", "mean ratio"):
        assert found[name] == pytest.approx(1, abs=0.2), name
    assert found["mean off, sd"] < 0.3
