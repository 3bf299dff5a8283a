from __future__ import annotations

import numpy as np

from pdpsych.geometry.solvers import disagreement, survey


def test_a_pair_that_rounding_leaves_nothing_of_comes_last():
    """Without a floor what is left of 0 may be below it, and has no logarithm."""
    grams = np.array([np.diag([1.0, 2.0, 3.0]), np.diag([3.0, 1.0, -1e-20])])
    u, v, lost = np.eye(3)
    pairs = [np.array(rows) for rows in ((lost, u), (u, v), (v, lost))]
    found = survey._unlike(disagreement.contrast(range(2)), grams, pairs)
    values = [value for value, _ in found]
    assert values[0] == np.var(np.log([1 / 2, 3]) / 2)
    assert values[1:] == [-np.inf, -np.inf]
    np.testing.assert_array_equal(found[0][1], pairs[1])
