from .checking import Check as Check
from .checking import check as check
from .next_step import NextStep as NextStep
from .packing import pack as pack
from .standing import Status as Status
from .standing import status as status
from .templates import TEMPLATES as TEMPLATES
from .templates import init as init
from .unpacking import unpack as unpack

__all__ = [
    "TEMPLATES",
    "Check",
    "NextStep",
    "Status",
    "check",
    "init",
    "pack",
    "status",
    "unpack",
]
