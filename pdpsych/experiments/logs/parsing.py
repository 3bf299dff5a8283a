"""What the file of a trial log holds: its lines read, checked, and followed along their chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pdpsych.common.errors import InputError
from pdpsych.common.section import validate
from pdpsych.experiments.logs import hash_chain
from pdpsych.experiments.logs.records import SCHEMA, Header, Trial


class Contents(NamedTuple):
    """What a log holds.

    Attributes
    ----------
    header, trials
        Its lines; no header where it is empty.
    end, torn
        Where its last whole line ends, and whether anything follows.
    digest
        SHA-256 of its last whole line.
    changed
        Numbers of the lines that are not as they were written.
    """

    header: Header | None
    trials: list[Trial]
    end: int
    torn: bool
    digest: str
    changed: tuple[int, ...]

    @property
    def change(self) -> str:
        """Name the lines that were changed after they were written."""
        lines = ", ".join(map(str, self.changed[:5])) + ", …" * (len(self.changed) > 5)
        return f"changed after it was written: line {lines}"


def parse(text: bytes, path: Path) -> Contents:
    """Read the contents of the log at ``path``.

    Raises
    ------
    InputError
        If a newer pdpsych wrote it, or a whole line is damaged or missing.
    """
    end = text.rfind(b"\n") + 1
    links = _links(text[:end].splitlines(), path)
    torn, digest = end < len(text), links[-1].digest if links else ""
    if not links:
        return Contents(None, [], end, torn, digest, ())
    header = _header(links[0].record, f"{path}: line 1")
    trials = []
    for i, link in enumerate(links[1:], start=1):
        record = link.record
        if isinstance(record, dict):
            record = SCHEMA.upgrade(record, header.schema_version)
        trial = validate(record, Trial, f"{path}: line {i + 1}")
        if trial.trial != i or i > header.planned:
            raise InputError(
                f"expected {i} of {header.planned}",
                file=path,
                line=i + 1,
                field="trial",
                value=trial.trial,
            )
        trials.append(trial)
    chained = header.schema_version > 1
    changed = tuple(i for i, link in enumerate(links, start=1) if chained and not link.fits)
    return Contents(header, trials, end, torn, digest, changed)


def _links(lines: list[bytes], path: Path) -> list[hash_chain.Link]:
    links: list[hash_chain.Link] = []
    for i, line in enumerate(lines, start=1):
        try:
            links.append(hash_chain.unseal(line.decode(), links[-1].digest if links else ""))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: line {i}: not valid JSON: {error}") from None
    return links


def _header(record: Any, label: str) -> Header:
    SCHEMA.version_of(record, label)
    return validate(record, Header, label)
