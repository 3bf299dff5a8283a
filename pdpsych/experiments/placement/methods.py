"""The methods of placement: ``method`` of an experiment.

Another one is a schema with a ``kind`` and ``begin``, and a
:class:`~pdpsych.experiments.placement.placement.Placement`; it is registered in the union here.
"""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Discriminator, Tag

from pdpsych.common.errors import InputError
from pdpsych.experiments.placement.adaptive import Adaptive
from pdpsych.experiments.placement.constant import Constant
from pdpsych.experiments.placement.models.method import Models
from pdpsych.experiments.placement.posterior import Prior
from pdpsych.experiments.placement.staircase import Staircase

_DEFAULT = "adaptive"
_Any = (
    Annotated[Adaptive, Tag("Adaptive")]
    | Annotated[Staircase, Tag("Staircase")]
    | Annotated[Constant, Tag("Constant")]
    | Annotated[Models, Tag("Models")]
)


def _kind(schema: type[Prior]) -> str:
    """Return the one value that the field ``kind`` of a schema takes."""
    kind: str = get_args(schema.model_fields["kind"].annotation)[0]
    return kind


METHODS: dict[str, type[Prior]] = {
    _kind(schema): schema for schema, _ in map(get_args, get_args(_Any))
}


def _known(value: Any) -> Any:
    if isinstance(value, Prior):
        return value
    if not isinstance(value, dict):
        raise InputError("is no mapping with a kind", value=value, allowed=METHODS)
    kind = value.get("kind", _DEFAULT)
    if not isinstance(kind, str) or kind not in METHODS:
        raise InputError("is no method", field="kind", value=kind, allowed=METHODS)
    return value


def _schema(value: Any) -> str:
    if isinstance(value, Prior):
        return type(value).__name__
    return METHODS[value.get("kind", _DEFAULT)].__name__


Method = Annotated[_Any, Discriminator(_schema), BeforeValidator(_known)]
