"""Published checkpoints: where each is, what it was trained on, how its file is laid out.

Beside the weights that torchvision names, the networks of the comparisons of Feather et al.
(ICLR 2025): trained on Stylized ImageNet, and adversarially.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from pdpsych.common.errors import InputError

_GEIRHOS = "https://bitbucket.org/robert_geirhos/texture-vs-shape-pretrained-models/raw"
_DROPBOX = "https://www.dropbox.com/s"
_SALMAN = "https://huggingface.co/madrylab/robust-imagenet-models/resolve/main"
_FEATHER = (
    "https://mcdermottlab.mit.edu//jfeather/model_metamers_assets/"
    "pytorch_metamers_visual_model_checkpoints.tar"
)
_CITATIONS = {
    "torchvision": "TorchVision maintainers and contributors (2016), https://pytorch.org/vision",
    "geirhos": "Geirhos et al., ICLR 2019, https://arxiv.org/abs/1811.12231",
    "madry": "Engstrom et al., Robustness (2019), https://github.com/MadryLab/robustness",
    "salman": "Salman et al., NeurIPS 2020, https://arxiv.org/abs/2007.08489",
    "feather": "Feather et al., Nature Neuroscience 2023, doi:10.1038/s41593-023-01442-0",
}
_SALMAN_ARCHITECTURES = ("resnet18", "resnet50", "wide_resnet50_2")
_SALMAN_SIZES = {
    "l2": ("0", "0.01", "0.03", "0.05", "0.1", "0.25", "0.5", "1", "3", "5"),
    "linf": ("0.5", "1.0", "2.0", "4.0", "8.0"),
}
_SALMAN_SHA1 = {"resnet50_l2_eps1.ckpt": "c75d68b7509f9d3829663ca3b627d4265fa9f588"}


@dataclass(frozen=True)
class Checkpoint:
    """One file of trained weights.

    Attributes
    ----------
    architecture
        torchvision's name of the network.
    weights
        Name of this set of weights among those of the architecture.
    training
        What it was trained on, in words for figures.
    url
        Where it is downloaded from.
    file
        Its name on disk.
    member
        Its name inside the tar that ``url`` gives, without folders; empty if ``url`` gives
        the file itself.
    sha256, sha1
        Lower-case hexadecimal digests of the file; ``sha256`` may be its beginning. Empty if
        not published.
    wrapped
        Whether the file has the network inside another, ``model`` of its attacker.
    citation
        Who to cite.
    """

    architecture: str
    weights: str
    training: str
    url: str
    file: str
    member: str = ""
    sha256: str = ""
    sha1: str = ""
    wrapped: bool = False
    citation: str = ""


@lru_cache
def checkpoints() -> tuple[Checkpoint, ...]:
    """Return the built-in checkpoints, those that torchvision does not name."""
    return (*_stylized(), *_madry(), *_feather(), *_salman())


def find(architecture: str, weights: str) -> Checkpoint:
    """Return a checkpoint, built-in or one of torchvision's.

    Raises
    ------
    InputError
        If the architecture or its weights are not known, or the name is DEFAULT.
    """
    published = _torchvision_weights(architecture)
    label = f"torchvision:{architecture}@{weights}"
    if weights == "DEFAULT":
        raise InputError(
            "which weights these are changes with the version of torchvision",
            file=label,
            value=weights,
            allowed=published,
        )
    if weights in published:
        return _from_torchvision(architecture, weights, published[weights])
    built_in = {c.weights: c for c in checkpoints() if c.architecture == architecture}
    if weights not in built_in:
        allowed = [*published, *built_in, "random"]
        raise InputError("no such weights", file=label, value=weights, allowed=allowed)
    return built_in[weights]


def _torchvision_weights(architecture: str) -> dict[str, Any]:
    """Return torchvision's weights of an architecture by name."""
    from torchvision.models import get_model_weights, list_models

    if architecture not in list_models():
        raise InputError(
            "no such architecture", file="torchvision", value=architecture, allowed=list_models()
        )
    return {weights.name: weights for weights in get_model_weights(architecture)}


def _from_torchvision(architecture: str, name: str, weights: Any) -> Checkpoint:
    file = weights.url.rpartition("/")[2]
    digest = re.search(r"[-_]([0-9a-f]{8,})\.", file)
    tested_on = list(weights.meta.get("_metrics", {}))
    return Checkpoint(
        architecture=architecture,
        weights=name,
        training="ImageNet" if "ImageNet-1K" in tested_on else (tested_on or [name])[0],
        url=weights.url,
        file=file,
        sha256=digest[1] if digest else "",
        citation=_CITATIONS["torchvision"],
    )


