import builtins
import json

import numpy as np
import pytest
from refusals import refused

from pdpsych import geometry, models, studies
from pdpsych.analysis import add_models, fit, open_analysis, score
from pdpsych.analysis.scoring import added_models
from pdpsych.stimuli import Calibration, calibrate

MODULE = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weighted = torch.nn.Conv2d(1, 2, 3, padding=1)
        torch.nn.init.constant_(self.weighted.weight, {weight})

    def forward(self, x):
        return self.weighted(x)
"""


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=20)


@pytest.fixture(scope="module")
def stimulus_set(study):
    return open_analysis(study).open_experiment().open_set()


@pytest.fixture
def fresh(write_study):
    """A study without results."""
    return write_study(trials=20)


def kept(study):
    return sorted((study / "analysis/results/main/added_models").glob(f"{'?' * 32}.json"))


def test_sensitivities_are_to_the_distortions_of_the_set_with_its_floor(study, stimulus_set):
    table = add_models(study, ["LGG"]).log_ratios()
    model = models.load(["LGG"], encoding=stimulus_set.manifest.images[0].encoding)[0]
    assert len(table) == sum(len(image) for image in stimulus_set)
    for row in table.itertuples():
        both = np.stack([stimulus_set[row.image][row.pair].distortion(n) for n in (1, 2)])
        image = stimulus_set[row.image].base.copy()
        u, v = geometry.sensitivity(model, image, both, floor=stimulus_set.manifest.floor)
        assert row.log_ratio == pytest.approx(np.log(u / v), abs=1e-5)
    assert not table["took_part"].any()


def test_what_was_computed_is_not_computed_again(fresh, monkeypatch):
    first = add_models(fresh, ["LGG"])

    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(added_models, "_at_image", refuse)
    again = add_models(fresh, ["LGG"])
    assert again == first
    assert repr(again) == "<AddedModels: LGG on stimulus set small>"
    assert "LGG: " in again.describe()
    with pytest.raises(AssertionError, match="computed again"):
        add_models(fresh, ["LGG", "identity"])


def test_what_is_not_to_be_written_is_not_kept(fresh):
    scored = score(fresh, fit=fit(fresh, write=False), added=["LGG"], write=False)
    assert "LGG" in set(scored.ranking["model"])
    assert not (fresh / "analysis/results").exists()


def test_other_weights_are_another_model_and_damage_is_mended(fresh, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    address = "python:added_net_{}:Net/weighted"
    found = {}
    for name, weight in (("a", 0.1), ("b", 0.3)):
        (tmp_path / f"added_net_{name}.py").write_text(MODULE.format(weight=weight))
        found[name] = add_models(fresh, [address.format(name)])
    hashes = [next(iter(f.models().values()))["weights_sha256"] for f in found.values()]
    assert len(set(hashes)) == 2
    assert all(len(sha256) == 64 for sha256 in hashes)
    files = kept(fresh)
    assert len(files) == 2
    whole = files[0].read_text()
    files[0].write_text(whole[:100])
    for name in ("a", "b"):
        add_models(fresh, [address.format(name)])
    assert json.loads(files[0].read_text())["record"] == json.loads(whole)["record"]


def test_an_added_model_is_scored_and_marked(study):
    fitted = fit(study)
    plain, scored = score(study, fit=fitted), score(study, fit=fitted, added=["LGG", "identity"])
    taken = scored.ranking.set_index("model")["took_part"].groupby(level=0).all()
    assert taken.to_dict() == {"LN": True, "LG": True, "LGN": True, "LGG": False, "identity": False}
    assert scored.source["models"]["LGG"]["took_part"] is False
    assert scored.describe().count("(took no part)") == 5
    assert "(took no part)" not in plain.describe()
    own = scored.scores[scored.scores["took_part"]].reset_index(drop=True)
    assert own["score"].tolist() == plain.scores["score"].tolist()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("LGN", "in the stimulus set small already"),
        ("LGH", "unknown model"),
        ("torchvision:resnet18@random/layer9", "layer9"),
    ],
)
def test_what_cannot_be_added_is_said(fresh, name, problem):
    with refused() as told:
        add_models(fresh, [name])
    assert problem in str(told.value)
    assert told.value.field.startswith("models")
    with refused() as told:
        score(fresh, added=[name])
    assert told.value.field.startswith("added")
    assert not (fresh / "analysis/results").exists()


def test_a_model_with_the_derivative_of_another_is_refused_or_asked_for(
    fresh, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    text = MODULE.format(weight=0.1)
    text = text.replace("return self.weighted(x)", "return self.weighted(2 * x - x.detach())")
    (tmp_path / "added_net_d.py").write_text(text)
    address = {"source": "python", "name": "added_net_d:Net", "layers": ["weighted"]}
    with refused(value=0.5, remedy="derivative: surrogate") as told:
        add_models(fresh, [address])
    assert told.value.field.startswith("models.images.camel")
    assert not kept(fresh)
    added = add_models(fresh, [address | {"derivative": "surrogate"}])
    assert added.models()["python:added_net_d:Net/weighted"]["derivative"] == "surrogate"
    assert "derivative" not in add_models(fresh, ["LGG"], write=False).models()["LGG"]
    assert len(kept(fresh)) == 1
    with refused(value=0.5):
        add_models(fresh, [address])


def test_a_model_that_does_not_take_the_images_names_the_image(fresh, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "added_net_c.py").write_text(MODULE.format(weight=0.1).replace("(1, 2", "(3, 2"))
    with refused() as told:
        add_models(fresh, ["python:added_net_c:Net/weighted"])
    assert told.value.field.startswith("models.images.camel")
    assert not kept(fresh)


def test_without_torch_the_missing_extra_is_named(fresh, monkeypatch):
    real = builtins.__import__

    def without_torch(name, *rest):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    with refused(field="models", remedy="pip install 'pdpsych[models]'"):
        add_models(fresh, ["LGG"])


def test_responses_by_amplitude_come_with_the_sensitivities(fresh, stimulus_set):
    added = add_models(fresh, ["LGG", "identity"])
    found = added.finite_responses()
    assert len(found) == sum(2 * len(image.with_rivals) for image in stimulus_set)
    for (image, pair, number), responses in found.items():
        assert list(responses) == ["LGG", "identity"]
        floored = (1 + stimulus_set.manifest.floor**2) ** 0.5
        linear = responses["identity"].amplitudes * floored
        np.testing.assert_allclose(responses["identity"].values, [linear, linear], rtol=1e-3)
        sensitivity = added.added[0].sensitivities[image][pair][number - 1]
        smallest = responses["LGG"].amplitudes[0]
        assert responses["LGG"].mean(smallest) == pytest.approx(sensitivity * smallest, rel=1e-2)
    again = add_models(fresh, ["LGG", "identity"]).finite_responses()
    key = next(iter(found))
    assert (again[key]["LGG"].values == found[key]["LGG"].values).all()


def test_a_model_kept_by_an_earlier_version_is_asked_again(fresh):
    first = add_models(fresh, ["LGG"])
    (path,) = kept(fresh)
    data = json.loads(path.read_text())
    del data["responses"]
    path.with_name("digests.json").unlink()
    path.write_text(json.dumps(data | {"schema_version": 1}))
    assert add_models(fresh, ["LGG"]) == first
    assert json.loads(path.read_text())["schema_version"] == 2


def test_an_edited_number_is_computed_again(fresh):
    first = add_models(fresh, ["LGG"])
    (path,) = kept(fresh)
    data = json.loads(path.read_text())
    image = next(iter(data["sensitivities"].values()))
    next(iter(image.values()))[0] *= 2
    path.write_text(json.dumps(data))
    edited = f"analysis main: added_models/{path.name}: was edited since it was written"
    assert edited in studies.check(fresh).outdated
    assert add_models(fresh, ["LGG"]) == first
    assert edited not in studies.check(fresh).outdated


def test_where_the_models_of_the_set_saw_frames_added_ones_do(fresh, monkeypatch):
    experiment = open_analysis(fresh).open_experiment()
    opened, display = experiment.open_set(), experiment.screen()
    plain = add_models(fresh, ["identity"], write=False)
    calibration = Calibration.of(opened, display) or calibrate(opened, display)
    monkeypatch.setattr(Calibration, "has_finite_responses", lambda *_: True)
    seen = add_models(fresh, ["identity"], write=False)
    assert seen.added[0].record["calibration_sha256"] == calibration.sha256
    for condition in calibration.conditions:
        key = condition.image, condition.pair, condition.distortion
        largest = seen.finite_responses()[key]["identity"].largest
        assert largest <= condition.most
        assert largest > plain.finite_responses()[key]["identity"].largest
