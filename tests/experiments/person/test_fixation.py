"""Gaze in the fixation window, by samples whose times are exact."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pdpsych.displays.lab.trackers import Sample
from pdpsych.experiments.person.fixation import Fixation
from pdpsych.experiments.tasks.gaze import Gaze

PER_DEGREE = 30.0
RULE = Gaze(tracker="mouse", radius_deg=2, fixate_ms=100, lost_ms=50)
EACH = 0.01


def at(degrees, time):
    """Return a sample in which gaze is so far right of the mark, or the eye is lost."""
    return Sample(time, None if degrees is None else (degrees * PER_DEGREE, 0.0))


def stream(places, start=0.0, each=EACH):
    return [at(place, start + each * n) for n, place in enumerate(places)]


def watched(places, since=0.0, until=math.inf, each=EACH):
    """Return what a fixation says of places that were counted from since to until."""
    fixation = Fixation(RULE, PER_DEGREE)
    samples = stream(places, each=each)
    fixation.take([one for one in samples if one.time <= since])
    fixation.begin(since)
    later = [one for one in samples if one.time > since]
    if until < math.inf:
        fixation.end(until, later)
        return fixation.broken(until), fixation.looked()
    fixation.take(later)
    return fixation.broken(samples[-1].time), fixation.looked()


def test_it_is_steady_after_so_long_in_the_window():
    fixation = Fixation(RULE, PER_DEGREE)
    for sample in stream([5.0, 5.0, *[1.0] * 10]):
        fixation.take([sample])
        assert not fixation.steady()
    fixation.take([at(1.0, 0.121)])
    assert fixation.steady()


@pytest.mark.parametrize("gap", [[5.0, 5.0], [None] * 6])
def test_leaving_the_window_begins_the_wait_anew(gap):
    fixation = Fixation(RULE, PER_DEGREE)
    fixation.take(stream([*[0.0] * 9, *gap, *[0.0] * 10]))
    assert not fixation.steady()
    fixation.take(stream([0.0, 0.0], start=EACH * (19 + len(gap))))
    assert fixation.steady()


@pytest.mark.parametrize("gap", [[5.0], [None] * 4])
def test_a_single_sample_outside_and_a_short_loss_do_not(gap):
    fixation = Fixation(RULE, PER_DEGREE)
    fixation.take(stream([*[0.0] * 6, *gap, *[0.0] * 6]))
    assert fixation.steady()


def test_two_samples_in_a_row_outside_break_it_and_one_does_not():
    assert watched([0.0, 0.0, 5.0, 0.0])[0] is None
    assert watched([0.0, 0.0, 5.0, 3.0, 0.0]) == ("gaze", watched([0.0, 0.0, 3.0, 3.0, 0.0])[1])
    assert watched([0.0, 0.0, 5.0, 3.0])[1].largest_deg == 3.0


def test_the_eye_is_lost_from_sample_to_sample():
    """50 ms are allowed: 4 samples lost of 10 ms each are a gap of 50 ms, 5 are more."""
    assert watched([0.0, *[None] * 4, 0.0])[0] is None
    broken, looked = watched([0.0, *[None] * 5, 0.0])
    assert (broken, looked.lost_s) == ("lost", 0.06)


def test_a_tracker_that_sends_nothing_while_it_has_no_eye_loses_it_too():
    fixation = Fixation(RULE, PER_DEGREE)
    fixation.take([at(0.0, 0.0)])
    fixation.begin(0.0)
    fixation.take([at(0.0, 0.06)])
    assert fixation.broken(0.06) == "lost"


def test_a_tracker_that_fell_silent_has_lost_the_eye():
    fixation = Fixation(RULE, PER_DEGREE)
    fixation.take([at(0.0, 0.0)])
    fixation.begin(0.0)
    assert fixation.broken(0.149) is None
    assert fixation.broken(0.151) == "lost"


def test_only_what_was_while_images_were_shown_counts():
    """Outside until 50 ms, and from 110 ms on; images from 65 to 105 ms."""
    places = [*[9.0] * 6, *[0.5] * 5, *[9.0] * 5]
    broken, looked = watched(places, since=0.065, until=0.105)
    assert broken is None
    assert (looked.x_deg, looked.y_deg, looked.largest_deg) == (0.5, 0.0, 0.5)
    assert looked.samples == 4
    assert watched(places, since=0.065, until=0.125)[0] == "gaze"


def test_a_loss_at_the_end_counts_as_far_as_images_were_shown():
    places = [0.0] * 4 + [None] * 20
    assert watched(places, until=0.06)[1].lost_s == 0.03
    assert watched(places, until=0.09) == ("lost", watched(places, until=0.09)[1])


def test_an_eye_that_was_never_seen_is_said_to_be_so():
    broken, looked = watched([None] * 30, until=0.2)
    assert broken == "lost"
    assert (looked.x_deg, looked.largest_deg, looked.samples, looked.lost_s) == (None, None, 0, 0.2)


places = st.lists(st.none() | st.floats(-4, 4, allow_subnormal=False), min_size=3, max_size=60)


@given(places, st.integers(0, 30), st.integers(1, 40))
def test_it_says_what_a_look_at_all_samples_at_once_says(shown, first, length):
    """The oracle goes through the samples of the interval with all of them at hand."""
    since, until = EACH * first + 0.005, EACH * (first + length) + 0.005
    samples = stream(shown)
    assume(first < len(shown) and until <= samples[-1].time)
    seen = [(one.time, abs(d)) for one, d in zip(samples, shown, strict=True) if d is not None]
    pairs = list(pairwise(seen))
    firsts = [d for t, d in seen[:1] if since < t <= until]
    largest = max(
        [*firsts, *(min(a[1], b[1]) for a, b in pairs if since < b[0] <= until)], default=None
    )
    times = [since if not seen or seen[0][0] > since else -1.0, *(t for t, _ in seen), until]
    times = sorted(t for t in times if t >= 0)
    gaps = pairwise(times)
    lost = max((min(b, until) - a for a, b in gaps if b > since and a < until), default=0.0)
    broken, looked = watched(shown, since, until)
    outside = largest is not None and largest > RULE.radius_deg
    assert looked.largest_deg == (None if largest is None else pytest.approx(largest, abs=1e-4))
    assert looked.lost_s == pytest.approx(max(lost, 0), abs=1e-4)
    if abs(lost - 0.05) > 1e-6 and (largest is None or abs(largest - 2) > 1e-6):
        assert broken == ("gaze" if outside else "lost" if lost > 0.05 else None)


@given(places, st.integers(1, 7))
def test_how_samples_come_in_parts_does_not_matter(shown, part):
    samples = stream(shown, start=EACH)
    found = []
    for size in (1, part, len(samples)):
        fixation = Fixation(RULE, PER_DEGREE)
        fixation.begin(0.0)
        for n in range(0, len(samples), size):
            fixation.take(samples[n : n + size])
        found.append((fixation.steady(), fixation.broken(samples[-1].time), fixation.looked()))
    assert found[0] == found[1] == found[2]
