from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych.analysis import LayerRatios, describe_shares, variance_shares
from pdpsych.analysis.layers.variance import REMAINDER, VARIANCE_COLUMNS

SEEDS = st.integers(0, 2**32 - 1)


def ratios_of(layers, values):
    values = np.asarray(values, dtype=float)
    images = tuple(f"image-{k}" for k in range(values.shape[1]))
    return LayerRatios(layers, images, np.ones(len(images)), values)


def noise(layers, images, seed=0):
    return np.random.default_rng(seed).normal(size=(len(layers), images))


def shares_of(layers, values):
    return variance_shares(ratios_of(layers, values)).set_index("factor")["share"]


def columns_of(layers, factor):
    if factor == "depth":
        return np.column_stack([layers["depth"], layers["depth"] ** 2])
    return pd.get_dummies(layers[factor], dtype=float).to_numpy()


def r_squared(layers, factors, y):
    design = np.hstack([np.ones((len(y), 1)), *(columns_of(layers, f) for f in factors)])
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - np.sum((y - fitted) ** 2) / np.sum((y - y.mean()) ** 2)


def by_regression(layers, factors, values):
    """Fit every image in every order of entering the factors, one regression at a time."""
    found = dict.fromkeys(factors, 0.0)
    orders = list(permutations(factors))
    for y in values.T:
        for order in orders:
            for place, factor in enumerate(order):
                gained = r_squared(layers, order[: place + 1], y) - r_squared(
                    layers, order[:place], y
                )
                found[factor] += gained / len(orders) / values.shape[1]
    return pd.Series(found)


@given(SEEDS)
@settings(max_examples=10)
def test_shares_are_those_of_all_regressions_in_all_orders(layer_table, seed):
    rng = np.random.default_rng(seed)
    layers = layer_table().iloc[np.sort(rng.choice(26, 15, replace=False))].reset_index(drop=True)
    values = rng.normal(size=(15, 3)) + 2 * layers[["depth"]].to_numpy()
    factors = [f for f in ("architecture", "training", "depth") if layers[f].nunique() > 1]
    table = variance_shares(ratios_of(layers, values)).set_index("factor")
    slow = by_regression(layers, factors, values)
    np.testing.assert_allclose(table["share"].drop(REMAINDER), slow, atol=1e-10)
    whole = np.mean([r_squared(layers, factors, y) for y in values.T])
    assert table.loc[REMAINDER, "share"] == pytest.approx(1 - whole)
    for factor in factors:
        alone = np.mean([r_squared(layers, [factor], y) for y in values.T])
        assert table.loc[factor, "alone"] == pytest.approx(alone)


@given(SEEDS)
@settings(max_examples=8)
def test_only_what_separates_the_layers_counts(layer_table, seed):
    layers = layer_table()
    rng = np.random.default_rng(seed)
    values = noise(layers, 4, seed)
    shares = shares_of(layers, values)
    turned = values * rng.choice([-1, 1], 4) * rng.uniform(0.1, 10, 4) + rng.normal(size=4)
    pd.testing.assert_series_equal(shares_of(layers, turned), shares)
    renamed = layers.assign(
        architecture=layers["architecture"].map({"alexnet": "z", "resnet50": "a"}),
        training=layers["training"].str.upper(),
        depth=3 * layers["depth"] - 1,
    )
    pd.testing.assert_series_equal(shares_of(renamed, values), shares)
    order = rng.permutation(len(layers))
    mixed = layers.iloc[order].reset_index(drop=True)
    pd.testing.assert_series_equal(shares_of(mixed, values[order])[shares.index], shares)


@given(SEEDS)
@settings(max_examples=8)
def test_shares_are_parts_of_a_whole(layer_table, seed):
    shares = shares_of(layer_table(), noise(layer_table(), 3, seed))
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()


@pytest.mark.parametrize("factor", ["architecture", "training"])
def test_a_factor_that_makes_all_the_difference_has_the_whole_share(layer_table, factor):
    # One depth each, so that depth cannot stand in for architecture.
    layers = layer_table().assign(depth=np.tile([0.0, 1.0], 13))
    values = pd.factorize(layers[factor])[0][:, None] * np.array([1.0, -3.0])
    table = variance_shares(ratios_of(layers, values)).set_index("factor")
    assert table.loc[factor, "alone"] == pytest.approx(1)
    assert table.loc[factor, "share"] == pytest.approx(1, abs=0.02)
    assert table.loc[REMAINDER, "share"] == pytest.approx(0, abs=1e-12)


