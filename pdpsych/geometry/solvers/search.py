"""The search for the best pair: a survey, a race of ascents from what it found, a second look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.local import random_signs
from pdpsych.geometry.solvers import disagreement
from pdpsych.geometry.solvers.budget import Budget, Clock, Stopped
from pdpsych.geometry.solvers.climb import Climb, Problem
from pdpsych.geometry.solvers.measured import blind
from pdpsych.geometry.solvers.subspace import Subspace, likeness, padded
from pdpsych.geometry.solvers.survey import UNLIKE, Survey

Floats = NDArray[np.float64]

# Optima whose F is at most this much below the best, relative, are part of the answer.
RIVAL = 1e-3


@dataclass(frozen=True)
class SearchSettings:
    """Constants of the race.

    In brackets, with half and twice the constant, the products of a search of the early models at
    64 pixels, 968 as it is (989 and 956 from other seeds), or F of seven layers of a network after
    200 products, 4.52 (4.57 and 4.59): ``sweep`` of ``benchmarks/solver_constants.py``. With the
    three starts of that photograph ``live``, ``hope`` and ``finalists`` decide nothing. The second
    look is not in these products.

    Attributes
    ----------
    survey_rounds, short_survey
        Rounds of the survey at most, of all pairs of representations and of chosen ones; never more
        than half of the iterations (968 twice; 4.81 and 4.46).
    settled
        Rise of the bound in a round, relative, below which the survey ends (996 and 968).
    live
        Ascents at a time; others wait until one ends.
    trial
        Iterations that each ascent has before it can be given up, and over which its rise is
        measured (944 and 1018).
    hope
        An ascent is given up where F would stay behind the best though it rose by as many times
        of its latest rise.
    finalists
        Ascents that are not given up before they have had twice ``trial`` iterations.
    looks
        Iterations of a second look at the best optimum at most. Where one found a way up it took
        one, and three (:class:`ClimbSettings`); none is found in about 25 products each.
    """

    survey_rounds: int = 12
    short_survey: int = 3
    settled: float = 0.01
    live: int = 12
    trial: int = 4
    hope: float = 2.0
    finalists: int = 3
    looks: int = 4


SETTINGS = SearchSettings()


@dataclass
class Runner:
    """An ascent in the race.

    ``reached_by`` counts the starts that ended in its optimum, ``stopped`` says why it has ended.
    """

    climb: Climb
    reached_by: int = 1
    stopped: Stopped | None = None
    history: list[float] = field(default_factory=list)

    @property
    def objective(self) -> float:
        """F of its pair."""
        return self.climb.objective

    def advance(self, tolerance: float) -> None:
        """Climb by one iteration."""
        self.stopped = self.climb.advance(tolerance)
        self.history.append(self.climb.objective)

    def hopeless(self, best: float) -> bool:
        """Whether it will not come near the best."""
        if len(self.history) <= SETTINGS.trial:
            return False
        rise = self.objective - self.history[-1 - SETTINGS.trial]
        promised = SETTINGS.hope * rise + self.climb.gain * self.objective
        return self.objective + promised < (1 - RIVAL) * best

    def is_at(self, other: Runner) -> bool:
        """Whether both have the same pair of distortions."""
        pairs = [runner.climb.distortions.flatten(1).double().cpu() for runner in (self, other)]
        return likeness(*(pair.numpy() for pair in pairs)) >= UNLIKE


@dataclass(frozen=True)
class Found:
    """What a search ended with.

    ``optima`` are its ascents, the best first; ``stopped`` is why the best ended, or what ran out.
    ``bound`` is that of F, None where not all pairs of representations were looked at, ``blind``
    are the representations that are blind to a distortion.
    """

    optima: list[Runner]
    stopped: Stopped
    starts: int
    iterations: int
    products: float
    bound: float | None
    blind: tuple[str, ...]


class Search:
    """A search, with all of its ascents."""

    def __init__(self, problem: Problem, budget: Budget):
        self._problem, self._budget, self._clock = problem, budget, Clock(budget)
        self._before = problem.geometry.products
        self._iteration = 0
        self._starts = 0
        self._ended: list[Runner] = []
        self._least = np.full(len(problem.contrast), np.inf)

    def run(self, pairs: Sequence[Tensor], survey: bool = True) -> Found:
        """Search from pairs of distortions, (2, C, H, W) each, and from the survey's.

        The pairs are noise, but for the first where there is no survey. What tells networks apart
        is found sooner from noise.
        """
        bound, stopped = None, None
        waiting = [Runner(self._climb(pair, survey or k > 0)) for k, pair in enumerate(pairs)]
        if survey and self._problem.opening is None:
            surveyed, bound, stopped = self._survey(waiting.pop(0).climb)
            waiting = surveyed + waiting
        live: list[Runner] = []
        self._starts = len(waiting)
        while stopped is None:
            if not (live or waiting):
                waiting = self._unvisited()
            if not (live or waiting):
                live, stopped = self._second_look()
            if stopped or not (live or waiting):
                break
            count = max(SETTINGS.live - len(live), 0)
            live, waiting = live + waiting[:count], waiting[count:]
            stopped = self._round(live)
            live = self._kept(live)
        optima = sorted([*self._ended, *live], key=lambda runner: -runner.objective)
        best = optima[0].climb
        if optima[0].stopped in (None, "stalled"):
            best.measure()
        _, squares = disagreement.log_ratios(best.subspace.grams, best.pair)
        least = np.minimum(self._least, squares.min(axis=1))
        unseen = blind(self._problem, least, self._clock)
        return Found(
            optima,
            optima[0].stopped or stopped or "stalled",
            self._starts,
            self._iteration,
            self._problem.geometry.products - self._before,
            bound,
            unseen,
        )

    def _climb(self, pair: Tensor, from_noise: bool = False) -> Climb:
        problem = self._problem
        subspace = Subspace(problem.geometry, problem.space, pair, problem.keeping)
        if len(subspace) < 2:
            # The same distortion twice, or nearly: any other direction will do as the second.
            noise = random_signs((1, *pair.shape[1:]), seed=0).to(pair)
            subspace.extend(self._problem.space.apply(noise))
            return Climb(self._problem, subspace, np.eye(2), from_noise)
        return Climb(self._problem, subspace, subspace.coefficients(pair), from_noise)

    def _survey(self, noise: Climb) -> tuple[list[Runner], float | None, Stopped | None]:
        """Return ascents from the best pairs of the survey, the bound, and what ran out."""
        contrast = self._problem.contrast
        subspace, pair, stopped, reach = noise.subspace, noise.pair, None, 0.0
        survey = Survey(self._problem, subspace)
        settled = grew = False
        most = SETTINGS.survey_rounds if survey.is_complete else SETTINGS.short_survey
        for _ in range(min(most, self._budget.iterations // 2)):
            grew = survey.advance()
            pair = disagreement.maximize(contrast, subspace.grams, padded(pair, len(subspace)))
            x, _ = disagreement.log_ratios(subspace.grams, pair)
            stopped = self._spent(disagreement.value(contrast, x))
            before, reach = reach, survey.reach()
            settled = reach < (1 + SETTINGS.settled) * before
            if stopped or settled or not grew:
                break
        starts, self._least = survey.starts([pair]), survey.least()
        runners = [Runner(self._climb(subspace.combine(start))) for start in starts]
        if stopped:
            # What was found so far is still a pair.
            runners[0].advance(self._budget.tolerance)
            self._ended = runners[:1]
        known = survey.is_complete and (settled or not grew)
        return runners, reach if known else None, stopped

    def _round(self, live: Sequence[Runner]) -> Stopped | None:
        for runner in live:
            runner.advance(self._budget.tolerance)
        return self._spent(self._best(live).objective)

    def _spent(self, objective: float) -> Stopped | None:
        self._iteration += 1
        return self._clock.spent(self._iteration, objective)

    def _best(self, live: Sequence[Runner]) -> Runner:
        return max([*self._ended, *live], key=lambda runner: runner.objective)

    def _kept(self, live: Sequence[Runner]) -> list[Runner]:
        """Return the ascents that go on; those that have ended are set aside."""
        best = self._best(live)
        ended = [runner for runner in live if runner.stopped]
        if self._problem.keeping.is_scarce:
            for runner in ended:
                runner.climb.subspace.release()
        self._ended += ended
        ranked = sorted(live, key=lambda runner: -runner.objective)
        kept: list[Runner] = []
        for runner in ranked:
            if runner.stopped:
                continue
            ahead = [o for o in [*kept, *self._ended] if o.objective >= runner.objective]
            same = next((other for other in ahead if runner.is_at(other)), None)
            late = len(kept) >= SETTINGS.finalists and len(runner.history) >= 2 * SETTINGS.trial
            if same is not None:
                same.reached_by += runner.reached_by
            elif runner is best or not (late or runner.hopeless(best.objective)):
                kept.append(runner)
        return self._without_twins(kept)

    def _without_twins(self, kept: list[Runner]) -> list[Runner]:
        """Leave of optima that several ascents have ended in the best one."""
        unlike: list[Runner] = []
        for runner in sorted(self._ended, key=lambda runner: -runner.objective):
            same = next((other for other in unlike if runner.is_at(other)), None)
            if same is None:
                unlike.append(runner)
            else:
                same.reached_by += runner.reached_by
        self._ended = unlike
        return kept

    def _second_look(self) -> tuple[list[Runner], Stopped | None]:
        """Look again at the best optimum; return it where that leads higher, and what ran out."""
        best, stopped = self._best([]), None
        same = best.objective < disagreement.SAME
        if same or not best.climb.look_aside():
            return [], None
        for _ in range(SETTINGS.looks):
            rose = best.climb.look_again(self._budget.tolerance)
            stopped = self._spent(best.objective)
            if stopped or rose:
                break
        if not rose:
            return [], stopped
        self._ended.remove(best)
        best.stopped = None
        return [best], stopped

    def _unvisited(self) -> list[Runner]:
        """Return ascents from rivals that the best one's subspace holds and none was at."""
        problem, best = self._problem, self._best([])
        found: list[Runner] = []
        for pair in best.climb.rivals(RIVAL):
            grams = best.climb.subspace.grams
            top = disagreement.maximize(problem.contrast, grams, pair)
            x, _ = disagreement.log_ratios(grams, top)
            if disagreement.value(problem.contrast, x) < (1 - RIVAL) * best.objective:
                continue
            runner = Runner(self._climb(best.climb.subspace.combine(top)))
            if not any(runner.is_at(other) for other in [*self._ended, *found]):
                found.append(runner)
        self._starts += len(found)
        return found
