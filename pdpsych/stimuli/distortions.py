"""Which pairs of distortions a recipe asks for, what they are called and what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section
from pdpsych.models.address import Address, read
from pdpsych.stimuli.baselines import LONGEST_NAME, Degraded, Given
from pdpsych.stimuli.manifest import KINDS, check_plain, file_stem

FACTORS = ("architecture", "training")
# Of more other optima that are nearly as good, the best are pairs of a set.
MOST_RIVALS = 3

Iterations = Annotated[int, Field(gt=0, le=1_000_000)]
Groups = dict[str, tuple[str, ...]]


class Member(NamedTuple):
    """A representation of a recipe: its name, that of its network, its factors as far as known.

    A factor that is not known yet is None, one that it has not is empty.
    """

    name: str
    network: str
    factors: Mapping[str, str | None]


class Asked(NamedTuple):
    """Which representations pairs are about, by name, and in which groups; none: each alone."""

    models: tuple[str, ...]
    groups: Groups

    @property
    def group_of(self) -> tuple[str, ...] | None:
        """The group of each representation, None where each counts for itself."""
        of = {model: group for group, models in self.groups.items() for model in models}
        return tuple(of[model] for model in self.models) if of else None


def _separate_kind(value: Any) -> str:
    return "Groups" if isinstance(value, dict) else "str"


class Principal(Section):
    """The principal distortions of all models of the recipe, or of some.

    ``models`` are names of representations, or of networks, which stand for all their layers.
    ``separate`` asks what separates groups of them: by a factor, ``architecture`` or ``training``,
    or in lists with names. Of several ``pairs`` each is orthogonal to those before. ``name`` is
    that of the first pair, the second is ``NAME-2``. With ``amplitude_rms`` they are principal at
    half, one and two times that RMS contrast, not in the limit of small ones.
    """

    kind: Literal["principal"]
    name: str | None = Field(None, min_length=1, max_length=LONGEST_NAME)
    models: tuple[str, ...] | None = None
    separate: (
        Annotated[
            Annotated[str, Tag("str")] | Annotated[Groups, Tag("Groups")],
            Discriminator(_separate_kind),
        ]
        | None
    ) = None
    pairs: int = Field(1, gt=0, le=1000)
    # Twice of it is the most that both signs of a change of a pixel can be.
    amplitude_rms: float | None = Field(None, gt=0, le=0.25)
    iterations: Iterations = 60
    restarts: int = Field(1, gt=0, le=1000)

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str | None) -> str | None:
        if name is not None:
            check_plain(name)
        if name in KINDS and name != "principal":
            raise InputError("is that of another kind of distortions", value=name)
        return name

    @field_validator("separate", mode="before")
    @classmethod
    def _factor_or_lists(cls, separate: Any) -> Any:
        if not isinstance(separate, str | dict | None):
            raise InputError(
                "is of another type",
                value=separate,
                allowed="architecture, training, or lists with names: {NAME: [models], …}",
            )
        return separate

    @property
    def label(self) -> str:
        """What its pairs are called together: its name, or what it asks."""
        groups = (self.separate,) if isinstance(self.separate, str) else self.separate or ()
        visible = [] if self.amplitude_rms is None else ["visible"]
        parts = ["principal", *(self.models or ()), *map(file_stem, groups), *visible]
        return self.name or "-".join(parts)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its pairs."""
        further = (f"{self.label}-{number}" for number in range(2, self.pairs + 1))
        return (self.label, *further)


class Eigen(Section):
    """The most and the least visible distortion of one model."""

    kind: Literal["eigen"]
    model: str
    iterations: Iterations = 60

    @property
    def names(self) -> tuple[str, ...]:
        """Name of its pair."""
        return (f"eigen-{self.model}",)


class Generalized(Section):
    """The distortions that extremise the ratio of two models' sensitivities."""

    kind: Literal["generalised"]
    models: tuple[str, str]
    iterations: Iterations = 60

    @property
    def names(self) -> tuple[str, ...]:
        """Name of its pair."""
        return ("-".join(["generalised", *self.models]),)