def _stylized() -> list[Checkpoint]:
    """Return the networks of Geirhos et al. (2019)."""
    first, second = (
        "6f41d2e86fc60566f78de64ecff35cc61eb6436f",
        "60b770e128fffcbd8562a3ab3546c1a735432d03",
    )
    both = "resnet50_train_45_epochs_combined_IN_SF-2a0d100e.pth.tar"
    tuned = (
        "resnet50_finetune_60_epochs_lr_decay_after_30_start_"
        "resnet50_train_45_epochs_combined_IN_SF-ca06340c.pth.tar"
    )
    alexnet = "0008049cd10f74a944c6d5e90d4639927f8620ae"
    sin, mixed = "Stylized ImageNet", "Stylized ImageNet + ImageNet"
    rows = [
        ("resnet50", "SIN", sin, first, "resnet50_train_60_epochs-c8e5653e.pth.tar"),
        ("resnet50", "SIN_and_IN", mixed, second, both),
        ("resnet50", "SIN_and_IN_then_IN", f"{mixed}, then ImageNet", second, tuned),
        ("alexnet", "SIN", sin, alexnet, "alexnet_train_60_epochs_lr0.001-b4aa5238.pth.tar"),
    ]
    return [
        Checkpoint(
            architecture=architecture,
            weights=weights,
            training=training,
            url=f"{_GEIRHOS}/{commit}/{file}",
            file=file,
            sha256=file.removesuffix(".pth.tar")[-8:],
            citation=_CITATIONS["geirhos"],
        )
        for architecture, weights, training, commit, file in rows
    ]


def _madry() -> list[Checkpoint]:
    """Return the robust networks of the robustness library."""
    l2_sha1 = "cc6e4441abc8ad6d2f4da5db84836e544bfb53fd"
    rows = [
        ("l2", "3", "knf4uimlqsi1yz8", "imagenet_l2_3_0.pt", l2_sha1),
        ("linf", "4", "axfuary2w1cnyrg", "imagenet_linf_4.pt", ""),
        ("linf", "8", "yxn15a9zklz3s8q", "imagenet_linf_8.pt", ""),
    ]
    return [
        Checkpoint(
            architecture="resnet50",
            weights=f"robust_{norm}_{size}",
            training=_adversarial(norm, size),
            url=f"{_DROPBOX}/{key}/{file}?dl=1",
            file=file,
            sha1=sha1,
            wrapped=True,
            citation=_CITATIONS["madry"],
        )
        for norm, size, key, file, sha1 in rows
    ]


def _feather() -> list[Checkpoint]:
    """Return the robust AlexNets of Feather et al. (2023)."""
    return [
        Checkpoint(
            architecture="alexnet",
            weights=f"robust_{norm}_{size}",
            training=_adversarial(norm, size),
            url=_FEATHER,
            file=f"alexnet_{norm}_{size}_robust_training.pt",
            member=f"alexnet_{norm}_{size}_robust_training.pt",
            wrapped=True,
            citation=_CITATIONS["feather"],
        )
        for norm, size in (("l2", "3"), ("linf", "8"))
    ]


def _salman() -> list[Checkpoint]:
    """Return the robust networks of Salman et al. (2020); an ε of 0 is ordinary training."""
    found = []
    for architecture, (norm, sizes) in product(_SALMAN_ARCHITECTURES, _SALMAN_SIZES.items()):
        for size in sizes:
            file = f"{architecture}_{norm}_eps{size}.ckpt"
            short = size.removesuffix(".0")
            found.append(
                Checkpoint(
                    architecture=architecture,
                    weights=f"salman_{norm}_{short}",
                    training="ImageNet" if short == "0" else _adversarial(norm, short),
                    url=f"{_SALMAN}/{file}",
                    file=file,
                    sha1=_SALMAN_SHA1.get(file, ""),
                    wrapped=True,
                    citation=_CITATIONS["salman"],
                )
            )
    return found


def _adversarial(norm: str, size: str) -> str:
    """Say how large the perturbations in training were; L∞ in grey levels of 255."""
    return f"adversarial (L2, ε = {size})" if norm == "l2" else f"adversarial (L∞, ε = {size}/255)"
