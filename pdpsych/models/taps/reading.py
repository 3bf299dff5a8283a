"""From what a module gives to the response that a tap reads: differentiable, part of the model."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.common.files.arrays import read_array, read_arrays
from pdpsych.common.files.digests import file_sha256
from pdpsych.common.files.reading import ARRAYS, read_bytes
from pdpsych.geometry.noise.correlated_gaussian import CorrelatedGaussian
from pdpsych.geometry.noise.gaussian import Gaussian
from pdpsych.geometry.noise.noise_model import NoiseModel
from pdpsych.models.registry import NOISE_MODELS, find
from pdpsych.models.taps.tap import Step, Tap, numbers


@dataclass
class TapFiles:
    """Files that taps name, read when they are first needed; paths are relative to a folder."""

    folder: Path = field(default_factory=Path)
    _readouts: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def readout(self, file: str) -> tuple[Tensor, Tensor]:
        """Return weights (N, R) and bias (N) of a linear readout, float64.

        Raises
        ------
        InputError
            If the file cannot be read or holds something else.
        """
        if file not in self._readouts:
            self._readouts[file] = _readout(self.folder / file)
        return self._readouts[file]

    def noise(self, name: str) -> NoiseModel:
        """Return a noise model by its name, or by a file of variances or of a covariance.

        Raises
        ------
        InputError
            If the file cannot be read, or its numbers are no variances.
        """
        if name in NOISE_MODELS:
            made: NoiseModel = find(NOISE_MODELS[name])()
            return made
        return _noise(self.folder / name)

    def sha256(self, files: Sequence[str]) -> str:
        """Return the SHA-256 of each of some files, "" of none."""
        return " ".join(file_sha256(self.folder / file) for file in files)


def read(tap: Tap, output: object, files: TapFiles) -> object:
    """Return what a tap reads of a module's output; a copy, since the output may be overwritten.

    What is no tensor in the end is returned as it is.

    Raises
    ------
    InputError
        Naming the step that the output does not allow.
    """
    told = any(step.kind == "axes" for step in tap.readings)
    for step in tap.readings:
        try:
            if step.kind in ("channels", "pool") and not told:
                _check_axes(_tensor(output))
            output = _STEPS[step.kind](output, step, files)
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"{step} does not fit what the layer gives: {error}") from error
    return output.clone() if isinstance(output, Tensor) else output


def _element(output: object, step: Step, files: TapFiles) -> object:
    for key in step.value.split("."):
        if isinstance(output, Mapping) and key in output:
            output = output[key]
        elif isinstance(output, Sequence) and key.lstrip("-").isdigit():
            if not -len(output) <= int(key) < len(output):
                raise ValueError(f"there are {len(output)}, numbered from 0, not {key}")
            output = output[int(key)]
        elif hasattr(output, key) and not callable(getattr(output, key)):
            output = getattr(output, key)
        else:
            raise ValueError(f"it is a {elements(output)}, without {key}")
    return output


def elements(output: object) -> str:
    """Say which elements a tuple or dict has, as ``output=`` names them."""
    if isinstance(output, Mapping):
        return f"{type(output).__name__} of {', '.join(map(str, output)) or 'nothing'}"
    if isinstance(output, Sequence):
        return f"{type(output).__name__} of 0 to {len(output) - 1}"
    return type(output).__name__


def _axes(output: object, step: Step, files: TapFiles) -> Tensor:
    batch = _tensor(output)
    if batch.ndim != 4:
        raise ValueError(f"it has {batch.ndim - 1} axes, not 3")
    return batch.movedim(-1, 1) if step.value == "hwc" else batch


def _token(output: object, step: Step, files: TapFiles) -> Tensor:
    batch = _tensor(output)
    if batch.ndim != 3:
        raise ValueError(f"{_shape(batch)} is not tokens by features")
    return batch[:, _index(step, batch.shape[1], batch)]


def _channels(output: object, step: Step, files: TapFiles) -> Tensor:
    batch = _tensor(output)
    axis = 2 if batch.ndim == 3 else 1
    return batch.index_select(axis, _index(step, batch.shape[axis], batch))


def _units(output: object, step: Step, files: TapFiles) -> Tensor:
    batch = _tensor(output).flatten(1)
    return batch[:, _index(step, batch.shape[1], batch)]


def _pool(output: object, step: Step, files: TapFiles) -> Tensor:
    batch = _tensor(output)
    if batch.ndim == 2:
        raise ValueError("there is no space in it")
    axes = (1,) if batch.ndim == 3 else tuple(range(2, batch.ndim))
    if step.value == "mean":
        return batch.mean(axes)
    if step.value == "max":
        return batch.amax(axes)
    if batch.ndim != 4:
        raise ValueError(f"{_shape(batch)} has no fields of {step.value} by {step.value}")
    return torch.nn.functional.adaptive_avg_pool2d(batch, int(step.value))


def _read_out(output: object, step: Step, files: TapFiles) -> Tensor:
    weights, bias = files.readout(step.value)
    batch = _tensor(output).flatten(1)
    if weights.shape[1] != batch.shape[1]:
        raise InputError(
            f"is a readout of {weights.shape[1]} responses, and the layer gives {batch.shape[1]}",
            file=files.folder / step.value,
            field="weights",
            value=tuple(weights.shape),
            allowed=f"(N, {batch.shape[1]})",
            remedy="read the layer that it was fitted to, with the same pooling, channels and "
            "image size",
        )
    return batch @ weights.to(batch).mT + bias.to(batch)


_STEPS: dict[str, Callable[[object, Step, TapFiles], object]] = {
    "output": _element,
    "axes": _axes,
    "token": _token,
    "channels": _channels,
    "units": _units,
    "pool": _pool,
    "readout": _read_out,
}


def _tensor(output: object) -> Tensor:
    if not isinstance(output, Tensor):
        raise ValueError(f"it is a {elements(output)}; output= says which")
    return output


def _check_axes(batch: Tensor) -> None:
    if batch.ndim == 4 and batch.shape[1] == batch.shape[2] != batch.shape[3]:
        raise ValueError(
            f"{_shape(batch)} looks as though its channels came last: say what the axes are first, "
            "with axes=hwc or axes=chw"
        )


def _index(step: Step, size: int, like: Tensor) -> Tensor:
    return torch.tensor(numbers(step.value, size), device=like.device)


def _shape(batch: Tensor) -> str:
    return f"({', '.join(map(str, batch.shape[1:]))})"


def _readout(path: Path) -> tuple[Tensor, Tensor]:
    found = _arrays(path)
    weights = found.get("weights", found.get(""))
    if weights is None or weights.ndim != 2 or set(found) - {"weights", "bias", ""}:
        raise InputError(
            "is no linear readout",
            file=path,
            value=", ".join(f"{name} {value.shape}".strip() for name, value in found.items()),
            allowed="weights (N, R), and bias (N) if there is one",
        )
    bias = found.get("bias", np.zeros(len(weights)))
    if bias.shape != (len(weights),):
        raise InputError(
            "does not fit the weights",
            file=path,
            field="bias",
            value=bias.shape,
            allowed=str((len(weights),)),
        )
    return torch.from_numpy(weights), torch.from_numpy(bias)


def _noise(path: Path) -> NoiseModel:
    found = _arrays(path)
    values = next(iter(found.values()))
    if len(found) != 1 or values.ndim not in (1, 2):
        raise InputError(
            "is no noise",
            file=path,
            value=", ".join(f"{name} {value.shape}".strip() for name, value in found.items()),
            allowed="one array: a variance for each response, or their covariance",
        )
    try:
        if values.ndim == 2:
            return CorrelatedGaussian(torch.from_numpy(values))
        return Gaussian(torch.from_numpy(values).sqrt())
    except InputError as error:
        raise error.within(file=path) from None


def _arrays(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the arrays of a file by name, "" for that of a ``.npy`` file; float64, finite."""
    data = read_bytes(path, ARRAYS, "a .npy or .npz file")
    try:
        npz = path.suffix == ".npz"
        found = read_arrays(io.BytesIO(data)) if npz else {"": read_array(data)}
        wide = {name: np.array(array, dtype=np.float64) for name, array in found.items()}
    except Exception as error:  # a damaged file fails in any way
        raise InputError(f"not numpy arrays: {error}", file=path) from None
    for name, array in wide.items():
        if not np.isfinite(array).all():
            raise InputError("has values that are not finite", file=path, field=name)
    if not wide:
        raise InputError("is empty", file=path)
    return wide
