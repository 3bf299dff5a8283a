"""The catalogue names files that can be checked, for networks that exist."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from refusals import refused
from torchvision.models import get_model_weights, list_models

from pdpsych.models.sources import catalogue


def test_names_are_unique_and_of_known_architectures():
    named = [(c.architecture, c.weights) for c in catalogue.checkpoints()]
    assert len(set(named)) == len(named)
    assert {architecture for architecture, _ in named} <= set(list_models())


def test_names_do_not_hide_those_of_torchvision():
    for entry in catalogue.checkpoints():
        assert entry.weights not in get_model_weights(entry.architecture).__members__


def test_entries_are_whole():
    for entry in catalogue.checkpoints():
        assert entry.url.startswith("https://")
        assert re.fullmatch(r"[\w.]+(-[\w.]+)?", entry.file)
        assert re.fullmatch(r"([0-9a-f]{8})?", entry.sha256)
        assert re.fullmatch(r"([0-9a-f]{40})?", entry.sha1)
        assert entry.training
        assert entry.citation
        assert (
            entry.url.endswith(entry.member and ".tar")
            if entry.member
            else entry.file in (entry.url)
        )


@pytest.mark.parametrize("architecture", ["alexnet", "resnet50"])
@pytest.mark.parametrize("weights", ["IMAGENET1K_V1", "SIN", "robust_l2_3", "robust_linf_8"])
def test_the_papers_networks_are_there(architecture, weights):
    found = catalogue.find(architecture, weights)
    assert (found.architecture, found.weights) == (architecture, weights)


@pytest.mark.parametrize(
    ("weights", "training"),
    [
        ("SIN", "Stylized ImageNet"),
        ("SIN_and_IN", "Stylized ImageNet + ImageNet"),
        ("SIN_and_IN_then_IN", "Stylized ImageNet + ImageNet, then ImageNet"),
        ("robust_l2_3", "adversarial (L2, ε = 3)"),
        ("robust_linf_4", "adversarial (L∞, ε = 4/255)"),
        ("salman_l2_0", "ImageNet"),
        ("salman_l2_0.05", "adversarial (L2, ε = 0.05)"),
        ("salman_linf_0.5", "adversarial (L∞, ε = 0.5/255)"),
        ("IMAGENET1K_V2", "ImageNet"),
    ],
)
def test_training_is_said_in_words(weights, training):
    assert catalogue.find("resnet50", weights).training == training


def test_digests_from_file_names_and_publications():
    v1 = catalogue.find("resnet50", "IMAGENET1K_V1")
    assert (v1.file, v1.sha256) == ("resnet50-0676ba61.pth", "0676ba61")
    assert catalogue.find("alexnet", "SIN").sha256 == "b4aa5238"
    assert catalogue.find("resnet50", "robust_l2_3").sha1.startswith("cc6e4441")
    assert catalogue.find("resnet50", "salman_l2_1").sha1.startswith("c75d68b7")
    assert catalogue.find("resnet50", "salman_linf_4").file == "resnet50_linf_eps4.0.ckpt"


def test_all_of_torchvisions_weights_have_a_digest():
    for architecture in list_models():
        for weights in get_model_weights(architecture):
            found = catalogue.find(architecture, weights.name)
            assert re.fullmatch(r"[0-9a-f]{8,}", found.sha256)
            assert found.sha256 in found.url
            assert ("ImageNet-1K" in weights.meta["_metrics"]) == (found.training == "ImageNet")


@pytest.mark.parametrize(
    ("architecture", "weights", "value", "near"),
    [
        ("resnet50", "DEFAULT", "DEFAULT", "IMAGENET1K_V1"),
        ("resnet50", "IMAGENET1K_V3", "IMAGENET1K_V3", "IMAGENET1K_V2"),
        ("resnet50", "robust_l2_4", "robust_l2_4", "robust_l2_3"),
        ("resnet51", "IMAGENET1K_V1", "resnet51", "resnet50"),
    ],
)
def test_refuses_what_it_does_not_know(architecture, weights, value, near):
    with refused(value=value, allowed=near):
        catalogue.find(architecture, weights)


def test_listing_needs_no_torch():
    code = (
        "import sys\n"
        "from pdpsych.models.sources import catalogue\n"
        "assert catalogue.checkpoints() and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
