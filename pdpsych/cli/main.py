"""The entry of the command line."""

from __future__ import annotations

import io
import sys

# Importing them adds their commands, in the order in which help lists them.
from pdpsych.cli import analyses, displays, models, sessions, stimuli, studies  # noqa: F401
from pdpsych.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # Text out of a file may hold characters that an encoding has not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
