from .archives.packing import pack as pack
from .archives.unpacking import unpack as unpack
from .checking import Check as Check
from .checking import check as check
from .next_step import NextStep as NextStep
from .standing import Status as Status
from .standing import status as status
from .templates import TEMPLATES as TEMPLATES
from .templates import init as init
from .verifying import Verification as Verification
from .verifying import verify as verify

__all__ = [
    "TEMPLATES",
    "Check",
    "NextStep",
    "Status",
    "Verification",
    "check",
    "init",
    "pack",
    "status",
    "unpack",
    "verify",
]
