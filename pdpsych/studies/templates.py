"""New studies: copies of the files of the reference study."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pdpsych
from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import unfinished
from pdpsych.studies.next_step import some

_PACKAGE = Path(pdpsych.__file__).parent
_EVERY = ("experiments/displays/srgb-8bit.yaml", "experiments/run_session.py")

TEMPLATES: dict[str, tuple[str, ...]] = {
    "early-vision": (
        "stimuli/early-vision.yaml",
        "experiments/early-vision.yaml",
        "analysis/early-vision.yaml",
        *_EVERY,
    ),
    "deep-networks": (
        "stimuli/dnn-shape-bias.yaml",
        "stimuli/dnn-adversarial.yaml",
        "experiments/dnn-shape-bias.yaml",
        "experiments/dnn-adversarial.yaml",
        "analysis/dnn-shape-bias.yaml",
        "analysis/dnn-adversarial.yaml",
        "analysis/figure2.py",
        *_EVERY,
    ),
}
"""Files of the reference study that each kind of new study begins with."""


def init(folder: str | Path, *, template: str = "early-vision") -> Path:
    """Make a new study and return its README, which says what to run in which order.

    Parameters
    ----------
    folder
        Where to make it; missing or empty.
    template
        A key of :data:`TEMPLATES`.

    Raises
    ------
    InputError
        If the folder holds something, cannot be written, or the template is unknown.
    """
    if template not in TEMPLATES:
        raise InputError("unknown template", field="template", value=template, allowed=TEMPLATES)
    target = Path(folder).absolute()
    try:
        _check_empty(target)
        with unfinished(target) as part:
            for file in TEMPLATES[template]:
                (part / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(_reference_study() / file, part / file)
            shutil.copyfile(_PACKAGE / "studies" / f"{template}.md", part / "README.md")
            _put(part, target)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=folder) from None
    return Path(folder) / "README.md"


def _check_empty(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise InputError("is a file", file=target, remedy="give a folder that is missing or empty")
    held = sorted(path.name for path in target.iterdir()) if target.exists() else []
    if held:
        raise InputError(
            f"holds {some(held)}",
            file=target,
            allowed="a folder that is missing or empty",
            remedy=f"for example {target / 'study'}",
        )


def _reference_study() -> Path:
    """Return where the reference study is: in an installed package, else in the repository."""
    installed = _PACKAGE / "templates"
    return installed if installed.is_dir() else _PACKAGE.parent


def _put(part: Path, target: Path) -> None:
    if target.exists():
        # Somebody may be in the empty folder: it stays, and is filled.
        for path in sorted(part.iterdir(), reverse=True):
            shutil.move(path, target / path.name)
    else:
        os.rename(part, target)
