from __future__ import annotations

from types import SimpleNamespace

import pytest

from pdpsych.analysis.prediction.seen import calibration_shown
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
