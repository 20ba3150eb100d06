"""The scraper of the gallery: each picture is saved with its alternative text, and one without a text is refused."""

from pathlib import Path
from textwrap import indent

from matplotlib import pyplot
from sphinx_gallery.scrapers import figure_rst


def scraper(block, block_vars, gallery_conf):
    """Save the figures of a block, and return the text that shows them. A figure's label is its alternative text."""
    shown = []
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        path = Path(next(block_vars["image_path_iterator"]))
        text = " ".join(figure.get_label().split())
        if not text:
            raise ValueError(f"{block_vars['src_file']}: a picture has no alternative text (figure.set_label)")
        figure.savefig(path, dpi=144, metadata={"Software": None})
        shown.append("\n\n.. container:: picture\n\n"  # a box in which a wide picture can move sideways
                     + indent(figure_rst([str(path)], gallery_conf["src_dir"], text), "    "))
    pyplot.close("all")
    return "".join(shown)
