"""Which tensors of a file are those of a network: where in it they are, under which names.

A file has a tensor under a dotted name, that of the dicts which hold it and its own. What comes
before the network's own names is the *part* of the file that holds the network, as in
``state_dict.encoder_q``. Names that wrappers put between (``module`` of DataParallel, ``_orig_mod``
of torch.compile) count for nothing. The names of the network are its own, or those of the
``Sequential`` of its children, whose first part is a number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdpsych.common.errors import InputError

WRAPPERS = (
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "_forward_module",
)
# Names of torchvision's first DenseNets, from when a layer could have a dot in its name.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(?=[12]\.)")
_COUNTER = "num_batches_tracked"
# What profilers leave in every module.
_PROFILED = ("total_ops", "total_params")


@dataclass(frozen=True)
class Match:
    """What of a file belongs to a network, by where in the file that is.

    Attributes
    ----------
    part
        What comes before the network's own names.
    names
        Name in the file of each tensor of the network that the file has, in its shape.
    reshaped
        Tensors that the file has in another shape: of the network, then of the file.
    strange
        Names, without the part, of tensors in it that the network has not.
    """

    part: str
    names: Mapping[str, str]
    reshaped: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    strange: tuple[str, ...]


class NamedTensors:
    """The tensors of a file by their names without wrappers, as a network is looked for in them.

    Parameters
    ----------
    tensors
        By the names that the file has.
    module
        The network.
    part
        Only this part of the file is looked at; "" for all of it.

    Raises
    ------
    InputError
        If two tensors differ only in the names of wrappers, and are not the same.
    """

    def __init__(self, tensors: Mapping[str, Tensor], module: nn.Module, part: str = ""):
        self._module = module
        self._wanted = tensors_of(module)
        inside = {part for key in self._wanted for part in key.split(".")}
        self._wrappers = set(WRAPPERS) - inside
        below = self._unwrapped(part)
        self.tensors: dict[str, Tensor] = {}
        for full, tensor in tensors.items():
            name = self._unwrapped(full)
            if below and name != below and not name.startswith(f"{below}."):
                continue
            if not _alike(self.tensors.setdefault(name, tensor), tensor):
                raise InputError(
                    "two tensors have this name once wrappers are taken off, with other values",
                    field=full,
                )

    def matches(self) -> list[Match]:
        """Return where the network may be, the likeliest first; all that are half as likely."""
        found: list[tuple[int, Match]] = []
        for spelled in self._spellings():
            for part, number in self._parts(spelled).items():
                found.append((number, self._match(part, spelled)))
        most = max((number for number, _ in found), default=0)
        likely = [pair for pair in found if pair[0] * 2 > most]
        likely.sort(key=lambda pair: (-pair[0], len(pair[1].part)))
        return self._different([match for _, match in likely])

    def _different(self, matches: list[Match]) -> list[Match]:
        """Leave out what has the same tensors as one before, as copies that wrappers keep."""
        kept: list[Match] = []
        for match in matches:
            if not any(self._same(match, other) for other in kept):
                kept.append(match)
        return kept

    def _same(self, one: Match, other: Match) -> bool:
        return one.names.keys() <= other.names.keys() and all(
            _alike(self.tensors[name], self.tensors[other.names[key]])
            for key, name in one.names.items()
        )

    def _unwrapped(self, name: str) -> str:
        kept = [part for part in name.split(".") if part not in self._wrappers]
        return _OLD_DENSENET.sub(r"\1", ".".join(kept))

    def _spellings(self) -> list[dict[str, str]]:
        """Return the names that the network's tensors may have, with its own."""
        own = {key: key for key in self._wanted}
        place = {name: str(i) for i, (name, _) in enumerate(self._module.named_children())}
        heads = {key.partition(".")[0] for key in own}
        if heads <= place.keys() and place != {name: name for name in place}:
            numbered = {}
            for key in own:
                head, _, rest = key.partition(".")
                numbered[f"{place[head]}.{rest}"] = key
            return [own, numbered]
        return [own]

    def _parts(self, spelled: Mapping[str, str]) -> Counter[str]:
        """Count, for each part of the file, the tensors with names and shapes of the network."""
        found: Counter[str] = Counter()
        for name, tensor in self.tensors.items():
            pieces = name.split(".")
            for i in range(len(pieces)):
                key = spelled.get(".".join(pieces[i:]))
                if key is not None and tensor.shape == self._wanted[key].shape:
                    found[".".join(pieces[:i])] += 1
        return found

    def _match(self, part: str, spelled: Mapping[str, str]) -> Match:
        names, reshaped = {}, {}
        head = f"{part}." if part else ""
        for spelling, key in spelled.items():
            tensor = self.tensors.get(head + spelling)
            if tensor is None:
                continue
            if tensor.shape == self._wanted[key].shape:
                names[key] = head + spelling
            else:
                reshaped[key] = (tuple(self._wanted[key].shape), tuple(tensor.shape))
        known = {name for name, _ in self._module.named_buffers()}
        strange = [
            name.removeprefix(head)
            for name in self.tensors
            if name.startswith(head) and name.removeprefix(head) not in spelled
        ]
        return Match(
            part,
            names,
            reshaped,
            tuple(
                name
                for name in strange
                if name not in known and name.rpartition(".")[2] not in (*_PROFILED, _COUNTER)
            ),
        )


def _alike(one: Tensor, other: Tensor) -> bool:
    if one is other:
        return True
    plain = all(t.layout == torch.strided and not t.is_quantized for t in (one, other))
    return (
        plain and (one.shape, one.dtype) == (other.shape, other.dtype) and torch.equal(one, other)
    )


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and buffers of a state dict, without what else modules keep in it."""
    found = module.state_dict(keep_vars=True)
    return {key: value for key, value in found.items() if isinstance(value, Tensor)}


def counts(key: str) -> bool:
    """Tell whether a buffer only counts batches; files older than torch 0.4.1 lack it."""
    return key.endswith(_COUNTER)
