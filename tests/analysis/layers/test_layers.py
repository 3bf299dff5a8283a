import json
from itertools import product

import numpy as np
import pytest
import small_study
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused
from scipy import stats

from pdpsych.analysis import LayerRatios, layer_ratios
from pdpsych.analysis.layers.layers import LAYER_COLUMNS, align
from pdpsych.stimuli import StimulusSet
from pdpsych.stimuli.manifest import MANIFEST

SEEDS = st.integers(0, 2**32 - 1)


def agreement(values, signs):
    turned = values * signs
    return np.var(turned.mean(axis=1))


@pytest.fixture
def opened(layer_table, write_layer_set):
    """Return a function from log ratios (N, K) of 26 layers to an open set."""

    def build(values, layers=None, kind="principal"):
        table = layer_table() if layers is None else layers
        return StimulusSet.open(write_layer_set(table, np.asarray(values, float), kind))

    return build


@given(SEEDS, st.integers(1, 7))
@settings(max_examples=50)
def test_images_are_turned_as_well_as_any_signs_would(seed, images):
    rng = np.random.default_rng(seed)
    profile = rng.normal(size=(9, 1))
    values = (profile + 0.4 * rng.normal(size=(9, images))) * rng.choice([-1, 1], images)
    best = max(agreement(values, np.array(s)) for s in product([-1, 1], repeat=images))
    assert agreement(values, align(values)) == pytest.approx(best)


@given(SEEDS)
@settings(max_examples=50)
def test_turning_no_single_image_would_help_even_in_noise(seed):
    values = np.random.default_rng(seed).normal(size=(5, 12))
    signs = align(values)
    assert set(signs) <= {-1.0, 1.0}
    reached = agreement(values, signs)
    for k in range(12):
        other = signs * np.where(np.arange(12) == k, -1, 1)
        assert agreement(values, other) <= reached * (1 + 1e-8)


@given(SEEDS)
@settings(max_examples=50)
def test_which_distortion_was_called_u_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(6, 1)) + 0.5 * rng.normal(size=(6, 8))
    swapped = values * rng.choice([-1, 1], 8)
    np.testing.assert_allclose(align(swapped) * swapped, align(values) * values)


def test_the_layer_that_deviates_most_is_positive():
    values = np.array([[0.0, 0.0], [0.1, 0.2], [-3.0, -2.0]])
    assert align(values).tolist() == [-1, -1]
    assert align(np.zeros((3, 2))).tolist() == [1, 1]


def test_summary_is_students(layer_table, opened):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(26, 1)) * 3 + 0.1 * rng.normal(size=(26, 5))
    summary = layer_ratios(opened(values)).summary(level=0.9)
    sign = np.sign(values.mean(axis=1)[0] / summary["log_ratio"][0])
    np.testing.assert_allclose(summary["log_ratio"], sign * values.mean(axis=1))
    np.testing.assert_allclose(summary["sd"], values.std(axis=1, ddof=1))
    error = stats.sem(values[3])
    low, high = stats.t.interval(0.9, 4, loc=summary["log_ratio"][3], scale=error)
    assert summary.loc[3, ["low", "high"]].tolist() == pytest.approx([low, high])
    assert list(summary) == list(LAYER_COLUMNS)
    assert (summary["images"] == 5).all()


def test_one_image_has_neither_spread_nor_interval(opened):
    summary = layer_ratios(opened(np.arange(26)[:, None])).summary()
    assert summary[["sd", "low", "high"]].isna().all(axis=None)
    # The last deviates as much as the first, which comes first.
    np.testing.assert_allclose(summary["log_ratio"], -np.arange(26))


def test_networks_keep_their_order_and_layers_go_by_depth(layer_table, opened):
    values = np.random.default_rng(0).normal(size=(26, 3))
    mixed = np.random.default_rng(1).permutation(26)
    layers = layer_table().iloc[mixed].reset_index(drop=True)
    ratios = layer_ratios(opened(values[mixed], layers))
    networks = list(dict.fromkeys(layers["network"]))
    assert list(dict.fromkeys(ratios.layers["network"])) == networks
    for _, rows in ratios.layers.groupby("network"):
        assert rows["depth"].is_monotonic_increasing
    sorted_values = values[[layer_table()["name"].tolist().index(n) for n in ratios.layers["name"]]]
    np.testing.assert_allclose(ratios.values, sorted_values * ratios.signs)


def test_random_pairs_stay_as_they_are(opened):
    values = np.random.default_rng(0).normal(size=(26, 4)) * [1, -1, 1, -1]
    ratios = layer_ratios(opened(values), pair="random-1")
    np.testing.assert_allclose(ratios.values, 0.01 * values)
    assert (ratios.signs == 1).all()


def test_agreement_is_of_what_separates(opened):
    profile = np.random.default_rng(0).normal(size=(26, 1))
    same = layer_ratios(opened(profile * [1, -1, 1, -1] + [5, 0, 2, 1]))
    assert same.agreement == pytest.approx(1)
    strangers = layer_ratios(opened(np.kron(np.eye(2), np.ones((13, 1)))[:, :2]), pair="random-1")
    assert strangers.agreement == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("images", "found"), [(5, 0.3), (100, 0.06)])
def test_agreement_found_in_noise_is_what_align_says(layer_table, images, found):
    values = np.random.default_rng(0).normal(size=(26, images))
    names = tuple(f"image-{k}" for k in range(images))
    ratios = LayerRatios(layer_table(), names, align(values), values * align(values))
    assert ratios.agreement == pytest.approx(found, rel=0.2)


def test_built_in_models_are_their_own_networks(layer_table, opened):
    layers = layer_table().iloc[:2].assign(name=["LN", "LGN"], layer="response")
    ratios = layer_ratios(opened(np.eye(2), layers))
    assert ratios.layers["network"].tolist() == ["LN", "LGN"]


def test_an_unknown_pair_gets_the_nearest(opened):
    with refused(field="pair", value="principle", allowed="principal"):
        layer_ratios(opened(np.eye(26)), pair="principle")


def test_one_network_is_not_compared(layer_table, opened):
    layers = layer_table(("alexnet",), ("ImageNet",))
    with refused(field="representations", value="alexnet-ImageNet", allowed="at least 2 networks"):
        layer_ratios(opened(np.ones((7, 2)), layers))


def test_a_set_from_before_representations_is_refused(tmp_path):
    manifest = small_study.write_set(tmp_path / "old").path / MANIFEST
    old = json.loads(manifest.read_text()) | {"schema_version": 1}
    del old["representations"]
    manifest.write_text(json.dumps(old))
    with refused(file="old", field="representations", remedy="generate it again"):
        layer_ratios(StimulusSet.open(manifest.parent))


def test_ratios_read_back_the_same(layer_table, opened, tmp_path):
    ratios = layer_ratios(opened(np.random.default_rng(0).normal(size=(26, 3))))
    again = LayerRatios.from_json(ratios.to_json(tmp_path / "ratios.json"))
    assert again == ratios
    assert hash(again) == hash(ratios)
    assert repr(again) == "<LayerRatios: 26 layers of 4 networks on 3 images>"
    assert len(again.describe().splitlines()) == 28
    (tmp_path / "ratios.json").write_text('{"schema_version": 1, "layers": 3}')
    with refused(file="ratios.json", remedy="read them again"):
        LayerRatios.from_json(tmp_path / "ratios.json")
