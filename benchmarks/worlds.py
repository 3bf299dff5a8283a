"""Images, what people see of their distortions, and models that are so far from people.

In all images log ratios of people are N(0, 1.2²), and models are known by what their log ratios are
off, which is drawn for each image by itself. So the score of a model over all images like these,
the mean of |x_model − x_people| over more images than any study has, is known without a study.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pdpsych.experiments.design import Condition
from pdpsych.stimuli.responses.finite_response import FiniteResponse

Floats = np.ndarray
Models = dict[str, Floats]
Responses = dict[Condition, dict[str, FiniteResponse]]

# Of log ratios over images; of log thresholds over images, and of people; nats.
RATIO_SD, IMAGE_SD, PERSON_SD = 1.2, 0.4, 0.15
MEDIAN = 0.01
# Of people's deviations where their tails are heavy: degrees of freedom of t.
TAILS = 3
# How far towards either model people are spread, where they are: 1 is at the model.
TOWARDS_SD = 0.7


class Panel(NamedTuple):
    """Models that are scored together.

    Attributes
    ----------
    name
        For the table.
    draw
        From log ratios of people, (I,), to those of models.
    closest
        The model that may be declared the closest; "" where none may.
    """

    name: str
    draw: Callable[[Floats, np.random.Generator], Models]
    closest: str = ""


def one_right(human: Floats, rng: np.random.Generator) -> Models:
    others = {f"model-{m}": rng.normal(0, sd, human.size) for m, sd in enumerate((1.3, 1.5, 1.7))}
    return {"right": human} | {name: human + off for name, off in others.items()}


def independent(human: Floats, rng: np.random.Generator) -> Models:
    return {name: human + rng.normal(0, 1.3, human.size) for name in ("one", "other")}


def opposite(human: Floats, rng: np.random.Generator) -> Models:
    return {"below": human - 0.4, "above": human + 0.4}


def shapes(human: Floats, rng: np.random.Generator) -> Models:
    signs = rng.choice([-1, 1], (2, human.size))
    half = np.where(rng.random(human.size) < 0.5, 0.8, 0.0)
    return {"all": human + 0.4 * signs[0], "half": human + half * signs[1]}


def near(human: Floats, rng: np.random.Generator) -> Models:
    # The mean of |N(0, s²)| is s √(2/π).
    sds = {"nearer": 0.40 * np.sqrt(np.pi / 2), "further": 0.45 * np.sqrt(np.pi / 2)}
    return {name: human + rng.normal(0, sd, human.size) for name, sd in sds.items()}


ONE_RIGHT = Panel("one right", one_right, "right")
INDEPENDENT = Panel("independent", independent)
OPPOSITE = Panel("opposite", opposite)
SHAPES = Panel("other shape", shapes)
NEAR = Panel("near", near, "nearer")


@dataclass(frozen=True)
class Sight:
    """What people see that may be unlike in other studies.

    Attributes
    ----------
    finite
        Whether what is seen grows as √α from about the thresholds of people up, in people and in
        each model from elsewhere; else it grows as α.
    unseen, beyond
        Share of the images in which the threshold of v is so many times what can be shown.
    most
        Largest amplitude that can be shown, RMS contrast.
    heavy
        Whether a few thresholds of people are far from those of others.
    """

    finite: bool = False
    unseen: float = 0.0
    beyond: float = 1.0
    most: float = 0.5
    heavy: bool = False

    def deviations(self, size: int, rng: np.random.Generator) -> Floats:
        """Return the log thresholds of somebody less those of typical people."""
        drawn = rng.standard_t(TAILS, size) if self.heavy else rng.standard_normal(size)
        return PERSON_SD * drawn


class World:
    """What typical people see of the distortions u and v of I images, C = 2 I conditions.

    Attributes
    ----------
    conditions
        u and v of the first image, then of the next.
    human
        Log ratios of people at amplitude 0, (I,), nats.
    """

    def __init__(self, sight: Sight, images: int, rng: np.random.Generator) -> None:
        names = [f"image-{number:02d}" for number in range(images)]
        self.conditions = [Condition(name, "principal", n) for name in names for n in (1, 2)]
        self._most = sight.most
        self._finite = sight.finite
        ratio = rng.normal(0, RATIO_SD, images)
        self._common = np.log(MEDIAN) + rng.normal(0, IMAGE_SD, images)
        u, v = self._common - ratio / 2, self._common + ratio / 2
        v[: round(sight.unseen * images)] = np.log(sight.beyond * sight.most)
        self.human, self._common = v - u, (u + v) / 2
        self._local = self._split(self.human)
        self._knee = self._knees(rng)

    def _split(self, ratios: Floats) -> Floats:
        """Return log thresholds, (C,), with these log ratios, if what is seen grew as α."""
        halves = ratios[:, None] / 2 * [-1, 1]
        return np.asarray((self._common[:, None] + halves).ravel())

    def _knees(self, rng: np.random.Generator) -> Floats:
        """Return α₀ of D = d α/√(1 + α/α₀): a quarter to four thresholds, or infinite."""
        knees = np.exp(self._local + rng.uniform(np.log(0.25), np.log(4), self._local.size))
        return knees if self._finite else np.full(knees.size, np.inf)

    def strength(self, amplitude: Floats, condition: np.ndarray) -> Floats:
        """Return D of typical people, 1 at their thresholds."""
        slope, knee = np.exp(-self._local[condition]), self._knee[condition]
        return np.asarray(slope * amplitude / np.sqrt(1 + amplitude / knee))

    def log_thresholds(self, deviation: Floats | float = 0.0) -> Floats:
        """Return log α where D is e^deviation, (C,)."""
        # (d/k)² α² = 1 + α/α₀
        square, linear = np.exp(-2 * (self._local + deviation)), 1 / self._knee
        return np.log((linear + np.sqrt(linear**2 + 4 * square)) / (2 * square))

    @property
    def ratios(self) -> Floats:
        """Log ratios of the thresholds of typical people, (I,)."""
        thresholds = self.log_thresholds()
        return np.asarray(thresholds[1::2] - thresholds[::2])

    def towards(self, models: Models, rng: np.random.Generator) -> Floats:
        """Return deviations of somebody between the first model and the last, (C,)."""
        first, *_, last = models.values()
        between = rng.normal(0, TOWARDS_SD) * (last - first) / 2
        return np.repeat(between / 2, 2) * np.tile([-1, 1], between.size)

    def responses(self, models: Models, rng: np.random.Generator) -> Responses:
        """Return what models see; one with the log ratios of people sees as they do."""
        amplitudes = np.geomspace(1e-6, self._most, 49)
        found: Responses = {condition: {} for condition in self.conditions}
        for name, ratios in models.items():
            right = ratios is self.human
            slopes = np.exp(-self._split(ratios))
            knees = self._knee if right else self._knees(rng)
            for condition, slope, knee in zip(self.conditions, slopes, knees, strict=True):
                values = slope * amplitudes / np.sqrt(1 + amplitudes / knee)
                found[condition][name] = FiniteResponse(amplitudes, np.tile(values, (2, 1)))
        return found


def expected_scores(sight: Sight, panel: Panel, images: int = 20_000) -> dict[str, float]:
    """Return each model's mean |x_model − x_people| over images like these, x_model local."""
    rng = np.random.default_rng(0)
    world = World(sight, images, rng)
    models = panel.draw(world.human, rng)
    return {name: float(np.abs(x - world.ratios).mean()) for name, x in models.items()}
