"""Tests that take more than about a second of a core, those that take longest first.

Each entry is how the name of a test begins, without ``tests/``. What opens a window is slow too.
"""

SLOW = ("test_kill.py::test_a_killed_command",)
