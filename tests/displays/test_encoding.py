from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdpsych.displays.encoding import linear_from_srgb, srgb_from_linear


def test_srgb_by_hand():
    # IEC 61966-2-1: the middle of the range, and the end of its linear part.
    assert linear_from_srgb(np.array(0.5)) == pytest.approx(0.214041, abs=1e-6)
    assert linear_from_srgb(np.array(0.04045)) == pytest.approx(0.0031308, abs=1e-7)


@given(st.floats(0, 1))
def test_srgb_round_trip(value):
    assert srgb_from_linear(linear_from_srgb(np.array(value))) == pytest.approx(value, abs=1e-6)
