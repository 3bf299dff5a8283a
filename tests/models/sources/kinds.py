"""Checkpoints in the formats that people have, by what writes them, with what happens to each."""

from __future__ import annotations

import argparse
import collections
import gzip
import io
import json
import pickle
import sys
import tarfile
import types
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from .wrapped import FeatherModel, examples, robustness


class Block(nn.Module):
    """A layer with parts of its own."""

    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x):
        return (x + self.bn1(self.conv1(x))).relu()


class Tiny(nn.Module):
    """A small network laid out as a ResNet of torchvision is."""

    def __init__(self, classes=5, width=4):
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU()
        self.layer1 = nn.Sequential(Block(width), Block(width))
        self.layer2 = nn.Sequential(Block(width))
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        x = self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(x.mean((2, 3)))


def tiny(seed=0, **options):
    """Return a network whose parameters, buffers and counters are all those of a seed."""
    torch.manual_seed(seed)
    network = Tiny(**options).eval()
    for buffer in network.buffers():
        buffer.copy_(torch.rand(buffer.shape) * 9)
    return network


def state(network, prefix="", without=()):
    """Return its state dict with a prefix, without keys that begin in some ways."""
    found = network.state_dict().items()
    return {prefix + k: v for k, v in found if not k.startswith(tuple(without))}


