"""The search for the best pair: a survey, then a race of ascents from what it found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.solvers.budget import Budget, Clock, Stopped
from pdpsych.geometry.solvers.climb import Climb, Problem
from pdpsych.geometry.solvers.subspace import Subspace
from pdpsych.geometry.solvers.survey import Survey, _unlike

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SearchSettings:
    """Constants of the race."""

    survey_rounds: int = 6
    first_cut: int = 4
    rival: float = 1e-3


SETTINGS = SearchSettings()


@dataclass
class Runner:
    climb: Climb
    stopped: Stopped | None = None
    history: list = None
    count: int = 1


def search(problem: Problem, noise: Tensor, budget: Budget, trace=None):
    clock = Clock(budget)
    before = problem.geometry.products
    subspace = Subspace(problem.geometry, noise.flatten(0, 1))
    survey = Survey(problem, subspace)
    iteration, stopped = 0, None
    size = len(subspace)
    for _ in range(SETTINGS.survey_rounds):
        if not survey.advance():
            break
        iteration += 1
    used = problem.geometry.products - before
    others = np.eye(size)[: 2 * len(noise)].reshape(-1, 2, size)
    starts = survey.starts(others)
    runners = []
    for pair in starts:
        sub = Subspace(problem.geometry, subspace.combine(pair))
        r = Runner(Climb(problem, sub, np.eye(2)))
        r.history = []
        runners.append(r)
    done = []
    if trace: trace("survey", used, len(subspace), survey.bound(), len(starts))
    while runners and stopped is None:
        iteration += 1
        for r in runners:
            r.stopped = r.climb.advance(budget.tolerance)
            r.history.append(r.climb.objective)
        best = max([r for r in runners + done], key=lambda r: r.climb.objective)
        if trace: trace(iteration, problem.geometry.products - before, [(round(r.climb.objective, 6), float("%.1e" % r.climb.gradient_norm), float("%.1e"%r.climb.gain)) for r in runners])
        done += [r for r in runners if r.stopped]
        live = []
        for r in sorted(runners, key=lambda r: -r.climb.objective):
            if r.stopped: continue
            F = r.climb.objective
            n = len(r.history)
            if r is not best and n > SETTINGS.first_cut:
                rise = F - r.history[-1 - SETTINGS.first_cut]
                if F + 2 * rise + r.climb.gain * F < best.climb.objective * (1 - SETTINGS.rival): continue
            same = False
            for other in [*live, *done]:
                a, b = (o.climb.distortions.flatten(1).double().numpy() for o in (r, other))
                a, b = (o / np.linalg.norm(o, axis=1, keepdims=True) for o in (a, b))
                if not _unlike(a, b):
                    other.count += 1; same = True; break
            if not same: live.append(r)
        if len(runners[0].history) >= 6: live = live[:3]
        runners = live
        stopped = clock.spent(iteration, best.climb.objective)
    return best, done + runners, problem.geometry.products - before
