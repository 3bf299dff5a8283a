"""Scikit-learn's digits, adversarial examples, and networks trained with and without them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError

import digits_networks
import numpy as np
import torch
from digits_networks import ARCHITECTURES, read_weights
from torch import Tensor, nn

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import replacing
from pdpsych.common.terminal import progress_bar

TRAININGS = ("standard", "adversarial")
SPLIT_SEED = 0
TRAINED_ON = 1400


@dataclass(frozen=True)
class Training:
    """How the networks are trained; the adversary moves images by at most ``epsilon`` in L2.

    Both trainings of an architecture start from the same weights, drawn with ``seed``.
    """

    seed: int = 0
    epochs: int = 40
    batch: int = 50
    rate: float = 1e-3
    epsilon: float = 0.75
    steps: int = 10

    @property
    def key(self) -> str:
        """Eight hexadecimal digits that change with the settings or the architectures."""
        text = json.dumps(asdict(self)) + Path(digits_networks.__file__).read_text("utf-8")
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Digits:
    """Images (B, 1, 8, 8) in [0, 1] and their labels (B,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def digits() -> tuple[Digits, Digits]:
    """Return 1,400 digits to train on and 397 to test, in an order that is always the same.

    Raises
    ------
    InputError
        If scikit-learn, which brings the digits, is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        problem = "the digits come with scikit-learn, which is missing"
        raise InputError(problem, remedy="pip install scikit-learn") from None
    bundle = load_digits()
    order = np.random.default_rng(SPLIT_SEED).permutation(len(bundle.target))
    images = torch.from_numpy(bundle.images[order] / 16).float()[:, None]
    labels = torch.from_numpy(bundle.target[order]).long()
    return (
        Digits(images[:TRAINED_ON], labels[:TRAINED_ON]),
        Digits(images[TRAINED_ON:], labels[TRAINED_ON:]),
    )


def adversarial(network: nn.Module, given: Digits, epsilon: float, steps: int) -> Tensor:
    """Return images at most ``epsilon`` away in L2, inside [0, 1], that raise the loss.

    Projected gradient ascent from a random start; Madry, Makelov, Schmidt, Tsipras & Vladu,
    ICLR 2018 (arXiv 1706.06083).
    """
    rate = 2.5 * epsilon / steps
    images = _within(given.images, epsilon * _unit(torch.randn_like(given.images)), epsilon)
    for _ in range(steps):
        images.requires_grad_(True)
        loss = nn.functional.cross_entropy(network(images), given.labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, images)
        change = images.detach() + rate * _unit(gradient) - given.images
        images = _within(given.images, change, epsilon)
    return images


def accuracy(network: nn.Module, given: Digits) -> float:
    """Return the share of digits that are told right."""
    with torch.no_grad():
        return float((network(given.images).argmax(dim=1) == given.labels).float().mean())


def robust_accuracy(network: nn.Module, given: Digits, settings: Training) -> float:
    """Return the share told right of adversarial examples against this network itself."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        attacked = adversarial(network, given, settings.epsilon, settings.steps)
    return accuracy(network, Digits(attacked, given.labels))


def train(
    architecture: str, training: str, given: Digits, settings: Training, step: Callable[[], object]
) -> nn.Module:
    """Return a network trained by Adam; ``step`` is called after each epoch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = ARCHITECTURES[architecture]()
        optimiser = torch.optim.Adam(network.parameters(), settings.rate)
        for _ in range(settings.epochs):
            for chosen in torch.randperm(len(given)).split(settings.batch):
                batch = Digits(given.images[chosen], given.labels[chosen])
                images = batch.images
                if training == "adversarial":
                    images = adversarial(network, batch, settings.epsilon, settings.steps)
                optimiser.zero_grad()
                nn.functional.cross_entropy(network(images), batch.labels).backward()
                optimiser.step()
            step()
    return network.eval()


def trained_networks(
    folder: Path, given: Digits, settings: Training, progress: bool = False
) -> dict[tuple[str, str], nn.Module]:
    """Return the four networks by architecture and training; train those not in ``folder``.

    ``folder`` is that of one study, with ``TRAINING/ARCHITECTURE.pt`` and a copy of
    ``digits_networks.py`` in each. A file that is damaged, or does not fit, is trained anew.
    """
    for training in TRAININGS:
        (folder / training).mkdir(parents=True, exist_ok=True)
        shutil.copy(digits_networks.__file__, folder / training)
    networks = {}
    names = [(a, t) for a in ARCHITECTURES for t in TRAININGS]
    with progress_bar(len(names) * settings.epochs, "epoch", progress) as bar:
        for count, (architecture, training) in enumerate(names, start=1):
            bar.set_description(f"{architecture}, {training}")
            file = folder / training / f"{architecture}.pt"
            network = _kept(file, architecture)
            if network is None:
                network = train(architecture, training, given, settings, bar.update)
                _write_weights(file, network)
            networks[architecture, training] = network
            bar.update(count * settings.epochs - bar.n)
    return networks


def _kept(file: Path, architecture: str) -> nn.Module | None:
    if not file.exists():
        return None
    network = ARCHITECTURES[architecture]()
    try:
        network.load_state_dict(read_weights(file))
    except (OSError, RuntimeError, EOFError, UnpicklingError, AttributeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        print(f"{file}: damaged, trained anew: {reason}", file=sys.stderr)
        return None
    return network.eval()


def _write_weights(file: Path, network: nn.Module) -> None:
    with replacing(file) as part:
        torch.save(network.state_dict(), part)


def _unit(directions: Tensor) -> Tensor:
    """Scale each image to unit norm; one that is zero stays zero."""
    norms = directions.flatten(1).norm(dim=1).clamp_min(torch.finfo(directions.dtype).tiny)
    return directions / norms.view(-1, 1, 1, 1)


def _within(images: Tensor, changes: Tensor, epsilon: float) -> Tensor:
    """Return changed images inside the ball and the gamut.

    Clamping an image of the ball to the gamut, in which its centre lies, leaves it in the ball.
    """
    norms = changes.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    shortened = changes * (epsilon / norms.clamp_min(epsilon))
    return (images + shortened).clamp(0, 1).detach()
