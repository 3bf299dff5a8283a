"""A small study whose models are known at visible amplitudes."""

from __future__ import annotations

import numpy as np
import pytest

from pdpsych.analysis import fit
from pdpsych.analysis.reporting import findings
from pdpsych.analysis.scoring import score
from pdpsych.stimuli import StimulusSet
from pdpsych.stimuli.responses.finite_response import FiniteResponse


def made(sensitivity: float, largest: float = 1e3, saturation: float = 0.0) -> FiniteResponse:
    """Return D = d α/(1 + s d α) of both signs up to an amplitude."""
    amplitudes = np.geomspace(1e-3, largest, 49)
    linear = sensitivity * amplitudes
    return FiniteResponse(amplitudes, np.tile(linear / (1 + saturation * linear), (2, 1)))


@pytest.fixture(scope="session")
def response():
    """Return a function that makes a response."""
    return made


@pytest.fixture(scope="session")
def study(write_study):
    return write_study(trials=40)


@pytest.fixture(scope="session")
def fitted(study):
    return fit(study, write=False)


@pytest.fixture(scope="session")
def table(study):
    return StimulusSet.open(study / "stimuli" / "small").sensitivities()


@pytest.fixture
def known(table, monkeypatch):
    """Linear models, whose responses the set has not; tests may change them."""
    responses = {}
    for row in table.itertuples():
        of = responses.setdefault((row.image, row.pair, row.distortion), {})
        of[row.model] = made(row.sensitivity)
    for place in (score, findings):
        monkeypatch.setattr(place, "known_responses", lambda *_: responses)
    return responses
