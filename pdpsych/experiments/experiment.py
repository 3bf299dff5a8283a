"""What a session measures and how it is shown: ``experiments/NAME.yaml``."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section, load, one_of
from pdpsych.displays.display import Display
from pdpsych.displays.measuring.spot_check import SpotCheck
from pdpsych.displays.text.fonts import Lettering, check_letters, font_file
from pdpsych.experiments.placement.adaptive import Adaptive
from pdpsych.experiments.placement.methods import Method
from pdpsych.experiments.placement.models.method import Models
from pdpsych.experiments.placement.models.stop import LEAST_TRIALS, Stop
from pdpsych.experiments.tasks.events import ANSWER, Events
from pdpsych.experiments.tasks.gaze import Gaze
from pdpsych.experiments.tasks.instructions import Instructions
from pdpsych.experiments.tasks.keys import BUTTON, Keys
from pdpsych.experiments.tasks.phases import Timing
from pdpsych.experiments.tasks.registry import TASKS
from pdpsych.experiments.tasks.task import Task
from pdpsych.stimuli.set_image import SetImage, SetPair
from pdpsych.stimuli.stimulus_set import StimulusSet

# What pages show beside texts: numbers, and what the experimenter reads.
_IN_ANY_LANGUAGE = string.digits + string.ascii_letters + "%.,:;!-/()×→"
# Fields, also of methods, that sessions which began before there were these have not.
_LATER = ("rivals", "stop", "buttons", "events", "gaze", "spot_check")
_LATER_METHOD = ("prior", "after")


def _display_kind(value: Any) -> str:
    return "Display" if isinstance(value, dict | Display) else "Path"


class Experiment(Section):
    """An experiment, ``experiments/NAME.yaml``; paths are relative to its folder.

    Attributes
    ----------
    stimulus_set
        Folder of the set whose distortions are measured.
    display
        The screen: a file, or its description here.
    task
        Whether the images of a trial follow each other or stand side by side.
    reference
        Whether the undistorted image is shown before them.
    separation_px
        Pixels between images side by side.
    images, pairs
        The part of the set to measure; all of it by default.
    rivals
        Rivals, as image/pair, to measure in the place of the pairs that they are rivals of.
    leave_out
        Conditions not to measure, as image/pair/distortion.
    groups
        Groups of participants, each of which sees its share of the images: participant number n
        is in group 1 + (n − 1) mod groups, and so is image number n.
    trials_per_condition
        Trials of each distortion.
    easy_share
        Share of them that have a clearly visible amplitude, which pins the lapse rate.
    max_clipped
        No amplitude clips more than this share of an image's pixel values.
    practice_trials
        Trials before the first that counts.
    break_every
        Trials between breaks.
    method
        How amplitudes are placed, see :mod:`pdpsych.experiments.placement`.
    stop
        When a session whose trials are chosen by models ends before all are shown.
    feedback
        After which trials the person is told whether the answer was right.
    timing
        Durations of the phases of a trial, in ms.
    keys
        Names of the keys.
    buttons
        Device whose buttons ``keys`` may name as ``button:N``: ``serial:PORT[:BAUD]``,
        ``psychopy:CLASS[:PORT]`` or ``pad[:NUMBER]``.
    events
        Events of trials that are told to other apparatus.
    gaze
        The fixation window of a person's session, with an eye tracker.
    spot_check
        How the display is checked before a person's session; without it, it is not.
    instructions
        Texts in place of those in English.
    consent
        What a person agrees to before the first trial.
    seed
        Seed of the design, of placements and of dither.

    Examples
    --------
    >>> from pdpsych import experiments
    >>> experiment = experiments.Experiment(stimulus_set="sets/small", display={}, reference=True)
    >>> experiment.trials_per_condition, experiment.method.kind
    (60, 'adaptive')
    """

    known_as: ClassVar[str] = "an experiment, experiments/NAME.yaml"
    stimulus_set: Path
    display: Annotated[
        Annotated[Display, Tag("Display")] | Annotated[Path, Tag("Path")],
        Discriminator(_display_kind),
    ]
    task: Annotated[str, one_of(TASKS)] = "two-interval"
    reference: bool = False
    separation_px: int = Field(64, ge=0, le=10_000)
    images: tuple[str, ...] | None = Field(None, min_length=1)
    pairs: tuple[str, ...] | None = Field(None, min_length=1)
    rivals: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    groups: int = Field(1, ge=1, le=100)
    trials_per_condition: int = Field(60, ge=1, le=10_000)
    easy_share: float = Field(0.1, ge=0, le=0.5)
    max_clipped: float = Field(0.05, ge=0, lt=1)
    practice_trials: int = Field(0, ge=0, le=1000)
    break_every: int = Field(100, ge=1)
    method: Method = Adaptive()
    stop: Stop | None = None
    feedback: Literal["none", "practice", "all"] = "practice"
    timing: Timing = Timing()
    keys: Keys = Keys()
    buttons: str | None = Field(None, min_length=1)
    events: Events | None = None
    gaze: Gaze | None = None
    spot_check: SpotCheck | None = None
    instructions: Instructions = Instructions()
    consent: str | None = Field(None, min_length=1)
    seed: int = Field(0, ge=0)

    @field_validator("images", "pairs", "rivals", "leave_out")
    @classmethod
    def _once(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names and len(set(names)) < len(names):
            raise InputError("each name once", value=list(names))
        return names

    @model_validator(mode="after")
    def _stops_by_models(self) -> Experiment:
        if self.stop is not None and not isinstance(self.method, Models):
            raise InputError(
                "only a method that asks about models knows when they are told apart",
                field="stop",
                remedy="method: {kind: models}, or leave stop out",
            )
        if self.stop is not None and self.trials_per_condition < LEAST_TRIALS:
            raise InputError(
                "can bound no threshold from both sides, so that the session would never stop",
                field="trials_per_condition",
                value=self.trials_per_condition,
                allowed=f"at least {LEAST_TRIALS} of each distortion",
                remedy="more trials, or leave stop out",
            )
        return self

    @model_validator(mode="after")
    def _buttons_have_a_device(self) -> Experiment:
        for field, names in self.keys.all_written.items():
            named = [name for name in names if name.startswith(BUTTON)]
            if named and self.buttons is None:
                raise InputError(
                    "there is no device with buttons",
                    field=f"keys.{field}",
                    value=named[0],
                    remedy="name it: buttons: serial:PORT, psychopy:CLASS or pad",
                )
        return self

    @model_validator(mode="after")
    def _events_happen(self) -> Experiment:
        happen = (*self.trial_type.names(self.timing, self.reference), "question", ANSWER)
        for name in self.events.codes if self.events else ():
            if name not in happen:
                raise InputError(
                    "does not happen in a trial",
                    field="events.codes",
                    value=name,
                    allowed=happen,
                )
        return self

    @property
    def logs(self) -> Path:
        """Folder of the experiment's trial logs."""
        return self.resolve("data") / self.stem

    @property
    def texts(self) -> Instructions:
        """All instructions: the experiment's own, else those of its task in English."""
        return self.instructions.complete(self.trial_type, self.reference)

    def lettering(self) -> Lettering:
        """Return font and size of the texts.

        Raises
        ------
        InputError
            If there is no such font, or it lacks a letter of them.
        """
        texts = self.instructions
        try:
            file = font_file(texts.font, self.resolve(""))
            keys = self.keys.shown.values()
            written = [*self.texts.written, self.consent or "", *keys, _IN_ANY_LANGUAGE]
            check_letters(file, texts.font, written)
        except InputError as error:
            raise error.within(file=self.label, field="instructions.font") from None
        return Lettering(file, texts.letter_deg)

    def check_display(self, display: Display) -> None:
        """Refuse a display of which is not known what gaze, or a spot check, needs."""
        if self.gaze is not None:
            self.gaze.pixels_per_degree(display, self.label)
        if self.spot_check is not None:
            self.spot_check.check_against(display)

    @property
    def trial_type(self) -> Task:
        """How a trial is shown and what its answer means."""
        return TASKS[self.task]

    def gives_feedback(self, practice: bool) -> bool:
        """Return whether the person is told if an answer, in the practice or not, was right."""
        return self.feedback == "all" or (self.feedback == "practice" and practice)

    def screen(self) -> Display:
        """Return the display, read from its file where one is named."""
        if isinstance(self.display, Display):
            # Files that an inline display names are relative to this one.
            self.display._file = self.display._file or self._file
            return self.display
        return load(self.resolve(self.display), Display)

    def resolved(self, display: Display) -> dict[str, Any]:
        """Return the configuration as plain data, with the display and instructions in full."""
        # Sessions that began before there were these go on.
        later = {name: getattr(self, name) for name in _LATER}
        without = {name for name, value in later.items() if not value}
        method = self.method.model_dump(mode="json")
        return self.model_dump(mode="json", exclude=without) | {
            "method": {k: v for k, v in method.items() if v or k not in _LATER_METHOD},
            "display": display.resolved(),
            "keys": self.keys.plain,
            # Without a tracker nobody is told where to look.
            "instructions": self.texts.model_dump(exclude=set() if self.gaze else {"look"}),
        }

    def measured(self, image: SetImage) -> tuple[SetPair, ...]:
        """Return the pairs of an image to measure, each or the rival that takes its place."""
        own = (p for p in image if self.pairs is None or p.name in self.pairs)
        return tuple(self._taken(pair) for pair in own)

    def _taken(self, pair: SetPair) -> SetPair:
        named = (rival for rival in pair.rivals if f"{rival.image}/{rival.name}" in self.rivals)
        return next(named, pair)

    def open_set(self) -> StimulusSet:
        """Open the stimulus set and check the experiment's names against it.

        Raises
        ------
        InputError
            If the set is not whole, or has no such image or pair.
        """
        # Without "..", in the commands that messages give; the set's own name may be a link.
        path = self.resolve(self.stimulus_set)
        opened = StimulusSet.open(path.parent.resolve() / path.name)
        self.check_against(opened)
        return opened

    def check_against(self, opened: StimulusSet) -> None:
        """Refuse names that the stimulus set does not have.

        Parameters
        ----------
        opened
            The set.

        Raises
        ------
        InputError
            If it has no such image, pair, rival or condition, or less images than there are groups,
            or two rivals would take the place of one pair.
        """
        images = self.images or opened.images
        for image in images:
            self._check_name("images", image, opened.images)
        pairs = tuple(dict.fromkeys(pair.name for image in images for pair in opened[image]))
        for pair in self.pairs or ():
            self._check_name("pairs", pair, pairs)
        self._check_rivals([opened[image] for image in images])
        shown = [(i, self._taken(pair).name) for i in images for pair in opened[i]]
        names = tuple(f"{i}/{pair}/{n}" for i, pair in shown for n in (1, 2))
        for name in self.leave_out:
            self._check_name("leave_out", name, names)
        if self.groups > len(images):
            raise InputError(
                f"there are only {len(images)} images to share among the groups",
                file=self.label,
                field="groups",
                value=self.groups,
                allowed="at most one group for each image",
            )

    def _check_rivals(self, images: Sequence[SetImage]) -> None:
        """Refuse rivals that no image has, or that several of a pair are taken."""
        own = [p for i in images for p in i if self.pairs is None or p.name in self.pairs]
        known = {f"{r.image}/{r.name}": f"{p.image}/{p.name}" for p in own for r in p.rivals}
        for name in self.rivals:
            self._check_name("rivals", name, tuple(known))
        places = [known[name] for name in self.rivals]
        for name, place in zip(self.rivals, places, strict=True):
            if places.count(place) > 1:
                raise InputError(
                    f"several would take the place of {place}",
                    file=self.label,
                    field="rivals",
                    value=name,
                    remedy="take one of them; another experiment can take another",
                )

    def _check_name(self, field: str, name: str, known: tuple[str, ...]) -> None:
        if name not in known:
            raise InputError(
                f"is not in {self.stimulus_set}",
                file=self.label,
                field=field,
                value=name,
                allowed=known or "none: it has none",
            )