def torch_file(content: Any, path: Path, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


class Kind(NamedTuple):
    """What writes such a file, and what is to happen.

    ``happens`` is a part of the network that is loaded, with what is lacking, or how the refusal
    begins.
    """

    name: str
    write: Callable[[nn.Module, Path], Path]
    part: str = ""
    lacking: tuple[str, ...] = ()
    refused: str = ""
    remedy: str = ""
    choose: str = ""
    ending: str = ".pth"

    @property
    def row(self) -> str:
        """Its row in the table of docs/networks.md."""
        where = f"from `{self.part}`" if self.part else "loaded"
        lacking = ", without the head" if self.lacking else ""
        if self.choose:
            where = f"asks which; with `#{self.choose}` {where}"
        advice = f"; advice: `{self.remedy}`" if self.remedy else ""
        happens = f"refused: {self.refused}{advice}" if self.refused else where + lacking
        return f"| {self.name} | {happens} |"


HEAD = ("fc.weight", "fc.bias")


def saves(make: Callable[[nn.Module], Any]) -> Callable[[nn.Module, Path], Path]:
    return lambda network, path: torch_file(make(network), path)


def _lightning(network):
    return {
        "epoch": 9,
        "global_step": 1200,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": state(network, "model.") | {"criterion.weight": torch.ones(5)},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"current": {"ready": 9}}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.7)}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"lr": 1e-3},
    }


def _lightning_ema(network):
    content = _lightning(network)
    content["state_dict"] |= state(tiny(7), "ema_model.module.")
    return content


def _timm(network):
    return {
        "epoch": 3,
        "arch": "resnet50",
        "state_dict": state(network),
        "optimizer": torch.optim.SGD(network.parameters(), 0.1).state_dict(),
        "version": 2,
        "args": argparse.Namespace(lr=0.1),
        "metric": 71.2,
    }


def _moco(network):
    other = tiny(7)
    return {
        "epoch": 200,
        "arch": "resnet50",
        "state_dict": state(network, "module.encoder_q.", ["fc"])
        | state(other, "module.encoder_k.", ["fc"])
        | {f"module.encoder_q.fc.{i}.weight": torch.rand(4, 4) for i in (0, 2)}
        | {f"module.encoder_k.fc.{i}.weight": torch.rand(4, 4) for i in (0, 2)}
        | {"module.queue": torch.rand(4, 8), "module.queue_ptr": torch.zeros(1).long()},
        "optimizer": {},
    }


def _moco_v3(network):
    other = tiny(7)
    return {
        "state_dict": state(network, "module.base_encoder.")
        | state(other, "module.momentum_encoder.")
        | {"module.predictor.0.weight": torch.rand(4, 4)}
    }


def _dino(network):
    heads = {"head.mlp.0.weight": torch.rand(4, 4), "head.last_layer.weight_g": torch.rand(4, 1)}
    return {
        "student": {f"module.{k}": v for k, v in (state(tiny(7), "backbone.") | heads).items()},
        "teacher": state(network, "backbone.", ["fc"]) | heads,
        "optimizer": {"state": {}},
        "epoch": 100,
        "args": argparse.Namespace(arch="resnet50"),
        "dino_loss": {"center": torch.zeros(1, 4)},
    }


def _byol(network):
    return {
        "online_encoder.net": state(network),
        "target_encoder.net": state(tiny(7)),
        "online_predictor": {"net.0.weight": torch.rand(3, 3)},
    }


def _mmpretrain(network):
    class HistoryBuffer:
        def __init__(self):
            self._log_history = np.ones(3)

    with imported("mmengine.logging.history_buffer", HistoryBuffer):
        content = {
            "meta": {"epoch": 100, "mmengine_version": "0.10.5", "cfg": "model = dict()"},
            "state_dict": state(network, "backbone.", ["fc"])
            | {"head.fc.weight": torch.rand(9, 4), "head.fc.bias": torch.rand(9)},
            "message_hub": {"log_scalars": {"train/loss": HistoryBuffer()}},
            "optimizer": {},
        }
        return _written(content)


def _written(content):
    """Return content as it was written while the classes in it could be imported."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@contextmanager
def imported(module: str, *classes: type) -> Iterator[None]:
    """Let classes be those of a module while a file is written."""
    names = [".".join(module.split(".")[: i + 1]) for i in range(module.count(".") + 1)]
    made = {name: types.ModuleType(name) for name in names}
    before = {name: sys.modules.get(name) for name in names}
    for one in classes:
        one.__module__, one.__qualname__ = module, one.__name__
        setattr(made[module], one.__name__, one)
    sys.modules.update(made)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old


def _bytes(content: bytes | Callable[[nn.Module], bytes]) -> Callable[[nn.Module, Path], Path]:
    def write(network, path):
        path.write_bytes(content(network) if callable(content) else content)
        return path

    return write


def _safetensors(network, path, prefix=""):
    kept = {k: v.contiguous() for k, v in state(network, prefix).items()}
    save_file(kept, path, metadata={"format": "pt"})
    return path


def _sharded(network, path):
    folder = path.parent
    tensors = list(state(network, "backbone.").items())
    halves = dict(tensors[:9]), dict(tensors[9:])
    files = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for half, file in zip(halves, files, strict=True):
        save_file(half, folder / file)
    places = {k: file for half, file in zip(halves, files, strict=True) for k in half}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return index


def _npz(network, path):
    np.savez(path, **{k: v.numpy() for k, v in state(network).items()})
    return path


def _swa(network):
    averaged = AveragedModel(network)
    return {"model": state(tiny(7)), "model_ema": averaged.state_dict(), "epoch": 3}


def _script(network, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(network, torch.rand(1, 3, 8, 8)).save(str(path))
    return path


def _export(network, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(network, (torch.rand(1, 3, 8, 8),)), path)
    return path


def _dcp(network, path):
    import torch.distributed.checkpoint as dcp

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(network.state_dict(), checkpoint_id=path.with_suffix(""))
    return path.with_suffix("")


def _quantised(network):
    found = network.state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found["conv1.weight"] = torch.quantize_per_tensor(
            found["conv1.weight"], 0.1, 0, torch.qint8
        )
    return found


def _whole(network, path):
    return torch_file(nn.Sequential(collections.OrderedDict(net=nn.Linear(2, 2))), path)


def _own_class(network):
    class Net(nn.Module):
        pass

    class Plain:
        pass

    with imported("__main__", Net, Plain):
        return _written({"model": Plain(), "epoch": 1})


def _zip_of(name, content=b"x"):
    def write(network, path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, content)
        return path

    return write


def _tar(network, path):
    torch_file(state(network), path.with_suffix(".inside"))
    with tarfile.open(path, "w") as archive:
        archive.add(path.with_suffix(".inside"), "weights.pth")
    return path


def _renamed(network, names):
    return {
        names.get(k.partition(".")[0], k.partition(".")[0]) + k[k.index(".") :]: v
        for k, v in state(network).items()
    }


_FASTAI = {"conv1": "0.0", "bn1": "0.1", "layer1": "0.3", "layer2": "0.4"}
_CHILDREN = {"conv1": "0", "bn1": "1", "layer1": "3", "layer2": "4"}


def _fastai(network):
    found = _renamed(network, _FASTAI)
    kept = {k: v for k, v in found.items() if not k.startswith("fc")}
    return kept | {"1.2.weight": torch.rand(4), "1.8.weight": torch.rand(9, 4)}


def _children(network):
    found = _renamed(network, _CHILDREN)
    return {k: v for k, v in found.items() if not k.startswith("fc")}


def _byte_stream(make):
    return _bytes(lambda network: make(network))


KINDS = (
    # plain
    Kind("state dict, `torch.save(net.state_dict(), …)`", saves(state)),
    Kind(
        "the same, written before torch 1.6",
        lambda net, path: torch_file(state(net), path, zipped=False),
    ),
    Kind(
        "`{state_dict, optimizer, epoch}` of a training script",
        saves(lambda net: {"state_dict": state(net), "epoch": 3, "best_acc1": torch.tensor(0.5)}),
        "state_dict",
    ),
    Kind(
        "`{model, optimizer, lr_scheduler, args}`, torchvision's references",
        saves(lambda net: {"model": state(net), "optimizer": {}, "args": argparse.Namespace(lr=1)}),
        "model",
    ),
    Kind(
        "`{model_state_dict, loss}`, PyTorch's tutorials",
        saves(lambda net: {"model_state_dict": state(net), "loss": torch.tensor(1.0)}),
        "model_state_dict",
    ),
    Kind(
        "`{net, acc}`, scripts for CIFAR", saves(lambda net: {"net": state(net), "acc": 95}), "net"
    ),
    Kind(
        "half precision",
        saves(
            lambda net: {k: v.half() if v.is_floating_point() else v for k, v in state(net).items()}
        ),
    ),
    Kind(
        "files older than the counter of batches",
        saves(lambda net: {k: v for k, v in state(net).items() if "num_batches" not in k}),
    ),
    Kind(
        "with counters of a profiler (thop)",
        saves(lambda net: state(net) | {"conv1.total_ops": torch.zeros(1)}),
    ),
    # wrappers
    Kind(
        "DataParallel, DistributedDataParallel",
        saves(lambda net: nn.DataParallel(net).state_dict()),
    ),
    Kind("pytorch/examples", saves(examples), "state_dict"),
    Kind("torch.compile'd", saves(lambda net: torch.compile(net).state_dict())),
    Kind("compiled inside DataParallel", saves(lambda net: state(net, "module._orig_mod."))),
    Kind(
        "DeepSpeed, `mp_rank_00_model_states.pt`",
        saves(lambda net: {"module": state(net), "optimizer": None, "ds_version": "0.15"}),
    ),
    Kind("Lightning", saves(_lightning), "state_dict.model"),
    Kind(
        "network as `net`, `backbone` or `encoder` of another",
        saves(lambda net: state(net, "backbone.")),
        "backbone",
    ),
    # libraries
    Kind("timm's `train.py`", saves(_timm), "state_dict"),
    Kind("robustness (MadryLab)", saves(robustness), "model.model"),
    Kind(
        "robustness, fork of Feather et al.",
        saves(lambda net: robustness(net, FeatherModel)),
        "model.model",
    ),
    Kind(
        "RobustBench, ImageNet",
        saves(
            lambda net: {
                "state_dict": state(net, "module.model.")
                | {
                    "module.normalize.mean": torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1),
                    "module.normalize.std": torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1),
                }
            }
        ),
        "state_dict.model",
    ),
    Kind("mmpretrain, mmengine", _byte_stream(_mmpretrain), "state_dict.backbone", HEAD),
    Kind("MoCo v1, v2", saves(_moco), "state_dict.encoder_q", HEAD, choose="state_dict.encoder_q"),
    Kind("MoCo v3", saves(_moco_v3), "state_dict.base_encoder", choose="state_dict.base_encoder"),
    Kind("DINO, whole training state", saves(_dino), "teacher.backbone", HEAD, choose="teacher"),
    Kind("BYOL", saves(_byol), "online_encoder.net", choose="online_encoder.net"),
    Kind(
        "SwAV",
        saves(
            lambda net: (
                state(net, "module.", ["fc"])
                | {
                    "module.projection_head.0.weight": torch.rand(4, 4),
                    "module.prototypes.weight": torch.rand(9, 4),
                }
            )
        ),
        "",
        HEAD,
    ),
    Kind(
        "SimCLR, Barlow Twins: encoder without head",
        saves(lambda net: {"state_dict": state(net, "encoder.", ["fc"])}),
        "state_dict.encoder",
        HEAD,
    ),
    Kind(
        "Hugging Face, `model.safetensors`",
        lambda net, path: _safetensors(net, path, "timm_model."),
        "timm_model",
        ending=".safetensors",
    ),
    Kind(
        "Hugging Face, `pytorch_model.bin`",
        saves(lambda net: state(net, "model.")),
        "model",
        ending=".bin",
    ),
    Kind("Hugging Face, index of several `.safetensors`", _sharded, "backbone"),
    Kind("safetensors, plain", _safetensors, ending=".safetensors"),
    Kind("NumPy, `.npz`", _npz, ending=".npz"),
    Kind(
        "fastai, `learn.save`",
        saves(lambda net: {"model": _fastai(net), "opt": {}}),
        "model.0",
        HEAD,
    ),
    Kind("`nn.Sequential(*list(net.children())[:-1])`", saves(_children), "", HEAD),
    # averages
    Kind("torchvision's `model_ema` beside `model`", saves(_swa), "model_ema", choose="model_ema"),
    Kind(
        "timm's `state_dict_ema` beside `state_dict`",
        saves(lambda net: _timm(tiny(7)) | {"state_dict_ema": state(net)}),
        "state_dict_ema",
        choose="state_dict_ema",
    ),
    Kind(
        "Lightning with averages",
        saves(_lightning_ema),
        "state_dict.model",
        choose="state_dict.model",
    ),
    Kind("averages alone, `AveragedModel`", saves(lambda net: AveragedModel(net).state_dict())),
    Kind(
        "averages beside, of the same values",
        saves(lambda net: {"state_dict": state(net), "state_dict_ema": state(net)}),
        "state_dict",
    ),
    # heads
    Kind("no head", saves(lambda net: state(net, "", ["fc"])), "", HEAD),
    Kind(
        "a head of its own, `fc.0`, `fc.3`",
        saves(
            lambda net: (
                state(net, "", ["fc"])
                | {"fc.0.weight": torch.rand(8, 4), "fc.3.weight": torch.rand(5, 8)}
            )
        ),
        "",
        HEAD,
    ),
    Kind(
        "other classes (in a recipe, with a head of as many)",
        saves(
            lambda net: (
                state(net, "", ["fc"]) | {"fc.weight": torch.rand(9, 4), "fc.bias": torch.rand(9)}
            )
        ),
        "",
        HEAD,
    ),
    # refused
    Kind(
        "a tensor of the middle missing",
        saves(lambda net: state(net, "", ["layer1.1.conv1"])),
        refused="a checkpoint of another architecture: 2 missing",
    ),
    Kind(
        "more layers than the network",
        saves(lambda net: state(net) | {"layer1.2.conv1.weight": torch.rand(4, 4, 3, 3)}),
        refused="a checkpoint of another architecture: 1 not in the network",
    ),
    Kind(
        "wider layers than the network",
        saves(lambda net: state(tiny(width=6))),
        refused="a checkpoint of another architecture",
    ),
    Kind(
        "normalised in another way",
        saves(
            lambda net: {
                "model": nn.ModuleDict({"normalizer": _Normaliser(), "model": net}).state_dict()
            }
        ),
        refused="the network in the file is normalised in another way",
        remedy="preprocess: {mean",
    ),
    Kind("quantised", saves(_quantised), refused="is quantised", remedy="before it was quantised"),
    Kind(
        "LoRA adapters alone",
        saves(lambda net: {"base_model.model.fc.lora_A.weight": torch.rand(2, 4)}),
        refused="holds no tensors of this network",
        remedy="merge them",
    ),
    Kind(
        "optimizer alone",
        saves(lambda net: {"state": {0: {"a": torch.ones(1)}}}),
        refused="holds no tensors under names",
    ),
    Kind(
        "whole network, `torch.save(net, …)`",
        _whole,
        refused="holds a whole network",
        remedy="x.state_dict() if hasattr",
    ),
    Kind(
        "objects of a class of one's own",
        _byte_stream(_own_class),
        refused="holds a whole network",
        remedy="torch.load('w.pth', weights_only=False)",
    ),
    Kind("TorchScript", _script, refused="is TorchScript", remedy="torch.jit.load('w.pth')"),
    Kind(
        "torch.export, `.pt2`",
        _export,
        refused="is a program of torch.export",
        remedy="torch.export.load('w.pt2')",
        ending=".pt2",
    ),
    Kind(
        "torch.distributed.checkpoint, a folder",
        _dcp,
        refused="is a folder of torch.distributed.checkpoint",
        remedy="dcp_to_torch_save('w'",
    ),
    Kind(
        "ONNX",
        _bytes(b"\x08\x08\x12\x07pytorch\x1a\x052.4.0:\xd9\x01\n/"),
        refused="is ONNX",
        remedy="onnx2torch.convert",
        ending=".onnx",
    ),
    Kind(
        "HDF5 of Keras, `.h5`",
        _bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)),
        refused="is HDF5",
        remedy="NEW.npz",
        ending=".h5",
    ),
    Kind(
        "Keras, `.keras`",
        _zip_of("model.weights.h5"),
        refused="is a network of Keras",
        remedy="save torch.save",
        ending=".keras",
    ),
    Kind("GGUF", _bytes(b"GGUF\3\0\0\0"), refused="is GGUF", ending=".gguf"),
    Kind("TensorFlow Lite", _bytes(b"\x1c\0\0\0TFL3" + bytes(40)), refused="is TensorFlow Lite"),
    Kind(
        "pointer of Git LFS",
        _bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d"),
        refused="is the pointer of Git LFS",
        remedy="git lfs pull",
    ),
    Kind(
        "web page",
        _bytes(b"\n<!DOCTYPE html>\n<html><head><title>Sign in"),
        refused="is a web page",
        remedy="/resolve/",
    ),
    Kind(
        "pickle of NumPy arrays, `.pkl`",
        _byte_stream(
            lambda net: pickle.dumps({"model": {k: v.numpy() for k, v in state(net).items()}})
        ),
        refused="is a pickle that torch.save did not write",
        remedy="np.savez",
        ending=".pkl",
    ),
    Kind(
        "gzip, `.pth.gz`",
        _byte_stream(lambda net: gzip.compress(_written(state(net)))),
        refused="is compressed by gzip",
        remedy="gunzip",
    ),
    Kind("tar", _tar, refused="is a tar archive", remedy="tar -xf"),
    Kind(
        "zip of other files",
        _zip_of("weights.pth"),
        refused="is a zip archive of other files",
        remedy="unpack it",
    ),
    Kind("empty", _bytes(b""), refused="is empty", remedy="again"),
    Kind("truncated", _byte_stream(lambda net: _written(state(net))[:-900]), refused="damaged"),
)


class _Normaliser(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("new_mean", torch.tensor((0.4914, 0.4822, 0.4465))[:, None, None])
        self.register_buffer("new_std", torch.tensor((0.2471, 0.2435, 0.2616))[:, None, None])
