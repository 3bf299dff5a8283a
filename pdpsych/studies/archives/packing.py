"""A whole study as one archive, for OSF, Zenodo and everybody else."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pdpsych.analysis.definition import Analysis
from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import replacing
from pdpsych.common.files.reading import open_regular
from pdpsych.common.terminal import progress_bar
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.roster.roster import ANSWERS, FILE
from pdpsych.studies.archives.names import KEPT, PASSED_OVER, SUMS, alike, unsafe
from pdpsych.studies.study_files import StudyFiles
from pdpsych.studies.study_state import study_state

# What others need to use and cite a study; any of the names does.
_ASKED = {
    "a README": ("README.md", "README.txt", "README"),
    "a licence": ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENCE.md", "LICENCE.txt"),
    "a citation file": ("CITATION.cff",),
}
_REMEDIES = {
    "a README": "say in README.md what the study is, and what was found",
    "a licence": "choose one at https://choosealicense.com, for data CC-BY-4.0 or CC0-1.0",
    "a citation file": "make one at https://citation-file-format.github.io",
}
# Compressed already.
_STORED = {".npz", ".png", ".jpg", ".jpeg", ".pdf", ".zip", ".gz", ".webp", ".heic", ".avif"}
_BLOCK = 1 << 20
# The same study gives the same archive.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(
    study: str | Path,
    out: str | Path | None = None,
    *,
    incomplete: bool = False,
    progress: bool = False,
) -> Path:
    """Write a study as one zip archive, with the SHA-256 of each file, and return its path.

    All files of the folder are in it but those whose names begin with a dot (``.gitattributes`` and
    ``.gitignore`` are), caches of Python, what systems keep for themselves, and what people
    answered to the questions of a roster, of which exports have what may leave. Links are followed.
    The same files give the same archive, byte for byte.

    Parameters
    ----------
    study
        Folder of a study.
    out
        The archive; by default NAME.zip beside the study. It is not to be there.
    incomplete
        Whether the study may have problems, lack a README, a licence or a citation file, or use
        files that lie outside it.
    progress
        Whether to show a progress bar over bytes.

    Raises
    ------
    InputError
        If something is missing, ``out`` is there, or a file has a name that not every system can
        hold.

    Examples
    --------
    >>> import tempfile
    >>> from pdpsych import studies
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     readme = studies.init(f"{folder}/study")
    ...     made = studies.pack(f"{folder}/study", incomplete=True)
    ...     again = studies.unpack(made, f"{folder}/elsewhere")
    ...     sorted(path.name for path in again.glob("[!.]*"))
    ['README.md', 'analysis', 'experiments', 'sha256sums.txt', 'stimuli']
    """
    root = Path(study).resolve()
    if not root.is_dir():
        raise InputError("no such folder", file=study)
    archive = root.with_name(f"{root.name}.zip") if out is None else Path(out)
    if archive.exists():
        raise InputError("is there already", file=archive, remedy="move it away, or give --out")
    if not incomplete:
        _check_asked(root)
        _check_whole(root)
    files = _files(root)
    _check_names(root, [name for name, _ in files])
    with (
        replacing(archive) as part,
        zipfile.ZipFile(part, "x", allowZip64=True) as opened,
        progress_bar(sum(p.stat().st_size for _, p in files), "B", progress) as bar,
    ):
        sums = []
        for name, path in files:
            digest = hashlib.sha256()
            info = _entry(f"{root.name}/{name}", path.suffix)
            with open_regular(path) as source, opened.open(info, "w", force_zip64=True) as target:
                while block := source.read(_BLOCK):
                    digest.update(block)
                    target.write(block)
                    bar.update(len(block))
            sums.append(f"{digest.hexdigest()}  {name}\n")
        opened.writestr(_entry(f"{root.name}/{SUMS}", ".txt"), "".join(sums))
    return archive


def _entry(name: str, suffix: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    stored = suffix.lower() in _STORED
    info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    # An ordinary file that everybody may read, on every system.
    info.create_system, info.external_attr = 3, 0o100644 << 16
    return info


def _check_asked(root: Path) -> None:
    missing = [
        InputError(
            f"lacks {what}",
            file=root,
            allowed=names[0],
            remedy=f"{_REMEDIES[what]}, or give --incomplete",
        )
        for what, names in _ASKED.items()
        if not any((root / name).is_file() for name in names)
    ]
    if missing:
        raise InputError.of(missing)


def _check_whole(root: Path) -> None:
    """Refuse a study with problems, or one that uses what would not be in the archive."""
    state = study_state(root)
    if state.study.problems:
        raise InputError.of(state.study.problems)
    for file, field, path in _named(state.study):
        if root not in Path(os.path.normpath(path)).parents:
            raise InputError(
                "lies outside the study, and would not be in the archive",
                file=file,
                field=field,
                value=str(path),
                remedy="copy it into the study, or give --incomplete",
            )


def _named(study: StudyFiles) -> Iterator[tuple[str, str, Path]]:
    """Yield file, field and path of what results of a study are made from."""
    for experiment in study.sections(Experiment):
        yield experiment.label, "stimulus_set", experiment.resolve(experiment.stimulus_set)
        if isinstance(experiment.display, Path):
            yield experiment.label, "display", experiment.resolve(experiment.display)
    for analysis in study.sections(Analysis):
        for path in analysis.experiments:
            yield analysis.label, "experiment", path
        for field in ("trials", "thresholds", "set", "ratios"):
            named = getattr(analysis, field)
            if named is not None:
                yield analysis.label, field, analysis.resolve(named)


def _files(root: Path) -> list[tuple[str, Path]]:
    """Return the files of a study by their names in it, in the order of these."""
    found, been = [], {os.path.realpath(root)}
    for folder, folders, files in os.walk(root, followlinks=True):
        own = [name for name in folders if not _passed_over(name)]
        # A folder that a link leads back to would never end.
        folders[:] = []
        for name in sorted(own):
            real = os.path.realpath(os.path.join(folder, name))
            if real not in been:
                been.add(real)
                folders.append(name)
        for name in files:
            path = Path(folder, name)
            if not _passed_over(name):
                found.append((path.relative_to(root).as_posix(), path))
    left_out = {SUMS, ANSWERS} if (root / FILE).is_file() else {SUMS}
    return sorted((name, path) for name, path in found if name not in left_out)


def _passed_over(name: str) -> bool:
    return (name.startswith(".") and name not in KEPT) or name in PASSED_OVER


def _check_names(root: Path, names: list[str]) -> None:
    for name in names:
        if reason := unsafe(name):
            raise InputError(reason, file=root, value=name, remedy="rename it")
    twins = alike(names)
    if twins:
        raise InputError(
            f"is one name with {twins[0]} where case makes no difference",
            file=root,
            value=twins[1],
            remedy="rename one",
        )
