"""How every command runs: what it says and to whom, and how it ends when something goes wrong."""

from __future__ import annotations

import functools
import inspect
import json
import re
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import typer

from pdpsych import __version__
from pdpsych.cli.app import app
from pdpsych.common.errors import InputError, clipped
from pdpsych.common.terminal import note, put, say, speaking

if TYPE_CHECKING:
    from pdpsych.common.results import Result

F = TypeVar("F", bound=Callable[..., None])
# The options of all commands, and what they are where they are not given.
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "quiet": (
        Annotated[bool, typer.Option("--quiet", "-q", help="Say what goes wrong, and no more.")],
        False,
    ),
    "as_json": (
        Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")],
        False,
    ),
    "log": (
        Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Add all that is said to a file, with times."),
        ],
        None,
    ),
}
_OF_MODELS = ("torch", "torchvision")
_WRONG, _INTERRUPTED = 2, 130


class _Told(NamedTuple):
    """What a command found, and which files it wrote."""

    result: Result | None
    files: dict[str, Any]


# By the command that runs.
_told: list[_Told] = []


def command(
    tree: typer.Typer, name: str | None = None, *, interrupted: str = "nothing was changed"
) -> Callable[[F], F]:
    """Make a function a command, with the options and the manners of all commands.

    What a user got wrong ends with a message and status 2. So does what the file system refuses
    where no command expects it: a name that is too long, a folder that may not be read; and
    PyTorch, where a command needs it and it is not installed. Ctrl-C ends with status 130.

    Parameters
    ----------
    tree, name
        Where the command is, and its name, by default that of the function.
    interrupted
        What is said after Ctrl-C.
    """

    def add(function: F) -> F:
        known = name or function.__name__
        words = known if tree is app else f"{tree.info.name} {known}"

        @functools.wraps(function)
        def run(**given: Any) -> None:
            manner = {key: given.pop(key) for key in _OPTIONS}
            _run(functools.partial(function, **given), words, interrupted, **manner)

        hints = _hints(function)
        own = inspect.signature(function).parameters.values()
        parameters = [p.replace(annotation=hints[p.name]) for p in own]
        for key, (annotation, default) in _OPTIONS.items():
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(key, kind, annotation=annotation, default=default))
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        vars(run)["__signature__"] = inspect.Signature(parameters)
        # A summary that is given is listed whole; one that is taken from the help would be cut.
        summary = (function.__doc__ or "").partition("\n")[0]
        tree.command(known, short_help=summary)(run)
        return function

    return add


def _hints(function: Callable[..., None]) -> dict[str, Any]:
    """Return the annotations of a function, as Typer has to see them.

    Python 3.10 makes ``Annotated[X, …]`` optional where the default is None; help was lost with it.
    """
    found = typing.get_type_hints(function, include_extras=True)
    for name, hint in found.items():
        inner = (each for each in typing.get_args(hint) if typing.get_origin(each) is Annotated)
        found[name] = next(inner, hint)
    return found


def tell(text: str, result: Result | None = None, **files: Any) -> None:
    """Say what a command found; what ``--json`` prints in its place are the result and files.

    Parameters
    ----------
    text
        For people.
    result
        What was found.
    files
        Paths of what was written, by what it is.
    """
    say(text)
    _told.append(_Told(result, files))


def _run(
    call: Callable[[], None],
    words: str,
    interrupted: str,
    *,
    quiet: bool,
    as_json: bool,
    log: Path | None,
) -> None:
    _told.clear()
    status, problem = 0, None
    try:
        with speaking(text=not (quiet or as_json), progress=not quiet, log=log):
            note(f"pdpsych {words} ({__version__})")
            try:
                call()
            except typer.Exit as ended:
                status = ended.exit_code
            except (Exception, KeyboardInterrupt) as error:
                status, problem = _refuse(error, interrupted), error
    except InputError as error:  # The log cannot be written.
        status, problem = _refuse(error, interrupted), error
    if as_json:
        put(json.dumps(_document(words, status, problem), indent=2), sys.stdout)
    if status:
        raise typer.Exit(status) from problem


def _refuse(error: BaseException, interrupted: str) -> int:
    """Say what is wrong and return the status; what is no fault of the user is raised again."""
    if isinstance(error, KeyboardInterrupt):
        say(f"\ninterrupted; {error if error.args else interrupted}", error=True)
        return _INTERRUPTED
    if isinstance(error, InputError):
        message = worded(error, _options(typer.main.get_command(app)))
    elif isinstance(error, ModuleNotFoundError) and error.name in _OF_MODELS:
        message = f"this needs {error.name}, which is not installed; pip install 'pdpsych[models]'"
    elif isinstance(error, OSError) and error.filename is not None:
        message = f"{clipped(str(error.filename))}: {error.strerror}"
    else:
        raise error
    say(f"pdpsych: {clipped(message, 5000)}", error=True)
    return _WRONG


def _document(words: str, status: int, problem: BaseException | None) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    from pdpsych.common.results import plain

    found = [
        {
            "kind": None if told.result is None else type(told.result).__name__,
            "result": plain(told.result),
            "files": plain(told.files),
        }
        for told in _told
    ]
    error = problem if isinstance(problem, InputError) or problem is None else str(problem)
    return {
        "pdpsych": __version__,
        "command": words,
        "status": status,
        "found": found,
        "error": plain(error),
    }


def worded(error: InputError, options: dict[str, str]) -> str:
    """Return the message of an error with parameters of Python named as options.

    Parameters
    ----------
    options
        The option of each parameter, as ``--max-clipped`` of ``max_clipped``.
    """
    text = str(error)
    if error.file is None and error.field in options and not error.problems:
        text = options[error.field] + text.removeprefix(error.field)

    def option(found: re.Match[str]) -> str:
        return options.get(found[1], found[0])

    return re.sub(r"`(\w+)`", option, text)


def _options(given: Any) -> dict[str, str]:
    """Return the options of a command and those below it, by parameter."""
    found = {
        parameter.name: parameter.opts[0]
        for parameter in given.params
        if parameter.param_type_name == "option"
    }
    for inner in getattr(given, "commands", {}).values():
        found = _options(inner) | found
    return found
