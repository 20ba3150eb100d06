"""The site: lessons, gallery, operations, specification, how-to guides and benchmarks. ``make docs`` builds it."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "extensions")]  # where docs/classroom and the directives are
# The kernels of the notebooks are processes of their own: this is how they find docs/classroom.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH", ""))))

import refcompress  # noqa: E402

project, author, copyright = "refcompress", "The refcompress developers", "The refcompress developers"
version = release = refcompress.__version__

extensions = ["myst_nb", "sphinx.ext.mathjax", "departures"]
exclude_patterns = ["classroom", "extensions", "_build"]
nitpicky = True  # a link inside that leads nowhere is a warning, and `make docs` makes errors of warnings

myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # a lesson runs again where its text changed; `make docs` begins with an empty cache in CI
nb_execution_cache_path = str(HERE.parent / "build" / "docs" / "cache")
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True

html_theme = "pydata_sphinx_theme"
html_title = "refcompress"
html_show_sourcelink = False
