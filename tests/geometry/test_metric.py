from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pdpsych.geometry import metric

sensitivities = st.tuples(*[st.floats(1e-6, 1e6)] * 6)


def test_by_hand():
    assert metric(np.e**2, 1.0, 1.0, np.e) == 3.0


@given(sensitivities, st.floats(1e-3, 1e3))
def test_is_a_pseudo_metric_blind_to_scale_and_order(values, scale):
    a_u, a_v, b_u, b_v, c_u, c_v = values
    ab = metric(a_u, a_v, b_u, b_v)
    np.testing.assert_allclose(metric(scale * a_u, scale * a_v, b_u, b_v), ab, atol=1e-9)
    np.testing.assert_allclose(metric(a_v, a_u, b_v, b_u), ab, atol=1e-12)
    np.testing.assert_allclose(metric(b_u, b_v, a_u, a_v), ab, atol=1e-12)
    assert metric(a_u, a_v, a_u, a_v) == 0
    assert ab <= metric(a_u, a_v, c_u, c_v) + metric(c_u, c_v, b_u, b_v) + 1e-9
