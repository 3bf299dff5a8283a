"""Names of models: which network, from where, with which weights, read at which layers.

A representation is named ``source:model[@weights]/layer``, or by the name of a built-in model.
Nothing here needs torch: recipes are read on machines without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from pdpsych.common.errors import InputError
from pdpsych.common.section import Part, one_of, validate
from pdpsych.models.registry import NOISE_MODELS, SOURCES
from pdpsych.models.taps.tap import parse_tap, split_tap

BUILT_IN = ("LN", "LG", "LGG", "LGN", "identity")
FORM = "source:model[@weights]/layer[+step=value]"

# What is recorded only of networks that a recipe names by files.
ORIGIN_OF_FILES = ("code_sha256", "checkpoint", "tap_sha256")

Encoding = Literal["srgb", "linear"]


def _noise(name: str) -> str:
    if name not in NOISE_MODELS and not name.endswith((".npy", ".npz")):
        allowed = [*NOISE_MODELS, "FILE.npy"]
        raise PydanticCustomError("unknown_name", "unknown", {"allowed": allowed})
    return name


def _layer(value: str) -> str:
    parse_tap(value)
    return value


Derivative = Literal["own", "surrogate"]

Source = Annotated[str, one_of(SOURCES)]
Noise = Annotated[str, AfterValidator(_noise)]
Layer = Annotated[str, Field(min_length=1), AfterValidator(_layer)]
Side = Annotated[int, Field(gt=0)]
Channels = tuple[Annotated[float, Field(allow_inf_nan=False)], ...]


class NetworkInput(Part):
    """What a network takes, where it differs from what its source says.

    ``size`` is in pixels, one number or (height, width); ``mean`` and ``std`` have one number
    for each channel, in the units of the encoding, 0 to 1.
    """

    size: Side | tuple[Side, Side] | None = None
    mean: Channels | None = Field(None, min_length=1)
    std: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(None, min_length=1)
    encoding: Encoding | None = None

    @model_validator(mode="after")
    def _same_channels(self) -> NetworkInput:
        if self.mean and self.std and len(self.mean) != len(self.std):
            raise ValueError("mean and std need the same number of channels")
        return self


class NetworkAddress(Part):
    """One network: ``source:name[@weights]``.

    ``label`` stands for that in the names of its representations; ``architecture`` and
    ``training`` say in figures and shares of variance what it is and what it was trained on,
    where the source cannot know (a callable's name says both at once).
    """

    source: Source
    name: str = Field(min_length=1)
    weights: str | None = Field(None, min_length=1)
    label: str | None = Field(None, pattern=r"^[^:/@]+$")
    architecture: str | None = None
    training: str | None = None
    preprocess: NetworkInput = NetworkInput()

    @model_validator(mode="after")
    def _complete(self) -> NetworkAddress:
        if self.source == "file" and self.weights is None:
            raise ValueError("file needs the path of a checkpoint: file:architecture@path/layer")
        if self.source == "python":
            if self.weights is not None:
                raise ValueError("python takes no weights; load them inside the callable")
            if not re.fullmatch(r"[\w.]+:[\w.]+", self.name):
                raise ValueError(
                    f'python needs the name package.module:callable, not "{self.name}"'
                )
        if self.label in BUILT_IN:
            raise ValueError(f'label: "{self.label}" is the name of a built-in model')
        return self

    @property
    def network(self) -> str:
        """Name of the network in those of its representations: its label, or its address."""
        return self.label or self.address

    @property
    def address(self) -> str:
        """``source:name[@weights]``."""
        return f"{self.source}:{self.name}" + (f"@{self.weights}" if self.weights else "")

    @property
    def key(self) -> str:
        """What two addresses of the same network have in common."""
        return self.model_dump_json(include={"source", "name", "weights", "preprocess"})

    @property
    def seed(self) -> int | None:
        """Seed of random weights, None for trained ones."""
        found = re.fullmatch(r"random(?:-(\d+))?", self.weights or "")
        return int(found[1] or 0) if found else None


class Address(NetworkAddress):
    """One network and the layers to read, as dotted names; one representation a layer.

    Behind the name of a layer may stand what of it is read, as in ``blocks.3+token=0``
    (:data:`pdpsych.models.taps.tap.STEPS`). ``noise`` is a noise model, or a file of variances or
    of a covariance, of all layers that do not name their own.

    ``derivative: surrogate`` accepts a backward pass that is not the derivative of the network, as
    that of spikes, which have none.
    """

    layers: tuple[Layer, ...] = Field(min_length=1)
    noise: Noise = "gaussian"
    derivative: Derivative = "own"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the representations."""
        return tuple(f"{self.network}/{layer}" for layer in self.layers)


def _kind(value: Any) -> str:
    return "str" if isinstance(value, str) else "Address"


Model = Annotated[
    Annotated[str, Tag("str")] | Annotated[Address, Tag("Address")], Discriminator(_kind)
]
"""A model as a recipe names it: a built-in name, an address, or its mapping."""


def parse_network(text: str) -> NetworkAddress:
    """Read ``source:model[@weights]``.

    Raises
    ------
    InputError
        If there is no source, it is not known, or the model is built in.
    """
    if text in BUILT_IN:
        raise InputError(
            "is built in: it has no layers to choose and no weights to fetch",
            value=text,
        )
    return validate(_split(text), NetworkAddress, text)


def parse(text: str) -> Address:
    """Read ``source:model[@weights]/layer``.

    Raises
    ------
    InputError
        Naming what is missing or not known.
    """
    network, layer = split_tap(text)
    if not (network and layer):
        _split(text)
        raise InputError("names no layer", value=text, allowed=FORM)
    return validate({**_split(network), "layers": [layer]}, Address, text)


def read(wanted: str | Mapping[str, Any] | Address) -> str | Address:
    """Return a built-in name as it is, and anything else as an address.

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(wanted, Address) or (isinstance(wanted, str) and wanted in BUILT_IN):
        return wanted
    return parse(wanted) if isinstance(wanted, str) else validate(wanted, Address, "models")


def representation_names(wanted: Sequence[str | Mapping[str, Any] | Address]) -> tuple[str, ...]:
    """Return the names of all representations of some models, in order.

    Raises
    ------
    InputError
        If a model cannot be read, a name occurs twice, or a label stands for two networks.
    """
    names: list[str] = []
    labelled: dict[str, str] = {}
    for model in map(read, wanted):
        names.extend([model] if isinstance(model, str) else model.names)
        if (
            isinstance(model, Address)
            and labelled.setdefault(model.network, model.key) != model.key
        ):
            raise InputError("stands for two networks", field="label", value=model.network)
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                "occurs twice",
                value=name,
                remedy="name each model once, or give it another label",
            )
    return tuple(names)


def _split(network: str) -> dict[str, Any]:
    source, colon, rest = network.partition(":")
    if not colon:
        raise InputError(
            "unknown model",
            value=network,
            allowed=BUILT_IN,
            remedy=f"or write {FORM}, with the sources {', '.join(SOURCES)}",
        )
    if source not in SOURCES:
        raise InputError("unknown source", field=network, value=source, allowed=SOURCES)
    name, at, weights = rest.partition("@")
    return {"source": source, "name": name} | ({"weights": weights} if at else {})
