"""Results print in a few lines, draw themselves, and read back bit by bit."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from pdpsych import geometry, models
from pdpsych.common.errors import InputError

MODELS = models.load(["LN", "LG", "LGN"])
IMAGE = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))


def _principal():
    return geometry.principal_distortions(MODELS, IMAGE, iterations=3, restarts=2)


def _eigen():
    return geometry.eigen_distortions(MODELS[0], IMAGE, k=2, iterations=3)


def _generalised():
    return geometry.generalized_eigen_distortions(*MODELS[:2], IMAGE, iterations=3)


def _linearity():
    both = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    return geometry.linearity(MODELS, IMAGE, both / 16, [0.01, 0.1, 1.0], floor=0.03)


@pytest.fixture(
    scope="module",
    params=[_principal, _eigen, _generalised, _linearity],
    ids=lambda make: make.__name__,
)
def result(request):
    return request.param()


def _same(one, other):
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and all(
            _same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one)
        )
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and one == other


def test_it_reads_back_the_same(result, tmp_path):
    path = result.to_json(tmp_path / "new" / "result.json")
    assert _same(result, type(result).from_json(path))
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["schema_version"] == 1
    assert {"python", "pdpsych", "torch"} <= written["versions"].keys()


def test_it_prints_in_a_few_lines(result):
    assert repr(result) == str(result)
    assert 2 <= len(str(result).splitlines()) <= 25
    assert all(name in str(result) for name in result.names)


def test_many_models_are_not_all_printed():
    names = tuple(f"net/layer{number}" for number in range(40))
    found = dataclasses.replace(_principal(), names=names, log_ratios=np.arange(40.0))
    assert "and 20 more" in str(found)
    assert len(str(found).splitlines()) <= 25


def test_principal_distortions_draw_pictures_and_log_ratios():
    found = _principal()
    pictures, ratios = found.plot().axes
    assert len(pictures.images) == 2
    assert [text.get_text().splitlines()[0] for text in pictures.texts] == ["ε₁", "ε₂"]
    np.testing.assert_array_equal(ratios.lines[1].get_xdata(), found.log_ratios)
    assert "nat" in ratios.get_xlabel()


def test_eigen_distortions_draw_all_of_them_with_their_values():
    found = _eigen()
    ax = found.plot()
    assert len(ax.images) == 4
    assert ax.texts[0].get_text().startswith(f"d² = {found.largest_values[0]:.3g}")
    assert "/" in _generalised().plot().texts[0].get_text()


def test_linearity_draws_a_line_for_each_model_and_the_worse_sign():
    found = _linearity()
    first, second = found.plot().axes
    drawn = [line.get_ydata() for line in first.lines]
    worse = np.abs(found.ratios[:, 0] - 1).max(axis=2)
    np.testing.assert_allclose(np.abs(np.array(drawn) - 1), worse)
    assert "model units" in first.get_xlabel()
    assert [t.get_text() for t in second.get_legend().get_texts()] == list(found.names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a result of pdpsych"),
        ("[]", "expected a mapping"),
        ("[" * 100_000, "not a result of pdpsych"),
        ('{"schema_version": 9}', "the principal distortions is of a newer version"),
        (
            '{"schema_version": 1, "kind": "linearity"}',
            "kind: 'linearity'; allowed here: principal",
        ),
        ('{"schema_version": 1, "kind": "principal distortions"}', "not a principal distortions"),
        ('{"a": {"dtype": "object", "shape": [1], "base64": "AA=="}}', "dtype 'object'; allowed"),
        ('{"a": {"dtype": "float32", "shape": [1000000], "base64": "AA=="}}', "with 1 bytes"),
        ('{"a": {"dtype": "bool", "shape": [1], "base64": "?"}}', "not a result of pdpsych"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path, text, message):
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        geometry.PrincipalDistortions.from_json(path)


def test_only_plain_data_and_arrays_are_written(tmp_path):
    with pytest.raises(TypeError, match="a complex cannot be written"):
        dataclasses.replace(_linearity(), tolerance=1j).to_json(tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_a_certificate_says_what_it_rests_on():
    found = _principal().certificate
    text = str(found)
    assert f"{found.iterations} iterations" in text
    assert "of 2 starts" in text
    assert geometry.Certificate.from_dict(found.to_dict()) == found
