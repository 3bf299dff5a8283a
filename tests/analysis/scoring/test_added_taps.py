"""``pdpsych score --add-model`` with every kind of tap, on a finished study."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from refusals import problem_of
from torch.nn import functional as F
from typer.testing import CliRunner

from pdpsych.analysis import add_models, open_analysis
from pdpsych.cli.main import app
from pdpsych.models.taps.tap import STEPS

RUNNER = CliRunner()
MODULE = """
import torch
from torch import nn

class Of(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.twice = nn.Tanh()
        self.both = Of(lambda x: (x, {"deep": x.mean((2, 3))}))
        self.tokens = Of(lambda x: x[0].flatten(2).mT)
        self.last = Of(lambda x: x.mT.unflatten(-1, (16, 16)).movedim(1, -1))

    def forward(self, x):
        x = self.twice(self.twice(self.conv(x)) * 2)
        x = self.last(self.tokens(self.both(x))) + 1
        return (x + x.flip(1)).flatten(1)[:, :5]
"""
NETWORK = "python:added_net:Net"
WEIGHTS = np.linspace(-1, 1, 12).reshape(3, 4)
VARIANCES, COVARIANCE = np.array([0.25, 1.0, 4.0, 0.5]), np.eye(4) + 1
LOGITS = torch.arange(1.0, 5.0, dtype=torch.float64)

# What each tap reads of what the network gives (conv, the first and second run of tanh), and
# the noise with which it is whitened, written out.
TAPS = {
    "conv": lambda conv, first, second: conv,
    "twice+call=1": lambda conv, first, second: first,
    "both+output=1.deep": lambda conv, first, second: second.mean((2, 3)),
    "last+axes=hwc+channels=1": lambda conv, first, second: second[:, 1],
    "tokens+token=0": lambda conv, first, second: second[:, :, 0, 0],
    "conv+channels=0,2:4": lambda conv, first, second: conv[:, [0, 2, 3]],
    "conv+units=5,-1": lambda conv, first, second: conv.flatten(1)[:, [5, -1]],
    "conv+pool=mean": lambda conv, first, second: conv.mean((2, 3)),
    "conv+pool=2": lambda conv, first, second: F.avg_pool2d(conv, 8),
    "conv+pool=mean+readout=fits/V4.npz": lambda conv, first, second: (
        conv.mean((2, 3)) @ torch.from_numpy(WEIGHTS).mT
    ),
    "conv+pool=mean+noise=fits/variances.npy": lambda conv, first, second: (
        conv.mean((2, 3)) / torch.from_numpy(VARIANCES).sqrt()
    ),
    "conv+pool=mean+noise=fits/covariance.npy": lambda conv, first, second: (
        conv.mean((2, 3)) @ torch.linalg.inv(torch.linalg.cholesky(torch.from_numpy(COVARIANCE))).mT
    ),
    # The square root of probabilities, twice, has unit variance.
    "conv+pool=mean+noise=categorical-logits": lambda conv, first, second: (
        2 * conv.mean((2, 3)).softmax(1).sqrt()
    ),
    "mul": lambda conv, first, second: 2 * first,
    "flatten+units=0:8": lambda conv, first, second: (
        second.movedim(1, -1) + second.movedim(1, -1).flip(1)
    ).flatten(1)[:, :8],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taps")
    (folder / "added_net.py").write_text(MODULE)
    (folder / "fits").mkdir()
    np.savez(folder / "fits" / "V4.npz", weights=WEIGHTS, bias=np.ones(3))
    np.save(folder / "fits" / "variances.npy", VARIANCES)
    np.save(folder / "fits" / "covariance.npy", COVARIANCE)
    return folder


@pytest.fixture(scope="module")
def scored(write_study, folder):
    """Score a study with a model of each tap, each an option of its own; return its results."""
    study = write_study(trials=20)
    options = [word for tap in TAPS for word in ("--add-model", f"{NETWORK}/{tap}")]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("pdpsych.common.drawing.save", _unpainted)
        done = RUNNER.invoke(app, ["score", str(study), *options])
    assert done.exception is None, done.output
    return open_analysis(study)


def _unpainted(_figure, stem, formats):
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".png").write_bytes(b"")
    return [stem.with_suffix(".png")]


def _kept(analysis):
    files = (analysis.results / "added_models").glob(f"{'?' * 32}.json")
    found = [json.loads(path.read_text()) for path in files]
    return {data["record"]["name"]: data for data in found}


def test_every_kind_of_step_is_tried():
    assert {step for step in STEPS if not any(f"+{step}=" in tap for tap in TAPS)} == set()


@pytest.mark.parametrize("tap", TAPS)
def test_sensitivities_are_those_of_what_the_tap_reads(scored, folder, monkeypatch, tap):
    analysis = scored
    monkeypatch.syspath_prepend(folder)
    from added_net import Net

    net, stimulus_set = Net().double().requires_grad_(False), analysis.open_experiment().open_set()

    def whitened(image):
        conv = net.conv(image[None])
        first = conv.tanh()
        return TAPS[tap](conv, first, (2 * first).tanh()).flatten()

    data = _kept(analysis)[f"{NETWORK}/{tap}"]
    assert data["record"]["layer"] == tap
    image = stimulus_set["camel"]
    base = torch.from_numpy(image.base.copy()).double()
    jacobian = torch.func.jacrev(whitened)(base).flatten(1)
    floor = stimulus_set.manifest.floor
    for pair in image:
        for number in (1, 2):
            distortion = torch.from_numpy(pair.distortion(number).copy()).double().flatten()
            # Its mean power is of random probes.
            square = float((jacobian @ distortion).square().sum())
            extra = floor**2 * float(jacobian.square().sum()) / base.numel()
            found = data["sensitivities"]["camel"][pair.name][number - 1]
            assert found == pytest.approx((square + extra) ** 0.5, rel=0.05 if floor else 1e-3)


def test_they_are_in_the_tables_and_the_report(scored):
    analysis = scored
    names = {f"{NETWORK}/{tap}" for tap in TAPS}
    table = analysis.results / "scores.csv"
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    taking_part = {row["model"]: row["took_part"] for row in rows}
    assert names <= set(taking_part)
    assert {taking_part[name] for name in names} == {"False"}
    page = next(analysis.results.rglob("report.html")).read_text(encoding="utf-8")
    assert all(name in page for name in names)


def test_a_file_that_changed_is_another_model(scored, folder, monkeypatch):
    analysis = scored
    monkeypatch.chdir(folder)
    tap = f"{NETWORK}/conv+pool=mean+noise=fits/variances.npy"
    before = add_models(analysis, [tap], write=False)
    np.save(folder / "fits" / "variances.npy", 4 * VARIANCES)
    try:
        after = add_models(analysis, [tap], write=False)
    finally:
        np.save(folder / "fits" / "variances.npy", VARIANCES)
    first, second = (next(iter(found.models().values())) for found in (before, after))
    assert first == second
    records = [found.added[0].record["tap_sha256"] for found in (before, after)]
    assert records[0] != records[1]
    values = [found.added[0].sensitivities["camel"] for found in (before, after)]
    for pair in values[0]:
        np.testing.assert_allclose(values[0][pair], 2 * np.array(values[1][pair]), rtol=1e-4)


@pytest.mark.parametrize(
    ("tap", "told"),
    [
        ("conv+channel=0", "did you mean"),
        ("conv+channels=7", "there are 4, numbered from 0, not 7"),
        ("twice", "+call=1"),
        ("both", "+output=0"),
        ("conv+readout=fits/V4.npz", "a readout of 4 responses"),
        ("conv+noise=fits/variances.npy", "1024 responses"),
        ("conv+pool=mean+noise=poisson", "negative"),
        ("conv+pool=mean+noise=nowhere.npy", "nowhere.npy"),
        ("sub", "no such operation"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(
    write_study, folder, monkeypatch, tap, told
):
    study = write_study(trials=20)
    monkeypatch.chdir(folder)
    done = RUNNER.invoke(app, ["score", str(study), "--add-model", f"{NETWORK}/{tap}"])
    error = problem_of(done)
    assert told in str(error)
    assert not (study / "analysis/results").exists()
