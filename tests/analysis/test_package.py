import importlib
import subprocess
import sys

import pytest

from pdpsych import analysis

LIGHT = """
import sys
from pdpsych import analysis
assert sorted(analysis.__all__) == sorted(n for n in dir(analysis) if not n.startswith("_"))
assert all(callable(getattr(analysis, n)) for n in analysis.__all__ if not n.startswith("plot_"))
heavy = {"torch", "matplotlib", "psychopy", "scipy.stats"} & sys.modules.keys()
assert not heavy, heavy
"""


def test_import_offers_functions_and_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", analysis.__all__)
def test_no_module_has_the_name_of_what_is_public(name):
    assert callable(getattr(analysis, name))
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"pdpsych.analysis.{name}")
