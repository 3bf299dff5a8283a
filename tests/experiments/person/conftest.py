"""A person at a window, and sessions that are over soon."""

import sys

import pytest
from sitting import SIZE, TIMING


@pytest.fixture(scope="module")
def person(x_environment, tmp_path_factory):
    if sys.platform != "linux":
        pytest.skip("keys are pressed through X")
    from person import Person

    sitting = Person(x_environment, tmp_path_factory.mktemp("person"))
    yield sitting
    sitting.leave()


@pytest.fixture
def short(write_experiment):
    """Return a function that writes an experiment of few trials on a small window."""

    def write(name="short", **fields):
        few = {"images": ["camel"], "trials_per_condition": 2, "display": SIZE, "timing": TIMING}
        return write_experiment(name, **{**few, **fields})

    return write
