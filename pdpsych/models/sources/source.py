"""A network built from its address; each source is a file, registered in ``registry.py``."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from pdpsych.common.errors import InputError
from pdpsych.models.address import NetworkAddress
from pdpsych.models.checks import check_kind
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.registry import SOURCES, find
from pdpsych.models.sources.checkpoint import LoadedWeights


@dataclass(frozen=True)
class BuiltNetwork:
    """A network with its weights, what they were trained on, and the images it takes.

    ``code_sha256`` is that of the file of Python that made it, where that is no package's;
    ``loaded`` is what it has of a checkpoint that the address names.
    """

    module: nn.Module
    architecture: str
    training: str
    takes: InputFormat
    code_sha256: str = ""
    loaded: LoadedWeights | None = None


def build(address: NetworkAddress, folder: Path | None = None) -> BuiltNetwork:
    """Build a network with its weights.

    Parameters
    ----------
    folder
        What relative paths, and modules of Python's own search that are not installed, are
        relative to; the working directory when not given.

    Raises
    ------
    InputError
        If the architecture or the weights are not known or not there, do not fit each other,
        or a package is missing.
    """
    try:
        with seeded(address.seed or 0):
            built: BuiltNetwork = find(SOURCES[address.source])(address, folder or Path())
        check_kind(built.module, f'model "{address.network}"')
        return built
    except InputError as error:
        if (error.file or "").startswith(address.address):
            raise
        # The file of an error may be that of its weights: then the network is what needs it.
        where = {"file": address.address} if error.file is None else {"field": address.address}
        raise error.within(**where) from error.__cause__


def fingerprint(module: nn.Module) -> str:
    """Return the SHA-256 of all parameters and buffers: names, shapes and values.

    Raises
    ------
    InputError
        If one has no values, as on the device "meta".
    """
    digest = hashlib.sha256()
    for name, values in sorted(module.state_dict().items()):
        _add(digest, name, values)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, name: str, values: object) -> None:
    """Add a tensor to a digest; of what else modules keep in their state, what is plain."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            _add(digest, f"{name}.{key}", value)
    elif isinstance(values, (list, tuple)):
        for i, value in enumerate(values):
            _add(digest, f"{name}.{i}", value)
    elif not isinstance(values, Tensor):
        plain = isinstance(values, (str, bytes, bool, int, float, type(None)))
        digest.update(f"{name} {values if plain else type(values).__name__}\n".encode())
    elif values.is_meta:
        raise InputError(
            "has no values",
            field=name,
            value=str(values.device),
            remedy="load weights before: network.load_state_dict(state, assign=True)",
        )
    else:
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        plain_bytes = values.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(plain_bytes.numpy().data)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw the same random weights each time, and leave the caller's generator alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def random_words(address: NetworkAddress) -> str:
    """Say which random weights an address asks for; "" for trained ones."""
    return "" if address.seed is None else f"random weights, seed {address.seed}"


def optional(package: str, extra: str) -> ModuleType:
    """Import a package that an extra of pdpsych installs; InputError where it is missing."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise InputError(f"needs {package}", remedy=f"pip install 'pdpsych[{extra}]'") from None
