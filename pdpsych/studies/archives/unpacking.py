"""An archive of a study, checked before anything of it is where a study is."""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import new_folder
from pdpsych.common.files.reading import DOCUMENT, open_regular
from pdpsych.common.terminal import progress_bar
from pdpsych.studies.archives.names import SUMS, alike, unsafe

_BLOCK = 1 << 20
# Numbers and text shrink to a tenth or so; what shrinks to less than this is made to fill a disk.
_MOST_RATIO = 200
# Up to so many bytes it does not matter how much they were.
_SMALL = 1 << 24
_MOST_FILES = 1_000_000
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_AGAIN = "fetch the archive again"


def unpack(archive: str | Path, out: str | Path | None = None, *, progress: bool = False) -> Path:
    """Unpack a study that :func:`pack` wrote, verify every file, and return its folder.

    Nothing is at ``out`` unless every file is there with the SHA-256 that the archive says.

    Parameters
    ----------
    archive
        The archive.
    out
        Folder to make; by default that of the archive's study, beside the archive.
    progress
        Whether to show a progress bar over bytes.

    Raises
    ------
    InputError
        If it is no such archive or damaged; if a name in it leads out of the folder, is a link, or
        is no name on some system; if files are missing, changed or undeclared; if it would unpack
        to far more than it is; or if ``out`` is there.

    Examples
    --------
    See :func:`pdpsych.studies.pack`.

    >>> from pdpsych import studies
    >>> studies.unpack("nowhere.zip")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    pdpsych.common.files.reading.MissingFile: nowhere.zip: no such file; give ...
    """
    path = Path(archive)
    with open_regular(path, known_as="an archive of a study, NAME.zip") as file, _told(path):
        opened = zipfile.ZipFile(file)
        top, entries = _checked(path, opened.infolist(), path.stat().st_size)
        sums = _sums(path, opened, entries)
        target = path.parent / top if out is None else Path(out)
        with new_folder(target) as folder:
            total = sum(entries[name].file_size for name in sums)
            _check_space(folder, total)
            with progress_bar(total, "B", progress) as bar:
                for name, expected in sums.items():
                    place = folder / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(entries[name]) as source, place.open("xb") as made:
                        found = _copied(source, made, entries[name].file_size, path, name)
                    bar.update(entries[name].file_size)
                    if found != expected:
                        raise InputError(
                            f"is not as it was packed: its SHA-256 is {found[:12]}…, {SUMS} has "
                            f"{expected[:12]}…",
                            file=path,
                            value=name,
                            remedy=_AGAIN,
                        )
            lines = (f"{digest}  {name}\n" for name, digest in sums.items())
            (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")
    return target


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of a file that is no whole archive that it is none."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"is no whole archive of a study: {error}", file=path, remedy=_AGAIN
        ) from None


def _checked(
    path: Path, infos: list[zipfile.ZipInfo], size: int
) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """Return the archive's only folder, and its entries by their names in that folder."""
    files = [info for info in infos if not info.is_dir()]
    for info in infos:
        mode = info.external_attr >> 16
        reason = unsafe(info.filename.removesuffix("/") if info.is_dir() else info.filename)
        if not reason and mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            # Of other systems there may be permissions alone.
            reason = "is a link or a device" if stat.S_IFMT(mode) else ""
        if not reason and info.flag_bits & 1:
            reason = "is encrypted"
        if reason:
            raise InputError(reason, file=path, value=info.filename, remedy="do not trust it")
    twins = alike(info.filename for info in files)
    if twins:
        raise InputError("is there twice", file=path, value=twins[1], remedy="do not trust it")
    total = sum(info.file_size for info in files)
    if len(files) > _MOST_FILES or total > max(_MOST_RATIO * size, _SMALL):
        raise InputError(
            f"would unpack to {len(files)} files of {total / 2**20:.0f} MiB, the archive has "
            f"{size / 2**20:.1f}",
            file=path,
            remedy="do not trust it",
        )
    tops = {info.filename.partition("/")[0] for info in files}
    if len(tops) != 1 or any("/" not in info.filename for info in files):
        raise InputError(
            "is no archive of a study: not all of it is in one folder",
            file=path,
            value=", ".join(sorted(tops)[:5]),
        )
    (top,) = tops
    return top, {info.filename[len(top) + 1 :]: info for info in files}


def _sums(
    path: Path, opened: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]
) -> dict[str, str]:
    """Return the SHA-256 of each file but the one that has them."""
    if SUMS not in entries:
        raise InputError(
            f"is no archive of a study: there is no {SUMS}",
            file=path,
            remedy="archives are made by: pdpsych pack STUDY",
        )
    if entries[SUMS].file_size > DOCUMENT:
        raise InputError("is too large", file=path, value=SUMS)
    text = opened.read(entries[SUMS]).decode("utf-8", "replace")
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        told = _LINE.fullmatch(line)
        if told is None or told[2] in found:
            raise InputError(
                f"{SUMS} has a line that says no SHA-256 of a file, or says one twice",
                file=path, line=number, value=line, remedy=_AGAIN,
            )  # fmt: skip
        found[told[2]] = told[1]
    there = entries.keys() - {SUMS}
    for problem, names in (
        ("is missing from the archive", found.keys() - there),
        (f"is in the archive, but not in {SUMS}", there - found.keys()),
    ):
        if names:
            raise InputError(problem, file=path, value=min(names), remedy=_AGAIN)
    return found


def _check_space(folder: Path, total: int) -> None:
    free = shutil.disk_usage(folder).free
    if total > free:
        raise InputError(
            f"needs {total / 2**20:.0f} MiB, and {free / 2**20:.0f} are free", file=folder
        )


def _copied(source: IO[bytes], made: IO[bytes], size: int, path: Path, name: str) -> str:
    """Copy a file and return its SHA-256; it is no larger than the archive said."""
    digest, left = hashlib.sha256(), size
    while block := source.read(_BLOCK):
        left -= len(block)
        if left < 0:
            raise InputError("is larger than it says", file=path, value=name)
        digest.update(block)
        made.write(block)
    return digest.hexdigest()
