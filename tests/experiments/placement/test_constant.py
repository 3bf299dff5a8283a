from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.experiments.placement.constant import Constant
from pdpsych.experiments.placement.placement import Showable

CALIBRATED = Showable("camel/principal/1", 0.1, 3.2, 32.0)
NOT_CALIBRATED = CALIBRATED._replace(least=0.0)


def amplitudes(method: Constant, seed: int, easy: list[bool]) -> list[float]:
    placed = method.begin(CALIBRATED, seed)
    found = []
    for each in easy:
        if not each:
            found.append(placed.next_amplitude())
        placed.update(0.5, True, each)
    return found


@settings(max_examples=40)
@given(
    count=st.integers(2, 9), seed=st.integers(0, 2**53), easy=st.lists(st.booleans(), max_size=60)
)
def test_levels_are_balanced_to_one_trial(count, seed, easy):
    method = Constant(kind="constant", count=count)
    found = amplitudes(method, seed, easy)
    counts = [Counter(found)[level] for level in method.begin(CALIBRATED, seed).levels]
    assert sum(counts) == len(found) == easy.count(False)
    assert max(counts) - min(counts) <= 1
    assert found == amplitudes(method, seed, easy)


def test_order_depends_on_the_seed():
    orders = {tuple(amplitudes(Constant(kind="constant"), seed, [False] * 14)) for seed in range(9)}
    assert len(orders) == 9
    assert all(order[:7] != order[7:] for order in orders)


def test_levels_are_given_over_a_range_or_those_of_the_calibration():
    given_ = Constant(kind="constant", levels_rms=(0.02, 0.005))
    assert given_.begin(CALIBRATED, 0).levels == pytest.approx((0.64, 0.16))
    span = Constant(kind="constant", range_rms=(0.01, 0.04), count=3)
    assert span.begin(NOT_CALIBRATED, 0).levels == pytest.approx((0.32, 0.64, 1.28))
    whole = Constant(kind="constant", count=5).begin(CALIBRATED, 0).levels
    assert np.diff(np.log(whole)) == pytest.approx(np.log(32) / 4)
    assert (whole[0], whole[-1]) == pytest.approx((0.1, 3.2))


def test_levels_that_cannot_be_shown_are_refused():
    low = Constant(kind="constant", levels_rms=(0.001, 0.01))
    with refused(field="levels_rms", value=0.001, allowed="0.00313 to 0.1") as told:
        low.begin(CALIBRATED, 0)
    assert "camel/principal/1" in told.value.problem
    assert low.begin(NOT_CALIBRATED, 0).levels[0] == pytest.approx(0.032)
    with refused(field="range_rms", value=pytest.approx(0.121, abs=1e-3), allowed="0 to 0.1"):
        Constant(kind="constant", range_rms=(0.01, 0.2)).begin(NOT_CALIBRATED, 0)
    with pytest.raises(InputError) as told:
        Constant(kind="constant").begin(NOT_CALIBRATED, 0)
    assert "need levels_rms or range_rms" in told.value.problem
