"""Other optima that are nearly as good: from the solver to pairs of a set."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from pdpsych import stimuli
from pdpsych.displays import Display
from pdpsych.stimuli import Calibration
from pdpsych.stimuli.distortions import MOST_RIVALS

SIDE = 8
TWINS = """
import numpy as np
import torch
from torch import nn

BLOCK = torch.from_numpy(np.random.default_rng(0).standard_normal((40, 32))).float()


class Twins(nn.Module):
    \"\"\"The same responses to the left and the right half, where the same is best.\"\"\"

    def __init__(self, seed):
        super().__init__()
        gains = np.random.default_rng(seed).uniform(0.2, 5, 32)
        self.register_buffer("weight", BLOCK * torch.from_numpy(gains).float())

    def forward(self, image):
        halves = image.unflatten(3, (2, 4)).movedim(3, 1).flatten(2)
        return halves @ self.weight.T


def first():
    return nn.Sequential(Twins(1))


def second():
    return nn.Sequential(Twins(2))


def third():
    return nn.Sequential(Twins(3))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rivals")
    (folder / "twins.py").write_text(TWINS)
    for name in ("grey", "dark"):
        level = 128 if name == "grey" else 64
        Image.fromarray(np.full((SIDE, SIDE), level, np.uint8)).save(folder / f"{name}.png")
    models = [f"python:twins:{name}/0" for name in ("first", "second", "third")]
    recipe = {
        "images": [{"file": "grey.png"}, {"file": "dark.png"}],
        "preprocess": {"size": SIDE, "colour": "grey"},
        "models": models,
        "distortions": [
            {"kind": "principal", "pairs": 2, "iterations": 200, "restarts": 4},
            {"kind": "random"},
        ],
        "precision": "float64",
        "linearity": {"amplitudes_rms": [0.01]},
        "floor": 0.1,
    }
    path = folder / "twins.yaml"
    path.write_text(json.dumps(recipe))
    return stimuli.generate(path)


def test_other_optima_are_pairs_of_their_own(made):
    image = made["grey"]
    pair = image["principal"]
    assert 1 <= len(pair.rivals) <= MOST_RIVALS
    assert [r.name for r in pair.rivals] == [
        f"principal-rival-{n}" for n in range(1, len(pair.rivals) + 1)
    ]
    for rival in pair.rivals:
        assert (rival.rival_of, rival.kind, rival.certificate) == ("principal", "principal", {})
        assert rival.question.name == "principal"
        assert rival.question.objective == pytest.approx(pair.question.objective, rel=1.1e-3)
        # Sensitivities are to these distortions, not to those of the pair: dense, on both halves.
        assert rival.sensitivities.keys() == pair.sensitivities.keys()
        x = [np.log(u / v) for u, v in rival.sensitivities.values()]
        assert np.var(x) == pytest.approx(rival.question.objective)
        assert rival.linearity is not None
        assert rival.padding is not None
        assert min(pair.likeness(rival)) < 0.99
        expected = [abs(np.vdot(getattr(pair, e), getattr(rival, e))) for e in "uv"]
        np.testing.assert_allclose(pair.likeness(rival), expected, atol=1e-6)
    best = [rival.question.objective for rival in pair.rivals]
    assert best == sorted(best, reverse=True)
    for name in ("principal-2", "random-1"):
        assert image[name].rival_of is None


def test_a_rivals_sensitivities_are_those_of_its_distortions(made):
    blocks = {}
    exec(compile(TWINS, "twins", "exec"), blocks)
    rival = made["grey"]["principal"].rivals[0]
    for number, (u, v) in enumerate(rival.sensitivities.values(), start=1):
        weight = blocks["Twins"](number).weight.double().numpy()
        whole = np.zeros((80, SIDE, SIDE))
        whole[:40, :, :4] = weight.reshape(40, SIDE, 4)
        whole[40:, :, 4:] = weight.reshape(40, SIDE, 4)
        flat = whole.reshape(80, -1)
        floor = 0.1**2 * np.trace(flat.T @ flat) / SIDE**2
        dense = [np.sqrt(np.sum((flat @ e.ravel()) ** 2) + floor) for e in (rival.u, rival.v)]
        # The mean power, and with it the floor, is an estimate.
        assert dense[0] / dense[1] == pytest.approx(u / v, rel=0.02)


def test_what_goes_through_pairs_leaves_rivals_out(made):
    image = made["grey"]
    names = ["principal", "principal-2", "random-1"]
    assert [pair.name for pair in image] == [pair.name for pair in image.pairs] == names
    assert len(image) == 3
    assert len(image.with_rivals) > 3
    assert image.with_rivals[1].name == "principal-rival-1"
    for table in (made.sensitivities(), made.log_ratios(), made.scree()):
        assert not table["pair"].str.contains("rival").any()
    assert set(made.scree()["number"]) == {1, 2}
    for table in (made.sensitivities(rivals=True), made.log_ratios(rivals=True)):
        own = table[table["pair"] == "principal-rival-1"]
        assert set(own["kind"]) == {"principal"}
        assert set(own["image"]) <= set(made.images)
    assert "rivals" in repr(made)


def test_a_set_says_which_rivals_there_are(made):
    told = made.describe()
    rival = made["grey"]["principal"].rivals[0]
    (line,) = (line for line in told.splitlines() if "grey/principal-rival-1 " in line)
    u, v = made["grey"]["principal"].likeness(rival)
    assert f"|cos| {u:.2f}, {v:.2f}" in line
    for model, both in rival.sensitivities.items():
        assert f"{model} {np.log(both[0] / both[1]):+.2f}" in line
    assert "% below" in line
    having = sum(bool(pair.rivals) for image in made for pair in image)
    assert f"{having} of 6 pairs have rivals" in made.summary()


def test_rivals_are_drawn_below_their_pair(made):
    pair = made["grey"]["principal"]
    picture = np.asarray(Image.open(made.path / "previews" / "grey-principal-rivals.png"))
    rows = [pair, *pair.rivals]
    assert picture.shape == (len(rows) * SIDE + (len(rows) - 1) * 4, 2 * SIDE + 4)
    for row, one in enumerate(rows):
        top = row * (SIDE + 4)
        for left, number in ((0, 1), (SIDE + 4, 2)):
            alone = made.path / "previews" / f"grey-{one.name}-{number}.png"
            part = picture[top : top + SIDE, left : left + SIDE]
            np.testing.assert_array_equal(part, np.asarray(Image.open(alone)))
    assert (picture[:, SIDE : SIDE + 4] == 255).all()


def test_a_set_with_rivals_is_calibrated_with_them_and_drawn_without(made):
    found = stimuli.calibrate(made, Display())
    assert Calibration.of(made, Display()) == found
    assert found.condition("grey", "principal-rival-1", 2).rival_of == "principal"
    rivals = [c for c in found.conditions if c.rival_of]
    assert len(rivals) == 2 * sum(len(p.rivals) for image in made for p in image)
    assert len(found.conditions) - len(rivals) == 2 * 3 * 2
    for table in (found.ranges(), found.expected_thresholds()):
        assert not table["condition"].str.contains("rival").any()
    assert not found.table()["pair"].str.contains("rival").any()
    assert "rival" not in found.describe()
    written = (found.folder / "conditions.csv").read_text()
    assert "principal-rival-1" in written
