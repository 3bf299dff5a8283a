import subprocess
import sys

CODE = """
import sys
from pdpsych import analysis
assert all(callable(getattr(analysis, name)) for name in analysis.__all__)
heavy = {"torch", "matplotlib", "psychopy", "scipy.stats"} & sys.modules.keys()
assert not heavy, heavy
"""


def test_import_offers_functions_and_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
