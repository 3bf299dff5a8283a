from __future__ import annotations

import pytest
import torch

from pdpsych import models
from pdpsych.errors import InputError


def test_load_gives_representations_by_name():
    loaded = models.load(["LGN", "identity"])
    assert [r.name for r in loaded] == ["LGN", "identity"]
    image = torch.rand((1, 16, 16))
    torch.testing.assert_close(
        loaded[1].network.linearize(image, [""]).responses[0], image.flatten()
    )


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(InputError, match='unknown model "LGM"; did you mean "LG'):
        models.load(["LGM"])


def test_from_module_names_layers_and_refuses_unknown_ones():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU())
    net.train()
    found = models.from_module(net, ["0", "1"], name="mine")
    assert [r.name for r in found] == ["mine/0", "mine/1"]
    assert found[0].network is found[1].network
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    with pytest.raises(InputError, match='layer "conv"'):
        models.from_module(net, ["conv"], name="mine")


def test_a_layer_the_forward_pass_skips_is_refused():
    class Skips(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = torch.nn.Conv2d(1, 1, 1), torch.nn.Conv2d(1, 1, 1)

        def forward(self, x):
            return self.used(x)

    (representation,) = models.from_module(Skips(), ["unused"], name="skips")
    with pytest.raises(InputError, match="never reaches"):
        representation.network.linearize(torch.zeros((1, 4, 4)), ["unused"])
