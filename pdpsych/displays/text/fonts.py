"""Fonts by name or file, and whether they hold the letters of a text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pdpsych.common.errors import InputError
from pdpsych.displays.text.direction import is_shaped, visual

# It comes with matplotlib, and has Latin, Greek, Cyrillic, Hebrew and Arabic letters.
DEFAULT = "DejaVu Sans"
LETTER_DEG = 0.7
_FILES = (".ttf", ".otf", ".ttc")
# A font of boxes, which matplotlib comes with.
_NO_LETTERS = "Last Resort"
_MOST_LETTERS, _MOST_FONTS = 20, 10


class Lettering(NamedTuple):
    """A font's file, and its size in degrees of visual angle."""

    file: Path | None = None
    degrees: float = LETTER_DEG


PLAIN = Lettering()


def font_file(name: str, folder: Path = Path()) -> Path:
    """Return the file of a font that is installed, or that is named itself.

    Parameters
    ----------
    name
        Of a family, such as ``DejaVu Sans``, or a file, relative to ``folder``.

    Raises
    ------
    InputError
        If there is none; with the fonts of this computer.
    """
    if Path(name).suffix.lower() in _FILES:
        if not (folder / name).is_file():
            raise InputError("no such font file", value=name)
        return folder / name
    if name == DEFAULT and (file := _with_matplotlib()):
        return file
    known = _installed()
    if name not in known:
        raise InputError(
            "no such font on this computer",
            value=name,
            allowed=list(known),
            remedy="install it, or name its file (.ttf, .otf, .ttc) in the study's folder",
        )
    return Path(known[name])


def check_letters(file: Path, name: str, texts: Iterable[str]) -> None:
    """Refuse a font that lacks letters of some texts, in the forms in which they are drawn.

    Raises
    ------
    InputError
        With the letters, and the fonts of this computer that have them.
    """
    drawn = texts if is_shaped() else map(visual, texts)
    used = {letter for text in drawn for letter in text if _is_drawn(letter)}
    missing = sorted(used - _letters(file))
    if not missing:
        return
    others = [other for other, path in _installed().items() if used <= _letters(Path(path))]
    told = " ".join(missing[:_MOST_LETTERS])
    more = f" and {len(missing) - _MOST_LETTERS} more" if len(missing) > _MOST_LETTERS else ""
    raise InputError(
        f"has no {told}{more}",
        value=name,
        allowed=", ".join(others[:_MOST_FONTS]) or "no font of this computer has them",
        remedy="" if others else "install one that has them, or name its file (.ttf, .otf, .ttc)",
    )


def _is_drawn(letter: str) -> bool:
    """Return whether something is drawn for a character; not for spaces and directions."""
    return unicodedata.category(letter)[0] not in "ZC"


def _with_matplotlib() -> Path | None:
    """Return the file of the default font, the same on all computers, without a list of fonts."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).with_name("mpl-data") / "fonts/ttf/DejaVuSans.ttf"
    return file if file.is_file() else None


@lru_cache(maxsize=256)
def _letters(file: Path) -> frozenset[str]:
    from fontTools.ttLib import TTFont

    with TTFont(file, fontNumber=0, lazy=True) as font:
        return frozenset(map(chr, font.getBestCmap() or ()))


@lru_cache(maxsize=1)
def _installed() -> dict[str, str]:
    """Return the upright file of normal weight of each family that is installed, by name."""
    from matplotlib import font_manager

    found: dict[str, str] = {}
    for entry in font_manager.fontManager.ttflist:
        if entry.name.startswith(_NO_LETTERS):
            continue
        plain = entry.style == "normal" and str(entry.weight) in ("400", "normal", "regular")
        if plain or entry.name not in found:
            found[entry.name] = entry.fname
    return dict(sorted(found.items()))
