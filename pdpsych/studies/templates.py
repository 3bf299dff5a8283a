"""New studies: copies of the files of the reference study."""

from __future__ import annotations

import shutil
from pathlib import Path

import pdpsych
from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import new_folder, unfinished, unwritable
from pdpsych.common.files.locks import locked
from pdpsych.studies.next_step import some

_PACKAGE = Path(pdpsych.__file__).parent
GIT_FILES = (".gitattributes", ".gitignore")
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
    "trained": (
        "stimuli/trained.yaml",
        "stimuli/efficientnets.py",
        "experiments/trained.yaml",
        "analysis/trained.yaml",
        "analysis/trained.py",
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

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     init(f"{folder}/study").name
    'README.md'
    """
    if template not in TEMPLATES:
        raise InputError("unknown template", field="template", value=template, allowed=TEMPLATES)
    target = Path(folder).absolute()
    with locked(target, doing="a new study is made"):
        _check_empty(target)
        if target.exists():
            _fill(target, template)
        else:
            with new_folder(target) as part:
                _copy(template, part)
    return Path(folder) / "README.md"


def _copy(template: str, part: Path) -> None:
    for file in TEMPLATES[template]:
        (part / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_reference_study() / file, part / file)
    shutil.copyfile(_PACKAGE / "studies" / f"{template}.md", part / "README.md")
    for name in GIT_FILES:
        # Under names that Git does not take for its own where pdpsych is developed.
        shutil.copyfile(Path(__file__).with_name(f"{name.removeprefix('.')}.txt"), part / name)


def _fill(target: Path, template: str) -> None:
    """Put a study into an empty folder, which stays: somebody may be in it."""
    try:
        with unfinished(target) as part:
            _copy(template, part)
            for path in sorted(part.iterdir(), reverse=True):
                shutil.move(path, target / path.name)
    except OSError as error:
        raise unwritable(target, error) from None


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
