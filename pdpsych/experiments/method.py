"""The methods of placement: ``method`` of an experiment.

Another one is a schema with a ``kind`` and ``begin``, and a
:class:`~pdpsych.experiments.placement.Placement`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag

from pdpsych.errors import did_you_mean
from pdpsych.experiments.adaptive import Adaptive
from pdpsych.experiments.constant import Constant
from pdpsych.experiments.posterior import Prior
from pdpsych.experiments.staircase import Staircase

METHODS: dict[str, type[Prior]] = {
    "adaptive": Adaptive,
    "staircase": Staircase,
    "constant": Constant,
}


def _known(value: Any) -> Any:
    if isinstance(value, Prior):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"a mapping with kind: {', '.join(METHODS)}")
    kind = value.get("kind", "adaptive")
    if kind not in METHODS:
        raise ValueError(f'kind: "{kind}"; {did_you_mean(kind, METHODS)}')
    return value


def _schema(value: Any) -> str:
    if isinstance(value, Prior):
        return type(value).__name__
    return METHODS[value.get("kind", "adaptive")].__name__


Method = Annotated[
    Annotated[Adaptive, Tag("Adaptive")]
    | Annotated[Staircase, Tag("Staircase")]
    | Annotated[Constant, Tag("Constant")],
    Discriminator(_schema),
    BeforeValidator(_known),
]
