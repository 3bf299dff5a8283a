"""Cost of Jacobian products beside PyTorch's own ways, in forward passes of the network.

``python benchmarks/linearization.py [NETWORK ...]`` times networks with random weights on one
thread, all tapped layers at once, and prints a table: AlexNet, ResNet-50 and ViT-B/16 at 224×224
unless named otherwise. ``batched`` and ``vmap`` take the block in one call, the others one
direction after the other. Under K = 1 stand also what has to be done once: ours, with its checks,
and ``torch.func.linearize`` (wrong without an error where a network writes in place).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import torch
import torchvision
from torch import Tensor

from pdpsych.geometry.linearization import AutogradLinearization
from pdpsych.models import ModuleNetwork

BLOCKS = (1, 2, 8)
LAYERS = {
    "alexnet": ["features.1", "features.4", "features.7", "features.9", "classifier.6"],
    "resnet50": ["relu", "layer1", "layer2", "layer3", "layer4", "avgpool"],
    "vit_b_16": ["conv_proj", *(f"encoder.layers.encoder_layer_{i}" for i in (0, 3, 6, 9, 11))],
}


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest wall time of a few calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def batched(linear: AutogradLinearization, block: Tensor) -> object:
    """Push a block by double backward in one call, what ``push`` does one by one."""
    return torch.autograd.grad(
        linear._pullback,
        linear._weights,
        block[:, None],
        retain_graph=True,
        is_grads_batched=True,
        materialize_grads=True,
    )


def measure(name: str, side: int, repeats: int) -> tuple[float, dict[str, list[float]]]:
    """Return the seconds of one forward pass and the costs of each way for each block."""
    torch.manual_seed(0)
    layers = LAYERS.get(name, [""])
    network = ModuleNetwork(torchvision.models.get_model(name, weights=None), name=name)
    image = torch.rand((3, side, side))
    block = torch.randn((max(BLOCKS), 3, side, side))

    def function(batch: Tensor) -> tuple[Tensor, ...]:
        return tuple(tap.flatten() for tap in network.responses(batch, layers))

    def jvp(u: Tensor) -> object:
        return torch.func.jvp(function, (image[None],), (u[None],))

    def forward() -> object:
        with torch.no_grad():
            return network.module(image[None])

    unit = seconds(forward, 2 * repeats)
    ours = network.linearize(image, layers)
    weights = [torch.randn((max(BLOCKS), r.numel())) for r in ours.responses]
    table = {"network.linearize": [seconds(lambda: network.linearize(image, layers), 1)]}
    backward = AutogradLinearization(function, image)
    peer = (function, image[None])
    table["func.linearize"] = [seconds(lambda: torch.func.linearize(*peer), 1)]
    pushforward = torch.func.vmap(torch.func.linearize(*peer)[1])
    ways: dict[str, Callable[[int], object]] = {
        "pull": lambda k: ours.pull([w[:k] for w in weights]),
        "push": lambda k: ours.push(block[:k]),
        "push, batched": lambda k: batched(backward, block[:k]),
        "func.linearize, vmap": lambda k: pushforward(block[:k, None]),
        "func.jvp": lambda k: [jvp(u) for u in block[:k]],
        "func.jvp, vmap": lambda k: torch.func.vmap(jvp)(block[:k]),
    }
    for way, call in ways.items():
        table[way] = [seconds(lambda k=k, call=call: call(k), repeats) for k in BLOCKS]
    return unit, {way: [t / unit for t in times] for way, times in table.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(LAYERS), metavar="NETWORK")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name in arguments.networks:
        unit, table = measure(name, arguments.side, arguments.repeats)
        print(f"{name}: one forward pass {1e3 * unit:.0f} ms; costs in forward passes")
        print(f"{'':22s}" + "".join(f"{f'K = {k}':>9s}" for k in BLOCKS))
        for way, costs in table.items():
            print(f"{way:22s}" + "".join(f"{cost:9.2f}" for cost in costs))
        print(flush=True)


if __name__ == "__main__":
    main()
