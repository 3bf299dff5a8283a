"""Networks of transformers and open_clip, where these are installed; what is said where not."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from refusals import refused

from pdpsych import geometry, models
from pdpsych.models.address import parse_network
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources import source

pytestmark = pytest.mark.filterwarnings("ignore")
IMAGE = torch.rand((3, 32, 32), generator=torch.Generator().manual_seed(0))


def _build(text, folder=None):
    return source.build(parse_network(text), folder)


@pytest.mark.parametrize(
    ("text", "package", "extra"),
    [
        ("transformers:vit@random", "transformers", "transformers"),
        ("open_clip:ViT-B-32@random", "open_clip", "open-clip"),
    ],
)
def test_a_missing_package_is_said_with_what_to_install(text, package, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with refused(file=text, remedy=f"pip install 'pdpsych[{extra}]'"):
        _build(text)


class TestTransformers:
    @pytest.fixture(scope="class")
    def saved(self, tmp_path_factory):
        """Return a folder with a small network as transformers writes it, and the network."""
        transformers = pytest.importorskip("transformers")
        config = transformers.ViTConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
            image_size=32, patch_size=8, num_labels=3,
        )  # fmt: skip
        torch.manual_seed(3)
        network = transformers.ViTForImageClassification(config).eval()
        folder = tmp_path_factory.mktemp("hub")
        network.save_pretrained(folder / "vit-mine")
        said = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.2]}
        (folder / "vit-mine" / "preprocessor_config.json").write_text(json.dumps(said))
        return folder, network

    def test_a_folder(self, saved):
        folder, network = saved
        built = _build("transformers:vit-mine", folder)
        assert source.fingerprint(built.module) == source.fingerprint(network)
        assert built.takes == InputFormat(3, (32, 32), (0.5, 0.4, 0.3), (0.2, 0.2, 0.2), "srgb")
        assert (built.architecture, built.training) == ("vit", "vit-mine")
        other = _build("transformers:vit-mine@random-4", folder)
        assert source.fingerprint(other.module) != source.fingerprint(network)
        again = _build("transformers:vit-mine@random-4", folder)
        assert source.fingerprint(other.module) == source.fingerprint(again.module)

    def test_its_layers_and_derivatives(self, saved):
        folder, network = saved
        taps = ["vit.encoder.layer.0+token=0", "+output=logits+noise=categorical-logits"]
        listed = models.layers("transformers:vit-mine", folder=folder)
        first = next(name for name in listed.readable if name.endswith(("layer.0", "layers.0")))
        taps[0] = f"{first}+token=0"
        address = {"source": "transformers", "name": "vit-mine", "layers": taps}
        found = models.load([address], folder=folder)
        checks = models.check_derivatives(found, IMAGE)
        assert {check.verdict for check in checks.values()} == {"passed"}
        responses = found[1].network.linearize(IMAGE, [taps[1]]).responses[0]
        given = (IMAGE - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / 0.2
        torch.testing.assert_close(responses, network(given[None]).logits[0].detach())
        assert geometry.sensitivity(found[1], IMAGE, IMAGE[None]) > 0

    def test_what_is_refused(self, saved, tmp_path):
        folder, _ = saved
        with refused(value="vitt", allowed="vit", remedy="a folder that holds config.json"):
            _build("transformers:vitt@random")
        with refused(allowed="transformers:vit@random"):
            _build("transformers:vit")
        with refused(field="weights", value="w.pth", allowed="random"):
            _build("transformers:vit-mine@w.pth", folder)
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "config.json").write_text('{"model_type": "vit"}')
        with pytest.raises(Exception, match="cannot be built"):
            _build("transformers:empty", tmp_path)


class TestOpenClip:
    NAME = "ViT-S-32-alt"

    def test_random_weights_and_those_of_a_file(self, tmp_path):
        open_clip = pytest.importorskip("open_clip")
        torch.manual_seed(2)
        whole = open_clip.create_model(self.NAME)
        torch.save({"state_dict": whole.state_dict(), "epoch": 3}, tmp_path / "epoch_3.pt")
        built = _build(f"open_clip:{self.NAME}@epoch_3.pt", tmp_path)
        assert source.fingerprint(built.module) == source.fingerprint(whole.visual)
        assert built.loaded.part == "state_dict.visual"
        assert built.takes.size == (224, 224)
        one, again = (_build(f"open_clip:{self.NAME}@random-1") for _ in range(2))
        assert source.fingerprint(one.module) == source.fingerprint(again.module)
        with refused(field="weights", allowed="random"):
            _build(f"open_clip:{self.NAME}")
        with refused(value="ViT-S-32-al", allowed=self.NAME):
            _build("open_clip:ViT-S-32-al@random")
