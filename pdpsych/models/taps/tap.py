"""A tap as it is written: a module, and steps from what it gives to the response.

``layer4.0.relu+call=2+channels=0:64+pool=mean`` is the second output of a module that runs twice,
of it the first 64 channels, of these the mean over space. Nothing here needs torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pdpsych.common.errors import did_you_mean
from pdpsych.models.registry import NOISE_MODELS

STEPS = {
    "call": "N, which time that the module runs, from 1",
    "output": "N or KEY of a tuple or dict, with dots for one inside another",
    "axes": "hwc or chw, the order of height, width and channels",
    "token": "numbers of tokens, as 0 or 1:197",
    "channels": "numbers of channels or features, as 0,3,8:16",
    "units": "numbers of single responses, counted as though in one row",
    "pool": "mean or max over space or tokens, or N for means of N by N fields",
    "readout": "FILE.npz with weights (N, R) and bias (N): a linear readout of R responses",
    "noise": "a noise model, or FILE.npy with a variance for each response or a covariance",
}
"""Steps, with what may stand behind ``=``."""

_NUMBERS = re.compile(r"(-?\d+|(-?\d+)?:(-?\d+)?)(,(-?\d+|(-?\d+)?:(-?\d+)?))*")
_AXES = ("hwc", "chw")
_PATTERNS = {
    "call": r"[1-9]\d*",
    "output": r"[^+\s]+",
    "axes": "|".join(_AXES),
    "token": _NUMBERS.pattern,
    "channels": _NUMBERS.pattern,
    "units": _NUMBERS.pattern,
    "pool": r"mean|max|[1-9]\d*",
    "readout": r".+\.np[yz]",
    "noise": rf"{'|'.join(NOISE_MODELS)}|.+\.np[yz]",
}
_BEGINS = re.compile(rf"\+(?=(?:{'|'.join(STEPS)})=)")


@dataclass(frozen=True)
class Step:
    """One step: its kind, and what is said behind ``=``."""

    kind: str
    value: str

    @property
    def file(self) -> str:
        """The file that it names, "" if none."""
        return self.value if self.value.endswith((".npy", ".npz")) else ""

    def __str__(self) -> str:
        return f"{self.kind}={self.value}"


@dataclass(frozen=True)
class Tap:
    """What is read: the dotted name of a module, and the steps behind it."""

    module: str
    steps: tuple[Step, ...] = ()

    @property
    def call(self) -> int | None:
        """Which run of the module is read, from 1; None where it has to run once."""
        return next((int(s.value) for s in self.steps if s.kind == "call"), None)

    @property
    def noise(self) -> str | None:
        """Noise model or file; None where the tap says nothing of it."""
        return next((s.value for s in self.steps if s.kind == "noise"), None)

    @property
    def readings(self) -> tuple[Step, ...]:
        """Steps that make a response of what the module gives."""
        return tuple(s for s in self.steps if s.kind not in ("call", "noise"))

    @property
    def files(self) -> tuple[str, ...]:
        """Files that it names, in order."""
        return tuple(step.file for step in self.steps if step.file)


@lru_cache(maxsize=4096)
def parse_tap(text: str) -> Tap:
    """Read ``module[+step=value]…``.

    Raises
    ------
    ValueError
        If a step is not known, or cannot have what stands behind it.

    Examples
    --------
    >>> parse_tap("features.0+channels=0:8").steps
    (Step(kind='channels', value='0:8'),)
    """
    module, *written = _BEGINS.split(text)
    if "+" in module:
        _, _, step = module.partition("+")
        raise ValueError(f'unknown step "{step}": {did_you_mean(step.partition("=")[0], STEPS)}')
    steps = [Step(*one.split("=", 1)) for one in written]
    for step in steps:
        if not re.fullmatch(_PATTERNS[step.kind], step.value):
            raise ValueError(f'"{step}" cannot be read: {step.kind}= takes {STEPS[step.kind]}')
    kinds = [step.kind for step in steps]
    if "call" in kinds[1:] or "noise" in kinds[:-1]:
        raise ValueError(f'in "{text}" call= has to come first, noise= last, each once')
    return Tap(module, tuple(steps))


def split_tap(text: str) -> tuple[str, str]:
    """Split ``network/tap`` where the tap begins; behind it files may be named with slashes.

    Examples
    --------
    >>> split_tap("file:resnet50@weights/mine.pth/fc+readout=regression/V4.npz")
    ('file:resnet50@weights/mine.pth', 'fc+readout=regression/V4.npz')
    """
    first = _BEGINS.search(text)
    end = first.start() if first else len(text)
    network, _, tap = text[:end].rpartition("/")
    return network, tap + text[end:]


def numbers(value: str, size: int) -> list[int]:
    """Return the numbers that ``0,3,8:16`` stands for, of ``size``.

    Raises
    ------
    ValueError
        If there are no such numbers.

    Examples
    --------
    >>> numbers("0,-1,2:4", 10)
    [0, 9, 2, 3]
    """
    found: list[int] = []
    for part in value.split(","):
        first, colon, last = part.partition(":")
        if not colon:
            if not -size <= int(first) < size:
                raise ValueError(f"there are {size}, numbered from 0, not {part}")
            found.append(int(first) % size)
            continue
        if any(abs(int(end)) > size for end in (first, last) if end):
            raise ValueError(f"there are {size}, numbered from 0, not {part}")
        found += range(size)[slice(*(int(end) if end else None for end in (first, last)))]
    if not found:
        raise ValueError(f"{value} names none of {size}")
    return found
