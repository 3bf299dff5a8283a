"""A whole study: a new one, what is wrong with it, and how far it is; never needs torch."""

from __future__ import annotations

from pdpsych.studies.checking import Check, check
from pdpsych.studies.standing import Status, status
from pdpsych.studies.templates import TEMPLATES, init

__all__ = ["TEMPLATES", "Check", "Status", "check", "init", "status"]
