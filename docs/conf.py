"""The site: lessons, gallery, operations, specification, how-to guides and benchmarks. ``make docs`` builds it."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Where docs/classroom and the extensions are, and benchmarks, whose cases the pages of operations list.
sys.path[:0] = [str(HERE), str(HERE / "extensions"), str(HERE.parent)]
# The kernels of the notebooks are processes of their own: this is how they find docs/classroom,
# and how the guides find the command.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH", ""))))
# Each kernel would warn that it speaks without encryption: it speaks to this process, on this machine.
os.environ["IPYTHONDIR"] = str(HERE.parent / "build" / "docs" / "ipython")
PROFILE = Path(os.environ["IPYTHONDIR"], "profile_default")
PROFILE.mkdir(parents=True, exist_ok=True)
(PROFILE / "ipython_kernel_config.py").write_text("get_config().IPKernelApp.log_level = 40\n", encoding="utf-8")

import refcompress  # noqa: E402

project, author, copyright = "refcompress", "The refcompress developers", "The refcompress developers"
version = release = refcompress.__version__

extensions = ["generated", "clauses_linked", "departures", "mathjax_local", "myst_nb", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["classroom", "extensions", "_build", "gallery",
                    "pictures/*.ipynb", "pictures/*.json", "pictures/*.md5", "pictures/*.py", "pictures/*.zip"]
nitpicky = True  # a link inside that leads nowhere is a warning, and `make docs` makes errors of warnings

myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_block", "attrs_inline", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # a lesson runs again where its text changed; `make docs` begins with an empty cache in CI
nb_execution_cache_path = str(HERE.parent / "build" / "docs" / "cache")
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "pictures",  # made, and not in git
    "filename_pattern": r"/plot_",
    "image_scrapers": ("gallery_pictures.scraper",),  # each picture with its alternative text
    "reset_modules": (),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,  # times of this machine say nothing to a reader
    "write_computation_times": False,
    "remove_config_comments": True,
    "only_warn_on_example_error": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "refcompress"
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navigation_depth": 2,
    "show_nav_level": 1,
    "collapse_navigation": True,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "benchmarks/**": []}
