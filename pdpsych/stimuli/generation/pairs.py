"""The pairs of distortions that a recipe asks for, at one image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pdpsych import geometry
from pdpsych.common.errors import InputError
from pdpsych.geometry.solvers.budget import Progress
from pdpsych.stimuli.recipe import Distortion, Eigen, Generalized, Principal, Random, Recipe
from pdpsych.stimuli.space_files import SpaceDigests, read_space


@dataclass(frozen=True)
class MadePair:
    """Two unit distortions, (2, C, H, W), with their name, kind and certificate."""

    name: str
    kind: str
    distortions: Tensor
    certificate: dict[str, Any] = field(default_factory=dict)


def allowed_distortions(
    recipe: Recipe, image: Tensor, files: SpaceDigests
) -> geometry.DistortionSpace:
    """Return the distortions of a base image, (C, H, W), that a recipe allows.

    Raises
    ------
    InputError
        If its space does not fit the image, or the files of it changed.
    """
    wanted, arrays = recipe.space, read_space(recipe, files)
    try:
        return geometry.DistortionSpace(
            image,
            window=wanted.window,
            mask=arrays.mask,
            cycles_per_image=wanted.band(min(image.shape[-2:])),
            luminance=wanted.luminance,
            headroom=wanted.headroom,
            basis=arrays.basis,
            limit=wanted.limit,
        )
    except InputError as error:
        raise error if error.field == "space" else error.within(field="space") from None


class PairMaker:
    """Makes pairs at one image with seeds that depend on names, not on the order of a recipe."""

    def __init__(
        self,
        recipe: Recipe,
        local: geometry.LocalGeometry,
        name: str,
        space: geometry.DistortionSpace,
        progress: Progress,
    ):
        self._recipe, self._local, self._name, self._space = recipe, local, name, space
        self._progress = progress

    def make(self, distortion: Distortion) -> list[MadePair]:
        """Return the pairs of one entry of the recipe."""
        if isinstance(distortion, Principal):
            return [self._principal(distortion)]
        if isinstance(distortion, Random):
            return [self._white(number + 1) for number in range(distortion.pairs)]
        return [self._extreme(distortion)]

    def _principal(self, wanted: Principal) -> MadePair:
        found = geometry.principal_distortions_at(
            self._local,
            space=self._space,
            seed=self._seed("principal"),
            restarts=wanted.restarts,
            budget=self._budget(wanted.iterations),
        )
        return MadePair("principal", wanted.kind, found.distortions, found.certificate.to_dict())

    def _extreme(self, wanted: Eigen | Generalized) -> MadePair:
        names = (wanted.model,) if isinstance(wanted, Eigen) else wanted.models
        label = "-".join([wanted.kind, *names])
        found = geometry.eigen_distortions_at(
            self._local.select([self._local.names.index(name) for name in names]),
            space=self._space,
            seed=self._seed(label),
            budget=self._budget(wanted.iterations),
        )
        both = torch.cat([found.largest, found.smallest])
        return MadePair(label, wanted.kind, both, found.certificate.to_dict())

    def _white(self, number: int) -> MadePair:
        generator = torch.Generator().manual_seed(self._seed(f"random-{number}"))
        image = self._local.image
        shape = (2, *image.shape)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64).to(image)
        inside = self._space.soft(noise)
        unit = inside / inside.flatten(1).norm(dim=1).view(2, 1, 1, 1)
        if self._space.limit is not None:
            unit = self._space.within_limit(unit)
        return MadePair(f"random-{number}", "random", unit)

    def _budget(self, iterations: int) -> geometry.Budget:
        return geometry.Budget(iterations=iterations, progress=self._progress)

    def _seed(self, label: str) -> int:
        key = f"{self._recipe.seed}/{self._name}/{label}"
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big")
