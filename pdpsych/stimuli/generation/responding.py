"""What the models of a set make of its distortions at visible amplitudes, into its folder."""

from __future__ import annotations

from pathlib import Path

import torch

from pdpsych import geometry
from pdpsych.common.errors import InputError
from pdpsych.common.terminal import progress_bar
from pdpsych.stimuli.generation.image_responses import responses_of
from pdpsych.stimuli.generation.rebuilding import Local, rebuilt
from pdpsych.stimuli.set_image import SetImage
from pdpsych.stimuli.stimulus_set import StimulusSet


def add_finite_responses(
    stimulus_set: str | Path | StimulusSet, *, trust_code: bool = False, progress: bool = False
) -> StimulusSet:
    """Add to a set how far its models' responses go at visible amplitudes, and return the set.

    Nothing is solved again and the set's identity stays. Images whose responses are there already,
    whole, are passed over.

    Parameters
    ----------
    stimulus_set
        A set, or its folder.
    trust_code
        Whether Python that the set names may be run to build its models.
    progress
        Show a progress bar.

    Raises
    ------
    InputError
        If the set does not say how its models are built, or one is not what it was.

    Examples
    --------
    >>> import tempfile
    >>> from pdpsych import stimuli
    >>> recipe = stimuli.Recipe(
    ...     images=[{"sample": "cat"}],
    ...     preprocess={"size": 8, "range": [0.2, 0.8]},
    ...     models=["identity", "LN"],
    ...     distortions=[{"kind": "random"}],
    ...     linearity=None,
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = stimuli.generate(recipe, out=f"{folder}/small")
    ...     before = made.has_finite_responses
    ...     after = stimuli.add_finite_responses(made).finite_responses()
    >>> before, len(after)
    (False, 2)
    """
    opened = (
        stimulus_set if isinstance(stimulus_set, StimulusSet) else StimulusSet.open(stimulus_set)
    )
    wanted = [image for image in opened if not _is_there(opened, image)]
    if not wanted:
        return opened
    at = rebuilt(opened, trust_code=trust_code)
    with progress_bar(len(wanted), "image", progress) as bar:
        for image in wanted:
            _respond(opened, image, at)
            bar.update()
    return opened


def _is_there(opened: StimulusSet, image: SetImage) -> bool:
    try:
        opened.image_responses(image.name)
    except InputError:
        return False
    return True


def _respond(
    opened: StimulusSet,
    image: SetImage,
    at: Local,
) -> None:
    both = [pair.distortion(n).copy() for pair in image.with_rivals for n in (1, 2)]
    try:
        local = at(image)
        stored = torch.stack([torch.from_numpy(ε) for ε in both])
        found = geometry.finite_responses_at(local, stored.to(local.image))
    except InputError as error:
        raise error.within(file=opened.path, field=f"images.{image.name}") from None
    responses_of(image.entry, image.arrays_sha256, found).write(opened.path)
