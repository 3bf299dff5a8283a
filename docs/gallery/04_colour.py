"""
Colour
======

Models that see colours disagree about colours too, and their distortions change each channel in
its own way. With a space of luminance alone, ``space: {luminance: true}`` in recipes, channels
change alike, so that colours stay.
"""

import torch
from skimage import data
from torch import nn

from pdpsych import geometry, models

# %%
# Two models of one filter each: the sum of the channels, and red against green.

representations = []
for name, weights in (("sum", [1.0, 1.0, 1.0]), ("opponent", [1.0, -0.8, 0.1])):
    network = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.Conv2d(1, 1, 5, bias=False))
    network[0].weight.data = torch.tensor(weights)[None, :, None, None]
    network[1].weight.data.fill_(1 / 25)
    representations += models.from_module(network, ["1"], name)
photograph = torch.tensor(data.coffee()[100:124, 200:224] / 255.0, dtype=torch.float32)
image = photograph.permute(2, 0, 1)

budget = geometry.Budget(iterations=10)
for luminance in (False, True):
    space = geometry.DistortionSpace(image, luminance=luminance)
    found = geometry.principal_distortions(
        representations, image, space=space, floor=0.1, budget=budget
    )
    u = found.distortions[0]
    alike = bool((u - u.mean(dim=0)).abs().max() < 1e-6)
    print(f"luminance {luminance}: alike {alike}, F {found.objective:.2f}")
