"""What one participant's trials tell: thresholds, and what they share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.fitting import places
from pdpsych.analysis.fitting.hierarchy import Mode
from pdpsych.analysis.fitting.likelihood import log_likelihood
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.population import given_people
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import Floats
from pdpsych.analysis.tasks.links import LINKS, TWO
from pdpsych.common.packing import packed, unpacked
from pdpsych.common.results import Result

# Elements of one temporary array: small enough to stay in the processor's cache.
_BLOCK = 1 << 14
# How wide, in σ, a threshold is at most known by its trials alone, where these bound it at all.
_WIDEST = 2.0
_LEAST_VARIANCE = 1e-12
# Parts of the trials that are no arrays, and those that are −1, 0 or 1.
_APART = ("power", "together", "link")
_SIGNS = ("sign", "position", "previous")


@dataclass(frozen=True, eq=False)
class Conditionals:
    """Log thresholds given each of some values of what they share; then conditions are independent.

    Attributes
    ----------
    observations
        The trials.
    places
        Values of log τ at which densities are known, (C, K).
    nodes
        Values of φ, (S, F), see :class:`pdpsych.analysis.fitting.shared.Shared`.
    """

    observations: Observations
    places: Floats
    nodes: Shared

    @classmethod
    def joined(cls, parts: Sequence[Conditionals]) -> Conditionals:
        """Return the same at the nodes of all parts, with what these know of it."""
        nodes = Shared(np.concatenate([part.nodes.values for part in parts]))
        whole = cls(parts[0].observations, parts[0].places, nodes)
        known = [part.log_likelihoods for part in parts]
        vars(whole)["log_likelihoods"] = np.concatenate(known)
        return whole

    @cached_property
    def log_likelihoods(self) -> Floats:
        """Log likelihood of each condition at each value of φ and of log τ, (S, C, K)."""
        found = np.empty((len(self.nodes), *self.places.shape))
        for some in self._together(self.observations.sign.size):
            found[some] = log_likelihood(self.observations, self.places, self.nodes[some])
        return found

    @cached_property
    def widths(self) -> Floats:
        """Weights of the places in integrals over log τ, (C, K)."""
        return places.weights(self.places)

    @cached_property
    def log_evidence(self) -> Floats:
        """Log likelihood of each condition at each value of φ, log τ integrated out, (S, C)."""
        found = np.empty(self.log_likelihoods.shape[:2])
        for some in self._together(len(self.places)):
            joint = self._joint(some)
            top = joint.max(axis=-1)
            mass = np.sum(self.widths * np.exp(joint - top[..., None]), axis=-1)
            found[some] = np.log(mass) + top
        return found

    def densities(self) -> Iterator[Floats]:
        """Yield the density of log τ at its places given each value of φ, (C, K)."""
        for some in self._together(len(self.places)):
            joint = self._joint(some)
            density = np.exp(joint - joint.max(axis=-1, keepdims=True))
            yield from density / np.sum(self.widths * density, axis=-1, keepdims=True)

    def _joint(self, some: slice) -> Floats:
        """Return the log likelihood at some values of φ with the log prior density of log τ."""
        before = self.nodes[some].log_prior_of(self.places, self.observations.group)
        return np.asarray(self.log_likelihoods[some] + before)

    def _together(self, rows: int) -> Iterator[slice]:
        """Yield slices of the nodes for arrays of so many rows: few enough for the cache."""
        size = max(_BLOCK // (rows * self.places.shape[1]), 1)
        for start in range(0, len(self.nodes), size):
            yield slice(start, start + size)


@dataclass(frozen=True, eq=False, repr=False)
class Posterior(Result):
    """The posterior of one participant, a mixture over values of what conditions share.

    Attributes
    ----------
    given
        Log thresholds given each value of φ.
    weight
        Probabilities of these values, (S,).
    mode
        The most probable φ, around which they are.
    """

    given: Conditionals
    weight: Floats
    mode: Mode

    def describe(self) -> str:
        """Say how well thresholds are known, and what they share."""
        found = "" if self.mode.converged else ", whose maximum was not found"
        return (
            f"{self.mean.size} thresholds with sds of log τ of {self.sd.min():.2f} to "
            f"{self.sd.max():.2f}; exponent {self.shared.exponent:.2f}, lapse "
            f"{self.shared.lapse:.3f}, learning {self.shared.learning:+.2f}, spread "
            f"{self.shared.spread:.2f}{found}"
        )

    def _line(self) -> str:
        return f"{len(self.places)} thresholds, exponent {self.shared.exponent:.2f}"

    @property
    def observations(self) -> Observations:
        """The trials."""
        return self.given.observations

    @property
    def places(self) -> Floats:
        """Values of log τ at which densities are known, (C, K)."""
        return self.given.places

    @property
    def nodes(self) -> Shared:
        """Values of what conditions share, (S, F)."""
        return self.given.nodes

    @cached_property
    def shared(self) -> Shared:
        """Mean of φ."""
        return Shared(self.weight @ self.nodes.values)

    def moments(self, values: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of some function of φ, given at the nodes (S, …)."""
        mean = np.tensordot(self.weight, values, 1)
        return mean, np.sqrt(np.tensordot(self.weight, (values - mean) ** 2, 1))

    @cached_property
    def density(self) -> Floats:
        """Posterior density of log τ at its places, (C, K)."""
        each = zip(self.weight, self.given.densities(), strict=True)
        return np.asarray(sum(weight * density for weight, density in each))

    @cached_property
    def log_likelihood(self) -> Floats:
        """Log likelihood of log τ at its places, φ integrated out, (C, K).

        That of the trials of its condition, where φ is as the trials of all others say.
        """
        found = np.full(self.places.shape, -np.inf)
        counts = np.flatnonzero(self.weight)
        own = self.observations.together * self.given.log_evidence[counts]
        rest = np.log(self.weight[counts])[:, None] - own
        for node, off in zip(counts, rest, strict=True):
            np.logaddexp(found, self.given.log_likelihoods[node] + off[:, None], out=found)
        return found

    @cached_property
    def mean(self) -> Floats:
        """Mean of log τ, (C,)."""
        return np.sum(self.given.widths * self.density * self.places, axis=1)

    @cached_property
    def sd(self) -> Floats:
        """Standard deviation of log τ, (C,)."""
        squared = (self.places - self.mean[:, None]) ** 2
        return np.sqrt(np.sum(self.given.widths * self.density * squared, axis=1))

    def quantile(self, share: float) -> Floats:
        """Return the value that log τ is below with this probability, (C,)."""
        shares = np.full((1, len(self.places)), share)
        return np.asarray(places.quantiles(self.places, self.density, shares)[0])

    def draws(
        self, number: int, rng: np.random.Generator, people: Floats | None = None
    ) -> tuple[Floats, Shared]:
        """Return samples of log τ, (number, C), and of φ.

        Parameters
        ----------
        number
            How many.
        rng
            What they are drawn with.
        people
            Of what all people have in common, (number, G), see
            :func:`pdpsych.analysis.fitting.population.given_people`; by default this participant's
            samples are independent of those of others.
        """
        log_threshold, chosen = self._draw(number, rng, people)
        return log_threshold, self.nodes[chosen]

    def draws_by_trials(
        self, number: int, rng: np.random.Generator, people: Floats | None = None
    ) -> Floats:
        """Return samples of log τ by the trials alone, the prior taken off, (number, C).

        The prior draws each condition towards the mean of its group, in the same direction in
        every participant: a mean over participants would keep that error and lose the noise that
        justifies it. Given φ it is taken off by moments, as if the likelihood were normal: of
        precision 1/sd² − 1/σ², but no less than that of ``_WIDEST`` σ; the shape of the posterior,
        and with it its skewness, is kept. The likelihood itself may have a tail that never ends.
        """
        return self._draw(number, rng, people, prior=False)[0]

    def _without_prior(self, drawn: Floats, density: Floats, node: int) -> Floats:
        """Take the prior off samples of log τ, (n, C), of its density at a node."""
        weight = self.given.widths * density
        mean = np.sum(weight * self.places, axis=1)
        variance = np.sum(weight * (self.places - mean[:, None]) ** 2, axis=1)
        prior = self.nodes.spread[node] ** -2
        own = 1 / np.maximum(variance, _LEAST_VARIANCE) - prior
        precision = np.maximum(own, prior / _WIDEST**2)
        gain = 1 / (variance * precision)
        centre = self.nodes.means[node, self.observations.group]
        return np.asarray(
            centre + gain * (mean - centre) + (drawn - mean) * (precision * variance) ** -0.5
        )

    def _draw(
        self,
        number: int,
        rng: np.random.Generator,
        people: Floats | None,
        *,
        prior: bool = True,
    ) -> tuple[Floats, NDArray[np.intp]]:
        """Return samples of log τ, with its prior or without, and the numbers of their nodes."""
        chosen = self._chosen(number, rng, people)
        drawn = rng.random((number, len(self.places)))
        for node, density in enumerate(self.given.densities()):
            mine = chosen == node
            if mine.any():
                some = places.quantiles(self.places, density, drawn[mine])
                drawn[mine] = some if prior else self._without_prior(some, density, node)
        return drawn, chosen

    def _chosen(
        self, number: int, rng: np.random.Generator, people: Floats | None
    ) -> NDArray[np.intp]:
        """Return the numbers of nodes drawn by their probability."""
        if people is None:
            return rng.choice(self.weight.size, number, p=self.weight)
        probability = given_people(
            self.nodes.log_exponents, self.weight, self.mode.prior.exponents, people
        )
        below = np.cumsum(probability, axis=1) < rng.random(number)[:, None]
        return np.minimum(below.sum(axis=1), self.weight.size - 1)

    def to_plain(self) -> dict[str, Any]:
        """Return the posterior for JSON, its arrays as text."""
        names = [field.name for field in fields(Observations) if field.name not in _APART]
        trials = {name: getattr(self.observations, name) for name in names}
        trials |= {name: trials[name].astype(np.int8) for name in _SIGNS}
        return {
            "trials": {name: packed(array) for name, array in trials.items()},
            "power": self.observations.power,
            "together": self.observations.together,
            "task": self.observations.link.name,
            "places": packed(self.places),
            "nodes": packed(self.nodes.values),
            "weight": packed(self.weight),
            "mode": self.mode.to_plain(),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Posterior:
        """Return the posterior of :meth:`to_plain`."""
        trials = {name: unpacked(value) for name, value in plain["trials"].items()}
        trials |= {name: trials[name].astype(np.float64) for name in _SIGNS}
        given = Conditionals(
            Observations(
                **trials,
                power=plain["power"],
                together=plain["together"],
                link=LINKS[plain.get("task", TWO.name)],
            ),
            unpacked(plain["places"]),
            Shared(unpacked(plain["nodes"])),
        )
        return cls(given, unpacked(plain["weight"]), Mode.from_plain(plain["mode"]))
