"""PsychoPy, which the extra ``lab`` installs: what of it this package uses."""

from __future__ import annotations

from pdpsych.common.errors import InputError

try:
    from psychopy import logging

    # PsychoPy's remarks would hide ours; it has some before the first window.
    logging.console.setLevel(logging.ERROR)
    from psychopy import clock, visual
    from psychopy.hardware import keyboard
    from psychopy.visual import gamma

    # After PsychoPy, which sets how pyglet calls OpenGL.
    from pyglet import canvas, gl
except ImportError as error:
    raise InputError(
        f"a window needs PsychoPy, which cannot be imported ({error})",
        remedy="pip install 'pdpsych[lab]', with Python 3.10 to 3.12; a simulated observer needs "
        "none",
    ) from None
except Exception as error:
    # What pyglet raises where it finds no display or no OpenGL; it has no class of its own.
    raise InputError(
        f"PsychoPy finds no screen with OpenGL to open a window on ({error})",
        remedy="run where one is, or with a simulated observer",
    ) from None

__all__ = ["canvas", "clock", "gamma", "gl", "keyboard", "visual"]
