from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdpsych.experiments.logs.figures import plot_session


def _trials(images: int):
    names = [f"image{number}" for number in range(images)]
    rows = [
        {"trial": n + 1, "image": name, "pair": "principal", "distortion": 1 + n % 2}
        | {"amplitude": 2.0**-n, "correct": n % 3 > 0}
        for n, name in enumerate(np.repeat(names, 6))
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("images", "lines"), [(2, 4), (20, 0)])
def test_every_trial_is_a_dot_or_a_cross(images, lines):
    trials = _trials(images)
    ax = plot_session(trials)
    dots, crosses = ax.lines[lines:]
    right = trials["correct"]
    np.testing.assert_array_equal(dots.get_xdata(), trials["trial"][right])
    np.testing.assert_array_equal(crosses.get_ydata(), trials["amplitude"][~right])
    assert "model units" in ax.get_ylabel()
    assert ax.get_yscale() == "log"


def test_few_conditions_are_named():
    names = [text.get_text() for text in plot_session(_trials(2)).get_legend().get_texts()]
    assert names == [f"image{n} principal {end}" for n in (0, 1) for end in "uv"]
    assert plot_session(_trials(20)).get_legend() is None
