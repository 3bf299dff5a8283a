import numpy as np
import scipy
from hypothesis import given
from hypothesis import strategies as st

from pdpsych.analysis.normal import cumulative


@given(st.floats(-9, 9))
def test_agrees_with_scipy(x: float) -> None:
    exact = scipy.special.ndtr(x)
    found = float(cumulative(np.array([x]))[0])
    assert abs(found - exact) < 8e-12
    assert abs(found - exact) < 2e-8 * exact


def test_between_nodes_and_at_them() -> None:
    x = np.arange(-9 * 2048, 9 * 2048 + 1) / 2048
    np.testing.assert_allclose(cumulative(x), scipy.special.ndtr(x), rtol=2e-8, atol=0)


def test_beyond_it_is_constant() -> None:
    found = cumulative(np.array([-np.inf, -1e300, -9.0, 9.0, 1e300, np.inf]))
    assert found[0] == found[1] == found[2] < 2**-62
    assert found[3] == found[4] == found[5] == 1.0


def test_does_not_touch_what_it_is_given_unless_asked() -> None:
    given = np.linspace(-3, 3, 12).reshape(3, 4)
    kept = given.copy()
    found = cumulative(given)
    np.testing.assert_array_equal(given, kept)
    assert cumulative(given, out=given) is given
    np.testing.assert_array_equal(given, found)
