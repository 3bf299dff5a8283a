"""Whether every number of a study's results follows from its logs and sets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdpsych.analysis.definition import Analysis
from pdpsych.analysis.words import counted
from pdpsych.analysis.written import FILE as RECORD
from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import DOCUMENT, read_text
from pdpsych.common.results import Result
from pdpsych.common.terminal import progress_bar
from pdpsych.studies.analysis_state import AnalysisState
from pdpsych.studies.comparing import ABSOLUTE, RELATIVE, Difference, compare
from pdpsych.studies.study_state import study_state

if TYPE_CHECKING:
    from pdpsych.analysis.fitting.fit import Fit

_MOST_LINES = 12
# Of the results folder: not computed from logs and sets alone, or pictures of what is compared.
_NOT_COMPARED = (
    "planned.json", "plan.csv", "plan.json", "plan_studies.csv", "plan_studies.json",
    "plan.png", "plan.pdf", RECORD,
)  # fmt: skip


@dataclass(frozen=True)
class VerifiedAnalysis:
    """What computing an analysis again has shown.

    Attributes
    ----------
    name
        Of the analysis.
    files, numbers
        How many of its results were compared.
    breaks
        Where the chain breaks, in words; empty where all is proved.
    notes
        What is to be said besides.
    """

    name: str
    files: int
    numbers: int
    breaks: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        """Whether all numbers follow from logs and sets."""
        return not self.breaks and self.files > 0

    def lines(self) -> list[str]:
        """Say what was found."""
        if self.proved:
            head = (
                f"{self.name}: proved; {self.numbers} numbers in {counted(self.files, 'file')} "
                "are those computed again"
            )
        elif not self.breaks:
            head = f"{self.name}: no results to prove"
        else:
            head = f"{self.name}: not proved"
        more = len(self.breaks) - _MOST_LINES
        told = [*self.breaks[:_MOST_LINES], *([f"and {more} more"] if more > 0 else [])]
        return [head, *(f"  {line}" for line in (*told, *self.notes))]


@dataclass(frozen=True, eq=False, repr=False)
class Verification(Result):
    """What :func:`verify` found.

    Attributes
    ----------
    problems
        What is wrong with the files of the study, as :func:`pdpsych.studies.check` says it.
    analyses
        What was found of each analysis.

    Examples
    --------
    See :func:`verify`.

    >>> from pdpsych import studies
    >>> studies.Verification((), ())
    <Verification: nothing to prove>
    """

    problems: tuple[str, ...]
    analyses: tuple[VerifiedAnalysis, ...]

    @property
    def proved(self) -> bool:
        """Whether every number of every analysis follows from logs and sets."""
        done = [one for one in self.analyses if one.files or one.breaks]
        return not self.problems and bool(done) and all(one.proved for one in done)

    def _line(self) -> str:
        if not self.problems and not any(one.files or one.breaks for one in self.analyses):
            return "nothing to prove"
        return "proved" if self.proved else "not proved"

    def describe(self) -> str:
        """Say of each analysis whether it is proved, or where the chain breaks."""
        lines = [line for one in self.analyses for line in one.lines()]
        if self.problems:
            lines += ["problems:", *(f"  {problem}" for problem in self.problems)]
        lines.append(
            f"{self._line()}: tables within {RELATIVE:g} of a number or {ABSOLUTE:g}, report and "
            "methods to the last character; pictures are not compared"
        )
        return "\n".join(lines)


def verify(path: str | Path = ".", *, progress: bool = False) -> Verification:
    """Compute fits, scores and reports of a study again, and compare every number with them.

    Sets are known by the SHA-256 of all their files, logs by their chain of hashes and by the set
    that they name; results by being computed again from these. Nothing is written.

    Parameters
    ----------
    path
        Folder of a study, or the file of an analysis.
    progress
        Whether to show a progress bar over analyses.

    Raises
    ------
    InputError
        If ``path`` is neither a study nor a file of one.

    Examples
    --------
    >>> from pdpsych import analysis, studies
    >>> _ = analysis.score("study")
    >>> found = studies.verify("study")
    >>> found.proved, found.analyses[0].name
    (True, 'main')
    """
    state = study_state(path)
    found = []
    with progress_bar(len(state.analyses), "analysis", progress) as bar:
        for one in state.analyses:
            found.append(_verified(one, state.study.root, progress))
            bar.update()
    problems = tuple(str(problem) for problem in state.study.problems)
    return Verification(problems, tuple(found))


def _verified(state: AnalysisState, root: Path, progress: bool) -> VerifiedAnalysis:
    """Compute an analysis again and compare."""
    analysis, name = state.analysis, state.analysis.stem
    if not (analysis.results / "fit.json").exists():
        left = sorted(p.name for p in analysis.results.glob("*.*") if p.name not in _NOT_COMPARED)
        broken = (f"fit.json is missing beside {', '.join(left)}",) if left else ()
        return VerifiedAnalysis(name, 0, 0, broken)
    if state.trials is None:
        return VerifiedAnalysis(name, 0, 0, ("results, but no data that can be read",))
    if state.former:
        return VerifiedAnalysis(name, 0, 0, state.outdated, ("nothing was computed again",))
    try:
        with tempfile.TemporaryDirectory() as folder:
            computed = Path(folder)
            notes = compute(analysis, computed, progress)
            found = compared(analysis, computed, root, notes)
    except InputError as error:
        return VerifiedAnalysis(name, 0, 0, (f"cannot be computed again: {error}",))
    # Digits within rounding, pictures.
    edits = [
        f"{file}: {why}"
        for file, why in state.edited.items()
        if not any(broken.startswith(f"{file}: ") for broken in found.breaks)
    ]
    return replace(found, breaks=(*found.breaks, *edits))


def compute(analysis: Analysis, folder: Path, progress: bool) -> tuple[str, ...]:
    """Write into a folder what the results folder should hold; return what is to be said of it."""
    from pdpsych.analysis.fitting.fit import fit
    from pdpsych.analysis.scoring.scores import SCHEMA

    fitted = fit(analysis, write=False, progress=progress)
    fitted.put_into(folder)
    recorded = analysis.results / "score.json"
    if not recorded.exists():
        return ("not scored yet",)
    return _score(analysis, fitted, SCHEMA.read(recorded), folder)


def _score(
    analysis: Analysis, fitted: Fit, recorded: dict[str, Any], folder: Path
) -> tuple[str, ...]:
    from pdpsych.analysis.reporting.markup import Gallery
    from pdpsych.analysis.reporting.methods import MARKDOWN
    from pdpsych.analysis.reporting.report import report_texts
    from pdpsych.analysis.scoring.added_models import kept_models
    from pdpsych.analysis.scoring.score import score

    models = recorded.get("source", {}).get("models", {})
    opened = analysis.open_set()
    names = [name for name in models if opened is not None and name not in opened.models]
    added, notes = None, []
    if names and opened is not None:
        added = kept_models(analysis, opened, names)
        notes.append(f"as they were kept, not computed again: {', '.join(names)}")
    scored = score(analysis, fit=fitted, added=added or (), write=False)
    scored.put_into(folder)
    if (analysis.results / "report.html").exists() or (analysis.results / MARKDOWN).exists():
        page, methods = report_texts(analysis, fitted, scored, Gallery(None))
        (folder / "report.html").write_text(page, encoding="utf-8", newline="\n")
        (folder / MARKDOWN).write_text(methods, encoding="utf-8", newline="\n")
    return tuple(notes)


def compared(
    analysis: Analysis,
    computed: Path,
    root: Path,
    notes: tuple[str, ...] = (),
) -> VerifiedAnalysis:
    """Compare the results of an analysis with those in another folder, computed again.

    Parameters
    ----------
    root
        Folder of the study.
    notes
        What is to be said besides.
    """
    breaks: list[str] = []
    files = numbers = 0
    rooted = _without_place(analysis, root)
    made = [file for file in sorted(computed.iterdir()) if file.name != RECORD]
    for file in made:
        own = analysis.results / file.name
        if not own.is_file():
            breaks.append(f"{file.name}: is missing")
            continue
        try:
            found = compare(file.name, read_text(own, DOCUMENT), read_text(file, DOCUMENT), rooted)
        except ValueError as error:
            breaks.append(f"{file.name}: cannot be read: {error}")
            continue
        files, numbers = files + 1, numbers + found.numbers
        breaks += _told(found.differences)
    known = {file.name for file in made}
    strange = sorted(
        path.name
        for path in analysis.results.glob("*.*")
        if path.is_file() and path.name not in known and path.name not in _NOT_COMPARED
        and not path.name.startswith(".")
    )  # fmt: skip
    breaks += [f"{name}: is not computed from logs and sets; delete or move it" for name in strange]
    return VerifiedAnalysis(analysis.stem, files, numbers, tuple(breaks), notes)


def _told(differences: tuple[Difference, ...]) -> list[str]:
    """Return the first differences of a file in words, and how many there are."""
    told = [str(difference) for difference in differences[:3]]
    more = len(differences) - len(told)
    return [*told, *([f"{differences[0].file}: and {more} more"] if more > 0 else [])]


def _without_place(analysis: Analysis, root: Path) -> Callable[[str], str]:
    """Return a function that takes out of a text where the study lies, and lay."""
    places = {str(root)}
    from pdpsych.analysis.scoring.scores import SCHEMA

    try:
        recorded = str(SCHEMA.read(analysis.results / "score.json")["source"]["set"]["path"])
        opened = analysis.open_set()
        shown = str(opened.path) if opened else str(analysis.resolve(analysis.ratios or ""))
        inside = shown.removeprefix(str(root))
        if recorded.endswith(inside):
            places.add(recorded.removesuffix(inside))
    except (InputError, LookupError, TypeError):
        pass

    def rooted(text: str) -> str:
        for place in sorted(filter(None, places), key=len, reverse=True):
            text = text.replace(place, "")
        return text

    return rooted
