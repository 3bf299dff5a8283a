import numpy as np
import pandas as pd

from pdpsych.analysis import plot_predicted, plot_predictive
from pdpsych.analysis.figures.predictions import predicted_panels

WHERE = {"participant": "01", "image": "camel", "pair": "principal", "distortion": 1}
CONDITION = tuple(WHERE.values())


def test_models_are_drawn_in_their_order_at_what_they_are_worse():
    table = pd.DataFrame({"kind": "principal", "model": ["A", "B"], "took_part": [True, False]})
    table = table.assign(log_probability=[-0.4, -0.5], difference=[0.0, 0.1])
    table = table.assign(difference_low=[0.0, -0.02], difference_high=[0.0, 0.22])
    ax = plot_predictive(table)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["A", "B (took no part)"]
    dots = ax.get_lines()[-1]
    assert np.allclose(dots.get_xdata(), [0.0, -0.1])
    (segments,) = [c.get_segments() for c in ax.collections]
    assert np.allclose(segments[1][:, 0], [-0.22, 0.02])
    assert "0.400" in ax.get_xlabel()


def trials():
    table = pd.DataFrame({"amplitude": np.geomspace(0.5, 2.0, 30), **WHERE})
    return table.assign(correct=table["amplitude"] > 0.9)


def curves(**where):
    rows = [{"model": m, "amplitude": a, "correct": 0.7} for m in "AB" for a in (0.5, 2.0)]
    return pd.DataFrame(rows).assign(**where)


def test_each_model_has_a_curve_over_contrast():
    ax = plot_predicted(trials(), curves(), CONDITION, dimension=100)
    drawn = {line.get_label(): line.get_xdata() for line in ax.get_lines()}
    assert np.allclose(drawn["A"], [0.05, 0.2])
    assert np.allclose(drawn["B"], [0.05, 0.2])
    assert ax.get_title() == "01 · camel · principal u"


def test_panels_have_one_legend():
    both = pd.concat([curves(**WHERE), curves(**WHERE | {"distortion": 2})])
    shown = pd.concat([trials(), trials().assign(distortion=2)])
    conditions = [(CONDITION, 100), ((*CONDITION[:3], 2), 100)]
    figure = predicted_panels(shown, both, conditions, 0.95)
    assert [ax.get_title()[-1] for ax in figure.axes] == ["u", "v"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["A", "B"]


def test_a_condition_of_which_no_model_is_known_has_its_answers_alone():
    shown = pd.concat([trials().assign(distortion=2), trials()])
    conditions = [((*CONDITION[:3], 2), 100), (CONDITION, 100)]
    figure = predicted_panels(shown, curves(**WHERE), conditions, 0.95)
    assert [len(ax.get_legend_handles_labels()[1]) for ax in figure.axes] == [0, 2]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["A", "B"]
