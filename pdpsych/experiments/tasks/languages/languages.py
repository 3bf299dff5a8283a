"""Default texts of sessions in several languages."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from pdpsych.common.files.parsing import parse_yaml
from pdpsych.experiments.tasks.task import Task

# German, English, Chinese (simplified), Arabic, Hebrew.
LANGUAGES = ("en", "de", "zh", "ar", "he")
_TASKS = "tasks"


def default_texts(language: str, task: Task, reference: bool) -> dict[str, str | None]:
    """Return the default of each text of a session.

    ``welcome`` is None where the language has no words for the task.
    """
    words = _words(language)
    texts: dict[str, str | None] = dict(words["texts"])
    kind = type(task).__name__
    if language == "en":
        explained, positions = task.explain(reference), task.positions
    elif kind in words[_TASKS]:
        of_task = words[_TASKS][kind]
        explained = of_task["reference" if reference else "plain"]
        positions = tuple(of_task["positions"])
    else:
        return {**texts, "welcome": None}
    return {"welcome": explained + words["how"] % positions, **texts}


@lru_cache(maxsize=len(LANGUAGES))
def _words(language: str) -> Any:
    file = files("pdpsych.experiments.tasks.languages").joinpath(f"{language}.yaml")
    return parse_yaml(file.read_text(encoding="utf-8"), file.name)
