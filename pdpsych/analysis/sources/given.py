"""The thresholds of one participant as somebody else estimated them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy

from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.names import CONDITION, Floats
from pdpsych.common.packing import packed, unpacked


@dataclass(frozen=True, eq=False)
class GivenThresholds:
    """Independent normal log thresholds of C conditions.

    Attributes
    ----------
    mean, sd
        Of log τ, (C,), in nats; missing where there is no more than a bound.
    """

    mean: Floats
    sd: Floats

    def draws_by_trials(
        self, number: int, rng: np.random.Generator, people: Floats | None = None
    ) -> Floats:
        """Return samples of log τ, (number, C); missing where there is no more than a bound.

        They are independent of what ``people`` have in common.
        """
        return np.asarray(self.mean + self.sd * rng.standard_normal((number, self.mean.size)))

    def to_plain(self) -> dict[str, Any]:
        """Return the thresholds for JSON, as text."""
        return {"given": {"mean": packed(self.mean), "sd": packed(self.sd)}}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> GivenThresholds:
        """Return the thresholds of :meth:`to_plain`."""
        return cls(**{name: unpacked(value) for name, value in plain["given"].items()})


def given_thresholds(given: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return thresholds measured elsewhere as a fit has them.

    Parameters
    ----------
    given
        participant, image, pair, distortion, log_threshold, sd, bound.
    level
        Probability of the intervals.
    """
    reach = scipy.special.ndtri((1 + level) / 2) * given["sd"]
    exact = given["bound"] == "exact"
    ends = {"low": given["log_threshold"] - reach, "high": given["log_threshold"] + reach}
    for name, bound in (("low", "at least"), ("high", "at most")):
        ends[name] = ends[name].where(given["bound"] != bound, given["log_threshold"])
    return given[CONDITION].assign(
        threshold=np.exp(given["log_threshold"]),
        low=np.exp(ends["low"].where(exact)),
        high=np.exp(ends["high"].where(exact)),
        log_threshold=given["log_threshold"],
        sd=given["sd"],
        bound=given["bound"],
        trials_low=np.exp(ends["low"]),
        trials_high=np.exp(ends["high"]),
        outside_range=False,
    )


def given_posteriors(given: pd.DataFrame) -> dict[str, GivenThresholds]:
    """Return the same by participant; rows are in the order of participants."""
    exact = given["bound"] == "exact"
    values = given.assign(log_threshold=given["log_threshold"].where(exact))
    return {
        str(name): GivenThresholds(
            rows["log_threshold"].to_numpy(float), rows["sd"].to_numpy(float)
        )
        for name, rows in values.groupby("participant", sort=True)
    }


def posterior_of(plain: dict[str, Any]) -> Posterior | GivenThresholds:
    """Return what a fit has of a participant, from JSON."""
    return (GivenThresholds if "given" in plain else Posterior).from_plain(plain)
