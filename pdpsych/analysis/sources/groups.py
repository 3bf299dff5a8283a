"""Groups of people by the roster of their study."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pdpsych.analysis.definition import Analysis
from pdpsych.analysis.names import GROUP
from pdpsych.common.errors import InputError
from pdpsych.experiments.logs.records import Header
from pdpsych.experiments.logs.session_log import SessionLog

if TYPE_CHECKING:
    import pandas as pd


def study_groups(sessions: Iterable[Header]) -> dict[str, str]:
    """Return the groups of a study's roster by participant, of those who have one."""
    known = ((header.participant, header.roster) for header in sessions)
    return {who: roster.group for who, roster in known if roster is not None and roster.group}


def of_groups(logs: list[SessionLog], analysis: Analysis) -> list[SessionLog]:
    """Return the sessions of people of the groups that an analysis names, all where it names none.

    Raises
    ------
    InputError
        If nobody is in one of them.
    """
    if analysis.groups is None:
        return logs
    known = study_groups(log.header for log in logs)
    for group in analysis.groups:
        if group not in known.values():
            raise InputError(
                "a group of which nobody has a log",
                file=analysis.label,
                field="groups",
                value=group,
                allowed=sorted(set(known.values())) or "groups of the study's sessions.yaml",
            )
    return [log for log in logs if known.get(log.header.participant) in analysis.groups]


def with_groups(table: pd.DataFrame, groups: dict[str, str]) -> pd.DataFrame:
    """Return a table of participants with a column of their groups, where there are groups."""
    if not groups:
        return table
    return table.assign(**{GROUP: table["participant"].map(groups).fillna("")})
