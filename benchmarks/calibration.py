"""Whether intervals and verdicts hold: 200 studies simulated from trials to the conclusion.

``python benchmarks/calibration.py`` simulates studies whose participants see like one model, are
as far from two models, break the assumptions of the fit, or meet staircases, and prints a table of
how often intervals cover the truth, how often models are declared the closest by the predictive
score and by the local one, how far log ratios are off, and how many participants are flagged.
Answers come from placements as in a session. Models, and participants who see like them, are
linear, or grow as √α from about the thresholds of participants up, each model from elsewhere.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pdpsych.analysis import Analysis, Fit, Scores
from pdpsych.analysis.fitting.binomial import wilson
from pdpsych.analysis.fitting.fit import fit_table
from pdpsych.analysis.names import CONDITION, EVERYONE
from pdpsych.analysis.planning.plan import simulate_studies
from pdpsych.analysis.planning.simulated_study import Answers, Size, simulate_session
from pdpsych.analysis.planning.world import World
from pdpsych.analysis.prediction.evidence import Evidence
from pdpsych.analysis.scoring.score import score_ratios
from pdpsych.displays import Display
from pdpsych.experiments import Experiment, ModelObserver, ObserverSpec
from pdpsych.experiments.design import Condition, PlannedTrial, Position, arrange
from pdpsych.experiments.placement.methods import METHODS
from pdpsych.experiments.placement.placement import Showable
from pdpsych.stimuli.responses.finite_response import FiniteResponse

SIZE = Size(participants=4, images=24, trials=40)
# Of log ratios over images, and of other models' log ratios around the human's; nats.
RATIO_SD, OTHER_SD = 1.2, (1.3, 1.5, 1.7)
IMAGE_SD, PERSON_SD = 0.4, 0.15
# Models are known up to this amplitude: learners see as though it were another.
MOST = 2.0
ANALYSIS = Analysis(experiment=Path("none"), samples=1000)
EXPERIMENT = Experiment(
    stimulus_set=Path("none"), display=Display(), trials_per_condition=SIZE.trials
)
PLACEMENTS = {
    kind: METHODS[kind](kind=kind).begin(Showable("any", 0.0, 0.5, 1.0), 0)
    for kind in ("adaptive", "staircase")
}


@dataclass(frozen=True)
class Case:
    """Who takes part, how trials are placed, and which models are scored."""

    name: str
    exponent: float = 1.0
    lapse: float = 0.02
    bias: float = 0.0
    learning: float = 0.0
    equal: bool = False
    method: str = "adaptive"
    finite: bool = False


CASES = (
    Case("assumptions hold"),
    Case("two equal models", equal=True),
    Case("finite", finite=True),
    Case("finite, two equal", equal=True, finite=True),
    Case("lapse 6 %", lapse=0.06),
    Case("exponent 1.5", exponent=1.5),
    Case("biased responses", bias=0.5),
    Case("learning, −0.5 nat", learning=-0.5),
    Case("staircases", method="staircase"),
    Case("staircases, learning", method="staircase", learning=-0.5),
)


@dataclass(frozen=True)
class Learner:
    """Somebody whose log thresholds change steadily over ``total`` trials, by ``change``."""

    observer: ModelObserver
    change: float
    total: int

    def answer(self, planned: PlannedTrial, realised: float) -> Position:
        """Say where the distorted image was."""
        shift = self.change * (planned.number / self.total - 0.5)
        return self.observer.answer(planned, realised * np.exp(-shift))


class Result(NamedTuple):
    """What one study found; coverages and biases are means over what it estimated."""

    thresholds: float
    own_ratios: float
    mean_ratios: float
    scores: float
    right: bool
    wrong: bool
    right_local: bool
    wrong_local: bool
    bias: float
    flagged: float


def study(case: Case, size: Size, number: int) -> Result:
    """Simulate a study, analyse it, and compare with what it was drawn from."""
    rng = np.random.default_rng([number, CASES.index(case)])
    images = [f"image-{i:02d}" for i in range(size.images)]
    human = rng.normal(0, RATIO_SD, size.images)
    spreads = OTHER_SD[:1] * 2 if case.equal else (0.0, *OTHER_SD)
    models = {f"model-{m}": human + rng.normal(0, sd, human.size) for m, sd in enumerate(spreads)}
    drawn = People(images, human, rng)
    responses = drawn.responses(models, case.finite, rng)
    table, truth = sessions(case, size, drawn, rng)
    fitted = fit_table(table, ANALYSIS.model_copy(update={"seed": number}))
    scores = score_ratios(fitted, ratio_table(models, images), Evidence(table, responses))
    # The mean of |N(0, s)|: the score over all images that these stand for.
    expected = {m: sd * np.sqrt(2 / np.pi) for m, sd in zip(models, spreads, strict=True) if sd}
    means = dict(zip(images, drawn.ratios(), strict=True))
    local = score_ratios(fitted, ratio_table(models, images))
    verdicts = [scores.closest, local.closest]
    right = [name == "model-0" and not case.equal for name in verdicts]
    wrong = [name != "" and not hit for name, hit in zip(verdicts, right, strict=True)]
    return Result(
        *coverage(fitted, scores, truth, means, expected),
        right[0],
        wrong[0],
        right[1],
        wrong[1],
        bias(scores, truth),
        float((fitted.participants["flags"] != "").mean()),
    )


class People:
    """Participants, and models like them and unlike them, in conditions (u, v) of images."""

    def __init__(self, images: list[str], human: np.ndarray, rng: np.random.Generator) -> None:
        self.images, self.human = images, human
        self.conditions = [Condition(i, "principal", number) for i in images for number in (1, 2)]
        self.common = np.log(0.01) + rng.normal(0, IMAGE_SD, human.size)
        self.typical = self.log_thresholds(human)
        self.seen: dict[Condition, FiniteResponse] = {}

    def log_thresholds(self, ratios: np.ndarray) -> np.ndarray:
        """Return log thresholds with these log ratios, if all were linear."""
        return np.stack([self.common - ratios / 2, self.common + ratios / 2], axis=1).ravel()

    def ratios(self) -> np.ndarray:
        """Return the log ratios of the thresholds of a typical participant."""
        own = np.log([self.seen[condition].first_crossing(1.0) for condition in self.conditions])
        return own[1::2] - own[::2]

    def responses(
        self, models: dict[str, np.ndarray], finite: bool, rng: np.random.Generator
    ) -> dict[Condition, dict[str, FiniteResponse]]:
        """Return what models see, whose local log ratios are given; what people see is kept.

        D = d α/√(1 + α/α₀), α₀ a quarter to four thresholds of people; infinite if not finite.
        """
        amplitudes = np.geomspace(1e-6, MOST, 57)
        found: dict[Condition, dict[str, FiniteResponse]] = {c: {} for c in self.conditions}
        for name, ratios in {"people": self.human, **models}.items():
            knees = self.typical + rng.uniform(np.log(0.25), np.log(4), self.typical.size)
            own = knees if finite else np.full(knees.size, np.inf)
            local = -self.log_thresholds(ratios)
            # A model that is right sees as people do.
            right = name != "people" and np.array_equal(ratios, self.human)
            for condition, slope, knee in zip(self.conditions, np.exp(local), own, strict=True):
                values = slope * amplitudes / np.sqrt(1 + amplitudes / np.exp(knee))
                seen = FiniteResponse(amplitudes, np.tile(values, (2, 1)))
                found[condition][name] = self.seen[condition] if right else seen
                if name == "people":
                    self.seen[condition] = found[condition].pop(name)
        return found


def sessions(
    case: Case, size: Size, drawn: People, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.Series]:
    """Return trials, and the true log thresholds by condition."""
    conditions = drawn.conditions
    design = EXPERIMENT.model_copy(update={"trials_per_condition": size.trials})
    tables, truths = [], []
    for number in range(size.participants):
        apart = rng.normal(0, PERSON_SD, drawn.typical.size)
        trials = arrange(conditions, design, rng)
        k = dict(zip(conditions, np.exp(-apart).tolist(), strict=True))
        observer = person_of(case, drawn, k, trials, rng)
        name = f"{number:02d}"
        placements = dict.fromkeys(conditions, PLACEMENTS[case.method])
        tables.append(simulate_session(trials, placements, observer, name))
        own = np.log([drawn.seen[c].first_crossing(1 / k[c]) for c in conditions])
        index = pd.MultiIndex.from_tuples([(name, *c) for c in conditions], names=CONDITION)
        truths.append(pd.Series(own, index=index))
    return pd.concat(tables, ignore_index=True), pd.concat(truths)


def person_of(
    case: Case,
    drawn: People,
    efficiencies: dict[Condition, float],
    trials: list[PlannedTrial],
    rng: np.random.Generator,
) -> Answers:
    """Return somebody of these efficiencies who takes part in a case."""
    observer = ModelObserver(
        drawn.seen,
        efficiencies,
        exponent=case.exponent,
        lapse=case.lapse,
        bias=case.bias,
        seed=int(rng.integers(2**32)),
    )
    return Learner(observer, case.learning, len(trials)) if case.learning else observer


def ratio_table(models: dict[str, np.ndarray], images: list[str]) -> pd.DataFrame:
    """Return log ratios of models as a score takes them."""
    return pd.DataFrame(
        {"image": image, "pair": "principal", "kind": "principal", "model": name, "log_ratio": x}
        for name, values in models.items()
        for image, x in zip(images, values, strict=True)
    )


def coverage(
    fitted: Fit,
    scores: Scores,
    truth: pd.Series,
    means: dict[str, float],
    expected: dict[str, float],
) -> tuple[float, float, float, float]:
    """Return the shares of intervals that hold thresholds, own and mean ratios, scores."""
    thresholds = fitted.thresholds.set_index(CONDITION)
    own = scores.human[scores.human["participant"] != EVERYONE]
    everyone = scores.human[scores.human["participant"] == EVERYONE]
    ranking = scores.ranking.set_index("model").loc[list(expected)]
    return (
        inside(thresholds, np.exp(truth[thresholds.index])),
        inside(own, true_ratios(own, truth)),
        inside(everyone, everyone["image"].map(means)),
        inside(ranking, pd.Series(expected)),
    )


def inside(table: pd.DataFrame, truth: pd.Series) -> float:
    values = truth.to_numpy()
    return float(((table["low"].to_numpy() <= values) & (values <= table["high"])).mean())


def true_ratios(own: pd.DataFrame, truth: pd.Series) -> pd.Series:
    keys = [list(zip(own["participant"], own["image"], own["pair"], [n] * len(own), strict=True))
            for n in (1, 2)]  # fmt: skip
    return pd.Series(truth[keys[1]].to_numpy() - truth[keys[0]].to_numpy(), index=own.index)


def bias(scores: Scores, truth: pd.Series) -> float:
    """Return the mean error of participants' log ratios away from 0, in nats."""
    own = scores.human[scores.human["participant"] != EVERYONE]
    right = true_ratios(own, truth)
    return float((np.sign(right) * (own["log_ratio"] - right)).mean())


