from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from pdpsych.analysis.prediction.seen import calibration_shown, curve_ratio_sd
from pdpsych.stimuli import Calibration

ASKED = SimpleNamespace(has_sensitivities=True)
NOT_ASKED = SimpleNamespace(has_sensitivities=False)
SET = {"asked": ASKED, "not": NOT_ASKED}


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setattr(Calibration, "with_sha256", lambda known, sha256: known.get(sha256))


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        (["asked", "asked"], ASKED),
        (["not", "not"], None),
        (["gone", "gone"], None),
        (["asked", "not"], None),
        (["asked", None], None),
        ([None], None),
    ],
)
def test_only_the_one_calibration_of_all_sessions_counts(named, wanted):
    fit = SimpleNamespace(source={"sessions": [{"calibration": sha256} for sha256 in named]})
    assert calibration_shown(fit.source["sessions"], SET) is wanted


def test_sessions_of_before_calibrations_have_none():
    assert calibration_shown([{}], SET) is None


def test_the_curves_error_is_the_largest_of_what_was_measured(monkeypatch):
    def condition(pair, sd):
        return SimpleNamespace(image="cat", pair=pair, curve_ratio_sd=sd)

    there = [
        SimpleNamespace(sha256="a", conditions=[condition("p", 0.01), condition("q", 0.09)]),
        SimpleNamespace(sha256="b", conditions=[condition("p", 0.03)]),
        SimpleNamespace(sha256="other", conditions=[condition("p", 0.5)]),
        SimpleNamespace(sha256="stated", conditions=[condition("p", None)]),
    ]
    monkeypatch.setattr(Calibration, "all_of", lambda stimulus_set: there)
    measured = pd.DataFrame({"image": ["cat"], "pair": ["p"]})

    def found(*named):
        return curve_ratio_sd([{"calibration": sha256} for sha256 in named], None, measured)

    assert found("a", "b", None) == 0.03
    assert found("stated") == found() == found(None) == 0.0
