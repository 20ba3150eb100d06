"""Formulas without a network: the one file of MathJax that the site needs, with its fonts, from a package of Python."""

import shutil
from importlib.util import find_spec
from pathlib import Path

FILES = ("tex-chtml.js", "output/chtml/fonts")


def copy(app, error) -> None:
    if error is not None or app.builder.format != "html":
        return
    package = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    for name in FILES:
        target = Path(app.outdir) / "_static" / "mathjax" / name
        if (package / name).is_dir():
            shutil.copytree(package / name, target, dirs_exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package / name, target)


def setup(app):
    app.setup_extension("sphinx.ext.mathjax")
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
