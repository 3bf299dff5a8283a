"""The digits example with tiny settings: real training, real attacks, a real set."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from refusals import refused

ANALYSIS = Path(__file__).parents[2] / "analysis"


@pytest.fixture(scope="module", autouse=True)
def scripts():
    """Make the study's scripts importable, and forget them afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(ANALYSIS))
    yield
    sys.path.remove(str(ANALYSIS))
    for name in set(sys.modules) - before:
        if name.startswith(("digits", "figure2")):
            del sys.modules[name]


@pytest.fixture(scope="module")
def tiny(scripts):
    from digits_training import Training

    return Training(epochs=3, steps=3)


@pytest.fixture(scope="module")
def done(tiny, tmp_path_factory):
    import digits

    out = tmp_path_factory.mktemp("digits")
    return out, digits.run(out, tiny, each=1, iterations=4)


@pytest.fixture(scope="module")
def networks(done, tiny):
    from digits_training import digits, trained_networks

    return trained_networks(done[0] / f"seed0_{tiny.key}", digits()[0], tiny)


def test_it_makes_a_set_of_all_layers_of_both_trainings(done):
    _, made = done
    assert len(made.images) == 10
    assert len(made.models) == 20
    records = made.manifest.representations
    assert {(r.architecture, r.training) for r in records} == {
        (a, t) for a in ("convolutional", "connected") for t in ("standard", "adversarial")
    }
    assert len({r.weights_sha256 for r in records}) == 4


def test_principal_distortions_separate_what_random_ones_do_not(done):
    import digits

    found = digits.summary(done[1])
    assert found["Var principal"] > 10 * found["Var random"]
    assert found[["u unlit", "v unlit"]].between(0, 1).all()


def test_shares_are_those_of_the_analysis_of_variance(done):
    import digits

    from pdpsych.analysis import layer_ratios, variance_shares

    found = digits.summary(done[1])
    shares = ["training", "architecture", "interaction", "within"]
    assert found[shares].sum() == pytest.approx(1)
    assert (found[shares] >= 0).all()
    known = variance_shares(layer_ratios(done[1])).set_index("factor")["share"]
    for factor in ("training", "architecture"):
        assert found[factor] == pytest.approx(known[factor])


def test_the_answer_gives_the_range_over_seeds():
    import digits

    table = pd.DataFrame(
        {
            "training": [0.3, 0.1],
            "architecture": [0.2, 0.2],
            "interaction": [0.4, 0.6],
            "within": [0.1, 0.1],
        }
    )
    text = digits.answer(table)
    assert "training explains 10 to 30 %" in text
    assert "a network 10 %" in text
    assert "in 1 of 2 seeds" in text


def test_the_figure_and_its_tables_are_written(done, tiny):
    written = {f.name for f in (done[0] / "results" / f"seed0_{tiny.key}").iterdir()}
    assert {"figure2.png", "layers.csv", "variance.csv"} <= written


def test_the_attack_lowers_accuracy_and_training_on_it_helps(networks, tiny):
    from digits_training import accuracy, digits, robust_accuracy

    _, test = digits()
    for (architecture, training), network in networks.items():
        clean = accuracy(network, test)
        assert clean > 0.6, (architecture, training)
        assert robust_accuracy(network, test, tiny) < clean - 0.1
    for architecture in ("convolutional", "connected"):
        standard, robust = (
            robust_accuracy(networks[architecture, t], test, tiny)
            for t in ("standard", "adversarial")
        )
        assert robust > standard


@hypothesis_settings(max_examples=25)
@given(st.floats(1e-3, 20), st.integers(1, 4), st.integers(0, 2**32))
def test_adversarial_examples_stay_in_the_ball_and_the_gamut(epsilon, steps, seed):
    from digits_networks import Connected
    from digits_training import Digits, adversarial

    torch.manual_seed(seed)
    images = torch.rand(5, 1, 8, 8).mul(1.6).sub(0.3).clamp(0, 1)
    images[0] = 0
    attacked = adversarial(Connected(), Digits(images, torch.arange(5)), epsilon, steps)
    assert float((attacked - images).flatten(1).norm(dim=1).max()) <= epsilon * (1 + 1e-5)
    assert float(attacked.min()) >= 0
    assert float(attacked.max()) <= 1


def test_more_steps_raise_the_loss_more(networks):
    from digits_training import Digits, adversarial, digits

    network, test = networks["convolutional", "standard"], digits()[1]
    given_ = Digits(test.images[:50], test.labels[:50])

    def loss(images):
        with torch.no_grad():
            return float(torch.nn.functional.cross_entropy(network(images), given_.labels))

    losses = [loss(given_.images)]
    for steps in (1, 10):
        torch.manual_seed(0)
        losses.append(loss(adversarial(network, given_, 0.75, steps)))
    assert losses[0] < losses[1] < losses[2]


def test_kept_weights_are_used_the_second_time(done, networks, tiny, monkeypatch):
    import digits_training

    monkeypatch.setattr(digits_training, "train", None)
    again = digits_training.trained_networks(
        done[0] / f"seed0_{tiny.key}", digits_training.digits()[0], tiny
    )
    for name, network in again.items():
        for a, b in zip(network.parameters(), networks[name].parameters(), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("damage", ["cut", "other", "text", "code"])
def test_damaged_weights_are_trained_anew(damage, tiny, tmp_path, capsys):
    import digits_training
    from digits_networks import Connected

    given_ = digits_training.digits()[0]
    part = digits_training.Digits(given_.images[:50], given_.labels[:50])
    short = replace(tiny, epochs=1)
    first = digits_training.trained_networks(tmp_path, part, short)
    file = tmp_path / "standard" / "convolutional.pt"
    whole = file.read_bytes()
    if damage == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "other":
        torch.save(Connected().state_dict(), file)
    elif damage == "text":
        file.write_text("not weights")
    else:
        torch.save(Connected(), file)
    again = digits_training.trained_networks(tmp_path, part, short)
    error = capsys.readouterr().err
    assert str(file) in error
    assert error.count("damaged, trained anew") == 1
    # The seed makes the same network again.
    for name, network in again.items():
        for a, b in zip(network.parameters(), first[name].parameters(), strict=True):
            assert torch.equal(a, b)


def test_the_key_changes_with_every_setting(tiny):
    from digits_training import Training

    others = [
        replace(tiny, seed=1),
        replace(tiny, epochs=4),
        replace(tiny, epsilon=0.5),
        replace(tiny, steps=4),
        replace(tiny, batch=10),
        replace(tiny, rate=0.1),
    ]
    assert len({t.key for t in (tiny, Training(), *others)}) == 8
    assert replace(tiny).key == tiny.key


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    from digits_training import digits

    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with refused(remedy="pip install scikit-learn"):
        digits()


def test_the_split_is_fixed_and_whole(scripts):
    from digits_training import digits
    from sklearn.datasets import load_digits

    training, test = digits()
    assert (len(training), len(test)) == (1400, 397)
    both = np.concatenate([training.images.numpy(), test.images.numpy()])[:, 0] * 16
    assert sorted(map(bytes, both.astype(np.uint8))) == sorted(
        map(bytes, load_digits().images.astype(np.uint8))
    )
