"""What the file of a trial log holds: its lines read, checked, and followed along their chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import text_of
from pdpsych.common.section import validate
from pdpsych.experiments.logs import hash_chain
from pdpsych.experiments.logs.notes import KINDS, Note
from pdpsych.experiments.logs.records import SCHEMA, Header, Trial

Entry = Trial | Note


class Contents(NamedTuple):
    """What a log holds.

    Attributes
    ----------
    header, entries
        Its lines; no header where it is empty. Entry number n is on line n + 1.
    end, torn
        Where its last whole line ends, and whether anything follows.
    digest
        SHA-256 of its last whole line.
    changed
        Numbers of the lines that are not as they were written.
    """

    header: Header | None
    entries: list[Entry]
    end: int
    torn: bool
    digest: str
    changed: tuple[int, ...]

    @property
    def trials(self) -> list[Trial]:
        """The trials that were answered."""
        return [entry for entry in self.entries if isinstance(entry, Trial)]

    @property
    def change(self) -> str:
        """Name the lines that were changed after they were written."""
        lines = ", ".join(map(str, self.changed[:5])) + ", …" * (len(self.changed) > 5)
        return f"changed after it was written: line {lines}"


def parse(data: bytes, path: Path) -> Contents:
    """Read the contents of the log at ``path``.

    Raises
    ------
    InputError
        If a newer pdpsych wrote it, or a whole line is damaged or missing.
    """
    end = data.rfind(b"\n") + 1
    links = _links(text_of(data[:end], path).split("\n")[:-1], path)
    torn, digest = end < len(data), links[-1].digest if links else ""
    if not links:
        return Contents(None, [], end, torn, digest, ())
    SCHEMA.version_of(links[0].record, path, 1)
    header = validate(links[0].record, Header, path, 1)
    entries: list[Entry] = []
    answered = 0
    for line, link in enumerate(links[1:], start=2):
        entries.append(_entry(link.record, answered + 1, header, path, line))
        answered += isinstance(entries[-1], Trial)
    chained = header.schema_version > 1
    changed = tuple(i for i, link in enumerate(links, start=1) if chained and not link.fits)
    return Contents(header, entries, end, torn, digest, changed)


def _links(lines: list[str], path: Path) -> list[hash_chain.Link]:
    links: list[hash_chain.Link] = []
    for number, line in enumerate(lines, start=1):
        links.append(hash_chain.unseal(line, links[-1].digest if links else "", path, number))
    return links


def _entry(record: Any, number: int, header: Header, path: Path, line: int) -> Entry:
    """Read a line after the first; ``number`` is that of the trial that may be on it."""
    kind = KINDS.get(str(record.get("record"))) if isinstance(record, dict) else None
    if kind is not None:
        return validate(record, kind, path, line)
    if isinstance(record, dict):
        record = SCHEMA.upgrade(record, header.schema_version)
    trial = validate(record, Trial, path, line)
    if trial.trial != number or number > header.planned:
        raise InputError(
            f"expected {number} of {header.planned}",
            file=path,
            line=line,
            field="trial",
            value=trial.trial,
        )
    return trial
