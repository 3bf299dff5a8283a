import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from pdpsych.analysis import LayerRatios, plot_layers, plot_shares, variance_shares
from pdpsych.analysis.layers.figures import layer_figure


@pytest.fixture(scope="module")
def ratios(layer_table):
    """Log ratios of 26 layers at 4 images."""
    layers = layer_table()
    values = np.random.default_rng(0).normal(size=(26, 1)) + np.array([[0.1, 0, -0.1, 0.2]])
    return LayerRatios(layers, ("a", "b", "c", "d"), np.ones(4), values)


def dots(ax, marker):
    return [line for line in ax.lines if line.get_marker() == marker]


def test_every_layer_stands_at_its_mean_in_the_order_of_networks(ratios):
    ax = plot_layers(ratios.summary())
    assert [label.get_text() for label in ax.get_xticklabels()] == ratios.layers["layer"].tolist()
    lines = sorted(dots(ax, "o") + dots(ax, "s"), key=lambda line: line.get_xdata()[0])
    np.testing.assert_allclose(
        np.concatenate([line.get_xdata() for line in lines]), ax.get_xticks()
    )
    means = np.concatenate([line.get_ydata() for line in lines])
    np.testing.assert_allclose(means, ratios.values.mean(axis=1))
    gaps = np.diff(ax.get_xticks())
    assert np.flatnonzero(gaps > 1).tolist() == [6, 13, 19]


def test_colour_is_training_and_marker_architecture(ratios):
    ax = plot_layers(ratios.summary())
    styles = [
        (line.get_color(), line.get_marker()) for line in ax.lines if len(line.get_xdata()) > 2
    ]
    colours, markers = zip(*styles, strict=True)
    assert colours[0] == colours[2] != colours[1] == colours[3]
    assert markers[0] == markers[1] != markers[2] == markers[3]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["ImageNet", "Stylized ImageNet", "alexnet", "resnet50"]


def test_bars_are_deviation_and_interval_over_images(ratios):
    ax = plot_layers(ratios.summary())
    summary = ratios.summary()
    sd, interval = ax.collections[:2]
    first = summary[summary["network"] == summary["network"][0]]
    ends = np.array([segment[:, 1] for segment in sd.get_segments()])
    np.testing.assert_allclose(ends[:, 1] - ends[:, 0], 2 * first["sd"])
    ends = np.array([segment[:, 1] for segment in interval.get_segments()])
    np.testing.assert_allclose(ends, first[["low", "high"]])


def test_the_baseline_is_beside_and_in_the_legend(ratios):
    baseline = LayerRatios(ratios.layers, ratios.images, ratios.signs, 0.01 * ratios.values)
    ax = ratios.plot(baseline=baseline)
    np.testing.assert_allclose(dots(ax, ".")[0].get_ydata(), baseline.values.mean(axis=1))
    assert ax.get_legend().get_texts()[-1].get_text() == "random"


def test_shares_stand_beside_chance(ratios):
    shares = variance_shares(ratios)
    ax = plot_shares(shares)
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], shares["share"])
    assert [label.get_text() for label in ax.get_yticklabels()] == shares["factor"].tolist()
    interval, chance = (
        np.array([segment[:, 0] for segment in lines.get_segments()]) for lines in ax.collections
    )
    np.testing.assert_allclose(interval, shares[["low", "high"]])
    np.testing.assert_allclose(chance, shares[["chance_low", "chance_high"]])


@pytest.mark.parametrize("length", [0, 40])
def test_nothing_is_written_over_anything(ratios, length):
    long = ratios.layers["network"] + "-" * length
    named = LayerRatios(
        ratios.layers.assign(network=long), ratios.images, ratios.signs, ratios.values
    )
    summary = named.summary()
    title = "principal distortions, mean over 4 images"
    figure = layer_figure(summary, variance_shares(named), title, baseline=summary)
    assert figure._suptitle.get_text() == title
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    for ax in figure.axes:
        labels = [*ax.texts, *ax.get_xticklabels(), *ax.get_legend().get_texts()]
        labels += [ax.yaxis.get_label(), figure._suptitle]
        boxes = [text.get_window_extent(renderer) for text in labels if text.get_text()]
        for i, box in enumerate(boxes):
            assert figure.bbox.contains(box.x0, box.y0), box
            assert figure.bbox.contains(box.x1, box.y1), box
            assert not any(box.overlaps(other) for other in boxes[:i]), i