class Random(Section):
    """Pairs of white-noise distortions, the baseline of the paper's figure 1."""

    kind: Literal["random"]
    pairs: int = Field(1, gt=0, le=1000)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its pairs."""
        return tuple(f"random-{number}" for number in range(1, self.pairs + 1))


def _one_spelling(distortion: Any) -> Any:
    """Take ``generalized`` for ``generalised``, the name that sets have."""
    if isinstance(distortion, dict) and distortion.get("kind") == "generalized":
        return distortion | {"kind": "generalised"}
    return distortion


Distortion = Annotated[
    Annotated[
        Principal | Eigen | Generalized | Random | Degraded | Given, Field(discriminator="kind")
    ],
    BeforeValidator(_one_spelling),
]


def rival_name(pair: str, number: int) -> str:
    """Return what the rival of a principal pair is called, the best being number 1."""
    return f"{pair}-rival-{number}"


def members_of(models: Sequence[str | Address]) -> tuple[Member, ...]:
    """Return all representations of some models, with the factors that a recipe gives them."""
    found = []
    for model in map(read, models):
        if isinstance(model, str):
            found.append(Member(model, model, dict.fromkeys(FACTORS)))
        else:
            given = {factor: getattr(model, factor) for factor in FACTORS}
            found += [Member(name, model.network, given) for name in model.names]
    return tuple(found)


def check_distinct(distortions: Sequence[Distortion]) -> None:
    """Refuse distortions whose pairs would have one name, or names that are too long."""
    seen: set[str] = set()
    for number, distortion in enumerate(distortions):
        for name in _names_and_rivals(distortion):
            if name.casefold() in seen:
                random = isinstance(distortion, Random)
                raise InputError(
                    "several pairs would have one name",
                    field=f"[{number}]",
                    value=name,
                    remedy="random takes pairs" if random else "give principal ones a name",
                )
            seen.add(name.casefold())
        if isinstance(distortion, Principal) and len(distortion.label) > LONGEST_NAME:
            raise InputError(
                "the name made of its models and groups is too long",
                field=f"[{number}].name",
                value=distortion.label,
                allowed=f"at most {LONGEST_NAME} characters",
                remedy="give it a name",
            )


def _names_and_rivals(distortion: Distortion) -> list[str]:
    """Return the names that an entry's pairs have, and those that rivals of them would have."""
    rivals = range(1, MOST_RIVALS + 1) if isinstance(distortion, Principal) else ()
    further = [rival_name(name, number) for name in distortion.names for number in rivals]
    return [*distortion.names, *further]


def check_asked(wanted: Principal, members: Sequence[Member]) -> None:
    """Refuse what :func:`asked` refuses, as far as the recipe says what its models are."""
    chosen, factor = _chosen(wanted.models, members), wanted.separate
    known = not isinstance(factor, str) or all(
        m.factors.get(factor, "") is not None for m in chosen
    )
    # What the recipe leaves out, sources say once the networks are loaded.
    if known:
        asked(wanted, members)


def asked(wanted: Principal, members: Sequence[Member]) -> Asked:
    """Return what principal distortions are wanted of, among all representations of a recipe.

    Raises
    ------
    InputError
        If a name or a factor is unknown, less than two representations or groups are named, or
        groups leave one out or have one twice.
    """
    chosen = _chosen(wanted.models, members)
    names = tuple(member.name for member in chosen)
    if wanted.separate is None:
        return Asked(names, {})
    if isinstance(wanted.separate, str):
        return Asked(names, _by_factor(wanted.separate, chosen))
    return Asked(names, _by_lists(wanted.separate, chosen))


def _chosen(models: Sequence[str] | None, members: Sequence[Member]) -> Sequence[Member]:
    if models is None:
        return members
    names = _expanded(models, members, "models")
    if len(names) < 2:
        raise InputError(
            "too few",
            field="models",
            value=list(models),
            allowed="at least 2 representations",
            remedy="for one model take kind: eigen" if names else "leave it out for all",
        )
    return [member for member in members if member.name in names]


def _expanded(given: Sequence[str], members: Sequence[Member], field: str) -> list[str]:
    """Return the representations that names stand for, each once."""
    found: list[str] = []
    for name in given:
        own = [m.name for m in members if name in (m.name, m.network)]
        if not own:
            known = dict.fromkeys(n for m in members for n in (m.network, m.name))
            raise InputError("is not among models", field=field, value=name, allowed=known)
        for twice in (n for n in own if n in found):
            raise InputError("is named twice", field=field, value=twice, remedy="name it once")
        found += own
    return found


def _by_factor(factor: str, members: Sequence[Member]) -> Groups:
    if factor not in FACTORS:
        raise InputError(
            "no factor of models",
            field="separate",
            value=factor,
            allowed=FACTORS,
            remedy="or lists with names: {NAME: [models], NAME: [models]}",
        )
    groups: dict[str, tuple[str, ...]] = {}
    for member in members:
        value = member.factors[factor]
        if not value:
            raise InputError(
                f"{member.name} has no {factor}",
                field="separate",
                value=factor,
                remedy=f"give its model a {factor}, leave it out of models, or write lists",
            )
        groups[value] = (*groups.get(value, ()), member.name)
    if len(groups) < 2:
        raise InputError(
            f"all have the {factor} {next(iter(groups))}",
            field="separate",
            value=factor,
            allowed="a factor in which the models differ",
        )
    return groups


def _by_lists(lists: Groups, members: Sequence[Member]) -> Groups:
    if len(lists) < 2:
        raise InputError(
            "too few groups", field="separate", value=list(lists), allowed="at least 2 groups"
        )
    groups: Groups = {}
    for group, given in lists.items():
        field = f"separate.{group}"
        if not given or not group:
            raise InputError("an empty group", field=field, allowed="names of models")
        own = _expanded(given, members, field)
        for other, theirs in groups.items():
            for twice in (name for name in own if name in theirs):
                raise InputError(
                    f"is in the group {other} too", field=field, value=twice, remedy="name it once"
                )
        groups[group] = tuple(own)
    named = {name for own in groups.values() for name in own}
    for left in (member.name for member in members if member.name not in named):
        raise InputError(
            "is in no group",
            field="separate",
            value=left,
            allowed=list(groups),
            remedy="put it into one, or give models without it",
        )
    return groups
