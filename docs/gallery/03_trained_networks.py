"""
Trained networks
================

Networks of torchvision and timm are named ``torchvision:alexnet@IMAGENET1K_V1/features.4``. Here
is what training changes, with a network small enough to be trained on this page: the same
architecture, told apart from itself.
"""

import copy

import torch
from torch import nn

from pdpsych import geometry, models

torch.manual_seed(0)
before = nn.Sequential(
    nn.Conv2d(1, 8, 7, padding=3), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()
)
trained = nn.Sequential(copy.deepcopy(before), nn.Linear(128, 2))

# %%
# The task: are the stripes upright or flat? A second of training is enough.

y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")


def stripes(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    upright = torch.randint(2, (count,))
    place = torch.where(upright[:, None, None] == 1, x, y)
    wave = torch.sin(place * (0.4 + torch.rand(count, 1, 1)) + 6 * torch.rand(count, 1, 1))
    return (0.5 + 0.3 * wave + 0.1 * torch.randn(count, 32, 32))[:, None], upright


optimiser = torch.optim.Adam(trained.parameters(), 1e-2)
for _ in range(60):
    image, answer = stripes(64)
    optimiser.zero_grad()
    nn.functional.cross_entropy(trained(image), answer).backward()
    optimiser.step()
image, answer = stripes(500)
print(f"right: {(trained(image).argmax(1) == answer).float().mean():.2f}")

# %%
# The pair on which the network after training disagrees most with itself before.

pair = [
    *models.from_module(before, ["1"], "untrained"),
    *models.from_module(trained[0], ["1"], "trained"),
]
found = geometry.principal_distortions(pair, image[0].clamp(0, 1), floor=0.03)
print(found.describe())
