"""The entry of the command line, and what it says of what went wrong."""

from __future__ import annotations

import io
import re
import sys
from typing import Any, NoReturn

import typer

# Importing them adds their commands, in the order in which help lists them.
from pdpsych.cli import analyses, displays, models, sessions, stimuli, studies  # noqa: F401
from pdpsych.cli.app import app
from pdpsych.common.errors import InputError, clipped
from pdpsych.common.terminal import say

__all__ = ["app", "main"]

_OF_MODELS = ("torch", "torchvision")


def main() -> None:
    """Run the command line; what a user got wrong ends with a message and status 2.

    So does what the file system refuses where no command expects it: a name that is too long, a
    folder that may not be read; and PyTorch, where a command needs it and it is not installed.
    """
    for stream in (sys.stdout, sys.stderr):
        # Text out of a file may hold characters that an encoding has not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except InputError as error:
        _refuse(worded(error, _options(typer.main.get_command(app))))
    except ModuleNotFoundError as error:
        if error.name not in _OF_MODELS:
            raise
        _refuse(f"this needs {error.name}, which is not installed; pip install 'pdpsych[models]'")
    except OSError as error:
        if error.filename is None:
            raise
        _refuse(f"{clipped(str(error.filename))}: {error.strerror}")


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


def _options(command: Any) -> dict[str, str]:
    """Return the options of a command and those below it, by parameter."""
    found = {
        parameter.name: parameter.opts[0]
        for parameter in command.params
        if parameter.param_type_name == "option"
    }
    for inner in getattr(command, "commands", {}).values():
        found = _options(inner) | found
    return found


def _refuse(message: str) -> NoReturn:
    say(f"pdpsych: {clipped(message, 5000)}", error=True)
    sys.exit(2)
