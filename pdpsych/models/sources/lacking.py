"""What of a network a file cannot give, where it has all the rest: another head, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

import torch
from torch import Tensor, nn

from pdpsych.common.errors import InputError
from pdpsych.models.sources.state_dict import Match, NamedTensors, counts

NORMALISERS = {"mean": ("new_mean", "mean", "mu"), "std": ("new_std", "std", "sigma")}
"""Names of the numbers that networks are normalised by, where they are in the network."""
_MOST_NAMED = 5


def lacking_of(
    match: Match, wanted: Mapping[str, Tensor], module: nn.Module, found: NamedTensors
) -> tuple[str, ...]:
    """Return which tensors of the network the file cannot give, if that is all that is amiss.

    They have to be the last of the network, as a head is, or all of some of its children. What
    the file has in addition may be under children that the network has not, or in the place of
    the head.

    Raises
    ------
    InputError
        If more is amiss: the file is one of another architecture.
    """
    taken = {id(wanted[key]) for key in match.names}
    missing = [
        key
        for key, tensor in wanted.items()
        if id(tensor) not in taken
        and not counts(key)
        and (tensor.is_floating_point() or key in match.reshaped)
    ]
    replaced = [
        key
        for key in wanted
        for name in match.strange
        if (place := _place(name, module)) and key.startswith(f"{place}.")
    ]
    lacking = tuple(key for key in wanted if key in {*missing, *replaced})
    kept = [key for key in wanted if key not in lacking]
    whole = {key.partition(".")[0] for key in missing} - {k.partition(".")[0] for k in kept}
    inner = [key for key in missing if key.partition(".")[0] not in whole]
    ordered = [key for key in wanted if wanted[key].is_floating_point()]
    faults = [
        listed("missing", inner if not _last(inner, ordered) else []),
        listed("missing", missing if len(missing) * 2 > len(wanted) else []),
        listed(
            "of another shape",
            [
                f"{key} {there} for {here}"
                for key, (here, there) in match.reshaped.items()
                if not other_rows(here, there)
            ],
        ),
        listed("not in the network", _unplaced(match.strange, module, found, match.part)),
        listed("not in the network", match.strange if not _last(replaced, ordered) else []),
    ]
    if any(faults):
        head = f"{match.part}." if match.part else ""
        state = {n: t for n, t in found.tensors.items() if n.startswith(head)}
        raise InputError(
            "a checkpoint of another architecture: "
            + "; ".join(dict.fromkeys(fault for fault in faults if fault)),
            remedy=of_architectures(state),
        )
    _check_shared(match, wanted, found)
    return lacking


def _last(keys: Sequence[str], ordered: Sequence[str]) -> bool:
    """Tell whether nothing of the network comes behind some of its tensors."""
    number = len(set(keys) & set(ordered))
    return set(ordered[len(ordered) - number :]) == set(keys) & set(ordered)


def _place(name: str, module: nn.Module) -> str:
    """Return the innermost module of the network that a strange tensor would be in; "" if none."""
    modules, pieces = dict(module.named_modules()), name.split(".")[:-1]
    inside = takewhile(lambda i: ".".join(pieces[:i]) in modules, range(1, len(pieces) + 1))
    return ".".join(pieces[: max(inside, default=0)])


def _unplaced(
    strange: Iterable[str], module: nn.Module, found: NamedTensors, part: str
) -> list[str]:
    """Return strange tensors whose effect on the network cannot be told from what it has."""
    unplaced = []
    for name in strange:
        place = _place(name, module)
        if place:
            has_own = next(module.get_submodule(place).parameters(), None) is not None
            unplaced += [] if has_own else [name]
        elif "." not in name:
            tensor = found.tensors[f"{part}.{name}" if part else name]
            known = tensor.numel() == 1 or name in (*NORMALISERS["mean"], *NORMALISERS["std"])
            unplaced += [] if known else [name]
    return unplaced


def _check_shared(match: Match, wanted: Mapping[str, Tensor], found: NamedTensors) -> None:
    """Refuse other values for what is one tensor in the network."""
    first: dict[int, str] = {}
    for key, name in match.names.items():
        other = first.setdefault(id(wanted[key]), name)
        if other != name and not torch.equal(found.tensors[other], found.tensors[name]):
            raise InputError(
                f"has other values than {other}, and in the network they are one tensor",
                field=name,
            )


def other_rows(here: tuple[int, ...], there: tuple[int, ...]) -> bool:
    """Tell whether two shapes differ as those of heads with other numbers of classes do."""
    return len(here) == len(there) > 0 and here[1:] == there[1:]


def of_architectures(state: Mapping[str, Tensor]) -> str:
    """Say which architectures of torchvision have as many parameters."""
    from torchvision import models

    buffers = ("running_mean", "running_var", "num_batches_tracked")
    count = sum(state[key].numel() for key in state if not key.endswith(buffers))
    fitting = [
        name
        for name in models.list_models(module=models)
        if any(w.meta["num_params"] == count for w in models.get_model_weights(name))
    ]
    return f"it has as many parameters as {' or '.join(fitting)}" if fitting else ""


def some(names: Sequence[str]) -> str:
    """Name some of many."""
    return ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")


def listed(what: str, names: Sequence[str]) -> str:
    """Say how many there are, and name some."""
    return f"{len(names)} {what} ({some(sorted(names))})" if names else ""
