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


def test_the_curves_error_is_the_largest_of_what_was_measured():
    def condition(pair, sd):
        return SimpleNamespace(image="cat", pair=pair, curve_ratio_sd=sd)

    there = {
        "a": SimpleNamespace(conditions=[condition("p", 0.01), condition("q", 0.09)]),
        "b": SimpleNamespace(conditions=[condition("p", 0.03)]),
        "other": SimpleNamespace(conditions=[condition("p", 0.5)]),
        "stated": SimpleNamespace(conditions=[condition("p", None)]),
    }
    measured = pd.DataFrame({"image": ["cat"], "pair": ["p"]})

    def found(*named):
        return curve_ratio_sd([{"calibration": sha256} for sha256 in named], there, measured)

    assert found("a", "b", None) == 0.03
    assert found("stated") == found() == found(None) == 0.0
