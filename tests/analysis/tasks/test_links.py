"""Proportion correct by d′ in every task, against published values and slow integrals."""

import pickle

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from pdpsych.analysis.tasks.links import LINKS, TWO

# At d′ = 1 and 2: Hacker & Ratcliff (1979) for m alternatives, ASTM E2262 for the triangle.
PUBLISHED = {
    "2afc": (0.76, 0.92),
    "3afc": (0.63, 0.87),
    "4afc": (0.55, 0.82),
    "oddity": (0.418, 0.605),
}
SIGNALS = (0.01, 0.2, 0.7, 1.0, 1.9, 3.2, 5.0)


def of_alternatives(signal, number):
    """Integrate over the response to the distorted image that is larger than all others."""
    return quad(
        lambda x: norm.pdf(x - signal) * norm.cdf(x) ** (number - 1),
        -12, 12 + signal, points=[signal], epsabs=1e-13, epsrel=1e-12, limit=200,
    )[0]  # fmt: skip


def of_oddity(signal):
    """Integrate over the mean m and the half distance h of the two undistorted responses.

    The distorted one is odd where it is further from both than they are from each other: outside
    m ± 3h, if they are m ± h.
    """

    def given(h):
        sd = np.sqrt(1.5)
        outside = norm.cdf((-3 * h - signal) / sd) + norm.sf((3 * h - signal) / sd)
        return 2 * norm.pdf(h, scale=np.sqrt(0.5)) * outside

    return quad(given, 0, 12, epsabs=1e-13, epsrel=1e-12, limit=200)[0]


@pytest.mark.parametrize("name", LINKS)
def test_published_values(name):
    link = LINKS[name]
    digits = 3 if name == "oddity" else 2
    assert np.round(link.correct(np.array([1.0, 2.0])), digits).tolist() == list(PUBLISHED[name])


@pytest.mark.parametrize("name", LINKS)
def test_slow_integrals(name):
    link = LINKS[name]
    slow = [
        of_oddity(d) if name == "oddity" else of_alternatives(d, link.alternatives) for d in SIGNALS
    ]
    np.testing.assert_allclose(link.correct(np.array(SIGNALS)), slow, rtol=1e-10)


@pytest.mark.parametrize(("name", "alternatives"), [("3afc", 3), ("4afc", 4), ("oddity", 3)])
def test_simulated_observers(name, alternatives):
    rng = np.random.default_rng(8)
    responses = rng.standard_normal((200_000, alternatives))
    responses[:, 0] += 1.4
    if name == "oddity":
        middle = np.median(responses, axis=1, keepdims=True)
        chosen = np.abs(responses - middle).argmax(axis=1)
    else:
        chosen = responses.argmax(axis=1)
    share = (chosen == 0).mean()
    assert LINKS[name].correct(np.array([1.4]))[0] == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize("name", LINKS)
def test_the_ends(name):
    link = LINKS[name]
    assert link.correct(np.array([0.0, 40.0])).tolist() == pytest.approx([link.chance, 1.0])
    # A wrong answer at d′ = 15 is improbable, not impossible.
    wrong = link.slopes(np.log(np.array([15.0]))).wrong[0]
    assert 0 < wrong < 1e-8
    assert wrong == pytest.approx(link.missed(np.array([15.0]))[0], rel=1e-6)


@pytest.mark.parametrize("name", LINKS)
def test_derivatives(name):
    link, z, h = LINKS[name], np.linspace(-8.5, 2.2, 60), 1e-4
    found, (low, high) = link.slopes(z), (link.slopes(z + s * h) for s in (-1, 1))
    np.testing.assert_allclose(found.first, (high.right - low.right) / (2 * h), atol=1e-7)
    np.testing.assert_allclose(found.second, (high.first - low.first) / (2 * h), atol=1e-6)
    np.testing.assert_allclose(found.right + found.wrong, 1, rtol=1e-14)


def test_guesses_are_right_by_chance():
    right, wrong = LINKS["4afc"].answered(np.array([-30.0, 4.0]), 0.2)
    np.testing.assert_allclose(right, [0.25, 0.85])
    np.testing.assert_allclose(wrong, [0.75, 0.15])
    assert TWO.answered(np.array([4.0]), 0.1)[1] == pytest.approx(0.05)


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_a_link_that_travels_to_another_process_is_the_same(link):
    assert pickle.loads(pickle.dumps(link)) is link
