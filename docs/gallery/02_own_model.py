"""
A model of your own
===================

Any PyTorch module that takes images (B, C, H, W) is a model; its layers are read by their names.
"""

import torch
from skimage import data
from torch import nn

from pdpsych import geometry, models


class Contrast(nn.Module):
    """Two oriented filters, and their energy."""

    def __init__(self) -> None:
        super().__init__()
        edge = torch.tensor([[1.0, 0.0, -1.0]] * 3) / 6
        self.filters = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        self.filters.weight.data = torch.stack([edge, edge.T])[:, None]
        self.energy = nn.Softplus()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.energy(8 * self.filters(image.mean(1, keepdim=True)))


mine = models.from_module(Contrast(), ["filters", "energy"], "contrast")

# %%
# What tells its two stages from an early visual model, at a photograph?

photograph = torch.tensor(data.camera()[128:176, 200:248] / 255.0, dtype=torch.float32)[None]
found = geometry.principal_distortions([*mine, *models.load(["LN"])], photograph, floor=0.03)
print(found.describe())
