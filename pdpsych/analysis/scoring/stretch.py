"""What few observations leave open of a variance: draws as wide as Student's t."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdpsych.analysis.fitting.likelihood import Floats

_GRID = np.linspace(np.log(0.05), np.log(200.0), 2001)


@dataclass(frozen=True)
class Stretch:
    """How much larger than its estimate a standard deviation may be.

    Attributes
    ----------
    freedom
        Degrees of freedom of the estimate; 0 if the standard deviation is known.
    prior
        Scale of a half-normal prior of the standard deviation, in units of its estimate; without
        one, normal draws times these factors are those of Student's t.
    """

    freedom: int
    prior: float = np.inf

    def draw(self, number: int, rng: np.random.Generator) -> Floats:
        """Return factors, (number,)."""
        if not self.freedom:
            return np.ones(number)
        if np.isinf(self.prior):
            return np.asarray(np.sqrt(self.freedom / rng.chisquare(self.freedom, number)))
        factor = np.exp(_GRID)
        log_density = -self.freedom * (_GRID + factor**-2 / 2) - (factor / self.prior) ** 2 / 2
        cumulated = np.cumsum(np.exp(log_density - log_density.max()))
        places = np.interp(rng.random(number) * cumulated[-1], cumulated, _GRID)
        return np.asarray(np.exp(places))
