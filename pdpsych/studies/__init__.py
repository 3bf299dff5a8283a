"""A whole study: a new one, what is wrong with it, and how far it is; never needs torch."""

from __future__ import annotations

from pdpsych.studies.check import Check, check
from pdpsych.studies.status import Status, status
from pdpsych.studies.template import TEMPLATES, init

__all__ = ["TEMPLATES", "Check", "Status", "check", "init", "status"]
