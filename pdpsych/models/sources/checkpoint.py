"""Trained weights from a file into a network: what the network has, or an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import torch
from torch import Tensor, nn

from pdpsych.common.errors import InputError
from pdpsych.common.results import Result
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources.cache import locate
from pdpsych.models.sources.catalogue import Checkpoint
from pdpsych.models.sources.lacking import (
    NORMALISERS,
    lacking_of,
    of_architectures,
    other_rows,
    some,
)
from pdpsych.models.sources.state_dict import Match, NamedTensors, tensors_of
from pdpsych.models.sources.tensor_file import described, read_tensors

# What a choice between several parts is about, by how their names end.
_CHOICES = {
    "encoder_q": "the encoder that is trained",
    "encoder_k": "its average over training, which gives the keys",
    "base_encoder": "the encoder that is trained",
    "momentum_encoder": "its average over training",
    "online_encoder": "the encoder that is trained",
    "target_encoder": "its average over training",
    "student": "what is trained",
    "teacher": "the average of the student, which is what is evaluated",
    "ema": "averages over training",
}

_UNQUANTISED = "give the checkpoint of before it was quantised"


@dataclass(frozen=True, eq=False, repr=False)
class LoadedWeights(Result):
    """What of a file a network has taken.

    Attributes
    ----------
    file
        Its path.
    part
        What came before the network's own names in it, without those of wrappers.
    taken
        How many tensors the network has from it.
    left_out
        Parts of the file that are not the network's.
    lacking
        Tensors of the network that the file lacks, or has for another architecture. They are
        not numbers, so that no response depends on them unnoticed.

    Examples
    --------
    >>> import tempfile, torch
    >>> from pdpsych import models
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"state_dict": net[:1].state_dict()}, f"{folder}/half.pth")
    ...     found = models.load_weights(net, f"{folder}/half.pth")
    >>> found
    <LoadedWeights: half.pth: 2 tensors of state_dict; lacking: 1.weight, 1.bias>
    """

    file: str
    part: str
    taken: int
    left_out: tuple[str, ...]
    lacking: tuple[str, ...]

    def _line(self) -> str:
        of = f" of {self.part}" if self.part else ""
        named = {"left out": self.left_out, "lacking": self.lacking}
        more = [f"; {what}: {some(names)}" for what, names in named.items() if names]
        return f"{Path(self.file).name}: {self.taken} tensors{of}{''.join(more)}"

    def describe(self) -> str:
        """Say what was taken, what was left out, and what the file lacks."""
        return self._line()


def load_weights(
    module: nn.Module, path: str | Path, *, part: str = "", takes: InputFormat | None = None
) -> LoadedWeights:
    """Load the weights in a file into a network, wherever in the file they are.

    The file may be one of torch.save, safetensors or NumPy (``.npz``), with the network's tensors
    on their own or inside dicts, under the names of wrappers (DataParallel, torch.compile), of a
    larger network (``backbone``, ``encoder_q``, ``teacher``), or of the ``Sequential`` of its
    children. Its head may be another, or none.

    Parameters
    ----------
    module
        The network; its tensors are overwritten.
    path
        The file.
    part
        Where in the file the network is, as in ``state_dict_ema``; needed where several parts
        fit, with other values.
    takes
        The normalisation that is going to be done; a file that has another is refused.

    Raises
    ------
    InputError
        If the file cannot be read or holds no weights of this network, if it is not clear which
        of those in it are meant, or if they are of another architecture; nothing is loaded then.

    Examples
    --------
    >>> import tempfile, torch
    >>> from pdpsych import models
    >>> net, other = (torch.nn.Sequential(torch.nn.Linear(3, 2)) for _ in range(2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"net." + k: v for k, v in net.state_dict().items()}, f"{folder}/w.pth")
    ...     print(models.load_weights(other, f"{folder}/w.pth").describe())
    w.pth: 2 tensors of net
    >>> bool((other[0].weight == net[0].weight).all())
    True
    """
    tensors = read_tensors(Path(path))
    try:
        return load_tensors(module, tensors, Path(path), part, takes)
    except InputError as error:
        raise error.within(file=path) from error.__cause__


def load_tensors(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    path: Path,
    part: str = "",
    takes: InputFormat | None = None,
) -> LoadedWeights:
    """As :func:`load_weights`, of tensors that were read already."""
    found = NamedTensors(tensors, module, part)
    match = _chosen(found, module, tensors, part)
    wanted = tensors_of(module)
    lacking = lacking_of(match, wanted, module, found)
    state = {key: found.tensors[name] for key, name in match.names.items() if key not in lacking}
    for key, tensor in state.items():
        _check_plain(tensor, wanted[key], match.names[key])
    if takes is not None:
        _check_normaliser(found, match, takes)
    left = _left_out(found, match)
    with torch.no_grad():
        for key, tensor in state.items():
            wanted[key].copy_(tensor)
        for key in lacking:
            if wanted[key].is_floating_point():
                wanted[key].fill_(torch.nan)
    return LoadedWeights(str(path), match.part, len(state), left, lacking)


def load_published(
    module: nn.Module, checkpoint: Checkpoint, takes: InputFormat, progress: bool = True
) -> LoadedWeights:
    """Load a published checkpoint, downloaded if need be: all of the network, or an error.

    Raises
    ------
    InputError
        If it cannot be had, or its file is not what was published.
    """
    path = locate(checkpoint, progress)
    loaded = load_weights(module, path, takes=takes)
    inside = loaded.part.rpartition(".")
    if loaded.lacking or checkpoint.wrapped != (inside[2] == "model" and bool(inside[0])):
        raise InputError(
            f"is not laid out as the file of {checkpoint.url}",
            file=path,
            value=loaded.describe(),
            remedy="remove it to download it again",
        )
    return loaded


def classes_in(module: nn.Module, tensors: Mapping[str, Tensor], part: str) -> int | None:
    """Return how many classes the head in a file has, where that is all that is different."""
    matches = NamedTensors(tensors, module, part).matches()
    reshaped = matches[0].reshaped.values() if len(matches) == 1 else ()
    rows = {there[0] for here, there in reshaped if other_rows(here, there)}
    alike = all(other_rows(here, there) for here, there in reshaped)
    return rows.pop() if alike and len(rows) == 1 else None


def split_part(weights: str, folder: Path) -> tuple[Path, str]:
    """Split ``PATH#PART`` of an address; a file whose name has the # is taken as it is."""
    path, mark, part = weights.rpartition("#")
    if not mark or (folder / weights).exists():
        return folder / weights, ""
    return folder / path, part


