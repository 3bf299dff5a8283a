"""The pairs of distortions that a recipe asks for, at one image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdpsych import geometry, models
from pdpsych.common.errors import InputError
from pdpsych.geometry.solvers.budget import Progress
from pdpsych.geometry.visible.gamut import Gamut
from pdpsych.stimuli.baselines import Degraded, Given
from pdpsych.stimuli.distortions import (
    FACTORS,
    MOST_RIVALS,
    Asked,
    Distortion,
    Eigen,
    Generalized,
    Principal,
    Random,
    asked,
    members_of,
    rival_name,
)
from pdpsych.stimuli.generation.degrading import change_of
from pdpsych.stimuli.generation.given import read_given
from pdpsych.stimuli.question import Question
from pdpsych.stimuli.recipe import Recipe
from pdpsych.stimuli.responses.objective_curve import VISIBLE
from pdpsych.stimuli.space_files import SpaceDigests, read_space

# The norm of a change that is rounding.
_NOTHING = 1e-6


@dataclass(frozen=True)
class MadePair:
    """Two unit distortions, (2, C, H, W), with their name, kind, certificate and question.

    ``rival_of`` is the name of the pair that they are another optimum beside.
    """

    name: str
    kind: str
    distortions: Tensor
    certificate: dict[str, Any] = field(default_factory=dict)
    question: Question | None = None
    rival_of: str | None = None


def asked_of(
    recipe: Recipe, loaded: Sequence[models.Representation]
) -> tuple[tuple[Principal, Asked], ...]:
    """Return what each entry of a recipe with principal distortions asks of its models.

    Raises
    ------
    InputError
        If groups by a factor cannot be made of them.
    """
    members = tuple(
        member._replace(factors={factor: getattr(r.origin, factor) for factor in FACTORS})
        for member, r in zip(members_of(recipe.models), loaded, strict=True)
    )
    found = []
    for number, wanted in enumerate(recipe.distortions):
        if isinstance(wanted, Principal):
            try:
                found.append((wanted, asked(wanted, members)))
            except InputError as error:
                raise error.within(field=f"distortions[{number}]") from None
    return tuple(found)


def allowed_distortions(
    recipe: Recipe, image: Tensor, files: SpaceDigests
) -> geometry.DistortionSpace:
    """Return the distortions of a base image, (C, H, W), that a recipe allows.

    Raises
    ------
    InputError
        If its space does not fit the image or is too small for the pairs, its files changed, or
        distortions are wanted at an amplitude that leaves the gamut.
    """
    wanted, arrays = recipe.space, read_space(recipe, files)
    try:
        space = geometry.DistortionSpace(
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
    recipe.check_pairs(space.dimension)
    for number, distortion in enumerate(recipe.distortions):
        if isinstance(distortion, Principal) and distortion.amplitude_rms is not None:
            try:
                Gamut.of(image, space, distortion.amplitude_rms)
            except InputError as error:
                raise error.within(field=f"distortions[{number}]") from None
    return space


class PairMaker:
    """Makes pairs at one image with seeds that depend on names, not on the order of a recipe."""

    def __init__(
        self,
        recipe: Recipe,
        local: geometry.LocalGeometry,
        name: str,
        space: geometry.DistortionSpace,
        questions: Sequence[tuple[Principal, Asked]],
        progress: Progress,
    ):
        self._recipe, self._local, self._name, self._space = recipe, local, name, space
        self._questions, self._progress = dict(questions), progress

    def make(self, distortion: Distortion) -> list[MadePair]:
        """Return the pairs of one entry of the recipe."""
        if isinstance(distortion, Principal):
            return self._principal(distortion)
        if isinstance(distortion, Random):
            return [self._white(name) for name in distortion.names]
        if isinstance(distortion, Degraded):
            return [self._degraded(distortion)]
        if isinstance(distortion, Given):
            return [self._given(distortion)]
        return [self._extreme(distortion)]

    def _principal(self, wanted: Principal) -> list[MadePair]:
        question, space, pairs = self._questions[wanted], self._space, []
        for number, name in enumerate(wanted.names, start=1):
            answers = Question(
                name=wanted.label,
                models=question.models,
                groups=question.groups,
                number=number,
                amplitude_rms=wanted.amplitude_rms,
            )
            make = self._local_pairs if wanted.amplitude_rms is None else self._visible_pair
            pairs += make(name, wanted, question, answers, space)
            if number < wanted.pairs:
                own = next(pair for pair in pairs if pair.name == name)
                space = self._without(space, own.distortions, wanted)
        return pairs

    def _local_pairs(
        self,
        name: str,
        wanted: Principal,
        question: Asked,
        answers: Question,
        space: geometry.DistortionSpace,
    ) -> list[MadePair]:
        """Return a pair and its rivals."""
        found = geometry.principal_distortions_at(
            self._of(question.models),
            separate=question.group_of,
            space=space,
            seed=self._seed(name),
            restarts=wanted.restarts,
            budget=self._budget(wanted.iterations),
        )
        certificate = found.certificate.to_dict()
        rivals = [
            MadePair(
                rival_name(name, place),
                wanted.kind,
                rival.distortions,
                question=answers,
                rival_of=name,
            )
            for place, rival in enumerate(found.rivals[:MOST_RIVALS], start=1)
        ]
        return [MadePair(name, wanted.kind, found.distortions, certificate, answers), *rivals]

    def _visible_pair(
        self,
        name: str,
        wanted: Principal,
        question: Asked,
        answers: Question,
        space: geometry.DistortionSpace,
    ) -> list[MadePair]:
        """Return a pair for an amplitude; what rivals the local one says nothing of it."""
        assert wanted.amplitude_rms is not None
        try:
            found = geometry.visible_distortions_at(
                self._of(question.models),
                wanted.amplitude_rms,
                separate=question.group_of,
                space=space,
                seed=self._seed(name),
                restarts=wanted.restarts,
                budget=self._budget(wanted.iterations),
            )
        except InputError as error:
            number = self._recipe.distortions.index(wanted)
            raise error.within(field=f"distortions[{number}]") from None
        certificate = found.local.certificate.to_dict()
        certificate[VISIBLE] = found.certificate.to_dict()
        answered = answers.model_copy(update={"objective": found.objective})
        return [MadePair(name, wanted.kind, found.distortions, certificate, answered)]

    def _without(
        self, space: geometry.DistortionSpace, pair: Tensor, wanted: Principal
    ) -> geometry.DistortionSpace:
        """Return what of a space is orthogonal to a pair, for the next."""
        try:
            return space.orthogonal_to(pair)
        except InputError as error:
            # Where the dimension of the space is not known, but a bound.
            number = self._recipe.distortions.index(wanted)
            raise InputError(
                f"more than fit: {error.problem}",
                field=f"distortions[{number}].pairs",
                value=wanted.pairs,
                remedy="ask for fewer",
            ) from None

    def _of(self, names: Sequence[str]) -> geometry.LocalGeometry:
        known = self._local.names
        if tuple(names) == tuple(known):
            return self._local
        return self._local.select([known.index(name) for name in names])

    def _extreme(self, wanted: Eigen | Generalized) -> MadePair:
        names = (wanted.model,) if isinstance(wanted, Eigen) else wanted.models
        (label,) = wanted.names
        found = geometry.eigen_distortions_at(
            self._of(names),
            space=self._space,
            seed=self._seed(label),
            budget=self._budget(wanted.iterations),
        )
        both = torch.cat([found.largest, found.smallest])
        return MadePair(label, wanted.kind, both, found.certificate.to_dict())

    def _degraded(self, wanted: Degraded) -> MadePair:
        (name,) = wanted.names
        image = self._local.image.double().cpu().numpy()
        encoding, seed = self._recipe.preprocess.encoding, self._seed(name)
        changes = [
            change_of(image, degradation, encoding, np.random.default_rng([seed, number]))
            for number, degradation in enumerate((wanted.first, wanted.second))
        ]
        inside = self._space.soft(torch.from_numpy(np.stack(changes)).to(self._local.image))
        return MadePair(name, wanted.kind, self._unit(inside, wanted))

    def _given(self, wanted: Given) -> MadePair:
        arrays, digests = read_given(self._recipe, wanted, self._name, self._local.image)
        both = torch.from_numpy(np.stack(arrays)).to(self._local.image)
        return MadePair(wanted.name, wanted.kind, self._unit(both, wanted), {"files": digests})

    def _unit(self, both: Tensor, wanted: Degraded | Given) -> Tensor:
        norms = both.double().flatten(1).norm(dim=1)
        if not (torch.isfinite(norms).all() and (norms > _NOTHING).all()):
            raise InputError(
                f"changes nothing of image {self._name} that the space allows",
                field=f"distortions[{self._recipe.distortions.index(wanted)}]",
                remedy="ask for a stronger one, or allow more in space",
            )
        return both / norms.to(both).view(2, 1, 1, 1)

    def _white(self, name: str) -> MadePair:
        generator = torch.Generator().manual_seed(self._seed(name))
        image = self._local.image
        shape = (2, *image.shape)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64).to(image)
        inside = self._space.soft(noise)
        unit = inside / inside.flatten(1).norm(dim=1).view(2, 1, 1, 1)
        if self._space.limit is not None:
            unit = self._space.within_limit(unit)
        return MadePair(name, "random", unit)

    def _budget(self, iterations: int) -> geometry.Budget:
        return geometry.Budget(iterations=iterations, progress=self._progress)

    def _seed(self, label: str) -> int:
        key = f"{self._recipe.seed}/{self._name}/{label}"
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big")
