"""PsychoPy's dialogs, where Qt can open them."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from pdpsych.common.errors import InputError

# Where PyQt6 from PyPI has what it opens windows by under X; it takes libraries of the system.
_PLUGIN = "Qt6/plugins/platforms/libqxcb.so"


def dialogs() -> ModuleType:
    """Return ``psychopy.gui``.

    Qt ends the whole program where its plugin for X lacks a library; here that is an error.

    Raises
    ------
    InputError
        If there is no PsychoPy, no screen, or Qt has no dialogs on it.
    """
    from pdpsych.displays.lab import psychopy  # noqa: F401

    found = find_spec("PyQt6")
    under_x = sys.platform == "linux" and os.environ.get("QT_QPA_PLATFORM", "xcb") == "xcb"
    for folder in (found.submodule_search_locations or ()) if under_x and found else ():
        plugin = Path(folder) / _PLUGIN
        try:
            if plugin.is_file():
                ctypes.CDLL(str(plugin))
        except OSError as error:
            raise InputError(
                f"PsychoPy's dialogs cannot open ({error})",
                remedy="install what is missing: on Debian and Ubuntu, apt install libxcb-cursor0 "
                "libxcb-icccm4 libxcb-keysyms1 libxkbcommon-x11-0",
            ) from None
    from psychopy import gui

    return gui
