"""Responses at which noise is not defined."""

from __future__ import annotations

from torch import Tensor

from pdpsych.common.errors import InputError


def refuse_negative(response: Tensor, what: str, hint: str) -> None:
    """Refuse responses below 0, and what is no number.

    Raises
    ------
    InputError
        Saying ``what`` is, and as a remedy ``hint``.
    """
    smallest = float(response.detach().min())
    if not smallest >= 0:
        raise InputError(
            f"{what} is negative, or not a number",
            field="response",
            value=smallest,
            allowed="at least 0",
            remedy=hint,
        )
