"""Networks as the scripts that trained the published checkpoints wrap them."""

from __future__ import annotations

import torch
from torch import nn


class Normaliser(nn.Module):
    """The robustness library's normaliser."""

    def __init__(self, mean=(0.485, 0.456, 0.406)):
        super().__init__()
        self.register_buffer("new_mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("new_std", torch.tensor((0.229, 0.224, 0.225))[:, None, None])


class Attacker(nn.Module):
    """The robustness library's attacker, which holds the network once more."""

    def __init__(self, network, **normaliser):
        super().__init__()
        for name, module in normaliser.items():
            setattr(self, name, module)
        self.model = network


class AttackerModel(nn.Module):
    """The robustness library's network, as MadryLab and Salman et al. saved it."""

    def __init__(self, network, **options):
        super().__init__()
        self.normalizer = Normaliser(**options)
        self.model = network
        self.attacker = Attacker(network, normalize=Normaliser(**options))


class FeatherModel(nn.Module):
    """The same in the fork of Feather et al., whose normaliser has another name."""

    def __init__(self, network):
        super().__init__()
        self.preproc = nn.Module()
        self.preproc.normalize = Normaliser()
        self.model = network
        self.attacker = Attacker(network, preproc=self.preproc)


def robustness(network, wrap=AttackerModel, key="model", **beside):
    """Return what the robustness library saves."""
    state = nn.DataParallel(wrap(network)).state_dict()
    return {key: state, "optimizer": {"param_groups": []}, "schedule": None, "epoch": 90, **beside}


def examples(network, **beside):
    """Return what pytorch/examples saves: AlexNet and VGG are parallel in their features only."""
    if hasattr(network, "classifier"):
        network.features = nn.DataParallel(network.features)
        state = network.state_dict()
        network.features = network.features.module
    else:
        state = nn.DataParallel(network).state_dict()
    return {"epoch": 60, "arch": "any", "state_dict": state, "best_prec1": 60.2, **beside}
