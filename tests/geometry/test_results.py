"""Results print in a few lines, draw themselves, and read back bit by bit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from refusals import refused

from pdpsych import geometry, models

MODELS = models.load(["LN", "LG", "LGN"])
IMAGE = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))


def _principal():
    return geometry.principal_distortions(
        MODELS, IMAGE, budget=geometry.Budget(iterations=3), restarts=2
    )


def _eigen():
    return geometry.eigen_distortions(MODELS[0], IMAGE, k=2, budget=geometry.Budget(iterations=3))


def _generalised():
    return geometry.generalized_eigen_distortions(
        *MODELS[:2], IMAGE, budget=geometry.Budget(iterations=3)
    )


def _finite_responses():
    both = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    return geometry.finite_responses(MODELS, 0.1 + 0.8 * IMAGE, both / 16, floor=0.03)


@pytest.fixture(
    scope="module",
    params=[_principal, _eigen, _generalised, _finite_responses],
    ids=lambda make: make.__name__,
)
def result(request):
    return request.param()


def test_it_reads_back_the_same(result, tmp_path):
    path = result.to_json(tmp_path / "new" / "result.json")
    back = type(result).from_json(path)
    assert back == result
    assert hash(back) == hash(result)
    assert not dataclasses.is_dataclass(result) or vars(back).keys() == vars(result).keys()
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["schema_version"] == result.SCHEMA.version
    assert {"python", "pdpsych", "torch"} <= written["versions"].keys()


def test_arrays_come_back_bit_by_bit_and_of_their_type(result, tmp_path):
    back = type(result).from_json(result.to_json(tmp_path / "result.json"))
    for name, value in vars(result).items():
        other = getattr(back, name)
        assert type(value) is type(other), name
        if isinstance(value, torch.Tensor | np.ndarray):
            assert value.dtype == other.dtype, name
            assert bool((value == other).all()), name


def test_results_of_the_same_question_are_equal_and_others_are_not(result):
    assert result == dataclasses.replace(result)
    assert len({result, dataclasses.replace(result)}) == 1
    assert result != dataclasses.replace(result, names=("other", *result.names[1:]))
    assert result != 1


@pytest.mark.parametrize(
    ("file", "made"),
    [
        ("principal.json", geometry.PrincipalDistortions),
        ("eigen.json", geometry.EigenDistortions),
    ],
)
def test_files_of_version_1_are_read(file, made):
    found = made.from_json(Path(__file__).parent / "version_1" / file)
    assert found.names[0] == "LN"
    assert found.describe()
    assert found.certificate.budget is None
    assert found.certificate.iterations == 2


def test_a_version_1_pair_is_what_it_was():
    found = geometry.PrincipalDistortions.from_json(
        Path(__file__).parent / "version_1" / "principal.json"
    )
    assert found.objective == pytest.approx(np.var(found.log_ratios))
    torch.testing.assert_close(found.distortions.flatten(1).norm(dim=1), torch.ones(2))
    assert found.certificate.starts == 2
    assert found.rivals == ()


def test_it_prints_in_one_line_and_describes_itself_in_a_few(result):
    assert repr(result) == str(result)
    assert len(str(result).splitlines()) == 1
    assert 2 <= len(result.describe().splitlines()) <= 25
    assert all(name in result.describe() and name in str(result) for name in result.names)
    assert result.describe().splitlines()[0] in result._repr_html_()


def test_many_models_are_not_all_printed():
    names = tuple(f"net/layer{number}" for number in range(40))
    found = dataclasses.replace(_principal(), names=names, log_ratios=np.arange(40.0))
    assert "and 20 more" in found.describe()
    assert len(found.describe().splitlines()) <= 25
    assert "40 representations" in str(found)


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", {}),
        ("[]", {}),
        ("[" * 100_000, {}),
        ('{"schema_version": 9}', {"field": "schema_version", "value": 9}),
        (
            '{"schema_version": 1, "kind": "finite responses"}',
            {"field": "kind", "value": "finite responses", "allowed": "principal distortions"},
        ),
        ('{"schema_version": 1, "kind": "principal distortions"}', {"remedy": "solve"}),
    ],
)
def test_what_is_no_result_is_refused(tmp_path, text, expected):
    path = tmp_path / "result.json"
    path.write_text(text)
    with refused(file="result.json", **expected):
        geometry.PrincipalDistortions.from_json(path)


@pytest.mark.parametrize(
    "changed",
    [
        {"dtype": "object"},
        {"shape": [1_000_000]},
        {"base64": "?"},
        {"base64": 1},
        {"shape": None},
    ],
)
def test_arrays_that_are_not_what_they_say_are_refused(changed, tmp_path):
    path = _finite_responses().to_json(tmp_path / "result.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    data["sensitivities"] |= changed
    path.write_text(json.dumps(data), encoding="utf-8")
    with refused(file="result.json"):
        geometry.FiniteResponses.from_json(path)


def test_only_plain_data_and_arrays_are_written(tmp_path):
    with pytest.raises(TypeError, match="a complex cannot be written"):
        dataclasses.replace(_finite_responses(), dimension=1j).to_json(tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_a_certificate_says_what_it_rests_on():
    found = _principal().certificate
    text = found.describe()
    assert f"{found.iterations} iterations" in text
    assert f"reached by {found.reached_by} of {found.starts} starts" in text
    assert "predicted remaining gain" in text
    assert geometry.Certificate.from_dict(found.to_dict()) == found
    assert found.budget == geometry.Budget(iterations=3)


def test_a_certificate_goes_to_a_file_of_its_own(tmp_path):
    found = _eigen().certificate
    assert geometry.Certificate.from_json(found.to_json(tmp_path / "c.json")) == found
    assert len(str(found).splitlines()) == 1


def test_a_certificate_does_not_keep_the_callers_progress():
    budget = geometry.Budget(iterations=1, progress=lambda *_: None)
    found = geometry.eigen_distortions(MODELS[0], IMAGE, budget=budget).certificate
    assert found.budget == budget
    assert found.budget.progress is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("iterations", 0),
        ("iterations", 2.5),
        ("iterations", True),
        ("seconds", -1.0),
        ("seconds", np.inf),
        ("tolerance", 0.0),
        ("tolerance", 1.0),
        ("tolerance", "small"),
    ],
)
def test_budgets_that_cannot_be_are_refused(field, value):
    with refused(field=field, value=value):
        geometry.Budget(**{field: value})


def test_a_wider_tolerance_ends_sooner():
    wide, narrow = (
        geometry.principal_distortions(
            MODELS, IMAGE, floor=0.1, budget=geometry.Budget(iterations=500, tolerance=tolerance)
        ).certificate
        for tolerance in (0.1, 0.01)
    )
    assert wide.stopped == narrow.stopped == "converged"
    assert wide.iterations < narrow.iterations
    assert 0.01 < wide.gradient_norm <= 0.1
