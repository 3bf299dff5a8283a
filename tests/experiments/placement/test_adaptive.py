from functools import partial
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from questplus import QuestPlus
from xarray import DataArray

from pdpsych.experiments.placement.adaptive import Adaptive, AdaptivePlacement
from pdpsych.experiments.placement.placement import Showable
from pdpsych.experiments.placement.psychometric import proportion_correct


def placement(
    threshold: float, sd: float, least: float, most: float, **grids: dict[float, float]
) -> AdaptivePlacement:
    """Return the placement of a threshold in [0, 1], in a unit of one."""
    return Adaptive(threshold_rms=threshold, sd=sd, **grids).begin(
        Showable("camel/principal/1", least, most, 1.0), seed=0
    )


def entropy(weights: np.ndarray) -> float:
    return -sum(float(w) * float(np.log(w)) for w in weights if w > 0)


def test_expected_entropy_is_that_of_trying_both_answers():
    placed = placement(0.5, 0.7, 0.1, 3.0)
    placed.update(0.6, True, easy=False)
    placed.update(0.4, False, easy=True)
    fast = placed.expected_entropies()
    known = placed.posterior
    for amplitude, expected in list(zip(placed.amplitudes, fast, strict=True))[::8]:
        total = 0.0
        for correct in (True, False):
            shapes = np.array(list(product(known.exponents, known.lapses))).T
            p = proportion_correct(amplitude, np.exp(known.log_thresholds)[:, None], *shapes)
            chance = float((known.joint * (p if correct else 1 - p)).sum())
            after = known.after(amplitude, correct)
            total += chance * entropy(after.joint.sum(axis=1))
        assert expected == pytest.approx(total)
    assert placed.next_amplitude() == placed.place(easy=False)
    assert placed.next_amplitude() == placed.amplitudes[np.argmin(fast)]


@given(most=st.floats(0.01, 100), truth=st.floats(0.001, 1000))
@settings(max_examples=15)
def test_amplitudes_stay_in_range(most, truth):
    rng = np.random.default_rng(0)
    placed = placement(1.0, 1.5, most / 50, most)
    for number in range(8):
        amplitude = placed.place(easy=number == 3)
        assert most / 50 * 0.999 <= amplitude <= most * 1.001
        correct = bool(rng.random() < proportion_correct(amplitude, truth))
        placed.update(amplitude, correct, easy=number == 3)
    assert np.isfinite(placed.posterior.joint).all()


def test_an_easy_amplitude_is_five_thresholds():
    placed = placement(0.1, 0.5, 0.01, 10.0)
    threshold = np.exp(placed.estimate().log_threshold)
    assert placed.place(easy=True) == pytest.approx(5 * threshold)
    assert placement(0.1, 0.5, 0.01, 0.3).place(easy=True) == 0.3


def test_without_a_calibration_amplitudes_begin_far_below_the_guess():
    placed = placement(0.1, 1.0, 0.0, 1.0)
    assert placed.amplitudes[[0, -1]] == pytest.approx([0.1 * np.exp(-3), 1.0])
    # Where hardly anything can be shown, over a decade of what can.
    assert placement(0.1, 1.0, 0.0, 0.001).amplitudes[0] == pytest.approx(0.0001)


def test_shapes_that_are_stated_are_used():
    """One exponent and one lapse rate: the answer that surprises them most counts most."""
    steep = placement(0.1, 1.0, 0.01, 1.0, exponents={4.0: 1}, lapses={0.0: 1})
    flat = placement(0.1, 1.0, 0.01, 1.0, exponents={0.5: 1}, lapses={0.3: 1})
    for placed in (steep, flat):
        for _ in range(20):
            placed.update(0.05, True, easy=False)
    assert steep.estimate().log_threshold < flat.estimate().log_threshold
    assert steep.estimate().sd < flat.estimate().sd


