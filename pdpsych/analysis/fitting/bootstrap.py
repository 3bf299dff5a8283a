"""Errors of the fit by simulating the experiment and fitting it anew."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from pdpsych.analysis.fitting.integration import solve
from pdpsych.analysis.fitting.likelihood import expected_correct
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.fitting.prior import Exponents
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import Floats
from pdpsych.common.parallel import spread
from pdpsych.common.terminal import progress_bar

# Experiments that one process simulates at a time.
_BLOCK = 20
# Values of what is shared: enough for estimates, of which there are many.
_NODES = 32
# Simulated trials from which processes, which take some seconds to start, save time.
_WORTH_PROCESSES = 500_000


def bootstrap(
    posterior: Posterior,
    number: int,
    rng: np.random.Generator,
    jobs: int | None = None,
    progress: bool = False,
) -> Floats:
    """Return errors of the estimates of log τ in simulated experiments, (number, C).

    Thresholds and what they share are drawn from the posterior, answers from them at the
    amplitudes shown. Drawing them at the estimate instead would leave out that estimates are
    drawn together by their prior.

    Parameters
    ----------
    jobs
        Processes; by default one for each core where there is much to do. They change nothing
        but the time: answers are drawn in blocks, each with a generator of its own.
    progress
        Whether to show a progress bar over experiments.
    """
    observations = posterior.observations
    thresholds, shared = posterior.draws(number, rng)
    starts = range(0, number, _BLOCK)
    blocks = [
        (thresholds[start : start + _BLOCK], shared[start : start + _BLOCK], own)
        for start, own in zip(starts, rng.spawn(len(starts)), strict=True)
    ]
    errors_of = partial(_errors, observations, posterior.mode.prior.exponents)
    little = number * observations.sign.size < _WORTH_PROCESSES
    found = []
    with progress_bar(number, "experiment", progress) as bar:
        count = 1 if jobs is None and little else jobs
        for errors in spread(errors_of, blocks, count):
            found.append(errors)
            bar.update(len(errors))
    return np.concatenate(found)


def _errors(
    observations: Observations,
    exponents: Exponents,
    block: tuple[Floats, Shared, np.random.Generator],
) -> Floats:
    """Return the errors in a block of experiments: its thresholds, what they share, its draws."""
    thresholds, shared, rng = block
    errors = np.empty_like(thresholds)
    for k, (truth, own) in enumerate(zip(thresholds, shared, strict=True)):
        chance = expected_correct(observations, truth, own)
        sign = np.where(rng.random(chance.size) < chance, 1.0, -1.0)
        errors[k] = solve(replace(observations, sign=sign), _NODES, exponents).mean - truth
    return errors


def bootstrap_interval(mean: Floats, errors: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the ends of the interval of each log τ: the estimate ± a quantile of |error|.

    Not by the quantiles of the signed errors: amplitudes that were placed by the real answers and
    not by the simulated ones give errors a bias that estimates do not have.
    """
    reach = np.quantile(np.abs(errors), level, axis=0)
    return mean - reach, mean + reach
