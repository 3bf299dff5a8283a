"""What a pair of principal distortions answers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section
from pdpsych.stimuli.log_ratios import log_ratio

_MOST_NAMES = 6


class Question(Section):
    """What a pair of principal distortions answers: where these models, or groups, disagree.

    Attributes
    ----------
    name
        What all pairs that answer it are called.
    models
        Names of the models that the pair was chosen by.
    groups
        Lists of them by name, empty where each counts for itself.
    number
        Of the pair, from 1; each is orthogonal to those before.
    amplitude_rms
        The RMS contrast that the pair was made for; None for the limit of small ones.
    objective
        The variance over ``models`` of log d(u)/d(v), or of the means over ``groups``; with
        ``amplitude_rms`` that of log D(u)/D(v), its mean at half, one and two times that amplitude.
        None where it is not finite.

    Examples
    --------
    >>> from pdpsych.stimuli import Question
    >>> groups = {"no": ("A",), "yes": ("B", "C")}
    >>> asked = Question(name="gain", models=("A", "B", "C"), groups=groups)
    >>> asked.describe()
    'variance of the means of no (A), yes (B, C)'
    >>> asked.answered({"A": (1.0, 1.0), "B": (2.0, 1.0), "C": (0.5, 1.0)}).objective
    0.0
    """

    name: str = Field(min_length=1, max_length=1000)
    models: tuple[str, ...]
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    number: int = Field(1, gt=0)
    amplitude_rms: float | None = Field(None, gt=0)
    objective: float | None = None

    @model_validator(mode="after")
    def _whole(self) -> Question:
        grouped = [model for models in self.groups.values() for model in models]
        if self.groups and (
            sorted(grouped) != sorted(self.models) or not all(self.groups.values())
        ):
            raise InputError("are not of all its models, each once", field="groups")
        return self

    def answered(self, sensitivities: Mapping[str, tuple[float, float]]) -> Question:
        """Return it with its objective for the sensitivities d(u), d(v) of models.

        At an amplitude these say nothing of it, and it stays as it is.
        """
        if self.amplitude_rms is not None:
            return self
        x = {model: log_ratio(*sensitivities[model]) for model in self.models}
        groups = self.groups.values() or [(model,) for model in self.models]
        means = np.array([np.mean([x[model] for model in group]) for group in groups])
        finite = bool(means.size and np.isfinite(means).all())
        return self.model_copy(update={"objective": float(means.var()) if finite else None})

    def describe(self) -> str:
        """Say what the objective is, as in ``variance over LN, LG``."""
        at = "" if self.amplitude_rms is None else f" around RMS {self.amplitude_rms:g}"
        if not self.groups:
            return f"variance over {_listed(self.models)}{at}"
        groups = [f"{name} ({_listed(models)})" for name, models in self.groups.items()]
        return f"variance of the means of {', '.join(groups)}{at}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= _MOST_NAMES else f"{len(names)} models"


def told(objective: float | None) -> str:
    """Return an objective as it is printed."""
    return "infinite" if objective is None else f"{objective:.3g}"
