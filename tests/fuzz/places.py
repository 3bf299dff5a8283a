"""What a file can be, or hold, beside what it should: at every place where a file is read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import kinds
from attempts import Bench, Command, Outcome

TEXT = (".yaml", ".json", ".jsonl", ".csv")


def _fifo(path: Path) -> bool:
    path.unlink()
    os.mkfifo(path)
    return True


def _endless(path: Path) -> bool:
    path.unlink()
    path.symlink_to("/dev/zero")
    return True


def _folder(path: Path) -> bool:
    path.unlink()
    path.mkdir()
    return True


def _nul(path: Path) -> bool:
    return _in_text(path, b"\\u0000" if path.suffix.startswith(".json") else b"\0")


def _surrogate(path: Path) -> bool:
    return _in_text(path, b"\\ud800" if path.suffix.startswith(".json") else b"\xed\xa0\x80")


def _in_text(path: Path, what: bytes) -> bool:
    """Put something into the first text of a file, a value where there are keys."""
    if path.suffix not in TEXT:
        return False
    content = path.read_bytes()
    pattern = rb"\n\w" if path.suffix == ".csv" else rb': ?"[^"]|: [A-Za-z.]'
    value = re.search(pattern, content)
    assert value is not None, path
    path.write_bytes(content[: value.end()] + what + content[value.end() :])
    return True


def _twice(path: Path) -> bool:
    """Write the first key of a mapping twice, with another value."""
    if path.suffix not in TEXT:
        return False
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".yaml":
        key = content.partition(":")[0]
        path.write_text(f"{key}: 1\n{content}", encoding="utf-8")
    elif path.suffix in (".json", ".jsonl"):
        key = next(iter(json.loads(content.splitlines()[0] if ".jsonl" in path.name else content)))
        path.write_text(content.replace("{", f'{{"{key}": 1, ', 1), encoding="utf-8")
    else:
        return False
    return True


def _crlf(path: Path) -> bool:
    if path.suffix not in TEXT:
        return False
    # Logs and leaderboards end with their last line.
    end = b"" if path.suffix == ".jsonl" or path.name == "leaderboard.csv" else b"\r\n"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + end)
    return True


PLACED: dict[str, Callable[[Path], bool]] = {
    "a FIFO": _fifo,
    "/dev/zero": _endless,
    "a folder": _folder,
    "NUL": _nul,
    "a lone surrogate": _surrogate,
    "a key twice": _twice,
    "CRLF": _crlf,
}
"""What is put in the place of a file; each returns whether there is such a thing for it."""
HARMLESS = ("CRLF",)
"""What a file may be, after git on Windows, say: it means the same."""


Attempts = Iterator[tuple[str, str, Command, Outcome]]


def attempts_at(bench: Bench) -> Attempts:
    """Put everything in every place; yield kind, what was put, command and outcome."""
    for kind in kinds.KINDS:
        for what in PLACED:
            for command in kind.commands:
                outcome = _attempt(bench, kind, what, command)
                if outcome is not None:
                    yield kind.name, what, command, outcome


def attempts_in_turn(bench: Bench) -> Attempts:
    """Put something in every place, another thing in the next, before the first command only."""
    turn = cycle(PLACED)
    for kind in kinds.KINDS:
        for _ in PLACED:
            what, command = next(turn), kind.commands[0]
            outcome = _attempt(bench, kind, what, command)
            if outcome is not None:
                yield kind.name, what, command, outcome
                break


def _attempt(bench: Bench, kind: kinds.Kind, what: str, command: Command) -> Outcome | None:
    """Return how a command ends; None if there is no such thing for that kind of file."""
    placed = []

    def change(root: Path) -> None:
        placed.append(PLACED[what](next(root.glob(kind.files[0]))))
        if what in HARMLESS:
            kind.after(root)

    outcome = bench.try_out(command, change, (Path(kind.files[0]).name, *kind.named))
    return outcome if placed == [True] else None


def allowed(kind: str, what: str, outcome: Outcome) -> bool:
    """Tell whether an outcome is as it should be."""
    if what in HARMLESS:
        return outcome.verdict == "succeeded"
    if outcome.verdict == "succeeded":
        # What is damaged of units is made again; status says that there is a problem.
        return kind in kinds.FORGIVEN or "problems: 1; pdpsych check says which" in outcome.message
    return outcome.verdict == "refused"
