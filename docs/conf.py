"""How the documentation is built: ``python -m sphinx -W docs docs/_build``."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

import pdpsych

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
matplotlib.use("agg")

project = "pdpsych"
author = project_copyright = "the pdpsych developers"
release = version = pdpsych.__version__
language = "en-GB"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "native_maths",
    "study_files",
]
exclude_patterns = ["_build", "tutorials", "gallery", "_templates"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"pdpsych {version}"
html_static_path = ["_static"]
html_css_files = ["pdpsych.css"]
html_copy_source = False
highlight_language = "text"

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

sphinx_gallery_conf = {
    "examples_dirs": ["tutorials", "gallery"],
    "gallery_dirs": ["_tutorials", "_gallery"],
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    # What a script shows depends on the package and on the scripts before it, not on itself alone.
    "run_stale_examples": True,
    "capture_repr": (),
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib", "first_study.clear"),
    "reset_modules_order": "both",
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1_000_000,
    "write_computation_times": False,
}
