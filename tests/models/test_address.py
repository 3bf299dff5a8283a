from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.models import CHANNELS
from pdpsych.models.address import (
    BUILT_IN,
    Address,
    parse,
    parse_network,
    read,
    representation_names,
)

NAMES = st.text("abcXYZ019_.-", min_size=1)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize(
    ("text", "source", "name", "weights", "layer"),
    [
        ("torchvision:resnet50/layer4", "torchvision", "resnet50", None, "layer4"),
        ("torchvision:alexnet@SIN/features.1", "torchvision", "alexnet", "SIN", "features.1"),
        (
            "timm:vit_tiny.augreg@random-3/blocks.1",
            "timm",
            "vit_tiny.augreg",
            "random-3",
            "blocks.1",
        ),
        ("file:resnet50@a/b@2/c:d.pt/relu", "file", "resnet50", "a/b@2/c:d.pt", "relu"),
        ("python:my.nets:small/conv1", "python", "my.nets:small", None, "conv1"),
    ],
)
def test_an_address_is_split_at_the_first_colon_the_first_at_and_the_last_slash(
    text, source, name, weights, layer
):
    address = parse(text)
    assert (address.source, address.name, address.weights) == (source, name, weights)
    assert address.layers == (layer,)
    assert address.names == (text,)
    network = text.rpartition("/")[0]
    assert parse_network(network).network == network


@given(NAMES, PATHS, st.lists(NAMES, min_size=1, max_size=3, unique=True))
def test_mapping_and_names_say_the_same(architecture, weights, layers):
    mapping = {"source": "file", "name": architecture, "weights": weights, "layers": layers}
    names = representation_names([mapping])
    assert names == representation_names(list(names))
    for name, layer in zip(names, layers, strict=True):
        assert parse(name) == Address(**{**mapping, "layers": (layer,)})


def test_a_label_stands_for_the_network_in_names():
    mapping = {"source": "timm", "name": "resnet18", "layers": ["a", "b.0"], "label": "ResNet (a)"}
    assert representation_names(["LN", mapping]) == ("LN", "ResNet (a)/a", "ResNet (a)/b.0")


@pytest.mark.parametrize(
    ("weights", "seed"),
    [("random", 0), ("random-7", 7), ("random-x", None), ("randomly", None), (None, None)],
)
def test_random_weights_have_a_seed(weights, seed):
    assert Address(source="timm", name="x", weights=weights, layers=("y",)).seed == seed


def test_built_in_names_are_those_of_the_models():
    assert set(BUILT_IN) == {*CHANNELS, "identity"}
    assert read("LGN") == "LGN"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["LGM"], 'unknown model, got "LGM"; did you mean "LG"'),
        (
            ["torchvison:a/b"],
            'torchvison:a: unknown source, got "torchvison"; did you mean "torchvision"?',
        ),
        (
            ["torchvision:resnet50"],
            'names no layer, got "torchvision:resnet50"; allowed: source:model[@weights]/layer',
        ),
        (["torchvision:resnet50/"], "names no layer"),
        (["torchvision:/x"], "torchvision:/x: name: is of another length"),
        (["timm:a@/x"], "timm:a@/x: weights: is of another length"),
        (["file:resnet50/x"], "file needs the path of a checkpoint"),
        (["python:nets:small@w/x"], "python takes no weights"),
        (["python:nets/x"], 'python needs the name package.module:callable, not "nets"'),
        (["LN", "LG", "LN"], 'occurs twice, got "LN"; name each model once'),
        (
            ["timm:a/x", {"source": "timm", "name": "a", "layers": ["x"]}],
            'occurs twice, got "timm:a/x"',
        ),
        ([{"source": "timm", "name": "a", "layers": ["x", "x"]}], "occurs twice"),
        ([{"source": "timm", "name": "a", "layers": []}], "models: layers: is of another length"),
        ([{"source": "tim", "name": "a", "layers": ["x"]}], 'got "tim"; did you mean "timm"?'),
        ([{"source": "timm", "name": "a", "layrs": ["x"]}], 'did you mean "layers"?'),
        ([{"source": "timm", "name": "a", "layers": ["x"], "label": "LN"}], "a built-in model"),
        (
            [{"source": "timm", "name": "a", "layers": ["x"], "label": "a/b"}],
            "label: string should",
        ),
        (
            [{"source": "timm", "name": n, "layers": [n], "label": "L"} for n in "ab"],
            'label: stands for two networks, got "L"',
        ),
        (
            [{"source": "timm", "name": "a", "layers": ["x"], "noise": "poison"}],
            'noise: is none of what is allowed, got "poison"; did you mean "poisson"?',
        ),
        (
            [{"source": "timm", "name": "a", "layers": ["x"], "preprocess": {"std": [0]}}],
            "preprocess.std[0]: is out of range, got 0",
        ),
        (
            [
                {
                    "source": "timm",
                    "name": "a",
                    "layers": ["x"],
                    "preprocess": {"mean": [0, 0], "std": [1, 1, 1]},
                }
            ],
            "same number of channels",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_saying_what_is_allowed(wanted, message):
    with pytest.raises(InputError) as caught:
        representation_names(wanted)
    assert message in str(caught.value)


def test_reading_an_address_needs_no_torch():
    code = (
        "import sys\nfrom pdpsych.models.address import parse\nimport pdpsych.stimuli.recipe\n"
        "parse('timm:a/b')\nassert not {'torch', 'timm', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_built_in_model_has_nothing_to_fetch():
    with refused(value="LGN"):
        parse_network("LGN")
