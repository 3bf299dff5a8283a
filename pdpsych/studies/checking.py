"""Whether a study is valid, and what it needs next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdpsych.common.errors import InputError, clipped
from pdpsych.common.results import Result
from pdpsych.stimuli.photographs.contact_sheet import thumbnail, write_contact_sheet
from pdpsych.stimuli.photographs.images import folders_described
from pdpsych.studies.next_step import NextStep, from_here
from pdpsych.studies.study_state import StudyState, study_state

_MOST_LINES = 40


@dataclass(frozen=True, eq=False, repr=False)
class Check(Result):
    """What was found in a study.

    Attributes
    ----------
    checked
        What was looked at, in words.
    problems
        What is wrong, each as the error that using it would raise; empty if the study is valid.
    outdated
        What was made before something changed that it depends on.
    steps
        What is to be done next.
    photographs
        What the images of sets that are not made yet are, and what will be done to them.

    Examples
    --------
    >>> import tempfile
    >>> from pdpsych import studies
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recipe = studies.init(folder).with_name("stimuli") / "early-vision.yaml"
    ...     _ = recipe.write_text("{images: [{sample: cat}], models: [LM, LGN]}")
    ...     wrong = studies.check(recipe).problems
    >>> wrong[0].field, wrong[0].value
    ('models', 'LM')
    """

    checked: str
    problems: tuple[InputError, ...]
    outdated: tuple[str, ...]
    steps: tuple[NextStep, ...]
    photographs: tuple[str, ...] = ()

    def _line(self) -> str:
        wrong = len(self.problems)
        verdict = f"{wrong} problem{'s' * (wrong > 1)}" if wrong else "valid"
        return f"{self.checked}: {verdict}"

    def describe(self) -> str:
        """Say what is wrong, what is out of date, and what is next."""
        parts = [
            self._line(),
            *_listed("problems", [clipped(str(problem), 2000) for problem in self.problems]),
            *_listed("photographs", _some(self.photographs)),
            *_listed("out of date", self.outdated),
            *_listed("next", [str(step) for step in self.steps]),
        ]
        return from_here("\n".join(parts))


def check(path: str | Path = ".", *, contact_sheet: str | Path | None = None) -> Check:
    """Check a study, or one file of it with those it names; nothing else is written.

    Every file is read, names are looked up in the files and sets they refer to, sets are compared
    with recipes and images, calibrations with sets and displays, logs with experiments.

    Parameters
    ----------
    path
        Folder of a study, or a file of one.
    contact_sheet
        Where to draw the base images of sets that are not made yet, a PNG.

    Raises
    ------
    InputError
        If ``path`` is neither a study nor a file of one, or there is nothing to draw. What is
        wrong in it is in the result.

    Examples
    --------
    >>> import tempfile
    >>> from pdpsych import studies
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     readme = studies.init(f"{folder}/study")
    ...     found = studies.check(f"{folder}/study")
    >>> found.problems, found.steps[0].why
    ((), 'the set early-vision is not made')
    """
    state = study_state(path)
    study = state.study
    photographs = _Photographs.of(state, contact_sheet is not None)
    what = f"{len(study.files)} files" if len(study.files) > 1 else str(next(iter(study.files)))
    checked = f"{study.root}, {what}" if len(study.files) > 1 else what
    if contact_sheet is not None:
        write_contact_sheet(contact_sheet, photographs.small)
    return Check(
        checked, tuple(study.problems), state.outdated, state.steps, tuple(photographs.told)
    )


@dataclass(frozen=True)
class _Photographs:
    """What was found by decoding the images of sets that are not made yet.

    ``told`` says what folders hold beside photographs, what each photograph is and what will be
    done to it; ``small`` are the base images by their names, small enough to keep all.
    """

    told: list[str]
    small: dict[str, NDArray[np.float32]]

    @classmethod
    def of(cls, state: StudyState, keep: bool) -> _Photographs:
        """Decode them one after the other; what cannot be used is a problem of the study."""
        found = cls([], {})
        for one in state.sets:
            if not one.images:
                continue
            found.told.extend(folders_described(one.recipe))
            for image in one.images:
                with state.study.collecting():
                    pixels, words = image.prepare(one.recipe.preprocess)
                    found.told.append(f"{image.source}: {words}")
                    if keep:
                        found.small[image.name] = thumbnail(pixels)
        return found


def _some(lines: tuple[str, ...]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"and {more} more"] if more > 0 else [])]


def _listed(title: str, texts: Sequence[str]) -> list[str]:
    indented = ["  " + text.replace("\n", "\n  ") for text in texts]
    return [f"\n{title}:", *indented] if texts else []