def _chosen(
    found: NamedTensors, module: nn.Module, tensors: Mapping[str, Tensor], part: str
) -> Match:
    matches = found.matches()
    if not matches:
        raise InputError(
            "holds no tensors of this network" + (", in the part that is named" if part else ""),
            value=part or described(tensors),
            allowed=_tops(tensors) if part else (),
            remedy=_adapters(tensors) or of_architectures(found.tensors),
        )
    if len(matches) > 1:
        names = [match.part or "(none)" for match in matches]
        parts = " or ".join(f'"…#{match.part}"' for match in matches if match.part)
        raise InputError(
            f"holds {len(matches)} networks that fit, with other values",
            value=", ".join(map(_explained, names)),
            remedy=f"say which, behind the name of the file: {parts}",
        )
    return matches[0]


def _explained(part: str) -> str:
    ends = part.rpartition(".")[2]
    why = next((w for e, w in _CHOICES.items() if e in part.split(".") or ends.endswith(e)), "")
    return f"{part} ({why})" if why else part


def _check_plain(tensor: Tensor, wanted: Tensor, name: str) -> None:
    """Refuse a tensor that no network can be given: its storage, its type, or its values."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "quantised" if tensor.is_quantized else "empty" if tensor.is_meta else "sparse"
        raise InputError(
            f"is {kind}",
            field=name,
            allowed="dense tensors of plain numbers",
            remedy=_UNQUANTISED if kind == "quantised" else "",
        )
    held = tensor.untyped_storage().nbytes()
    if held < tensor.numel() * tensor.element_size():
        raise InputError(f"says that it has {tensor.numel()} numbers, in {held} bytes", field=name)
    if tensor.is_complex() and not wanted.is_complex():
        raise InputError("is complex", field=name, allowed="real numbers")
    if wanted.is_floating_point() and not tensor.is_floating_point():
        raise InputError(
            "is a whole number where the network has fractions, as in a quantised network",
            field=name,
            value=str(tensor.dtype),
            allowed=str(wanted.dtype),
            remedy=_UNQUANTISED,
        )
    if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
        raise InputError("has values that are not finite", field=name)


def _check_normaliser(found: NamedTensors, match: Match, takes: InputFormat) -> None:
    """Refuse a file with a normaliser beside the network that is another than will be used."""
    taken = set(match.names.values())
    for kind, ends in NORMALISERS.items():
        expected: tuple[float, ...] | None = getattr(takes, kind)
        for name, tensor in found.tensors.items():
            if name in taken or name.rpartition(".")[2] not in ends or expected is None:
                continue
            values = tensor.detach().double().flatten()
            if values.numel() not in (1, len(expected)):
                continue
            if not torch.allclose(values, torch.tensor(expected).double(), rtol=1e-3):
                numbers = [round(v, 4) for v in values.tolist()]
                raise InputError(
                    "the network in the file is normalised in another way",
                    field=name,
                    value=numbers,
                    allowed=str(list(expected)),
                    remedy=f"say so in the recipe, with preprocess: {{{kind}: {numbers}}}",
                )


def _left_out(found: NamedTensors, match: Match) -> tuple[str, ...]:
    """Return the parts of a file that a network has not taken, as short as they can be named."""
    taken = set(match.names.values())
    inside = match.part.split(".") if match.part else []
    strange = {f"{match.part}.{n}" if match.part else n for n in match.strange}
    left: dict[str, None] = {}
    for name in found.tensors:
        pieces = name.split(".")
        pairs = zip(pieces, inside, strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if name not in taken and (shared < len(inside) or name in strange):
            left[".".join(pieces[: shared + 1])] = None
    return tuple(left)


def _adapters(tensors: Mapping[str, Tensor]) -> str:
    if any("lora_" in name for name in tensors):
        return "it holds adapters (LoRA) alone: merge them into their network, and save that"
    return ""


def _tops(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the names of a file's parts, two levels of them."""
    found: dict[str, None] = {}
    for name in tensors:
        pieces = name.split(".")
        for depth in range(1, min(3, len(pieces))):
            found[".".join(pieces[:depth])] = None
    return list(found)[:12]