def test_a_curved_course_over_depth_is_depths(layer_table):
    layers = layer_table()
    values = ((layers["depth"] - 0.5) ** 2).to_numpy()[:, None]
    table = variance_shares(ratios_of(layers, values)).set_index("factor")
    assert table.loc["depth", "alone"] == pytest.approx(1)
    assert table.loc["training", "share"] == pytest.approx(0, abs=1e-12)


def test_a_factor_that_is_the_same_everywhere_is_said_not_shown(layer_table):
    layers = layer_table(trainings=("ImageNet",))
    ratios = ratios_of(layers, noise(layers, 3))
    table = variance_shares(ratios)
    assert table["factor"].tolist() == ["architecture", "depth", REMAINDER]
    assert "same training (ImageNet)" in describe_shares(ratios, table)


def test_networks_that_differ_in_nothing_known_leave_all_unexplained(layer_table):
    layers = layer_table().assign(architecture="a", training="t", depth=0.0)
    ratios = ratios_of(layers, noise(layers, 3))
    table = variance_shares(ratios)
    assert table["factor"].tolist() == [REMAINDER]
    assert table["share"][0] == 1
    assert "mean over 3 images: 100 % [100, 100] remains." in describe_shares(ratios, table)


def test_chance_is_the_mean_over_all_relabellings(layer_table):
    layers = layer_table().iloc[[0, 3, 8, 13, 25]].reset_index(drop=True)
    values = noise(layers, 2) + 3 * (layers[["architecture"]] == "alexnet").to_numpy()
    factors = ["architecture", "training"]
    layers["depth"] = 0.0
    each = [by_regression(layers, factors, values[list(order)]) for order in permutations(range(5))]
    table = variance_shares(ratios_of(layers, values)).set_index("factor").drop(REMAINDER)
    drawn = pd.concat(each, axis=1)
    np.testing.assert_allclose(table["chance"], drawn.mean(axis=1), atol=1e-10)
    np.testing.assert_allclose(table["chance_low"], drawn.quantile(0.025, axis=1), atol=0.02)
    np.testing.assert_allclose(table["chance_high"], drawn.quantile(0.975, axis=1), atol=0.05)


def test_noise_stays_within_chance(layer_table):
    layers = layer_table()
    inside = []
    for seed in range(30):
        table = variance_shares(ratios_of(layers, noise(layers, 1, seed))).iloc[:3]
        inside.append(table["share"].between(table["chance_low"], table["chance_high"]))
    assert 0.88 < np.mean(inside) <= 1


def test_interval_over_images_holds_the_mean_of_many(layer_table):
    layers = layer_table()
    effect = (layers["training"] == "ImageNet").to_numpy()[:, None]
    values = effect + noise(layers, 1200, 1)
    truth = shares_of(layers, values)["training"]
    held = []
    for part in np.split(values, 60, axis=1):
        row = variance_shares(ratios_of(layers, part)).set_index("factor").loc["training"]
        held.append(row["low"] <= truth <= row["high"])
    assert 0.88 < np.mean(held) < 1


def test_one_image_has_no_interval(layer_table):
    layers = layer_table()
    ratios = ratios_of(layers, noise(layers, 1))
    table = variance_shares(ratios)
    assert table[["low", "high"]].isna().all(axis=None)
    assert "at one image, so without interval" in describe_shares(ratios, table)


def test_the_table_has_its_dictionary_and_repeats_itself(layer_table):
    ratios = ratios_of(layer_table(), noise(layer_table(), 3))
    table = variance_shares(ratios)
    assert list(table) == list(VARIANCE_COLUMNS)
    pd.testing.assert_frame_equal(variance_shares(ratios), table)


def test_conclusion_gives_the_numbers(layer_table):
    ratios = ratios_of(layer_table(), noise(layer_table(), 3))
    table = variance_shares(ratios)
    table.loc[0, ["share", "low", "high", "chance", "chance_low", "chance_high"]] = [
        0.614,
        0.551,
        0.66,
        0.04,
        0.006,
        0.129,
    ]
    said = describe_shares(ratios, table)
    assert "26 layers on the principal distortions, mean over 3 images" in said
    assert f"holds {100 * ratios.agreement:.0f} % of what single ones do" in said
    assert "architecture explains 61 % [55, 66] (chance 4 [1, 13])" in said


def test_an_image_that_separates_nothing_is_named(layer_table):
    ratios = ratios_of(layer_table(), noise(layer_table(), 3))
    values = ratios.values.copy()
    values[:, 1] = 0.3
    with refused(field="ratios.images", value="image-1"):
        variance_shares(replace(ratios, values=values))
