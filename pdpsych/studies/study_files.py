"""The files of a study: each is read once, and what is wrong with any of them is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pdpsych.analysis.definition import Analysis
from pdpsych.common.errors import InputError
from pdpsych.common.section import Section, load
from pdpsych.common.terminal import quoted
from pdpsych.displays.display import Display
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.observers.spec import ObserverSpec
from pdpsych.experiments.roster.roster import FILE, Roster
from pdpsych.stimuli.recipe import Recipe
from pdpsych.stimuli.stimulus_set import StimulusSet

S = TypeVar("S", bound=Section)
T = TypeVar("T")

KINDS: dict[str, type[Section]] = {
    "stimuli": Recipe,
    "experiments": Experiment,
    "experiments/displays": Display,
    "experiments/observers": ObserverSpec,
    "analysis": Analysis,
}


class StudyFiles:
    """The YAML files of a study, or one of them, and the sets they name.

    Attributes
    ----------
    root
        Folder of the study.
    files
        What each file has to be.
    problems
        What is wrong, in the order it was found.

    Raises
    ------
    InputError
        If ``path`` is neither a study nor a file of one.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        # A file that is a link is the study's own, wherever it leads.
        given = path.resolve() if path.is_dir() else path.parent.resolve() / path.name
        self.problems: list[InputError] = []
        self._found: dict[Path, Any] = {}
        if given.is_dir():
            self.root, self.files = given, _files_in(given)
            if not self.files.keys() - {given / FILE}:
                raise InputError(
                    "no study here: no YAML file of one",
                    file=path,
                    allowed=f"files in {', '.join(KINDS)}",
                    remedy=f"make a study: pdpsych init {quoted(path)}",
                )
        else:
            self.root, self.files = _file_of_a_study(given)

    def sections(self, schema: type[S]) -> list[S]:
        """Return the files of a kind that can be read."""
        found = [self.section(path, schema) for path, s in self.files.items() if s is schema]
        return [section for section in found if section is not None]

    def section(self, path: Path, schema: type[S], named_by: str = "") -> S | None:
        """Return a file, None where it cannot be read; ``named_by`` says what names it."""
        own = path if path in self.files else path.resolve()
        return self._once(path, lambda: load(own, schema), "" if own in self.files else named_by)

    def stimulus_set(self, path: Path) -> StimulusSet | None:
        """Return a verified stimulus set, None where it is not whole."""
        return self._once(path, lambda: StimulusSet.open(path.resolve()), "")

    def __repr__(self) -> str:
        return f"<StudyFiles: {len(self.files)} in {self.root}, {len(self.problems)} problems>"

    def add_problem(self, problem: InputError) -> None:
        """Keep what is wrong; the same only once."""
        if str(problem) not in map(str, self.problems):
            self.problems.append(problem)

    @contextmanager
    def collecting(self, named_by: str = "") -> Iterator[None]:
        """Keep the error that ends the block instead of raising it."""
        try:
            yield
        except InputError as error:
            self.add_problem(error.within(remedy=named_by and f"name another in {named_by}"))

    def _once(self, path: Path, read: Callable[[], T], named_by: str) -> T | None:
        key = path.resolve()
        if key not in self._found:
            self._found[key] = None
            with self.collecting(named_by):
                self._found[key] = read()
        found: T | None = self._found[key]
        return found


def _files_in(root: Path) -> dict[Path, type[Section]]:
    roster: dict[Path, type[Section]] = {path: Roster for path in sorted(root.glob(FILE))}
    return roster | {
        path: schema
        for folder, schema in KINDS.items()
        for path in sorted((root / folder).glob("*.yaml"))
    }


def _file_of_a_study(path: Path) -> tuple[Path, dict[Path, type[Section]]]:
    if not path.exists():
        raise InputError("no such file or folder", file=path)
    if path.name == FILE and (path.parent / "experiments").is_dir():
        return path.parent, {path: Roster}
    for folder, schema in KINDS.items():
        depth = folder.count("/") + 1
        if path.parts[-1 - depth : -1] == tuple(folder.split("/")):
            return path.parents[depth], {path: schema}
    raise InputError(
        "not a file of a study",
        file=path,
        allowed=f"files in {', '.join(KINDS)}",
        remedy="or give the folder of a study",
    )
