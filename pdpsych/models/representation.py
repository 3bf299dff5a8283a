"""A representation: a layer of a network, a noise model, a name, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pdpsych.common.errors import InputError
from pdpsych.geometry.noise.gaussian import Gaussian
from pdpsych.geometry.noise.noise_model import NoiseModel
from pdpsych.geometry.representation import Network
from pdpsych.models import address as addresses
from pdpsych.models.address import Address, Derivative, Encoding
from pdpsych.models.checks import enough_memory
from pdpsych.models.early_vision import CHANNELS, EarlyVisualModel, Padding
from pdpsych.models.network import ModuleNetwork
from pdpsych.models.preprocessing import InputFormat, Preprocessing
from pdpsych.models.registry import NOISE_MODELS
from pdpsych.models.sources.checkpoint import LoadedWeights
from pdpsych.models.sources.source import build, fingerprint, seeded
from pdpsych.models.sources.state_dict import tensors_of
from pdpsych.models.taps.tap import parse_tap


@dataclass(frozen=True)
class Origin:
    """Where a representation comes from, as a set records it.

    Attributes
    ----------
    architecture, training
        What the network is, and what it was trained on.
    depth
        From 0, the first of the layers read from its network, to 1, the last, in order of
        execution.
    preprocessing
        In words, what is done to the image first.
    weights_sha256
        SHA-256 of all parameters and buffers; empty for the early visual models, which have none.
    code_sha256
        SHA-256 of the file of Python that made the network, where a recipe names one.
    checkpoint
        What the network has of the file of weights that a recipe names.
    tap_sha256
        SHA-256 of the files of readout and noise that a recipe names.

    Examples
    --------
    >>> from pdpsych import models
    >>> models.load(["LGN"])[0].origin.training
    'fitted to human distortion ratings'
    """

    architecture: str = ""
    training: str = ""
    depth: float = 0.0
    preprocessing: str = "none"
    weights_sha256: str = ""
    code_sha256: str = ""
    checkpoint: str = ""
    tap_sha256: str = ""


@dataclass(frozen=True)
class Representation:
    """A model's response distribution p(r|s): a deterministic response plus a noise model.

    Parameters
    ----------
    name
        Its name in tables and figures.
    network
        What is linearised; representations that share it share forward passes.
    layer
        Which of the network's layers responds.
    noise
        Unit Gaussian when not given.
    origin
        Where it comes from, for the record.
    derivative
        ``own``, or ``surrogate`` where its backward pass need not be its derivative.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> network = models.EarlyVisualModel(models.CHANNELS["LN"])
    >>> models.Representation("noisy", network, "response", geometry.Gaussian(2.0)).name
    'noisy'
    """

    name: str
    network: Network
    layer: str
    noise: NoiseModel = field(default_factory=Gaussian)
    origin: Origin = Origin()
    derivative: Derivative = "own"


def load(
    wanted: Sequence[str | Mapping[str, Any] | Address],
    *,
    padding: Padding = "replicate",
    encoding: Encoding = "srgb",
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    folder: Path | None = None,
) -> list[Representation]:
    """Return representations; each network is built and held once, whatever reads it.

    Parameters
    ----------
    wanted
        Built-in names (LN, LG, LGG, LGN, and identity, the pixels themselves), addresses
        ``source:model[@weights]/layer``, or mappings {source, name, weights, layers, …}.
    padding
        How the early visual models continue the image beyond its border.
    encoding
        Encoding of the base images; what a network takes is made from it inside the derivative.
    device, dtype
        Where the networks go, and in which precision; the image must have the same.
    folder
        What relative paths and Python modules are relative to; the working directory by default.

    Raises
    ------
    InputError
        If a name, an architecture, weights or a layer is not known, or a layer cannot be read.

    Examples
    --------
    >>> from pdpsych import models
    >>> wanted = ["LN", {"source": "torchvision", "name": "alexnet", "weights": "random",
    ...                  "layers": ["features.0", "features.3"], "label": "net"}]
    >>> [representation.name for representation in models.load(wanted)]
    ['LN', 'net/features.0', 'net/features.3']
    """
    addresses.representation_names(wanted)
    models = [addresses.read(model) for model in wanted]
    grouped: dict[str, list[Address]] = {}
    for model in models:
        if isinstance(model, Address):
            grouped.setdefault(model.key, []).append(model)
    loaded: dict[str, Representation] = {}
    for members in grouped.values():
        loaded |= {r.name: r for r in _one_network(members, encoding, device, dtype, folder)}
    found: list[Representation] = []
    for model in models:
        if isinstance(model, Address):
            found.extend(loaded[name] for name in model.names)
        else:
            found.append(_built_in(model, padding))
    return found


def from_module(
    module: nn.Module,
    layers: Sequence[str],
    name: str,
    *,
    noise: NoiseModel | None = None,
    folder: Path | None = None,
) -> list[Representation]:
    """Return one representation a layer of any module, named ``name/layer``.

    Parameters
    ----------
    module
        Takes images (B, C, H, W); its own preprocessing is inside the derivative. It is put
        into evaluation mode and its parameters are frozen.
    layers
        Dotted names of sub-modules, as in ``module.named_modules()``, with what of their output is
        read behind them, as in ``blocks.3+token=0``.
    name
        What to call the network.
    noise
        Noise model of each that does not name its own; unit Gaussian when not given.
    folder
        What the paths of readouts and noise are relative to; the working directory by default.

    Raises
    ------
    InputError
        If a layer does not exist, or what of it is to be read cannot be.

    Examples
    --------
    >>> from pdpsych import models
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU())
    >>> [representation.name for representation in models.from_module(net, ["0", "1"], "net")]
    ['net/0', 'net/1']
    """
    network = ModuleNetwork(module, name=name, folder=folder)
    for layer in layers:
        network.layer(layer)
    kept, sha256 = noise or Gaussian(), fingerprint(module)
    depths = _depths(_defined(network, layers), layers)
    return [
        Representation(
            f"{name}/{layer}",
            network,
            layer,
            network.noise(layer) or kept,
            Origin(
                name,
                "",
                depths[layer],
                "inside the module",
                sha256,
                tap_sha256=network.files.sha256(parse_tap(layer).files),
            ),
        )
        for layer in layers
    ]


def _one_network(
    members: Sequence[Address],
    encoding: Encoding,
    device: str | torch.device,
    dtype: torch.dtype,
    folder: Path | None,
) -> list[Representation]:
    """Build one network and return the representations of all addresses that name it."""
    first = members[0]
    built = build(first, folder)
    sha256 = fingerprint(built.module)
    takes = built.takes.changed_by(first.preprocess)
    preprocessing = Preprocessing(takes, encoding)
    with enough_memory(first.network):
        network = ModuleNetwork(
            built.module.to(device, dtype),
            name=first.network,
            preprocessing=preprocessing.to(device, dtype),
            folder=folder,
        )
    layers = [layer for address in members for layer in address.layers]
    order = _order(network, layers, takes, torch.zeros((), device=device, dtype=dtype))
    if built.loaded is not None and built.loaded.lacking:
        _refuse_lacking(network, layers, takes, built.loaded)
    depths = _depths(order, layers)
    return [
        Representation(
            name,
            network,
            layer,
            network.noise(layer) or network.files.noise(address.noise),
            Origin(
                address.architecture or built.architecture,
                address.training or built.training,
                depths[layer],
                str(preprocessing),
                sha256,
                built.code_sha256,
                "" if built.loaded is None else built.loaded.describe(),
                network.files.sha256(_files(address, layer)),
            ),
            address.derivative,
        )
        for address in members
        for name, layer in zip(address.names, address.layers, strict=True)
    ]


def _order(
    network: ModuleNetwork, layers: Sequence[str], takes: InputFormat, like: torch.Tensor
) -> list[str]:
    """Return the layers in order of execution; of definition, where the input is not known."""
    for layer in layers:
        network.layer(layer)
    if takes.size is None or takes.channels is None:
        return _defined(network, layers)
    return network.order(like.expand(1, takes.channels, *takes.size), layers)


def _defined(network: ModuleNetwork, layers: Sequence[str]) -> list[str]:
    """Return the layers in the order in which modules are defined; operations are in one."""
    order = [path for path, _ in network.module.named_modules(remove_duplicate=False)]

    def place(layer: str) -> int:
        path = parse_tap(layer).module
        return order.index(path if path in order else path.rpartition(".")[0])

    return sorted(layers, key=place)


def _files(address: Address, layer: str) -> list[str]:
    """Return the files that a tap and its noise are read from."""
    tap = parse_tap(layer)
    named = [] if tap.noise or address.noise in NOISE_MODELS else [address.noise]
    return [*tap.files, *named]


def _refuse_lacking(
    network: ModuleNetwork, layers: Sequence[str], takes: InputFormat, loaded: LoadedWeights
) -> None:
    """Refuse layers that depend on tensors which the file of weights lacks.

    These are not numbers. Some operations pass over what is no number, so that responses have to
    be the same with other values as well.
    """
    tensors = tensors_of(network.module)
    lacking = [tensors[key] for key in loaded.lacking if tensors[key].is_floating_point()]
    like = next(iter(tensors.values()))
    with torch.no_grad(), seeded(0):
        shape = (1, takes.channels or 3, *(takes.size or (224, 224)))
        image = torch.rand(shape, dtype=torch.float64).to(like)
        first = network.responses(image, layers)
        for tensor in lacking:
            tensor.fill_(1)
        second = network.responses(image, layers)
        for tensor in lacking:
            tensor.fill_(torch.nan)
    for layer, one, other in zip(layers, first, second, strict=True):
        if not torch.equal(one, other):
            raise InputError(
                f"depends on tensors that {Path(loaded.file).name} lacks",
                file=f'model "{network.name}", layer "{layer}"',
                value=", ".join(loaded.lacking[:5]),
                remedy="read layers before these, or give weights that have them",
            )


def _depths(order: Iterable[str], layers: Sequence[str]) -> dict[str, float]:
    ranked = [name for name in order if name in layers]
    return {name: rank / max(len(ranked) - 1, 1) for rank, name in enumerate(ranked)}


def _built_in(name: str, padding: Padding) -> Representation:
    if name in CHANNELS:
        model = EarlyVisualModel(CHANNELS[name], padding=padding)
        origin = Origin(name, "fitted to human distortion ratings")
        return Representation(name, model, "response", origin=origin)
    return Representation(name, ModuleNetwork(nn.Identity(), name=name), "", origin=Origin(name))
