"""Where networks come from: one function a source, each builds a network from its address."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from pdpsych.errors import InputError
from pdpsych.models.address import NetworkAddress
from pdpsych.models.checks import nearest
from pdpsych.models.preprocessing import InputFormat

DEFAULT_WEIGHTS = "IMAGENET1K_V1"


@dataclass(frozen=True)
class BuiltNetwork:
    """A network with its weights, what they were trained on, and the images it takes."""

    module: nn.Module
    architecture: str
    training: str
    takes: InputFormat


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
            return _SOURCES[address.source](address, folder or Path())
    except InputError as error:
        said = str(error).startswith(address.address)
        message = str(error) if said else f"{address.address}: {error}"
        raise InputError(message) from error.__cause__


def fingerprint(module: nn.Module) -> str:
    """Return the SHA-256 of all parameters and buffers: names, shapes and values."""
    digest = hashlib.sha256()
    for name, values in sorted(module.state_dict().items()):
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw the same random weights each time, and leave the caller's generator alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _torchvision(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    weights = address.weights or DEFAULT_WEIGHTS
    module, takes = _architecture(address.name, weights)
    if address.seed is not None:
        return BuiltNetwork(module, address.name, _random_words(address), takes)
    from pdpsych.models import catalogue, checkpoint

    found = catalogue.find(address.name, weights)
    state, path = checkpoint.state_dict(found)
    checkpoint.load_into(module, state, str(path))
    return BuiltNetwork(module, address.name, found.training, takes)


def _file(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    from pdpsych.models import checkpoint

    path = folder / str(address.weights)
    module, takes = _architecture(address.name, DEFAULT_WEIGHTS)
    checkpoint.load_into(module, checkpoint.read_state(path), str(path))
    return BuiltNetwork(module, address.name, path.stem, takes)


def _timm(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    timm = _optional("timm", "timm")
    name, _, tag = address.name.partition(".")
    if name not in timm.list_models():
        raise InputError(f'unknown architecture "{name}"; {nearest(name, timm.list_models())}')
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    if tag and tag not in tags:
        raise InputError(f'unknown weights "{tag}" of {name}; {nearest(tag, tags)}')
    if address.weights and address.seed is None:
        raise InputError(
            f'weights: "{address.weights}"; timm names weights in the model, as in '
            f'"{name}.{next(iter(tags), "TAG")}"; allowed after @: random, random-SEED'
        )
    try:
        module = timm.create_model(address.name, pretrained=address.seed is None)
    except Exception as error:
        raise InputError(
            f"its weights cannot be fetched from the Hugging Face hub: {error}; fetch them where "
            "there is a connection (pdpsych models fetch) and copy the folder of HF_HOME"
        ) from error
    data = timm.data.resolve_model_data_config(module)
    channels, height, width = data["input_size"]
    takes = InputFormat(channels, (height, width), tuple(data["mean"]), tuple(data["std"]), "srgb")
    trained = tag or module.pretrained_cfg.get("tag") or "timm"
    return BuiltNetwork(module, name, _random_words(address) or trained, takes)


def _python(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    path, _, attribute = address.name.partition(":")
    with _importable(folder.resolve()):
        found = _imported(path, folder.resolve())
        make = getattr(found, attribute, None)
        if not callable(make):
            made = [name for name, value in vars(found).items() if callable(value)]
            raise InputError(f'{path} has no callable "{attribute}"; {nearest(attribute, made)}')
        try:
            module = make()
        except Exception as error:
            raise InputError(f"{attribute}(): {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise InputError(f"{attribute}() returns {type(module).__name__}, not a torch.nn.Module")
    return BuiltNetwork(module, attribute, f"made by {address.name}", InputFormat())


def _imported(path: str, folder: Path) -> ModuleType:
    try:
        found = importlib.import_module(path)
    except ImportError as error:
        raise InputError(f"{error}; looked in {folder} and among installed packages") from error
    except Exception as error:
        raise InputError(f"importing {path}: {type(error).__name__}: {error}") from error
    top = path.partition(".")[0]
    loaded = Path(sys.modules[top].__file__ or "").resolve()
    here = [
        place for place in (folder / f"{top}.py", folder / top / "__init__.py") if place.exists()
    ]
    if here and loaded not in here:
        # Python imports a name once; the network of another study must not pass for this one's.
        raise InputError(f"{here[0]}: {loaded} is already imported as {top}; rename one of them")
    return found


_SOURCES: dict[str, Callable[[NetworkAddress, Path], BuiltNetwork]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "file": _file,
    "python": _python,
}


def _architecture(name: str, weights: str) -> tuple[nn.Module, InputFormat]:
    """Build a classifier of torchvision with random weights, for the input some weights take.

    Weights that torchvision does not have take what its first ones do.
    """
    torchvision = _optional("torchvision", "models")
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise InputError(f'unknown architecture "{name}"; {nearest(name, known)}')
    versions = torchvision.models.get_model_weights(name)
    version = versions[weights] if weights in versions.__members__ else next(iter(versions))
    preset = version.transforms()
    size = preset.crop_size[0]
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        # Ported weights of another normalisation, which the network converts to inside.
        options = {"transform_input": True, "init_weights": True}
    elif name.startswith("vit_"):
        options = {"image_size": size}
    takes = InputFormat(3, (size, size), tuple(preset.mean), tuple(preset.std), "srgb")
    return torchvision.models.get_model(name, weights=None, **options), takes


def _random_words(address: NetworkAddress) -> str:
    return "" if address.seed is None else f"random weights, seed {address.seed}"


def _optional(package: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise InputError(f"needs {package}; pip install 'pdpsych[{extra}]'") from None


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let the modules of a folder be imported, ahead of installed ones."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