def planned_power(size: Size, studies: int, jobs: int) -> float:
    """Return how often a plan finds the right model, on images of its own."""
    rng = np.random.default_rng(99)
    images = [f"image-{i:03d}" for i in range(200)]
    human = rng.normal(0, RATIO_SD, len(images))
    models = {
        f"model-{m}": human + rng.normal(0, sd, human.size) for m, sd in enumerate((0.0, *OTHER_SD))
    }
    common = np.log(0.01) + rng.normal(0, IMAGE_SD, human.size)
    typical = np.exp(np.stack([common - human / 2, common + human / 2], axis=1)).ravel().tolist()
    conditions = [Condition(image, "principal", number) for image in images for number in (1, 2)]
    world = World(
        ANALYSIS,
        EXPERIMENT,
        ObserverSpec(model="model-0", spread=PERSON_SD),
        {"model-0": dict(zip(conditions, typical, strict=True))},
        ratio_table(models, images),
        dict.fromkeys(conditions, PLACEMENTS["adaptive"]),
    )
    found = simulate_studies(world, [("model-0", n) for n in range(studies)], [size], jobs)
    return sum(outcome.closest == outcome.truth for outcome in found) / studies


def summary(case: Case, results: list[Result]) -> str:
    """Return a line of the table."""
    table = pd.DataFrame(results)
    mean = table.mean()
    low, high = wilson(table["wrong"].sum(), len(table), 0.95)
    covered = " ".join(f"{mean[name]:>10.3f}" for name in Result._fields[:4])
    return (
        f"{case.name:<20} {covered} {mean['right']:>7.3f} {mean['wrong']:>6.3f} "
        f"({low:.3f}, {high:.3f}) {mean['right_local']:>7.3f} {mean['wrong_local']:>6.3f} "
        f"{mean['bias']:>+7.3f} {mean['flagged']:>8.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200, help="of the first four cases")
    parser.add_argument("--wrong", type=int, default=30, help="of each other case")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    start = time.perf_counter()
    print(f"{SIZE}; intervals of 95 %, nats")
    power = planned_power(SIZE, options.studies // 4, options.jobs)
    print(f"planned: the true model is declared the closest in {power:.3f} of studies")
    print(
        f"{'':<20} {'thresholds':>10} {'own ratio':>10} {'mean ratio':>10} {'scores':>10} "
        f"{'right':>7} {'wrong':>6} {'(95 % int.)':>14} {'local:':>7} {'wrong':>6} "
        f"{'bias':>7} {'flagged':>8}"
    )
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        for number, case in enumerate(CASES):
            count = options.studies if number < 4 else options.wrong
            if results := list(pool.map(partial(study, case, SIZE), range(count))):
                print(summary(case, results), flush=True)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