def recover(truth: float, trials: int, seed: int, exponent: float = 1.0) -> tuple[float, float]:
    """Return error and claimed sd of the log threshold after simulated trials."""
    rng = np.random.default_rng(seed)
    placed = placement(1.0, 1.5, 0.01, 40.0)
    for _ in range(trials):
        amplitude = placed.next_amplitude()
        p = proportion_correct(amplitude, truth, exponent, 0.02)
        placed.update(amplitude, bool(rng.random() < p), easy=False)
    estimate = placed.estimate()
    return estimate.log_threshold - np.log(truth), estimate.sd


@pytest.mark.parametrize("truth", [0.3, 3.0])
def test_thresholds_are_recovered(truth):
    errors, sds = np.array([recover(truth, 100, seed) for seed in range(60)]).T
    # QUEST+ with as many free shapes has a bias of .06 and an sd of .22 nats (0.097 log10)
    # after 100 trials; the standard error of the bias here is .03.
    assert abs(errors.mean()) < 0.12
    assert errors.std() < 0.30
    assert np.mean(np.abs(errors) < 2 * sds) > 0.85


def quest_plus(placed: AdaptivePlacement, monkeypatch: pytest.MonkeyPatch) -> QuestPlus:
    """Return QUEST+ of an independent author, on the grids and the function of a placement."""

    def curve(*, intensity, threshold, slope, lower_asymptote, lapse_rate, scale):
        assert lower_asymptote == scale == "ours"
        grids = np.meshgrid(intensity, threshold, slope, lapse_rate, indexing="ij", sparse=True)
        amplitude, log_threshold, exponent, lapse = grids
        p = proportion_correct(amplitude, np.exp(log_threshold), exponent, lapse)
        names = ("intensity", "threshold", "slope", "lapse_rate")
        values = (intensity, threshold, slope, lapse_rate)
        return DataArray(p, dims=names, coords=dict(zip(names, values, strict=True)))

    known = placed.posterior
    shapes = known.joint.sum(axis=0).reshape(len(known.exponents), len(known.lapses))
    ours = partial(curve, lower_asymptote="ours")
    monkeypatch.setattr("questplus.psychometric_function.weibull", ours)
    return QuestPlus(
        stim_domain={"intensity": placed.amplitudes},
        param_domain={
            "threshold": known.log_thresholds,
            "slope": known.exponents,
            "lapse_rate": known.lapses,
        },
        prior={
            "threshold": known.joint.sum(axis=1),
            "slope": shapes.sum(axis=1),
            "lapse_rate": shapes.sum(axis=0),
        },
        outcome_domain={"response": ["right", "wrong"]},
        func="weibull",
        stim_scale="ours",
    )


ONE_SHAPE = {"exponents": {1.2: 1}, "lapses": {0.02: 1}}


@pytest.mark.parametrize("shapes", [ONE_SHAPE, {}], ids=["one shape", "any shape"])
@pytest.mark.parametrize("seed", range(4))
def test_it_knows_and_asks_what_quest_plus_does(seed, shapes, monkeypatch):
    """With one shape; else QUEST+ asks about the shape too, and only what is known is compared."""
    rng = np.random.default_rng(seed)
    placed = placement(0.1, 1.0, 0.005, 2.0, **shapes)
    theirs = quest_plus(placed, monkeypatch)
    for _ in range(25):
        amplitude = placed.next_amplitude()
        if shapes:
            assert theirs.next_stim["intensity"] == pytest.approx(amplitude, rel=1e-12)
        correct = bool(rng.random() < 0.8)
        placed.update(amplitude, correct, easy=False)
        theirs.update(
            stim={"intensity": amplitude}, outcome={"response": "right" if correct else "wrong"}
        )
        expected = theirs.marginal_posterior["threshold"]
        found = placed.posterior.joint.sum(axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)
    mean = theirs.param_estimate["threshold"]
    assert placed.estimate().log_threshold == pytest.approx(mean, abs=1e-9)
