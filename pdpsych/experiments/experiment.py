"""What a session measures and how it is shown: ``experiments/NAME.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from pdpsych.errors import InputError, did_you_mean
from pdpsych.stimuli.display import Display
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.study import Section, load

Milliseconds = Annotated[float, Field(ge=0, le=60_000)]


class Timing(Section):
    """Durations of the phases of a trial in ms; the answer may take any time.

    fixation, first image, blank, second image, question (until answered), gap.
    """

    fixation: Milliseconds = 500
    image: Annotated[Milliseconds, Field(gt=0)] = 250
    blank: Milliseconds = 500
    gap: Milliseconds = 500


class Keys(Section):
    """Names of the keys: first or second interval, pause, go on."""

    model_config = ConfigDict(coerce_numbers_to_str=True)
    first: str = "1"
    second: str = "2"
    pause: str = "escape"
    go_on: str = "space"

    @model_validator(mode="after")
    def _distinct(self) -> Keys:
        names = [self.first, self.second, self.pause, self.go_on]
        if len(set(names)) < len(names):
            raise ValueError(f"four different keys, got {', '.join(names)}")
        return self


class StartGuess(Section):
    """What is known of a threshold before the first trial: a normal distribution of its log.

    ``threshold_rms`` is its median in RMS contrast, α/√D; ``sd`` is in nats.
    """

    threshold_rms: float = Field(0.01, gt=0, le=1)
    sd: float = Field(1.5, gt=0, le=5)


def _display_kind(value: Any) -> str:
    return "Display" if isinstance(value, dict | Display) else "Path"


class Experiment(Section):
    """An experiment, ``experiments/NAME.yaml``; paths are relative to its folder.

    ``images`` and ``pairs`` name the part of the set to measure, all of it by default.
    ``easy_share`` of each condition's trials have a clearly visible amplitude, which pins the
    lapse rate. No amplitude clips more than ``max_clipped`` of an image's pixel values.
    """

    stimulus_set: Path
    display: Annotated[
        Annotated[Display, Tag("Display")] | Annotated[Path, Tag("Path")],
        Discriminator(_display_kind),
    ]
    task: Literal["two-interval"] = "two-interval"
    images: tuple[str, ...] | None = Field(None, min_length=1)
    pairs: tuple[str, ...] | None = Field(None, min_length=1)
    trials_per_condition: int = Field(60, ge=1, le=10_000)
    easy_share: float = Field(0.1, ge=0, le=0.5)
    max_clipped: float = Field(0.05, ge=0, lt=1)
    practice_trials: int = Field(0, ge=0, le=1000)
    break_every: int = Field(100, ge=1)
    placement: StartGuess = StartGuess()
    timing: Timing = Timing()
    keys: Keys = Keys()
    seed: int = Field(0, ge=0)

    @field_validator("images", "pairs")
    @classmethod
    def _once(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names and len(set(names)) < len(names):
            raise ValueError("each name once")
        return names

    @property
    def logs(self) -> Path:
        """Folder of the experiment's trial logs."""
        return self.resolve("data") / self.stem

    def screen(self) -> Display:
        """Return the display, read from its file where one is named."""
        if isinstance(self.display, Display):
            # Files that an inline display names are relative to this one.
            self.display._file = self.display._file or self._file
            return self.display
        return load(self.resolve(self.display), Display)

    def resolved(self) -> dict[str, Any]:
        """Return the configuration as plain data, with the display in full."""
        return self.model_dump(mode="json") | {"display": self.screen().resolved()}

    def open_set(self) -> StimulusSet:
        """Open the stimulus set and check the experiment's names against it.

        Raises
        ------
        InputError
            If the set is not whole, or has no such image or pair.
        """
        opened = StimulusSet.open(self.resolve(self.stimulus_set))
        check(self, opened)
        return opened


def check(experiment: Experiment, opened: StimulusSet) -> None:
    """Refuse an experiment that names images or pairs its stimulus set does not have."""
    images = experiment.images or opened.images
    for image in images:
        if image not in opened.images:
            _refuse(experiment, "images", image, opened.images)
    known = tuple(dict.fromkeys(pair for image in images for pair in opened.pairs(image)))
    for pair in experiment.pairs or ():
        if pair not in known:
            _refuse(experiment, "pairs", pair, known)


def _refuse(experiment: Experiment, field: str, value: str, allowed: tuple[str, ...]) -> None:
    raise InputError(
        f'{experiment.label}: {field}: "{value}" is not in {experiment.stimulus_set}; '
        f"{did_you_mean(value, allowed)}"
    )
