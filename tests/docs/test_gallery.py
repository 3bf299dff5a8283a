"""The scripts of the gallery run without a warning, and show what they are there to show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"
SHOWN = {
    "01_own_photographs": ("my cat.jpg: JPEG", "coffee/principal"),
    "02_own_model": ("contrast/energy", "(converged)"),
    "03_trained_networks": ("trained/1", "(converged)"),
    "04_colour": ("luminance False: alike False", "luminance True: alike True"),
    "05_pairs_and_groups": ("principal-2", "gain-control: variance of the means of without (LN)"),
    "06_jpeg_and_blur": ("jpeg-30-blur-2", "spread"),
    "07_finite_amplitude": ("principal-visible 2  LGN", "d′"),
    "08_measured_elsewhere": ("1     A", "2     B"),
    "09_adaptive_verdicts": ("LGN is the nearest model with probability 0.8",),
    "10_new_model_old_data": ("LG      False",),
}
# All in one process, which loads PyTorch once.
RUNNER = """
import contextlib, io, json, runpy, sys, traceback
told = {}
for path in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            runpy.run_path(path)
        except BaseException:
            traceback.print_exc(file=out)
    told[path] = out.getvalue()
json.dump(told, open("told.json", "w"))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each script prints."""
    folder = tmp_path_factory.mktemp("gallery")
    environment = os.environ | {"MPLBACKEND": "agg", "TMPDIR": str(folder), "PYTHONUTF8": "1"}
    subprocess.run(
        [sys.executable, "-W", "error", "-c", RUNNER],
        input=json.dumps([str(path) for path in sorted(GALLERY.glob("*.py"))]),
        cwd=folder,
        env=environment,
        check=True,
        text=True,
    )
    said = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    return {Path(path).stem: text for path, text in said.items()}


@pytest.mark.parametrize("name", SHOWN)
def test_it_shows_what_it_is_for(told, name):
    assert told.keys() == SHOWN.keys()
    for words in SHOWN[name]:
        assert words in told[name]
