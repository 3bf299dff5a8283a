"""Embedded ICC profiles, through LittleCMS.

A profile of curves and primaries is asked for both by LittleCMS itself and then applied as
tables, ten times as fast; whether that is what the profile does is tried on colours in between.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

from pdpsych.common.errors import InputError
from pdpsych.stimuli.photographs.colour_space import D65, PRIMARIES, ColourSpace, Floats

Model = Literal["grey", "rgb", "cmyk", "lab"]

_SPACES: dict[str, Model] = {"GRAY": "grey", "RGB": "rgb", "CMYK": "cmyk", "Lab": "lab"}
_NAMES = {"grey": "gray", "rgb": "rgb", "cmyk": "cmyk", "lab": "lab"}
_CHANNELS = {"grey": 1, "rgb": 3, "cmyk": 4, "lab": 3}
_PLACES = 1025
_TRIED = 9
# A table that differs by so little from LittleCMS is the same: below half a level of 12 bits.
_SAME = 1e-4


@dataclass(frozen=True)
class Profile:
    """An ICC profile.

    Attributes
    ----------
    data
        As it is embedded.
    """

    data: bytes

    @cached_property
    def _opened(self) -> Any:
        try:
            return ImageCms.ImageCmsProfile(io.BytesIO(self.data)).profile
        except Exception as error:  # a damaged profile fails in any way
            raise InputError(
                "has an ICC profile that cannot be read",
                field="ICC profile",
                value=str(error),
                remedy="save the photograph anew, as sRGB",
            ) from None

    @property
    def name(self) -> str:
        """What it calls itself, in printable letters."""
        found = self._opened.profile_description or "without a name"
        return "".join(letter for letter in found if letter.isprintable()).strip()[:60]

    @property
    def model(self) -> Model:
        """What its numbers are.

        Raises
        ------
        InputError
            If it is neither grey, RGB, CMYK nor Lab.
        """
        found = self._opened.xcolor_space.strip()
        if found not in _SPACES:
            raise InputError(
                "has an ICC profile of another kind",
                field="ICC profile",
                value=found,
                allowed=", ".join(_SPACES),
                remedy="save the photograph anew, as sRGB",
            )
        return _SPACES[found]

    def light(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return linear Rec. 709 light of (H, W, C) values, (H, W, 3), not clipped.

        Parameters
        ----------
        values
            Integers of 8 or 16 bits, or floats in [0, 1].
        """
        codecs = image_codecs()
        shaped = np.ascontiguousarray(values[..., 0] if values.shape[2] == 1 else values)
        try:
            found = codecs.cms_transform(
                shaped,
                self.data,
                _linear_profile(),
                colorspace=_NAMES[self.model],
                outcolorspace="rgb",
                outdtype="float32",
                intent=codecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
                flags=codecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
            )
        except Exception as error:  # LittleCMS refuses in any way
            raise InputError(
                "has an ICC profile that cannot be used",
                field="ICC profile",
                value=f"{self.name}: {error}",
                remedy="save the photograph anew, as sRGB",
            ) from None
        return np.asarray(found, dtype=np.float32).reshape(*values.shape[:2], 3)

    @cached_property
    def space(self) -> ColourSpace | None:
        """Its curve and primaries; None where it is not made of one curve and primaries."""
        if self.model not in ("grey", "rgb"):
            return None
        channels = _CHANNELS[self.model]
        places = np.linspace(0, 1, _PLACES, dtype=np.float32)
        neutral = self._of_colours(np.repeat(places[:, None], channels, axis=1))
        columns = [self._of_colours(row[None])[0] for row in np.eye(channels, dtype=np.float32)]
        matrix = np.stack(columns, axis=1)
        curve = neutral[:, 1] / neutral[-1, 1]
        found = ColourSpace(
            self.name,
            lambda values: np.interp(values, places, curve),
            matrix if channels == 3 else np.eye(3),
        )
        return found if self._is(found) else None

    def _of_colours(self, colours: NDArray[np.float32]) -> Floats:
        return self.light(colours[:, None])[:, 0].astype(np.float64)

    def _is(self, space: ColourSpace) -> bool:
        axis = np.linspace(0, 1, _TRIED) ** 1.3
        axes = np.meshgrid(*[axis] * _CHANNELS[self.model])
        colours = np.stack([a.ravel() for a in axes], axis=1)
        linear = space.curve(colours)
        grey = linear.shape[1] == 1
        predicted = np.repeat(linear, 3, axis=1) if grey else linear @ space.matrix.T
        true = self._of_colours(colours.astype(np.float32))
        return bool(np.abs(predicted - true).max() < _SAME * max(1.0, np.abs(true).max()))


def image_codecs() -> ModuleType:
    """Return the package that knows LittleCMS and formats of more than 8 bits.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import imagecodecs
    except ImportError:
        raise InputError(
            "needs the package imagecodecs", remedy="pip install 'pdpsych[models]'"
        ) from None
    return imagecodecs


@lru_cache(maxsize=1)
def _linear_profile() -> bytes:
    chromaticities = [(x, y, 1.0) for x, y in PRIMARIES["Rec. 709"]]
    flat = [value for triple in chromaticities for value in triple]
    made: bytes = image_codecs().cms_profile(
        "rgb", whitepoint=[*D65, 1.0], primaries=flat, gamma=1.0
    )
    return made
